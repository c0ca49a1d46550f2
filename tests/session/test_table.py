"""One test per row of the session table (docs/contract.md, section 2), in the table's order."""

import pytest

from dynod.model.clinical import Movement, Side
from dynod.model.deficit import Classification, Reason
from dynod.model.flags import Flag
from dynod.model.session import Phase
from dynod.model.trial import ResultStatus
from dynod.session.inputs import (
    ConfirmChange,
    DiscardTrial,
    EndSession,
    NextTest,
    RecordingEnded,
    RedoTrial,
    SelectTest,
    StartSession,
    StartTrial,
    StopTrial,
)
from dynod.session.replies import ErrorCode, Refused
from dynod.session.state import resumed
from dynod.session.steps import BeginRecording, EndRecording
from tests.support.builders import ScriptedStation, battery, force_test, rules


def refusal(station: ScriptedStation, given: object) -> ErrorCode:
    """The code with which an input is refused, the state being left as it was."""
    before = station.state
    with pytest.raises(Refused) as caught:
        station.give(given)  # type: ignore[arg-type]
    assert station.state == before
    return caught.value.code


@pytest.fixture
def station() -> ScriptedStation:
    """An idle station: one movement, two trials a side, confirm_change on."""
    return ScriptedStation(rules())


@pytest.fixture
def ready(station: ScriptedStation) -> ScriptedStation:
    station.press()
    station.press()
    assert station.state.phase is Phase.READY
    return station


def complete(station: ScriptedStation) -> None:
    """Fill both sides: right 150, left 120 N."""
    for peak in (150.0, 150.0, 120.0, 120.0):
        if station.state.phase is Phase.CONFIRM:
            station.press()
        station.trial(peak)
    assert station.state.phase is Phase.COMPLETE


def test_idle_press_starts_a_session_without_a_patient(station: ScriptedStation) -> None:
    step = station.press()
    assert station.state.phase is Phase.CONFIRM
    assert step.change.sessions[0].patient is None
    assert step.effect is None
    assert station.state.trials == ()


def test_idle_press_goes_to_ready_without_confirm_change() -> None:
    station = ScriptedStation(rules(confirm_change=False))
    station.press()
    assert station.state.phase is Phase.READY


def test_idle_session_start(station: ScriptedStation) -> None:
    step = station.give(StartSession(body_mass_kg=70.0))
    assert station.state.phase is Phase.CONFIRM
    assert step.reply["session_code"] == "AC34"
    assert step.reply["session_id"] == str(step.change.sessions[0].session_id)


@pytest.mark.parametrize("by", ["press", "command"])
def test_confirm_acknowledges_the_announced_side(station: ScriptedStation, by: str) -> None:
    station.press()
    assert station.state.next is not None
    assert station.state.next.side is Side.RIGHT
    station.press() if by == "press" else station.give(ConfirmChange())
    assert station.state.phase is Phase.READY


def test_confirm_comes_back_at_every_change_of_side(ready: ScriptedStation) -> None:
    phases = []
    for _ in range(2):
        ready.trial()
        phases.append(ready.state.phase)
    assert phases == [Phase.READY, Phase.CONFIRM]
    assert ready.state.next is not None
    assert ready.state.next.side is Side.LEFT


def test_ready_press_begins_recording(ready: ScriptedStation) -> None:
    step = ready.press()
    assert ready.state.phase is Phase.RECORDING
    assert isinstance(step.effect, BeginRecording)
    assert step.effect.device_id == "hhd-1"


def test_ready_trial_start_replies_with_the_result_id(ready: ScriptedStation) -> None:
    result_id = ready.give(StartTrial()).reply["result_id"]
    again = ready.give(StartTrial())
    assert again.reply["result_id"] == result_id
    assert again.effect is None
    ready.give(StopTrial())
    assert str(ready.analysed().change.trials[0].result_id) == result_id


@pytest.mark.parametrize("by", ["press", "command"])
def test_recording_ends_by_press_or_stop(ready: ScriptedStation, by: str) -> None:
    ready.press()
    step = ready.press() if by == "press" else ready.give(StopTrial())
    assert ready.state.phase is Phase.ANALYSING
    assert step.effect == EndRecording("hhd-1", discarded=False)


