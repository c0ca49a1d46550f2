"""What is remembered of a clock that was not set, for which records, and for how long."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from dynod.store.change import Change, ClockBase
from dynod.store.clock_marks import ENDED
from dynod.store.store import Store
from tests.store.samples import NOW, session, trial

HERE = ClockBase("this-boot", -100.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "dynod.db", now=NOW) as made:
        yield made


def ran(store: Store, clock: ClockBase | None, *, synced: bool = False) -> tuple[UUID, UUID]:
    """Store a session with a trial that began and ended now; return their ids."""
    of = replace(session(ended_at=None), started_at=NOW, clock_synced=synced)
    one = replace(trial(of), recorded_at=NOW, clock_synced=synced)
    store.commit(Change(at=NOW, sessions=(of,), clock=clock))
    store.commit(Change(at=NOW, trials=(one,), clock=clock))
    store.commit(Change(at=NOW, sessions=(replace(of, ended_at=NOW),), clock=clock))
    return of.session_id, one.result_id


def test_begin_trial_and_end_are_marked(store: Store) -> None:
    session_id, result_id = ran(store, HERE)
    found = store.first_to_correct("this-boot")
    assert found is not None
    assert found.session_id == session_id
    assert found.base_s == {
        str(session_id): -100.0,
        str(result_id): -100.0,
        f"{session_id}{ENDED}": -100.0,
    }


def test_what_a_clock_that_was_set_made_is_not(store: Store) -> None:
    ran(store, None, synced=True)
    assert store.first_to_correct("this-boot") is None


def test_after_a_restart_of_the_computer_nobody_knows(store: Store) -> None:
    ran(store, HERE)
    assert store.first_to_correct("the-next-boot") is None


def test_an_amendment_keeps_the_mark_of_the_first(store: Store) -> None:
    """The clock was put back by hand between the two."""
    session_id, result_id = ran(store, HERE)
    stored = store.trial(result_id)
    assert stored is not None
    again = replace(stored, revision=2, note="sore")
    store.commit(Change(at=NOW, trials=(again,), clock=ClockBase("this-boot", -5000.0)))
    found = store.first_to_correct("this-boot")
    assert found is not None
    assert found.base_s[str(result_id)] == -100.0
    assert found.session_id == session_id


def test_a_copy_for_another_patient_is_marked_as_its_source(store: Store) -> None:
    _, result_id = ran(store, HERE)
    stored = store.trial(result_id)
    assert stored is not None
    copy = replace(stored, result_id=UUID(int=77), copied_from=result_id, binding=1)
    store.commit(Change(at=NOW, trials=(copy,), clock=ClockBase("the-next-boot", 9.0)))
    found = store.first_to_correct("this-boot")
    assert found is not None
    assert found.base_s[str(UUID(int=77))] == -100.0


def test_once_corrected_nothing_is_left_and_a_clock_that_was_ahead_is_forgotten(
    store: Store,
) -> None:
    """Certificates are judged by the latest stored time: they would have ended in 2099."""
    session_id, _ = ran(store, HERE)
    ahead = NOW + timedelta(days=365 * 73)
    store.commit(Change(at=ahead))
    assert store.latest_time() == ahead
    store.commit(Change(at=NOW, corrected=session_id))
    assert store.first_to_correct("this-boot") is None
    assert store.latest_time() == NOW
