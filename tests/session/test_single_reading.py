"""The rows of the session table for a gauge whose own key sends one reading: a trial of its own."""

from dataclasses import replace

import pytest

from dynod.model.clinical import Side
from dynod.model.flags import Flag
from dynod.model.session import Phase
from dynod.model.trial import ResultStatus, StartedBy
from dynod.session.inputs import DiscardTrial, Input, NextTest, StartTrial, StopTrial, Toggle
from dynod.session.replies import ErrorCode, Refused
from dynod.session.roster import StationDevice
from dynod.session.steps import BeginRecording, EndRecording, TakeReading
from dynod.session.workflow import commit_failed
from tests.support.builders import (
    HHD,
    TILT,
    ScriptedStation,
    battery,
    force_test,
    rom_test,
    rules,
)

GAUGE = StationDevice(HHD, streaming=True, has_button=True, single_reading=True)
STREAMING = StationDevice(replace(HHD, device_id="hhd-2"), streaming=True, has_button=True)
INCLINOMETER = StationDevice(TILT, streaming=True)
OWN_KEY = "this gauge sends its reading at its own key: press it"


def refusal(station: ScriptedStation, given: Input) -> Refused:
    """The refusal of an input that leaves the state as it was."""
    before = station.state
    with pytest.raises(Refused) as caught:
        station.give(given)
    assert station.state == before
    return caught.value


@pytest.fixture
def station() -> ScriptedStation:
    """An idle station: one movement, two trials a side, confirm_change on."""
    return ScriptedStation(rules(), (GAUGE, INCLINOMETER))


@pytest.fixture
def ready(station: ScriptedStation) -> ScriptedStation:
    station.press()
    station.press()
    assert station.state.phase is Phase.READY
    return station


def complete(station: ScriptedStation) -> None:
    while station.state.phase is not Phase.COMPLETE:
        station.press()
        if station.state.phase is Phase.ANALYSING:
            station.analysed()


def test_idle_press_starts_a_session_and_its_reading_is_no_trial(station: ScriptedStation) -> None:
    step = station.press()
    assert (station.state.phase, station.state.running, step.effect) == (Phase.CONFIRM, None, None)
    assert step.change.sessions[0].patient is None


def test_confirm_press_acknowledges_and_its_reading_is_no_trial(station: ScriptedStation) -> None:
    station.press()
    step = station.press()
    assert (station.state.phase, station.state.running, step.effect) == (Phase.READY, None, None)


def test_ready_press_is_the_whole_trial(ready: ScriptedStation) -> None:
    slot = ready.state.next
    step = ready.press()
    assert (ready.state.phase, step.effect) == (Phase.ANALYSING, TakeReading("hhd-1"))
    assert not step.change  # nothing is stored before its analysis
    running = ready.state.running
    assert running is not None
    assert (running.slot, running.started_by) == (slot, StartedBy.READING)
    (trial,) = ready.analysed(123.0, Flag.SINGLE_READING).change.trials
    assert (trial.result_id, trial.slot, trial.valid) == (running.result_id, slot, True)
    assert ready.state.phase is Phase.READY
    assert ready.state.next is not None
    assert ready.state.next.trial_number == 2


def test_an_invalid_reading_leaves_its_slot_open(ready: ScriptedStation) -> None:
    slot = ready.state.next
    ready.press()
    ready.analysed(100.0, Flag.SINGLE_READING, Flag.OVERLOAD)
    assert (ready.state.phase, ready.state.next) == (Phase.READY, slot)


@pytest.mark.parametrize("named", [None, "hhd-1"])
def test_ready_trial_start_is_refused_with_what_to_do(
    ready: ScriptedStation, named: str | None
) -> None:
    refused = refusal(ready, StartTrial(named))
    assert (refused.code, refused.message) == (ErrorCode.DEVICE_UNAVAILABLE, OWN_KEY)


def test_ready_trial_stop_is_ok_and_does_nothing(ready: ScriptedStation) -> None:
    step = ready.give(StopTrial())
    assert (ready.state.phase, step.effect, bool(step.change)) == (Phase.READY, None, False)


def test_ready_press_of_another_button_brings_no_reading(ready: ScriptedStation) -> None:
    ready.devices = (GAUGE, replace(INCLINOMETER, has_button=True))
    refused = refusal(ready, Toggle("tilt-1"))
    assert (refused.code, refused.message) == (ErrorCode.DEVICE_UNAVAILABLE, OWN_KEY)


