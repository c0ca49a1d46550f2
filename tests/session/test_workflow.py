"""Rules of a session beyond the table: order, numbers, attempts, devices, deficits, failures."""

from dataclasses import replace
from uuid import uuid5

import pytest

from dynod.model.clinical import InvolvedSide, Kind, Movement, Side
from dynod.model.deficit import Classification, Reason
from dynod.model.device import DeviceIdentity, Role
from dynod.model.flags import Flag
from dynod.model.session import Phase
from dynod.session.inputs import (
    EndSession,
    NextTest,
    RedoTrial,
    StartSession,
    StartTrial,
    StopTrial,
)
from dynod.session.replies import ErrorCode, Refused
from dynod.session.roster import StationDevice
from dynod.session.slots import all_slots, side_order
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


@pytest.mark.parametrize(
    ("involved", "first"),
    [
        (InvolvedSide.LEFT, Side.RIGHT),
        (InvolvedSide.RIGHT, Side.LEFT),
        (InvolvedSide.BOTH, Side.RIGHT),
        (InvolvedSide.NONE, Side.RIGHT),
        (None, Side.RIGHT),
    ],
)
def test_the_uninvolved_side_comes_first(involved: InvolvedSide | None, first: Side) -> None:
    assert side_order(involved)[0] is first


def test_familiarisation_comes_before_the_trials_of_a_side() -> None:
    one = battery(force_test(repetitions=2, familiarisation=1))
    order = [(s.side, s.familiarisation, s.trial_number) for s in all_slots(one, None)]
    right, left = Side.RIGHT, Side.LEFT
    assert order == [
        (right, True, 1),
        (right, False, 1),
        (right, False, 2),
        (left, True, 1),
        (left, False, 1),
        (left, False, 2),
    ]


def started(*tests: object, **details: object) -> ScriptedStation:
    station = ScriptedStation(rules(battery(*tests), confirm_change=False))  # type: ignore[arg-type]
    station.give(StartSession(**details))  # type: ignore[arg-type]
    return station


def test_an_invalid_attempt_keeps_its_slot_and_number() -> None:
    station = started(force_test())
    numbers = [
        station.trial(100.0, *flags).change.trials[0].slot.trial_number
        for flags in ((Flag.GAP,), (Flag.GAP,), (), ())
    ]
    assert numbers == [1, 1, 1, 2]


def test_after_six_attempts_the_slot_is_skipped() -> None:
    station = started(force_test(repetitions=1))
    for _ in range(5):
        assert station.trial(100.0, Flag.GAP).change.sessions == ()
    step = station.trial(100.0, Flag.GAP)
    (skip,) = step.change.sessions[0].skipped
    assert (skip.side, skip.trial_number, skip.reason) == (Side.RIGHT, 1, "attempts")
    assert station.state.next is not None
    assert station.state.next.side is Side.LEFT
    (deficit,) = station.trial(100.0).change.deficits
    assert deficit.comparison.reason is Reason.SIDE_MISSING


def test_redo_of_a_spent_attempt_opens_the_skipped_slot_again() -> None:
    station = started(force_test(repetitions=1))
    for _ in range(6):
        station.trial(100.0, Flag.GAP)
    spent = station.state.trials[0]
    step = station.give(RedoTrial(spent.result_id))
    assert step.change.sessions[0].skipped == ()
    assert station.state.next == spent.slot


def test_familiarisation_is_never_averaged() -> None:
    station = started(force_test(repetitions=1, familiarisation=1))
    for peak in (10.0, 150.0, 10.0, 120.0):
        step = station.trial(peak)
    comparison = step.change.deficits[0].comparison
    assert comparison.left is not None
    assert comparison.right is not None
    assert (comparison.left.value, comparison.right.value) == (120.0, 150.0)


def test_a_deficit_s_id_is_a_uuid5_of_what_it_is_about() -> None:
    station = started(force_test(repetitions=1))
    station.trial(150.0)
    (deficit,) = station.trial(120.0).change.deficits
    session = station.state.session
    assert session is not None
    name = "deficit/hip_abduction/supine/make/force/0"
    assert deficit.result_id == uuid5(session.session_id, name)


def test_a_deficit_waits_until_both_sides_are_full() -> None:
    station = started(force_test(repetitions=2))
    published = [len(station.trial(100.0).change.deficits) for _ in range(4)]
    assert published == [0, 0, 0, 1]


