"""The workflow (docs/contract.md, section 2): an input in; next state and effects out.

``step`` is a function of state, input and context. A step whose ``change`` is not empty counts
only once the store has committed it; until then the old state stands, so a failed commit advances
nothing. A refused input raises Refused and changes nothing.
"""

from dataclasses import replace

from dynod.model.session import Phase, Session
from dynod.model.trial import StartedBy
from dynod.session import corrections, trials
from dynod.session.answers import deficits_due, session_summary, with_deficits
from dynod.session.inputs import (
    AnnotateTrial,
    AssignSession,
    ConfirmChange,
    DiscardTrial,
    EndSession,
    Input,
    NextTest,
    PersonInput,
    RecordingEnded,
    RedoTrial,
    RelabelTrial,
    SelectTest,
    SessionInput,
    StartSession,
    StartTrial,
    StopTrial,
    Toggle,
    TrialAnalysed,
    VoidResult,
)
from dynod.session.replies import ErrorCode, Refused
from dynod.session.slots import open_slots, skip, stage_of
from dynod.session.state import State, settled
from dynod.session.steps import (
    Context,
    RecordChange,
    Rules,
    Step,
    advance,
    require,
    session_of,
)


def step(state: State, given: Input, context: Context) -> Step:
    """Return what an input leads to; raises Refused when it is out of order.

    EndSession while a trial is recorded only ends the recording as discarded: give it again when
    the analysis is through.
    """
    known = replace(state, problem=None)
    if isinstance(given, (RecordingEnded, TrialAnalysed)):
        return _recorder_input(known, given, context)
    result = _person_input(known, given, context)
    return replace(result, state=replace(result.state, last_input_s=context.now.mono_s))


def _recorder_input(state: State, given: RecordingEnded | TrialAnalysed, context: Context) -> Step:
    if isinstance(given, TrialAnalysed):
        return trials.trial_analysed(state, given, context)
    return trials.recording_ended(state)


def _person_input(state: State, given: PersonInput, context: Context) -> Step:
    match given:
        case Toggle():
            return _toggle(state, given, context)
        case StartTrial():
            return trials.start_trial(state, given, context)
        case StopTrial():
            return trials.stop_trial(state, given, context)
        case DiscardTrial():
            return trials.discard(state, context)
        case RedoTrial():
            return trials.redo(state, given, context)
        case AssignSession() | RelabelTrial() | AnnotateTrial() | VoidResult():
            return corrections.correct(state, given, context)
        case _:
            return _session_input(state, given, context)


def _session_input(state: State, given: SessionInput, context: Context) -> Step:
    match given:
        case StartSession():
            return _start_session(state, given, context)
        case EndSession():
            return _end_session(state, context)
        case ConfirmChange():
            return _confirm(state)
        case NextTest():
            return _next_test(state, context)
        case SelectTest():
            return _select_test(state, given, context)


def commit_failed(state: State, problem: str, rules: Rules) -> State:
    """Return the state when a step's change could not be committed: nothing advanced."""
    if state.phase is not Phase.ANALYSING:
        return replace(state, problem=problem)
    # The same slot again: it was acknowledged before the trial, so it is ready at once.
    again = settled(replace(state, running=None), confirm_change=rules.confirm_change)
    return replace(again, phase=Phase.READY, problem=problem)


def _toggle(state: State, given: Toggle, context: Context) -> Step:
    match state.phase:
        case Phase.IDLE:
            return _start_session(state, StartSession(), context)
        case Phase.CONFIRM:
            return _confirm(state)
        case Phase.READY:
            return trials.begin(state, context, StartedBy.PRESS, pressed=given.device_id)
        case Phase.RECORDING:
            return trials.end_by_press(state, context, given.device_id)
        case Phase.ANALYSING:
            raise Refused(ErrorCode.WRONG_PHASE, "the last trial is being analysed")
        case Phase.COMPLETE:
            return Step(state)


def _start_session(state: State, given: StartSession, context: Context) -> Step:
    now, rules = context.now, context.rules
    if state.phase not in {Phase.IDLE, Phase.COMPLETE}:
        raise Refused(ErrorCode.SESSION_RUNNING, "a session is running: end it first")
    battery = rules.batteries.get(given.battery or rules.default_battery)
    if battery is None:
        raise Refused(ErrorCode.INVALID_VALUE, "no battery of this name", "battery")
    ending = _end_session(state, context).change if state.phase is Phase.COMPLETE else None
    session = Session(
        session_id=rules.new_id(),
        session_code=rules.new_code(),
        battery=battery,
        started_at=now.wall,
        clock_synced=now.clock_synced,
        patient=given.patient,
        encounter=given.encounter,
        order=given.order,
        operator=given.operator,
        body_mass_kg=given.body_mass_kg,
        involved_side=given.involved_side,
        lever_arms_m=given.lever_arms_m,
    )
    change = ending or RecordChange()
    return Step(
        settled(State(session=session), confirm_change=rules.confirm_change),
        replace(change, sessions=(*change.sessions, session)),
        reply={"session_id": str(session.session_id), "session_code": session.session_code},
    )


def _end_session(state: State, context: Context) -> Step:
    now, judge = context.now, context.rules.judge
    session = session_of(state)
    if state.phase is Phase.RECORDING:
        return trials.end_running(state, discarded=True)
    require(state, Phase.CONFIRM, Phase.READY, Phase.COMPLETE)
    due = deficits_due(state, judge, now, at_end=True)
    final = with_deficits(state, due)
    ended = replace(session, ended_at=now.wall)
    summary = session_summary(final, ended, judge, now)
    return Step(
        State(),
        RecordChange((ended,), (), due, summary),
        reply={"session_id": str(ended.session_id)},
    )


def _confirm(state: State) -> Step:
    require(state, Phase.CONFIRM)
    return Step(replace(state, phase=Phase.READY))


def _next_test(state: State, context: Context) -> Step:
    require(state, Phase.READY, Phase.CONFIRM)
    session, slot = session_of(state), state.next
    if slot is None:
        raise RuntimeError(f"phase {state.phase} without an open slot")
    given_up = tuple(
        skip(item, "skipped")
        for item in open_slots(session, state.trials)
        if stage_of(item) == stage_of(slot)
    )
    changed = replace(session, skipped=(*session.skipped, *given_up))
    after = replace(state, session=changed, selected=None)
    return advance(after, RecordChange((changed,)), context)


def _select_test(state: State, given: SelectTest, context: Context) -> Step:
    require(state, Phase.READY, Phase.CONFIRM)
    for slot in open_slots(session_of(state), state.trials):
        if slot.test.movement is given.movement and slot.side is given.side:
            chosen = replace(state, selected=stage_of(slot))
            return Step(settled(chosen, confirm_change=context.rules.confirm_change))
    raise Refused(
        ErrorCode.NOT_FOUND, "no open trial of this movement and side in this session", "movement"
    )
