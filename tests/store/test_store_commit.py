"""Everything of a change or nothing, in one durable transaction."""

import resource
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from dynod.model.errors import StorageError
from dynod.model.flags import Flag
from dynod.model.session import Identifier, Patient
from dynod.model.trial import ResultStatus
from dynod.store.change import Change, StoredReply
from dynod.store.outbox import OutboxCounts
from dynod.store.store import Store
from tests.store.samples import (
    NOW,
    at,
    deficit,
    draft,
    messages,
    recording,
    session,
    summary,
    trial,
    without_raw,
)


def test_sequences_start_at_one_and_follow_the_order_of_the_drafts(store: Store) -> None:
    assert store.last_sequence == 0
    first = [draft(), draft(), draft()]
    assert store.commit(messages(*first)) == (1, 2, 3)
    assert store.commit(messages()) == ()
    assert store.commit(messages(draft())) == (4,)
    rows = store.due(NOW, 10, resend_unreceipted=False)
    assert [row.payload for row in rows] == [b"message %d" % n for n in (1, 2, 3, 4)]
    assert [row.result_id for row in rows[:3]] == [given.result_id for given in first]
    assert store.last_sequence == 4


def test_a_failing_render_rolls_back_everything_and_leaves_no_hole(store: Store) -> None:
    owner = session()
    store.commit(Change(at=NOW, sessions=(owner,)))

    def fail(sequence: int) -> bytes:
        raise ArithmeticError(f"no message {sequence}")

    done = trial(owner)
    change = Change(
        at=at(60),
        sessions=(replace(owner, ended_at=at(60)),),
        trials=(done,),
        deficits=(deficit(owner),),
        summary=summary(owner),
        outbox=(draft(), draft(render=fail)),
        reply=StoredReply("r-1", b"{}"),
    )
    with pytest.raises(ArithmeticError, match="no message 2"):
        store.commit(change)
    assert store.trials() == ()
    assert store.deficits() == ()
    assert store.summaries() == ()
    assert store.reply("r-1") is None
    assert store.outbox_counts() == OutboxCounts()
    assert store.latest_time() == NOW
    found = store.open_session()
    assert found is not None
    assert found.session == owner
    assert store.commit(replace(change, outbox=(draft(),))) == (1,)


def test_a_full_disk_rolls_back_and_the_store_goes_on(store: Store) -> None:
    owner = session()
    store.commit(Change(at=NOW, sessions=(owner,)))
    done = trial(owner, recording=recording(5000))
    pages = store._connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    store._connection.commit()
    store._connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    store._connection.commit()
    with pytest.raises(StorageError, match=r"dynod\.db: database or disk is full; free space"):
        store.commit(Change(at=NOW, trials=(done,), outbox=(draft(done.result_id),)))
    assert store.trials() == ()
    store._connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    store._connection.commit()
    change = Change(at=NOW, trials=(done,), outbox=(draft(done.result_id),))
    assert store.commit(change) == (1,)