def test_recording_ends_by_itself_after_its_longest_time(ready: ScriptedStation) -> None:
    ready.press()
    ready.give(RecordingEnded())  # the recorder's 15 s, see test_recorder
    assert ready.state.phase is Phase.ANALYSING


def test_trial_stop_in_ready_is_ok_and_does_nothing(ready: ScriptedStation) -> None:
    step = ready.give(StopTrial())
    assert (ready.state.phase, step.effect, bool(step.change)) == (Phase.READY, None, False)


def test_recording_discard_stores_an_invalid_trial_and_asks_again(ready: ScriptedStation) -> None:
    ready.press()
    slot = ready.state.next
    assert ready.give(DiscardTrial()).effect == EndRecording("hhd-1", discarded=True)
    step = ready.analysed(100.0, Flag.DISCARDED)
    assert not step.change.trials[0].analysis.valid
    assert (ready.state.phase, ready.state.next) == (Phase.READY, slot)


@pytest.mark.parametrize(
    "given", [StartTrial(), StopTrial(), DiscardTrial(), NextTest(), ConfirmChange()]
)
def test_analysing_refuses_any_trial_input(ready: ScriptedStation, given: object) -> None:
    ready.press()
    ready.press()
    assert refusal(ready, given) is ErrorCode.WRONG_PHASE
    with pytest.raises(Refused):
        ready.press()


def test_discard_takes_back_the_last_trial(ready: ScriptedStation) -> None:
    first = ready.trial().change.trials[0]
    step = ready.give(DiscardTrial())
    voided = step.change.trials[0]
    assert voided.result_id == first.result_id
    assert (voided.revision, voided.status) == (2, ResultStatus.ENTERED_IN_ERROR)
    assert ready.state.next == first.slot
    assert ready.state.last_trial is None
    assert ready.trial().change.trials[0].result_id != first.result_id


def test_redo_amends_a_published_deficit_at_once_and_again_when_full(
    ready: ScriptedStation,
) -> None:
    complete(ready)
    trial = ready.state.trials[0]
    step = ready.give(RedoTrial(trial.result_id))
    (deficit,) = step.change.deficits
    assert (deficit.revision, deficit.status) == (2, ResultStatus.AMENDED)
    assert deficit.comparison.classification is Classification.NOT_COMPUTABLE
    assert deficit.comparison.reason is Reason.SIDE_INCOMPLETE
    assert ready.state.phase is Phase.CONFIRM
    ready.press()
    (again,) = ready.trial(160.0).change.deficits
    assert (again.result_id, again.revision) == (deficit.result_id, 3)
    assert again.comparison.right is not None
    assert again.comparison.right.value == pytest.approx(155.0)  # mean of 150 and 160


def test_redo_of_an_unknown_or_voided_trial_is_not_found(ready: ScriptedStation) -> None:
    trial = ready.trial().change.trials[0]
    ready.give(RedoTrial(trial.result_id))
    assert refusal(ready, RedoTrial(trial.result_id)) is ErrorCode.NOT_FOUND
    assert refusal(ready, RedoTrial(ready.rules.new_id())) is ErrorCode.NOT_FOUND


def test_next_skips_the_current_movement_and_side(ready: ScriptedStation) -> None:
    ready.trial()
    step = ready.give(NextTest())
    assert ready.state.next is not None
    assert (ready.state.next.side, ready.state.phase) == (Side.LEFT, Phase.CONFIRM)
    assert [skip.trial_number for skip in step.change.sessions[0].skipped] == [2]


def test_select_goes_to_the_named_movement_and_side() -> None:
    two = battery(force_test(), force_test(Movement.HIP_FLEXION))
    station = ScriptedStation(rules(two))
    station.press()
    station.give(SelectTest(Movement.HIP_FLEXION, Side.LEFT))
    slot = station.state.next
    assert slot is not None
    assert (slot.test.movement, slot.side) == (Movement.HIP_FLEXION, Side.LEFT)
    station.press()
    station.trial()
    station.trial()
    after = station.state.next
    assert after is not None
    assert (after.test.movement, after.side) == (Movement.HIP_ABDUCTION, Side.RIGHT)
    assert refusal(station, SelectTest(Movement.HIP_FLEXION, Side.LEFT)) is ErrorCode.NOT_FOUND


