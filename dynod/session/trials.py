"""Trials in the workflow: begin, end, discard, redo, and what an analysis leads to."""

from dataclasses import replace
from datetime import timedelta

from dynod.model.session import Phase
from dynod.model.trial import ResultStatus, StartedBy, Trial
from dynod.session.inputs import (
    RedoTrial,
    StartTrial,
    StopTrial,
    TrialAnalysed,
)
from dynod.session.replies import ErrorCode, Refused
from dynod.session.roster import pick_device
from dynod.session.slots import give_up_if_spent, stage_of, without_skip
from dynod.session.state import Running, State
from dynod.session.steps import (
    BeginRecording,
    Context,
    EndRecording,
    RecordChange,
    Step,
    TakeReading,
    advance,
    require,
    session_of,
)


def start_trial(state: State, given: StartTrial, context: Context) -> Step:
    """``trial.start`` or an onset: begin recording; while recording it changes nothing."""
    if state.phase is Phase.RECORDING and state.running is not None:
        return Step(state, reply={"result_id": str(state.running.result_id)})
    require(state, Phase.READY)
    return begin(state, context, given.started_by, named=given.device_id)


def begin(
    state: State,
    context: Context,
    started_by: StartedBy,
    *,
    pressed: str | None = None,
    named: str | None = None,
) -> Step:
    """Begin a trial in the next slot, with the one device that fits.

    With a device that sends single readings, its own press brings the whole trial.
    """
    slot = state.next
    if slot is None:
        raise RuntimeError("phase ready without an open slot")
    device = pick_device(context.devices, slot.test.kind, pressed=pressed, named=named)
    device_id = device.identity.device_id
    if device.single_reading and pressed != device_id:
        raise Refused(
            ErrorCode.DEVICE_UNAVAILABLE, "this gauge sends its reading at its own key: press it"
        )
    running = Running(
        result_id=context.rules.new_id(),
        slot=slot,
        device_id=device_id,
        started_at=context.now.wall,
        clock_synced=context.now.clock_synced,
        started_by=StartedBy.READING if device.single_reading else started_by,
    )
    begun = replace(state, running=running, rest_until=None)
    if device.single_reading:
        return Step(replace(begun, phase=Phase.ANALYSING), effect=TakeReading(device_id))
    return Step(
        replace(begun, phase=Phase.RECORDING),
        effect=BeginRecording(device_id, started_by),
        reply={"result_id": str(running.result_id)},
    )


def stop_trial(state: State, given: StopTrial, context: Context) -> Step:
    """``trial.stop``: end the recording; in ready it changes nothing."""
    if state.phase is Phase.READY:
        return Step(state)
    require(state, Phase.RECORDING)
    known = {device.identity.device_id for device in context.devices}
    if given.device_id is not None and given.device_id not in known:
        raise Refused(ErrorCode.NOT_FOUND, "no device of this id", "device")
    if state.running and given.device_id not in {None, state.running.device_id}:
        raise Refused(ErrorCode.INVALID_VALUE, "another device is recording", "device")
    return end_running(state)


def end_by_press(state: State, context: Context, pressed: str) -> Step:
    """End the recording at the press of any button, unless the press is a reading of its own."""
    slot = state.next
    if slot is not None and any(
        device.single_reading and device.measures(slot.test.kind)
        for device in context.devices
        if device.identity.device_id == pressed
    ):
        raise Refused(ErrorCode.WRONG_PHASE, "another device is recording: end its trial first")
    return end_running(state)


def end_running(state: State, *, discarded: bool = False) -> Step:
    """Have the recorder end the running trial; the analysis follows."""
    running = state.running
    if running is None:
        raise RuntimeError("phase recording without a running trial")
    return Step(
        replace(state, phase=Phase.ANALYSING),
        effect=EndRecording(running.device_id, discarded=discarded),
        reply={"result_id": str(running.result_id)},
    )


def discard(state: State, context: Context) -> Step:
    """Discard the running trial, else take back the last one."""
    if state.phase is Phase.RECORDING:
        return end_running(state, discarded=True)
    require(state, Phase.READY, Phase.CONFIRM, Phase.COMPLETE)
    if state.last_trial_id is None:
        raise Refused(ErrorCode.WRONG_PHASE, "there is no last trial to discard")
    return redo(state, RedoTrial(state.last_trial_id), context)


def redo(state: State, given: RedoTrial, context: Context) -> Step:
    """Take back a trial as entered in error; its slot opens again."""
    require(state, Phase.READY, Phase.CONFIRM, Phase.COMPLETE)
    trial = state.trial(given.result_id)
    if trial is None or trial.status is ResultStatus.ENTERED_IN_ERROR:
        raise Refused(ErrorCode.NOT_FOUND, "no such trial in this session", "result_id")
    cleared = replace(state, last_trial_id=None, rest_until=None)
    return take_back(cleared, trial, context)


def take_back(state: State, trial: Trial, context: Context) -> Step:
    """Publish a trial as entered in error, open its slot and amend what rests on it."""
    voided = replace(
        trial, revision=trial.revision + 1, status=ResultStatus.ENTERED_IN_ERROR, recording=None
    )
    session = session_of(state)
    reopened = replace(session, skipped=without_skip(session, trial.slot))
    after = replace(state.with_trial(voided), session=reopened)
    sessions = (reopened,) if reopened != session else ()
    return advance(after, RecordChange(sessions, (voided,)), context)


def recording_ended(state: State) -> Step:
    """Take note that the recorder ended by itself: onset over, longest time, lost stream."""
    if state.phase is not Phase.RECORDING:
        raise RuntimeError(f"a recording ended in phase {state.phase}")
    return Step(replace(state, phase=Phase.ANALYSING))


def trial_analysed(state: State, given: TrialAnalysed, context: Context) -> Step:
    """Put the analysed trial into its slot and go on to the next."""
    running, session = state.running, session_of(state)
    if running is None:
        raise RuntimeError("an analysis without a running trial")
    trial = Trial(
        result_id=running.result_id,
        revision=1,
        status=ResultStatus.FINAL,
        session_id=session.session_id,
        slot=running.slot,
        recorded_at=running.started_at,
        clock_synced=running.clock_synced,
        software=context.rules.judge.software,
        device=given.device,
        calibration=given.calibration,
        analysis=given.analysis,
        pain_nrs=running.pain_nrs,
        note=running.note,
        recording=given.recording,
        binding=session.binding,
    )
    trials = (*state.trials, replace(trial, recording=None))
    changed = give_up_if_spent(session, trials, running.slot)
    after = replace(
        state,
        session=changed,
        trials=trials,
        running=None,
        recorded=stage_of(running.slot),
        last_trial_id=trial.result_id,
        rest_until=context.now.wall + timedelta(seconds=running.slot.test.rest_s),
    )
    sessions = (changed,) if changed != session else ()
    return advance(after, RecordChange(sessions, (trial,)), context)