@contextmanager
def files_cannot_grow_beyond(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_fails_at_commit_rolls_back(store: Store, path: Path) -> None:
    owner = session()
    store.commit(Change(at=NOW, sessions=(owner,)))
    done = trial(owner)
    change = Change(at=NOW, trials=(done,), outbox=(draft(done.result_id),))
    log_size = path.with_name("dynod.db-wal").stat().st_size
    with (
        files_cannot_grow_beyond(log_size + 5000),
        pytest.raises(StorageError, match=r"dynod\.db: disk I/O error; check the disk"),
    ):
        store.commit(change)
    assert store.trials() == ()
    assert store.last_sequence == 0
    assert store.commit(change) == (1,)


KILLED = """
import os, sys
from pathlib import Path
from dynod.store.change import Change
from dynod.store.store import Store
from tests.store.samples import NOW, draft, session, trial

store = Store.open(Path(sys.argv[1]), now=NOW)
owner = session()
store.commit(Change(at=NOW, sessions=(owner,), trials=(trial(owner),), outbox=(draft(),)))
store.commit(Change(at=NOW, trials=(trial(owner),), outbox=(
    draft(), draft(render=lambda sequence: os._exit(9)))))
"""


def test_a_killed_process_leaves_what_it_committed_and_nothing_else(path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=root, check=False)
    assert done.returncode == 9
    with Store.open(path, now=NOW) as store:
        assert len(store.trials()) == 1
        assert store.outbox_counts() == OutboxCounts(pending=1)
        assert store.commit(messages(draft())) == (2,)


def test_a_newer_revision_replaces_the_fields_of_a_trial(store: Store) -> None:
    owner = session()
    done = trial(owner)
    store.commit(Change(at=NOW, sessions=(owner,), trials=(done,)))
    void = replace(
        done,
        revision=2,
        status=ResultStatus.ENTERED_IN_ERROR,
        analysis=replace(
            done.analysis, metrics={"peak_force_n": 99.5}, flags=(Flag.SPIKE,), tare_n=None
        ),
        pain_nrs=7,
        note="stopped",
        recording=None,
    )
    store.commit(Change(at=NOW, trials=(void,)))
    (found,) = store.trials()
    assert without_raw(found) == without_raw(void)


@pytest.mark.parametrize("revision", [1, 2])
def test_an_old_revision_is_refused(store: Store, revision: int) -> None:
    owner = session()
    made = trial(owner, revision=2), deficit(owner, revision=2), summary(owner, revision=2)
    store.commit(
        Change(at=NOW, sessions=(owner,), trials=made[:1], deficits=(made[1],), summary=made[2])
    )
    again = (
        Change(at=NOW, trials=(replace(made[0], revision=revision, note="late"),)),
        Change(at=NOW, deficits=(replace(made[1], revision=revision, software="late"),)),
        Change(at=NOW, summary=replace(made[2], revision=revision, software="late")),
    )
    for change in again:
        with pytest.raises(StorageError, match=f"revision {revision} is not newer"):
            store.commit(change)
    assert without_raw(store.trials()[0]) == without_raw(made[0])
    assert store.deficits() == (made[1],)
    assert store.summaries() == (made[2],)


def test_one_message_per_result_and_revision(store: Store) -> None:
    given = draft()
    store.commit(messages(given))
    with pytest.raises(IntegrityError, match="UNIQUE constraint failed"):
        store.commit(messages(given))
    assert store.commit(messages(replace(given, revision=2))) == (2,)


def test_a_trial_of_no_session_is_a_defect(store: Store) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY constraint failed"):
        store.commit(Change(at=NOW, trials=(trial(session()),)))
    assert store.trials() == ()


def test_no_error_quotes_a_patient(store: Store, path: Path) -> None:
    owner = session(patient=Patient(Identifier("urn:example:mrn", "SECRET-4711")))
    store.commit(Change(at=NOW, sessions=(owner,)))
    another = replace(owner, session_id=uuid4())
    twice = Change(at=NOW, sessions=(another,), reply=StoredReply("r-1", b"SECRET-4711"))
    store.commit(twice)
    with pytest.raises(IntegrityError) as defect:
        store.commit(twice)
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE session SET record = CAST(x'FF' || record AS TEXT)")
        other.commit()
    with pytest.raises(StorageError) as damage:
        store.sessions()
    assert str(damage.value).endswith("restore a backup or name another storage.path")
    for error in (defect.value, damage.value):
        assert "SECRET-4711" not in "".join(traceback.format_exception(error))


def test_a_metric_that_is_no_number_is_a_defect(store: Store) -> None:
    owner = session()
    done = trial(owner)
    broken = replace(done.analysis, metrics={"peak_force_n": float("nan")})
    change = Change(at=NOW, sessions=(owner,), trials=(replace(done, analysis=broken),))
    with pytest.raises(ValueError, match="metric peak_force_n is not finite"):
        store.commit(change)
    assert store.sessions() == ()


def test_the_latest_time_never_goes_back(store: Store) -> None:
    assert store.latest_time() == NOW
    store.commit(Change(at=at(100)))
    store.commit(Change(at=NOW - timedelta(days=365)))
    assert store.latest_time() == at(100)


def test_the_last_thousand_replies_are_kept(store: Store) -> None:
    for number in range(1001):
        payload = b"reply %d" % number
        store.commit(Change(at=NOW, reply=StoredReply(f"r-{number}", payload)))
    assert store.reply("r-0") is None
    assert store.reply("r-1") == b"reply 1"
    assert store.reply("r-1000") == b"reply 1000"