def test_a_movement_whose_sides_are_all_skipped_has_no_deficit() -> None:
    station = started(force_test(), force_test(Movement.HIP_FLEXION))
    station.give(NextTest())
    assert station.give(NextTest()).change.deficits == ()
    assert station.give(EndSession()).change.deficits == ()


def test_an_incomplete_deficit_is_not_repeated_at_the_end() -> None:
    station = started(force_test(repetitions=1))
    station.trial(150.0)
    station.trial(120.0)
    station.give(RedoTrial(station.state.trials[0].result_id))
    assert station.give(EndSession()).change.deficits == ()


def test_range_of_motion_records_the_inclinometer_whoever_pressed() -> None:
    station = started(rom_test())
    station.press()
    assert station.state.running is not None
    assert station.state.running.device_id == "tilt-1"


SECOND = replace(HHD, device_id="hhd-2")


@pytest.mark.parametrize(
    ("devices", "named", "code"),
    [
        ((), None, ErrorCode.DEVICE_UNAVAILABLE),
        ((StationDevice(HHD, streaming=False),), None, ErrorCode.DEVICE_UNAVAILABLE),
        ((StationDevice(HHD, streaming=False),), "hhd-1", ErrorCode.DEVICE_UNAVAILABLE),
        ((StationDevice(TILT, streaming=True),), None, ErrorCode.DEVICE_UNAVAILABLE),
        ((StationDevice(TILT, streaming=True),), "tilt-1", ErrorCode.INVALID_VALUE),
        ((StationDevice(HHD, streaming=True),), "nobody", ErrorCode.NOT_FOUND),
        (
            (StationDevice(HHD, streaming=True), StationDevice(SECOND, streaming=True)),
            None,
            ErrorCode.AMBIGUOUS_DEVICE,
        ),
    ],
)
def test_a_trial_needs_exactly_one_device(
    devices: tuple[StationDevice, ...], named: str | None, code: ErrorCode
) -> None:
    station = started(force_test())
    station.devices = devices
    with pytest.raises(Refused) as caught:
        station.give(StartTrial(named))
    assert caught.value.code is code


def test_of_two_force_devices_the_pressed_one_records() -> None:
    station = started(force_test())
    station.devices = (StationDevice(SECOND, streaming=True), StationDevice(HHD, streaming=True))
    station.press()
    assert station.state.running is not None
    assert station.state.running.device_id == "hhd-1"


def test_stop_names_the_recording_device_or_none() -> None:
    station = started(force_test())
    station.give(StartTrial())
    for name, code in (("nobody", ErrorCode.NOT_FOUND), ("tilt-1", ErrorCode.INVALID_VALUE)):
        with pytest.raises(Refused) as caught:
            station.give(StopTrial(name))
        assert caught.value.code is code
    station.give(StopTrial("hhd-1"))
    assert station.state.phase is Phase.ANALYSING


def test_a_failed_commit_does_not_advance_the_slot() -> None:
    station = started(force_test())
    slot = station.state.next
    station.give(StartTrial())
    station.give(StopTrial())
    state = commit_failed(station.state, "storage: disk full", station.rules)
    assert (state.phase, state.next, state.trials) == (Phase.READY, slot, ())
    assert state.problem == "storage: disk full"
    station.state = state
    station.trial(100.0)
    assert station.state.problem is None


def test_a_battery_that_is_not_there() -> None:
    station = ScriptedStation(rules())
    with pytest.raises(Refused) as caught:
        station.give(StartSession(battery="nothing"))
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_VALUE, "battery")


def test_side_values_and_class_reach_the_deficit() -> None:
    station = started(force_test(repetitions=1), involved_side=InvolvedSide.LEFT)
    station.trial(150.0)
    (deficit,) = station.trial(75.0).change.deficits
    comparison = deficit.comparison
    # 75 of 150: half as strong, far beyond sqrt(2)·1.96·6.2 % = 17.2 % and the 15 % threshold.
    assert comparison.deficit_percent == pytest.approx(50.0)
    assert comparison.classification is Classification.EXCEEDS_ERROR_AND_THRESHOLD
    assert deficit.involved_side is InvolvedSide.LEFT


def test_a_pelvis_inclinometer_never_records_a_trial() -> None:
    pelvis = DeviceIdentity("tilt-2", "witmotion_wt901", Kind.ANGLE)
    station = started(rom_test())
    station.devices = (
        StationDevice(pelvis, streaming=True, role=Role.PELVIS),
        StationDevice(TILT, streaming=True),
    )
    station.give(StartTrial())
    assert station.state.running is not None
    assert station.state.running.device_id == "tilt-1"
