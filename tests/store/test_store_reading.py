"""What was committed is read back, newest first, and a session is found again after a restart."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from hypothesis import HealthCheck, given, settings

from dynod.model.deficit import Deficit
from dynod.model.session import Session, SessionSummary
from dynod.model.trial import Analysis
from dynod.store.change import Change
from dynod.store.store import Store
from tests.store.samples import (
    NOW,
    any_record,
    at,
    deficit,
    session,
    summary,
    trial,
    without_raw,
)


def test_an_open_session_is_found_again(store: Store, path: Path) -> None:
    owner = session()
    trials = [trial(owner), trial(owner), trial(owner)]
    answer = deficit(owner)
    store.commit(Change(at=NOW, sessions=(owner,), trials=(trials[0],)))
    store.commit(Change(at=NOW, trials=(trials[1],), deficits=(answer,)))
    amended = replace(answer, revision=2)
    changed = replace(trials[0], revision=2, recording=None)
    store.commit(Change(at=NOW, trials=(trials[2], changed), deficits=(amended,)))
    store.close()
    with Store.open(path, now=at(10)) as again:
        found = again.open_session()
    assert found is not None
    assert found.session == owner
    assert [without_raw(one) for one in found.trials] == [
        without_raw(one) for one in (changed, trials[1], trials[2])
    ]
    assert all(one.recording is None for one in found.trials)
    assert found.deficits == (amended,)


def test_an_ended_session_is_not_open(store: Store) -> None:
    owner, following = session(), session()
    store.commit(Change(at=NOW, sessions=(owner,)))
    ended = replace(owner, ended_at=at(60))
    store.commit(Change(at=at(60), sessions=(following, ended), summary=summary(ended)))
    found = store.open_session()
    assert found is not None
    assert found.session == following
    store.commit(Change(at=at(90), sessions=(replace(following, ended_at=at(90)),)))
    assert store.open_session() is None
    whole = store.session(owner.session_id)
    assert whole is not None
    assert whole.session == ended


def test_lists_are_newest_first_and_limited(store: Store) -> None:
    owners = [session(), session()]
    trials = [trial(owners[0]), trial(owners[1]), trial(owners[0])]
    answers = [deficit(owners[0]), deficit(owners[1])]
    change = Change(at=NOW, sessions=tuple(owners), trials=tuple(trials), deficits=tuple(answers))
    store.commit(replace(change, summary=summary(owners[0])))
    ids = [one.result_id for one in trials]
    assert store.sessions() == (owners[1], owners[0])
    assert store.sessions(1) == (owners[1],)
    assert [one.result_id for one in store.trials()] == ids[::-1]
    assert [one.result_id for one in store.trials(limit=1)] == [ids[2]]
    assert [one.result_id for one in store.trials(owners[0].session_id)] == [ids[2], ids[0]]
    assert store.deficits() == (answers[1], answers[0])
    assert store.deficits(owners[0].session_id) == (answers[0],)
    assert len(store.summaries(owners[0].session_id)) == 1
    assert store.summaries(owners[1].session_id) == ()


def test_more_trials_than_sqlite_takes_parameters(store: Store) -> None:
    owner = session()
    trials = tuple(trial(owner, recording=None) for _ in range(1200))
    store.commit(Change(at=NOW, sessions=(owner,), trials=trials))
    found = store.trials(limit=None)
    assert len(found) == 1200
    assert {one.analysis.metrics["peak_force_n"] for one in found} == {118.25}


def test_what_is_not_there_is_none(store: Store) -> None:
    nowhere = uuid4()
    assert store.open_session() is None
    assert store.session(nowhere) is None
    assert store.trial(nowhere) is None
    assert store.recording(nowhere) is None
    assert store.reply(str(nowhere)) is None


SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SLOW
@given(any_record(Session))
def test_any_session_survives(store: Store, given: Session) -> None:
    store.commit(Change(at=NOW, sessions=(replace(given, session_id=uuid4()),)))
    assert replace(store.sessions(1)[0], session_id=given.session_id) == given


@SLOW
@given(any_record(Analysis))
def test_any_analysis_survives(store: Store, given: Analysis) -> None:
    owner = session()
    done = trial(owner, analysis=given, recording=None)
    store.commit(Change(at=NOW, sessions=(owner,), trials=(done,)))
    assert without_raw(store.trials(limit=1)[0]) == without_raw(done)


@SLOW
@given(any_record(Deficit), any_record(SessionSummary))
def test_any_result_survives(store: Store, answer: Deficit, ended: SessionSummary) -> None:
    owner = session()
    answer = replace(answer, result_id=uuid4(), session_id=owner.session_id)
    ended = replace(ended, result_id=uuid4(), session=owner)
    store.commit(Change(at=NOW, sessions=(owner,), deficits=(answer,), summary=ended))
    assert store.deficits(owner.session_id) == (answer,)
    assert store.summaries(owner.session_id) == (ended,)
