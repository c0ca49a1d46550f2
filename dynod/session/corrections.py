"""Corrections: whose session it is, on which side a trial was done, what is to be said of it.

Every one of them serves the running session (`correct`), in any phase, and sessions that have ended
(`correct_ended`). The results keep their ids and get the next revision; only a session that moves
to another patient gets new ones (`dynod.session.binding`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from dynod.model.deficit import Deficit
from dynod.model.session import Patient
from dynod.model.trial import ResultStatus, Trial
from dynod.session.amend import EndedSession, amend_session, amended_summary
from dynod.session.answers import Judge, with_deficits
from dynod.session.binding import bind
from dynod.session.inputs import (
    AnnotateTrial,
    AssignSession,
    Correction,
    Instant,
    RelabelTrial,
    VoidResult,
)
from dynod.session.recount import relabelled
from dynod.session.replies import ErrorCode, Refused
from dynod.session.slots import stage_of
from dynod.session.state import State
from dynod.session.steps import Context, RecordChange, Result, Step, advance, session_of
from dynod.session.trials import take_back


def correct(state: State, given: Correction, context: Context) -> Step:
    """Correct the running session; raises Refused (``not_found``) for what is not of it."""
    session_of(state)
    match given:
        case AssignSession():
            return _assign(state, given.session_id, given.patient, context)
        case RelabelTrial():
            return _relabel(state, given, context)
        case AnnotateTrial():
            return _annotate(state, given, context)
        case VoidResult():
            return _void(state, given, context)


def _assign(state: State, session_id: UUID, patient: Patient, context: Context) -> Step:
    if session_of(state).session_id != session_id:
        raise Refused(ErrorCode.NOT_FOUND, "no session of this id", "session_id")
    bound = bind(state, None, patient, context.rules.judge, context.now, context.rules.new_id)
    return Step(bound.state, bound.change, reply={"session_id": str(session_id)})


def _relabel(state: State, given: RelabelTrial, context: Context) -> Step:
    trial = _trial_of(state, given.result_id)
    reply = {"result_id": str(trial.result_id)}
    if trial.slot.side is given.side:
        return Step(state, reply=reply)
    session = session_of(state)
    running = state.running.slot if state.running is not None else None
    recount = relabelled(session, state.trials, trial, given.side, running)
    changed = tuple(_amended(item) for item in recount.trials)
    after = replace(state, session=recount.session)
    for item in changed:
        after = after.with_trial(item)
    if state.trials[-1].result_id == trial.result_id:
        after = replace(after, recorded=stage_of(changed[0].slot))
    sessions = (recount.session,) if recount.session != session else ()
    return replace(advance(after, RecordChange(sessions, changed), context), reply=reply)


def _annotate(state: State, given: AnnotateTrial, context: Context) -> Step:
    running = state.running
    if running is not None and given.result_id in {None, running.result_id}:
        noted = replace(
            running,
            pain_nrs=running.pain_nrs if given.pain_nrs is None else given.pain_nrs,
            note=running.note if given.note is None else given.note or None,
        )
        return Step(replace(state, running=noted), reply={"result_id": str(noted.result_id)})
    result_id = given.result_id or state.last_trial_id
    if result_id is None:
        raise Refused(ErrorCode.WRONG_PHASE, "there is no last trial to annotate")
    trial = _trial_of(state, result_id)
    reply = {"result_id": str(result_id)}
    changed = _annotated(trial, given)
    if changed is None:
        return Step(state, reply=reply)
    changed = _amended(changed)
    step = advance(state.with_trial(changed), RecordChange((), (changed,)), context)
    return replace(step, reply=reply)


def _annotated(trial: Trial, given: AnnotateTrial) -> Trial | None:
    """Return the trial with what is said of it, or None where that is known already."""
    pain_nrs = trial.pain_nrs if given.pain_nrs is None else given.pain_nrs
    note = trial.note if given.note is None else given.note or None
    if (pain_nrs, note) == (trial.pain_nrs, trial.note):
        return None
    return replace(trial, pain_nrs=pain_nrs, note=note)


def _void(state: State, given: VoidResult, context: Context) -> Step:
    reply = {"result_id": str(given.result_id)}
    if state.running is not None and state.running.result_id == given.result_id:
        raise Refused(
            ErrorCode.WRONG_PHASE, "this trial is still being recorded: discard it", "result_id"
        )
    for deficit in state.deficits.values():
        if deficit.result_id == given.result_id and not _is_void(deficit):
            void = _voided(deficit)
            return Step(with_deficits(state, (void,)), RecordChange((), (), (void,)), reply=reply)
    trial = _trial_of(state, given.result_id)
    if trial.result_id == state.last_trial_id:
        state = replace(state, last_trial_id=None, rest_until=None)
    return replace(take_back(state, trial, context), reply=reply)


def _trial_of(state: State, result_id: UUID) -> Trial:
    trial = state.trial(result_id)
    if trial is None or _is_void(trial):
        raise Refused(ErrorCode.NOT_FOUND, "no such result in this session", "result_id")
    return trial


def _is_void(result: Result) -> bool:
    return result.status is ResultStatus.ENTERED_IN_ERROR


def _amended(trial: Trial) -> Trial:
    status = ResultStatus.AMENDED
    return replace(trial, revision=trial.revision + 1, status=status, recording=None)


def _voided(deficit: Deficit) -> Deficit:
    status = ResultStatus.ENTERED_IN_ERROR
    return replace(deficit, revision=deficit.revision + 1, status=status)


# -- sessions that have ended ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Desk:
    """What a correction of an ended session meets: the moment, the judge, new ids."""

    now: Instant
    judge: Judge
    new_id: Callable[[], UUID]


def correct_ended(ended: EndedSession, given: Correction, desk: Desk) -> RecordChange:
    """Return what a correction makes of a session that has ended; nothing where it changes nothing.

    Raises Refused (``not_found``) for a result that is not of it or was taken back. A slot that a
    trial leaves stays open, so that its deficit is ``not_computable``: nobody can fill it any more.
    """
    match given:
        case AssignSession():
            return _assign_ended(ended, given.patient, desk)
        case RelabelTrial():
            return _relabel_ended(ended, given, desk)
        case AnnotateTrial():
            trial = _trial_in(ended, given.result_id)
            changed = _annotated(trial, given)
            return _amend(ended, desk, *(() if changed is None else (changed,)))
        case VoidResult():
            return _void_ended(ended, given.result_id, desk)


def _assign_ended(ended: EndedSession, patient: Patient, desk: Desk) -> RecordChange:
    return bind(ended.state(), ended.summary, patient, desk.judge, desk.now, desk.new_id).change


def _relabel_ended(ended: EndedSession, given: RelabelTrial, desk: Desk) -> RecordChange:
    trial = _trial_in(ended, given.result_id)
    if trial.slot.side is given.side:
        return RecordChange()
    recount = relabelled(ended.session, ended.trials, trial, given.side)
    return amend_session(ended, recount.trials, desk.judge, desk.now, session=recount.session)


def _void_ended(ended: EndedSession, result_id: UUID, desk: Desk) -> RecordChange:
    summary = ended.summary
    if summary is not None and summary.result_id == result_id and not _is_void(summary):
        status = ResultStatus.ENTERED_IN_ERROR
        void = replace(summary, revision=summary.revision + 1, status=status)
        return RecordChange(summary=void)
    for deficit in ended.deficits:
        if deficit.result_id == result_id and not _is_void(deficit):
            return _void_ended_deficit(ended, _voided(deficit), desk)
    trial = _trial_in(ended, result_id)
    return _amend(ended, desk, replace(trial, status=ResultStatus.ENTERED_IN_ERROR))


def _void_ended_deficit(ended: EndedSession, void: Deficit, desk: Desk) -> RecordChange:
    state = with_deficits(ended.state(), (void,))
    summary = amended_summary(state, ended.summary, ended.session, desk.judge, desk.now)
    return RecordChange((), (), (void,), summary)


def _amend(ended: EndedSession, desk: Desk, *changed: Trial) -> RecordChange:
    return amend_session(ended, changed, desk.judge, desk.now)


def _trial_in(ended: EndedSession, result_id: UUID | None) -> Trial:
    for trial in ended.trials:
        if trial.result_id == result_id and not _is_void(trial):
            return trial
    raise Refused(ErrorCode.NOT_FOUND, "no such result", "result_id")
