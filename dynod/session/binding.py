"""Whose session it is: the first patient, and another one after that.

What was recorded without a patient is announced when there is one. What was announced for somebody
else is taken back there, and comes under new ids for the new patient: the ids of deficits and of
the session count the bindings, and trials are copied with new random ids.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from dynod.model.deficit import Deficit
from dynod.model.session import Patient, Session, SessionSummary
from dynod.model.trial import ResultStatus, Trial
from dynod.session.answers import (
    Judge,
    deficits_due,
    read_again,
    result_uuid,
    session_summary,
    with_deficits,
)
from dynod.session.inputs import Instant
from dynod.session.state import State
from dynod.session.steps import RecordChange, Result, Withdrawal, session_of


@dataclass(frozen=True, slots=True)
class Bound:
    """The state and the records after a binding; the change is empty where nothing changed."""

    state: State
    change: RecordChange


def bind(
    state: State,
    summary: SessionSummary | None,
    patient: Patient,
    judge: Judge,
    now: Instant,
    new_id: Callable[[], UUID],
) -> Bound:
    """Bind a session to a patient; ``summary`` is its own result where it has ended.

    The same patient again changes nothing, whatever else is said about them.
    """
    session = session_of(state)
    if session.patient is None:
        return _first(state, summary, patient, judge, now)
    if session.patient.identifier == patient.identifier:
        return Bound(state, RecordChange())
    return _move(state, summary, patient, judge, now, new_id)


def _first(
    state: State, summary: SessionSummary | None, patient: Patient, judge: Judge, now: Instant
) -> Bound:
    """Announce the latest revision of every result, once, in the order of recording."""
    owner = replace(session_of(state), patient=patient)
    state = replace(state, session=owner)
    due = read_again(state, judge, replace(now, wall=owner.started_at))
    state = with_deficits(state, due)
    bound, revised = None, None
    if summary is not None and due:
        fresh = session_summary(state, owner, judge, now)
        revised = replace(fresh, revision=summary.revision + 1, status=ResultStatus.AMENDED)
    elif summary is not None:
        bound = replace(summary, session=owner)
    announced = _in_order(state.trials, _latest(state), revised or bound)
    change = RecordChange((owner,), (), due, revised, announced=announced, bound=bound)
    return Bound(state, change)


def _move(
    state: State,
    summary: SessionSummary | None,
    patient: Patient,
    judge: Judge,
    now: Instant,
    new_id: Callable[[], UUID],
) -> Bound:
    before = session_of(state)
    owner = replace(before, patient=patient, binding=before.binding + 1)
    withdrawn = _withdrawal(state, summary, before)
    copies = {trial.result_id: _copy(trial, owner, new_id()) for trial in _standing(state.trials)}
    shown = copies.get(state.last_trial_id) if state.last_trial_id else None
    after = replace(
        state,
        session=owner,
        trials=tuple(copies.values()),
        deficits=_kept_back(state, owner),
        last_trial_id=shown.result_id if shown else None,
    )
    due = _answers(after, state, judge, now, ended=summary is not None)
    after = with_deficits(after, due)
    fresh = None
    if summary is not None and summary.status is not ResultStatus.ENTERED_IN_ERROR:
        fresh = session_summary(after, owner, judge, now)
    change = RecordChange(
        (owner,),
        after.trials,
        (*_kept_back(state, owner).values(), *due),
        fresh,
        withdrawn=withdrawn,
        announced=_in_order(after.trials, due, fresh),
    )
    return Bound(after, change)


def _standing(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.status is not ResultStatus.ENTERED_IN_ERROR]


def _withdrawal(state: State, summary: SessionSummary | None, before: Session) -> Withdrawal:
    """Return every result that still stands for the old patient, as entered in error."""
    status = ResultStatus.ENTERED_IN_ERROR
    stands = summary is not None and summary.status is not status
    return Withdrawal(
        before,
        tuple(
            replace(trial, revision=trial.revision + 1, status=status, recording=None)
            for trial in _standing(state.trials)
        ),
        tuple(
            replace(deficit, revision=deficit.revision + 1, status=status)
            for deficit in _latest(state)
            if deficit.status is not status
        ),
        replace(summary, session=before, revision=summary.revision + 1, status=status)
        if summary is not None and stands
        else None,
    )


def _copy(trial: Trial, owner: Session, result_id: UUID) -> Trial:
    """Return a trial for the new patient; it shares the raw samples of the old one."""
    return replace(
        trial,
        result_id=result_id,
        revision=1,
        status=ResultStatus.FINAL,
        recording=None,
        binding=owner.binding,
        copied_from=trial.result_id,
    )


def _kept_back(state: State, owner: Session) -> dict[int, Deficit]:
    """Return a mark for each answer that somebody took back: nobody gets it anew."""
    return {
        index: replace(
            deficit,
            result_id=result_uuid(owner, "deficit", index),
            revision=1,
            trials=(),
            binding=owner.binding,
        )
        for index, deficit in state.deficits.items()
        if deficit.status is ResultStatus.ENTERED_IN_ERROR
    }


def _answers(
    after: State, before: State, judge: Judge, now: Instant, *, ended: bool
) -> tuple[Deficit, ...]:
    """Return the deficits for the new patient, by their age at the session.

    Those that the old patient had keep the time at which they were found.
    """
    then = replace(now, wall=now.wall if after.session is None else after.session.started_at)
    due = deficits_due(after, judge, then, at_end=ended)
    tests = session_of(after).battery.tests
    times = {
        index: (deficit.recorded_at, deficit.clock_synced)
        for index, deficit in before.deficits.items()
    }
    answers = []
    for deficit in due:
        at, synced = times.get(tests.index(deficit.test), (now.wall, now.clock_synced))
        answers.append(replace(deficit, recorded_at=at, clock_synced=synced))
    return tuple(answers)


def _latest(state: State) -> tuple[Deficit, ...]:
    return tuple(deficit for _, deficit in sorted(state.deficits.items()))


def _in_order(
    trials: Sequence[Trial], deficits: Sequence[Deficit], summary: SessionSummary | None
) -> tuple[Result, ...]:
    """Return results in the order of recording: a deficit comes after the last trial of its test.

    A deficit that was only ever marked as taken back has nothing to say.
    """
    last = {trial.slot.test: index for index, trial in enumerate(trials)}
    due = sorted(deficits, key=lambda deficit: last.get(deficit.test, len(trials)))
    ordered: list[Result] = []
    for index, trial in enumerate(trials):
        ordered.append(trial)
        while due and last.get(due[0].test) == index:
            ordered.append(due.pop(0))
    ordered += due
    return (*ordered, *(() if summary is None else (summary,)))