def test_complete_ignores_a_press(ready: ScriptedStation) -> None:
    complete(ready)
    step = ready.press()
    assert (ready.state.phase, step.effect, bool(step.change)) == (Phase.COMPLETE, None, False)


def test_complete_session_start_ends_the_finished_session_first(ready: ScriptedStation) -> None:
    complete(ready)
    old = ready.state.session
    step = ready.give(StartSession())
    assert old is not None
    ended, fresh = step.change.sessions
    assert (ended.session_id, fresh.ended_at) == (old.session_id, None)
    assert ended.ended_at is not None
    assert step.change.summary is not None
    assert ready.state.phase is Phase.CONFIRM
    assert ready.state.trials == ()


@pytest.mark.parametrize("presses", [1, 2, 3, 4])
def test_session_start_while_one_runs_is_an_error(station: ScriptedStation, presses: int) -> None:
    for _ in range(presses):
        station.press()
    assert refusal(station, StartSession()) is ErrorCode.SESSION_RUNNING


def test_session_end_publishes_and_goes_to_idle(ready: ScriptedStation) -> None:
    ready.trial()
    step = ready.give(EndSession())
    assert ready.state.phase is Phase.IDLE
    (deficit,) = step.change.deficits
    assert deficit.comparison.reason is Reason.SIDE_INCOMPLETE
    assert step.change.summary is not None
    assert [item.result_id for item in step.change.summary.deficits] == [deficit.result_id]


def test_session_end_is_silent_about_movements_never_begun(station: ScriptedStation) -> None:
    station.press()
    step = station.give(EndSession())
    assert step.change.deficits == ()
    assert step.change.summary is not None


def test_session_end_discards_a_running_trial_first(ready: ScriptedStation) -> None:
    ready.press()
    assert ready.give(EndSession()).effect == EndRecording("hhd-1", discarded=True)
    ready.analysed(100.0, Flag.DISCARDED)
    assert ready.give(EndSession()).change.summary is not None
    assert ready.state.phase is Phase.IDLE


def test_restart_resumes_at_the_first_open_slot_in_confirm(ready: ScriptedStation) -> None:
    ready.trial()
    before = ready.state
    assert before.session is not None
    state = resumed(before.session, before.trials, (), confirm_change=True, now_s=7.0)
    assert (state.phase, state.next, state.last_input_s) == (Phase.CONFIRM, before.next, 7.0)
    assert state.last_trial_id == before.last_trial_id


@pytest.mark.parametrize(
    "given",
    [StartTrial(), StopTrial(), DiscardTrial(), ConfirmChange(), NextTest(), EndSession()],
)
def test_idle_answers_no_session(station: ScriptedStation, given: object) -> None:
    assert refusal(station, given) is ErrorCode.NO_SESSION


@pytest.mark.parametrize(
    ("phase", "given"),
    [
        (Phase.CONFIRM, StartTrial()),
        (Phase.CONFIRM, StopTrial()),
        (Phase.CONFIRM, DiscardTrial()),
        (Phase.READY, ConfirmChange()),
        (Phase.READY, DiscardTrial()),
        (Phase.RECORDING, NextTest()),
        (Phase.RECORDING, ConfirmChange()),
        (Phase.COMPLETE, StartTrial()),
        (Phase.COMPLETE, StopTrial()),
        (Phase.COMPLETE, NextTest()),
    ],
)
def test_what_the_table_does_not_list_is_the_wrong_phase(
    station: ScriptedStation, phase: Phase, given: object
) -> None:
    station.press()
    if phase is Phase.COMPLETE:
        station.press()
        complete(station)
    while station.state.phase is not phase:
        station.press()
    assert refusal(station, given) is ErrorCode.WRONG_PHASE
