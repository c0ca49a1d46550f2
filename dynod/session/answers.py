"""Which deficits are due after a change, and the session's own result at its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from dynod.core.deficit import DeficitSettings, compare_sides, interpret
from dynod.core.norms import Norm, Person
from dynod.model.deficit import Classification, Contribution, Deficit, MeasurementError, Reason
from dynod.model.session import Session, SessionSummary
from dynod.model.trial import ResultStatus, Trial
from dynod.session.inputs import Instant
from dynod.session.slots import open_slots
from dynod.session.state import State


@dataclass(frozen=True, slots=True)
class Judge:
    """What a side-to-side answer rests on besides the trials."""

    table: Sequence[MeasurementError]
    settings: DeficitSettings
    software: str
    norms: Sequence[Norm] = ()


def result_uuid(session: Session, kind: str, test_index: int | None = None) -> UUID:
    """Return the id of a deficit or session result (docs/contract.md, section 3)."""
    parts = [kind, "", "", "", ""]
    if test_index is not None:
        test = session.battery.tests[test_index]
        parts = [kind, test.movement, test.position, test.contraction, test.kind]
    return uuid5(session.session_id, "/".join((*parts, str(session.binding))))


def contributions(trials: Sequence[Trial], test_index: int) -> tuple[Trial, ...]:
    """Return the trials that count towards a test's deficit."""
    return tuple(
        trial
        for trial in trials
        if trial.slot.test_index == test_index and trial.valid and not trial.slot.familiarisation
    )


def deficits_due(state: State, judge: Judge, now: Instant, *, at_end: bool) -> tuple[Deficit, ...]:
    """Return the deficits that the state makes due: first, amended, or not computable.

    Due when both sides of a test are full and what they rest on is new; at once as
    ``side_incomplete`` when a published one lost a side; and at the session's end for every test
    that was begun and never became full.
    """
    session = state.session
    if session is None:
        return ()
    due = []
    still_open = {slot.test_index for slot in open_slots(session, state.trials)}
    for index in sorted({trial.slot.test_index for trial in state.trials}):
        full = index not in still_open
        published = state.deficits.get(index)
        if published is not None and published.status is ResultStatus.ENTERED_IN_ERROR:
            continue  # somebody took the answer back: no trial brings it up again
        if full or published is not None or at_end:
            fresh = _deficit(state, session, index, judge, now, incomplete=not full)
            if published is None or _differs(published, fresh):
                due.append(fresh)
    return tuple(due)


def _deficit(
    state: State,
    session: Session,
    index: int,
    judge: Judge,
    now: Instant,
    *,
    incomplete: bool,
) -> Deficit:
    test = session.battery.tests[index]
    trials = contributions(state.trials, index)
    published = state.deficits.get(index)
    comparison = compare_sides(
        test,
        trials,
        session.involved_side,
        table=judge.table,
        settings=judge.settings,
        incomplete=incomplete,
    )
    reading = interpret(
        comparison,
        test,
        trials,
        table=judge.table,
        person=_person(session, now),
        norms=judge.norms,
    )
    return Deficit(
        result_id=result_uuid(session, "deficit", index),
        revision=published.revision + 1 if published else 1,
        status=ResultStatus.AMENDED if published else ResultStatus.FINAL,
        session_id=session.session_id,
        test=test,
        involved_side=session.involved_side,
        comparison=replace(comparison, flags=(*comparison.flags, *reading.flags)),
        trials=tuple(Contribution(trial.result_id, trial.revision) for trial in trials),
        recorded_at=now.wall,
        clock_synced=now.clock_synced,
        software=judge.software,
        interpretation=reading,
        binding=session.binding,
    )


def read_again(state: State, judge: Judge, now: Instant) -> tuple[Deficit, ...]:
    """Return the deficits that read otherwise now that it is known whose they are.

    ``now`` is the time of the session, by which the patient's age is reckoned.
    """
    session = state.session
    if session is None or session.patient is None or not judge.norms:
        return ()
    fresh = (
        (stated, _deficit(state, session, index, judge, now, incomplete=_incomplete(stated)))
        for index, stated in sorted(state.deficits.items())
        if stated.status is not ResultStatus.ENTERED_IN_ERROR
    )
    return tuple(
        replace(new, recorded_at=old.recorded_at, clock_synced=old.clock_synced)
        for old, new in fresh
        if _scores(old) != _scores(new)
    )


def _scores(deficit: Deficit) -> tuple[float | None, ...]:
    reading = deficit.interpretation
    return (None, None) if reading is None else (reading.left.z, reading.right.z)


def _person(session: Session, now: Instant) -> Person:
    """Return what norms are looked up by; the age is that of the year, since no day is known."""
    patient = session.patient
    born = None if patient is None else patient.birth_year
    return Person(
        sex=None if patient is None else patient.sex,
        age=None if born is None else float(now.wall.year - born),
        mass_kg=session.body_mass_kg,
    )


def _differs(published: Deficit, fresh: Deficit) -> bool:
    """Tell whether an answer became incomplete, or is complete and rests on other trials."""
    if _incomplete(fresh):
        return not _incomplete(published)
    return _incomplete(published) or published.trials != fresh.trials


def _incomplete(deficit: Deficit) -> bool:
    comparison = deficit.comparison
    return (
        comparison.classification is Classification.NOT_COMPUTABLE
        and comparison.reason is Reason.SIDE_INCOMPLETE
    )


def with_deficits(state: State, due: Sequence[Deficit]) -> State:
    """Return the state with newly published deficits remembered."""
    latest: Mapping[int, Deficit] = {
        **state.deficits,
        **{_index(state, deficit): deficit for deficit in due},
    }
    return replace(state, deficits=latest)


def _index(state: State, deficit: Deficit) -> int:
    if state.session is None:
        raise RuntimeError("a deficit without a session")
    return state.session.battery.tests.index(deficit.test)


def _only_a_mark(deficit: Deficit) -> bool:
    """Tell whether a deficit was never said, and only keeps it from being said."""
    return deficit.revision == 1 and deficit.status is ResultStatus.ENTERED_IN_ERROR


def session_summary(state: State, session: Session, judge: Judge, now: Instant) -> SessionSummary:
    """Return the session's result, over the trials and deficits of the state."""
    return SessionSummary(
        result_id=result_uuid(session, "session"),
        revision=1,
        status=ResultStatus.FINAL,
        session=session,
        trials=tuple(Contribution(trial.result_id, trial.revision) for trial in state.trials),
        deficits=tuple(
            Contribution(deficit.result_id, deficit.revision)
            for _, deficit in sorted(state.deficits.items())
            if not _only_a_mark(deficit)
        ),
        recorded_at=now.wall,
        clock_synced=now.clock_synced,
        software=judge.software,
    )
