"""Where a trial begins and ends in a running stream (contract, section 2, "Trigger")."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.core.segmentation import EventType, Found, HoldDetector, OnsetDetector, low_percentile
from dynod.core.settings import AnalysisSettings
from dynod.model.samples import FloatArray

SETTINGS = AnalysisSettings()
Detector = OnsetDetector | HoldDetector
Stream = tuple[FloatArray, FloatArray]


def armed(detector: type[OnsetDetector] | type[HoldDetector] = OnsetDetector) -> Detector:
    made = detector(SETTINGS)
    made.arm()
    return made


def steps(rate_hz: float, *levels: tuple[float, int]) -> Stream:
    """Return a stream of levels, each held for a number of samples."""
    values = np.concatenate([np.full(count, level) for level, count in levels])
    return np.arange(len(values)) / rate_hz, values


def found_in(
    detector: Detector, stream: Stream, cuts: Iterable[int] = (), *, rearm: bool = False
) -> list[Found]:
    """Feed a stream in portions and return all events."""
    t_s, values = stream
    events = []
    for first, stop in pairwise([0, *sorted(cuts), len(t_s)]):
        at = first
        while at < stop:
            taken, found = detector.feed(t_s[at:stop], values[at:stop])
            assert 0 < taken <= stop - at
            at += taken
            if found is not None:
                events.append(found)
                if rearm and found.kind is EventType.END:
                    detector.arm()
    return events


def test_the_begin_is_the_first_sample_of_the_fifty_milliseconds() -> None:
    """A ramp of 100 N/s from 0.5 N at 1.0 s: 19.5 N at 1.19 s, 20.5 N at 1.20 s.

    Of the last second's 101 samples 80 are 0 N, so the 5th percentile is 0 N and 1.20 s is the
    first sample above 20 N. The sample of 1.25 s, the 126th, completes the 50 ms.
    """
    t_s = np.arange(300) / 100.0
    force_n = np.where(t_s < 1.0, 0.0, 100.0 * (t_s - 1.0) + 0.5)
    taken, found = armed().feed(t_s, force_n)
    assert taken == 126
    assert found is not None
    assert (found.kind, found.t_s) == (EventType.BEGIN, 1.2)
    assert found.baseline == pytest.approx(0.0)


def test_a_knock_shorter_than_fifty_milliseconds_is_no_begin() -> None:
    knock = steps(100.0, (0.0, 150), (100.0, 5), (0.0, 100))
    assert found_in(armed(), knock) == []


def test_the_threshold_is_twenty_newtons_above_what_the_device_shows_at_rest() -> None:
    below = steps(100.0, (24.5, 150), (44.0, 100))
    above = steps(100.0, (24.5, 150), (45.0, 100))
    assert found_in(armed(), below) == []
    assert found_in(armed(), above) == [Found(EventType.BEGIN, 1.5, 24.5)]


def test_there_is_no_begin_before_a_fifth_of_a_second_of_baseline() -> None:
    early = steps(100.0, (0.0, 10), (100.0, 40))
    assert found_in(armed(), early) == [Found(EventType.BEGIN, 0.2, 0.0)]


def test_the_running_baseline_is_known_from_a_fifth_of_a_second_on() -> None:
    detector = OnsetDetector(SETTINGS)
    assert detector.running_baseline() is None
    t_s, force_n = steps(100.0, (3.0, 21))
    detector.feed(t_s[:20], force_n[:20])
    assert detector.running_baseline() is None
    detector.feed(t_s[20:], force_n[20:])
    assert detector.running_baseline() == pytest.approx(3.0)


def test_the_baseline_is_that_of_the_last_second() -> None:
    detector = OnsetDetector(SETTINGS)
    detector.feed(*steps(100.0, (50.0, 200), (4.0, 101)))
    assert detector.running_baseline() == pytest.approx(4.0)


def test_the_end_comes_after_half_a_second_below_ten_newtons() -> None:
    pull = steps(100.0, (0.0, 100), (100.0, 200), (9.0, 100))
    assert found_in(armed(), pull) == [
        Found(EventType.BEGIN, 1.0, 0.0),
        Found(EventType.END, 3.5, 0.0),  # below from 3.0 s on
    ]


@pytest.mark.parametrize("level_n", [10.0, 12.0])
def test_ten_newtons_above_the_baseline_do_not_end_a_trial(level_n: float) -> None:
    pull = steps(100.0, (0.0, 100), (100.0, 200), (level_n, 300))
    assert [event.kind for event in found_in(armed(), pull)] == [EventType.BEGIN]


def test_a_dip_shorter_than_half_a_second_does_not_end_a_trial() -> None:
    pull = steps(100.0, (0.0, 100), (100.0, 200), (0.0, 45), (100.0, 100))
    assert [event.kind for event in found_in(armed(), pull)] == [EventType.BEGIN]


def test_ten_newtons_interrupt_the_half_second_of_the_end() -> None:
    pull = steps(100.0, (0.0, 100), (100.0, 200), (5.0, 20), (10.0, 300))
    assert [event.kind for event in found_in(armed(), pull)] == [EventType.BEGIN]


def test_a_knock_before_the_pull_leaves_no_trace_one_sample_at_a_time() -> None:
    stream = steps(100.0, (0.0, 150), (100.0, 2), (0.0, 20), (100.0, 30))
    pull = Found(EventType.BEGIN, 1.72, 0.0)
    assert found_in(armed(), stream) == [pull]
    assert found_in(armed(), stream, range(1, 202)) == [pull]


def test_the_fall_of_one_pull_does_not_end_the_next() -> None:
    """The second pull lasts 60 ms: below 10 N from 3.46 s on, and so over at 3.96 s."""
    two = steps(100.0, (0.0, 120), (100.0, 100), (0.0, 120), (100.0, 6), (0.0, 100))
    events = found_in(armed(), two, rearm=True)
    kinds = [event.kind for event in events]
    assert kinds == [EventType.BEGIN, EventType.END, EventType.BEGIN, EventType.END]
    assert events[2].t_s == 3.4
    assert events[3].t_s == pytest.approx(3.96, abs=0.011)


def test_the_baseline_is_frozen_at_the_trigger() -> None:
    """After 3 s at 100 N the running baseline is 100 N; the end is judged against the old 5 N."""
    detector = armed()
    pull = steps(100.0, (5.0, 100), (100.0, 300), (14.0, 100))
    events = found_in(detector, pull)
    assert events == [Found(EventType.BEGIN, 1.0, 5.0), Found(EventType.END, 4.5, 5.0)]


def test_the_next_begin_needs_arming_again() -> None:
    twice = steps(100.0, *[(0.0, 120), (100.0, 100)] * 2, (0.0, 100))
    detector = armed()
    assert [event.kind for event in found_in(detector, twice)] == [EventType.BEGIN, EventType.END]
    assert not detector.armed
    again = found_in(armed(), twice, rearm=True)
    assert [event.t_s for event in again if event.kind is EventType.BEGIN] == [1.2, 3.4]


def test_disarmed_it_says_nothing_and_keeps_its_baseline() -> None:
    detector = OnsetDetector(SETTINGS)
    assert found_in(detector, steps(100.0, (7.0, 100), (100.0, 10), (7.0, 90))) == []
    assert detector.running_baseline() == pytest.approx(7.0)


def test_disarming_in_the_middle_of_a_pull_forgets_it() -> None:
    detector = armed()
    t_s, force_n = steps(100.0, (0.0, 100), (100.0, 100), (0.0, 100))
    assert detector.feed(t_s[:150], force_n[:150])[1] is not None
    detector.disarm()
    assert found_in(detector, (t_s[150:], force_n[150:])) == []


def test_a_new_segment_starts_from_nothing_and_stays_armed() -> None:
    detector = armed()
    detector.feed(*steps(100.0, (0.0, 100)))
    detector.reset()
    assert detector.running_baseline() is None
    assert detector.armed
    assert found_in(detector, steps(100.0, (30.0, 100))) == []
    assert found_in(detector, (np.arange(100, 130) / 100.0, np.full(30, 60.0))) == [
        Found(EventType.BEGIN, 1.0, 30.0)
    ]


def test_overload_never_triggers_and_interrupts_the_fifty_milliseconds() -> None:
    only = steps(100.0, (0.0, 100), (np.nan, 200))
    assert found_in(armed(), only) == []
    within = steps(100.0, (0.0, 150), (100.0, 3), (np.nan, 1), (100.0, 30))
    assert found_in(armed(), within) == [Found(EventType.BEGIN, 1.54, 0.0)]


def test_nothing_fed_is_nothing_taken() -> None:
    for detector in (armed(), armed(HoldDetector)):
        assert detector.feed(np.empty(0), np.empty(0)) == (0, None)


def streams(rate_hz: float, levels: list[float]) -> st.SearchStrategy[Stream]:
    pieces = st.tuples(st.sampled_from(levels), st.integers(1, 6) | st.integers(1, 60))
    return st.lists(pieces, min_size=1, max_size=12).map(lambda found: steps(rate_hz, *found))


NEWTONS = [-5.0, 0.0, 5.0, 9.0, 10.0, 11.0, 19.0, 20.0, 21.0, 30.0, 100.0, float("nan")]
DEGREES = [-40.0, 0.0, 0.4, 2.0, 4.9, 5.1, 30.0, 31.5, float("nan")]
PORTIONS = st.lists(st.integers(0, 60 * 12), max_size=20)


def same_in_any_portions(make: Callable[[], Detector], stream: Stream, cuts: list[int]) -> None:
    count = len(stream[0])
    whole = found_in(make(), stream, rearm=True)
    assert found_in(make(), stream, [cut for cut in cuts if cut < count], rearm=True) == whole
    assert found_in(make(), stream, range(1, count), rearm=True) == whole


@settings(deadline=None, max_examples=60)
@given(stream=streams(80.0, NEWTONS), cuts=PORTIONS)
def test_the_portions_of_the_stream_do_not_change_the_onset(
    stream: Stream, cuts: list[int]
) -> None:
    same_in_any_portions(armed, stream, cuts)


@settings(deadline=None, max_examples=40)
@given(stream=streams(10.0, DEGREES), cuts=PORTIONS)
def test_the_portions_of_the_stream_do_not_change_the_holds(
    stream: Stream, cuts: list[int]
) -> None:
    same_in_any_portions(lambda: armed(HoldDetector), stream, cuts)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=90), st.floats(0.0, 100.0))
def test_the_percentile_equals_the_one_of_numpy(values: list[float], percent: float) -> None:
    expected = float(np.percentile(values, percent))
    assert low_percentile(values, percent) == pytest.approx(expected, rel=1e-9, abs=1e-6)


def movement(*after: tuple[float, int]) -> Stream:
    """Return an inclinometer at 10 Hz: 0° to 1.0 s, then 3° a sample to 30° at 2.0 s, and then."""
    ramp = [(3.0 * step, 1) for step in range(1, 11)]
    return steps(10.0, (0.0, 11), *ramp, *after)


def test_a_range_of_motion_begins_at_the_last_sample_of_its_zero_hold() -> None:
    """At 1.2 s the angle is 6° and so more than 5° away; the last still half second ended at 1.0 s.

    At 1.1 s the half second holds five 0° and one 3°: standard deviation √(9·5)/6 = 1.1°, moving.
    """
    taken, found = armed(HoldDetector).feed(*movement())
    assert taken == 13
    assert found == Found(EventType.BEGIN, 1.0, 0.0)


def test_a_range_of_motion_ends_after_a_second_of_stillness_elsewhere() -> None:
    """30° from 2.0 s on: at 2.9 s the second still holds one 27° (3·√10/11 = 0.86° > 0.5°)."""
    events = found_in(armed(HoldDetector), movement((30.0, 20)))
    assert events == [Found(EventType.BEGIN, 1.0, 0.0), Found(EventType.END, 3.0, 0.0)]


def test_coming_back_to_the_zero_is_no_end() -> None:
    events = found_in(armed(HoldDetector), movement((15.0, 1), (0.0, 40)))
    assert [event.kind for event in events] == [EventType.BEGIN]


def test_a_station_that_is_moving_from_the_start_finds_no_zero() -> None:
    moving = (np.arange(100) / 10.0, np.linspace(0.0, 297.0, 100))
    assert found_in(armed(HoldDetector), moving) == []


def test_a_disarmed_hold_detector_says_nothing() -> None:
    assert found_in(HoldDetector(SETTINGS), movement((30.0, 20))) == []
    detector = armed(HoldDetector)
    detector.disarm()
    assert not detector.armed
    assert found_in(detector, movement((30.0, 20))) == []


def test_a_new_segment_forgets_the_zero() -> None:
    detector = armed(HoldDetector)
    detector.feed(*steps(10.0, (0.0, 20)))
    assert detector.running_baseline() == pytest.approx(0.0)
    detector.reset()
    assert detector.armed
    assert detector.running_baseline() is None
    assert found_in(detector, steps(10.0, (30.0, 20))) == []


def test_the_jump_of_the_sensor_at_half_a_turn_is_no_movement() -> None:
    """179.8° and −179.8° in turn are a hold at 180° with a standard deviation of 0.2°."""
    trembling = steps(10.0, *[(179.8, 1), (-179.8, 1)] * 20)
    assert found_in(armed(HoldDetector), trembling) == []


def test_a_movement_across_half_a_turn_is_found_once() -> None:
    """From 170° by 3° a sample to 200°, which the sensor shows as −160°."""
    t_s, moved_deg = movement((30.0, 20))
    shown_deg = np.where(moved_deg + 170.0 > 180.0, moved_deg - 190.0, moved_deg + 170.0)
    events = found_in(armed(HoldDetector), (t_s, np.asarray(shown_deg, dtype=np.float64)))
    assert events == [Found(EventType.BEGIN, 1.0, 170.0), Found(EventType.END, 3.0, 170.0)]