def test_ready_press_while_the_gauge_is_away_is_refused(ready: ScriptedStation) -> None:
    ready.devices = (replace(GAUGE, streaming=False), INCLINOMETER)
    assert refusal(ready, Toggle("hhd-1")).code is ErrorCode.DEVICE_UNAVAILABLE


def test_recording_with_another_gauge_is_not_ended_by_a_reading(ready: ScriptedStation) -> None:
    ready.devices = (GAUGE, STREAMING)
    ready.give(Toggle("hhd-2"))
    assert ready.state.phase is Phase.RECORDING
    assert refusal(ready, Toggle("hhd-1")).code is ErrorCode.WRONG_PHASE
    step = ready.give(Toggle("hhd-2"))
    assert (ready.state.phase, step.effect) == (Phase.ANALYSING, EndRecording("hhd-2"))


@pytest.mark.parametrize(
    "given", [Toggle("hhd-1"), StartTrial(), StopTrial(), DiscardTrial(), NextTest()]
)
def test_analysing_refuses_any_trial_input(ready: ScriptedStation, given: Input) -> None:
    ready.press()
    assert refusal(ready, given).code is ErrorCode.WRONG_PHASE


def test_complete_ignores_a_press(ready: ScriptedStation) -> None:
    complete(ready)
    step = ready.press()
    assert (ready.state.phase, step.effect, bool(step.change)) == (Phase.COMPLETE, None, False)
    assert len(ready.state.trials) == 4


def test_a_change_of_side_is_acknowledged_by_a_press_that_measures_nothing(
    ready: ScriptedStation,
) -> None:
    for _ in range(2):
        ready.press()
        ready.analysed()
    assert ready.state.phase is Phase.CONFIRM
    assert ready.press().effect is None
    assert ready.state.next is not None
    assert (ready.state.phase, ready.state.next.side) == (Phase.READY, Side.LEFT)
    assert len(ready.state.trials) == 2


def test_discard_takes_back_the_last_reading(ready: ScriptedStation) -> None:
    ready.press()
    (trial,) = ready.analysed().change.trials
    (voided,) = ready.give(DiscardTrial()).change.trials
    assert (voided.result_id, voided.status) == (trial.result_id, ResultStatus.ENTERED_IN_ERROR)
    assert (ready.state.phase, ready.state.next) == (Phase.READY, trial.slot)
    ready.press()
    assert ready.analysed().change.trials[0].slot == trial.slot


def test_a_reading_that_cannot_be_saved_leaves_its_slot_ready(ready: ScriptedStation) -> None:
    slot = ready.state.next
    ready.press()
    ready.state = commit_failed(ready.state, "storage: full", ready.rules)
    assert (ready.state.phase, ready.state.next) == (Phase.READY, slot)
    assert ready.press().effect == TakeReading("hhd-1")


def test_range_of_motion_is_begun_and_ended_by_the_gauges_key() -> None:
    station = ScriptedStation(rules(battery(rom_test())), (GAUGE, INCLINOMETER))
    station.press()
    station.press()
    assert station.press().effect == BeginRecording("tilt-1", StartedBy.PRESS)
    assert station.press().effect == EndRecording("tilt-1")
    assert station.state.phase is Phase.ANALYSING


def test_range_of_motion_starts_by_command_too() -> None:
    station = ScriptedStation(rules(battery(rom_test())), (GAUGE, INCLINOMETER))
    station.press()
    station.press()
    assert station.give(StartTrial()).effect == BeginRecording("tilt-1", StartedBy.COMMAND)


def test_of_two_force_devices_the_pressed_one_decides_what_a_trial_is() -> None:
    one = battery(force_test())
    station = ScriptedStation(rules(one, confirm_change=False), (STREAMING, GAUGE))
    station.press()
    assert station.press().effect == TakeReading("hhd-1")
    station.analysed()
    assert refusal(station, StartTrial()).code is ErrorCode.AMBIGUOUS_DEVICE
    assert refusal(station, StartTrial("hhd-1")).message == OWN_KEY
    started = station.give(StartTrial("hhd-2"))
    assert started.effect == BeginRecording("hhd-2", StartedBy.COMMAND)
