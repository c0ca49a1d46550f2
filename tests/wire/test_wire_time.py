"""Stream time: wraps and restarts of a counter, and the nominal rate held to arrivals."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.wire.clock import ArrivalClock, StampClock
from dynod.wire.profile import DeviceClock, NominalClock

RANGE = 1 << 32


def stamp_clock() -> StampClock:
    return StampClock(DeviceClock(kind="stamp", unit_s=1e-6))


def arrival_clock(rate_hz: float) -> ArrivalClock:
    return ArrivalClock(NominalClock(kind="nominal"), rate_hz)


def test_a_wrap_goes_on() -> None:
    clock = stamp_clock()
    first_s, _ = clock.one(RANGE - 1000)
    second_s, broke = clock.one(11_000)
    assert not broke
    assert second_s - first_s == pytest.approx(0.012)


@pytest.mark.parametrize("stamp", [0, 4_999_999, 15_000_001])
def test_backwards_or_more_than_ten_seconds_ahead_is_a_restart(stamp: int) -> None:
    clock = stamp_clock()
    clock.one(5_000_000)
    assert clock.one(stamp) == (stamp * 1e-6, True)


@pytest.mark.parametrize("stamp", [5_000_000, 5_000_001, 15_000_000])
def test_up_to_ten_seconds_ahead_is_the_same_run(stamp: int) -> None:
    clock = stamp_clock()
    clock.one(5_000_000)
    assert clock.one(stamp) == (stamp * 1e-6, False)


@settings(deadline=None)
@given(
    st.integers(0, 9_999_999_999), st.lists(st.integers(0, 10_000_000), max_size=50), st.booleans()
)
def test_many_stamps_are_as_one_after_another(start: int, steps: list[int], begun: bool) -> None:
    """Up to ten digits come from the wire, more than the counter can hold."""
    single, many = stamp_clock(), stamp_clock()
    if begun:
        single.one(start)
        many.one(start)
    stamps = [start]
    for step in steps:
        stamps.append((stamps[-1] + step) % RANGE)
    times = many.many(np.array(stamps))
    assert times is not None
    assert times.tolist() == [single.one(stamp)[0] for stamp in stamps]
    assert many.one(stamps[-1] + 7) == single.one(stamps[-1] + 7)


def test_many_with_a_restart_among_them_change_nothing() -> None:
    clock = stamp_clock()
    clock.one(1_000_000)
    assert clock.many(np.array([1_012_000, 0, 12_000])) is None
    assert clock.one(1_012_000) == (1_012_000 * 1e-6, False)


def test_an_event_shortly_before_the_newest_sample_does_not_move_the_clock() -> None:
    clock = stamp_clock()
    clock.one(RANGE - 1000)
    clock.one(11_000)
    before_s = clock.event(RANGE - 500)
    assert before_s == pytest.approx((RANGE - 500) * 1e-6)
    assert clock.one(11_500) == ((RANGE + 11_500) * 1e-6, False)


def test_an_event_with_an_old_stamp_happened_now_and_breaks_nothing() -> None:
    clock = stamp_clock()
    clock.one(60_000_000)
    assert clock.event(1_000) == 60_000_000 * 1e-6
    assert clock.one(60_012_000) == (60_012_000 * 1e-6, False)


def test_after_a_reset_nothing_broke() -> None:
    clock = stamp_clock()
    clock.one(60_000_000)
    clock.reset()
    assert clock.one(0) == (0.0, False)


def test_clumps_of_a_serial_adapter_do_not_become_jitter() -> None:
    """100 Hz through an adapter that hands on every 16 ms: arrivals 0 or 16 ms apart."""
    clock = arrival_clock(100.0)
    true_s = [0.01 * k for k in range(1, 3001)]
    clumps: dict[int, int] = {}
    for t_s in true_s:
        tick = math.ceil(t_s / 0.016 - 1e-9)
        clumps[tick] = clumps.get(tick, 0) + 1
    times = np.concatenate([clock.many(n, tick * 0.016) for tick, n in clumps.items()])
    settled = np.diff(times[200:])
    assert settled.min() > 0.0085
    assert settled.max() < 0.0115
    assert np.mean(settled) == pytest.approx(0.01, rel=1e-3)
    assert np.abs(times[200:] - true_s[200:]).max() < 0.016


@pytest.mark.parametrize("true_hz", [98.0, 102.0])
def test_a_crystal_two_percent_off_is_followed(true_hz: float) -> None:
    clock = arrival_clock(100.0)
    arrivals = [k / true_hz for k in range(6000)]
    times = np.concatenate([clock.many(1, arrival_s) for arrival_s in arrivals])
    assert np.diff(times[-1000:]).mean() == pytest.approx(1 / true_hz, rel=1e-4)
    assert np.abs(times[1000:] - arrivals[1000:]).max() < 0.001


def test_a_chunk_half_a_second_late_takes_time_along() -> None:
    clock = arrival_clock(100.0)
    for k in range(100):
        clock.many(1, 0.01 * k)
    (late_s,) = clock.many(1, 0.99 + 0.6)
    assert late_s == pytest.approx(1.59, abs=1e-6)


def test_a_chunk_a_little_late_does_not() -> None:
    clock = arrival_clock(100.0)
    for k in range(100):
        clock.many(1, 0.01 * k)
    (late_s,) = clock.many(1, 0.99 + 0.4)
    assert late_s < 1.1


@settings(deadline=None)
@given(
    st.sampled_from([4.0, 10.0, 100.0, 1000.0]),
    st.lists(st.tuples(st.integers(1, 200), st.floats(0.0, 5.0)), min_size=1, max_size=60),
)
def test_time_always_rises(rate_hz: float, chunks: list[tuple[int, float]]) -> None:
    clock, arrival_s, times = arrival_clock(rate_hz), 1e5, []
    for count, later_s in chunks:
        arrival_s += later_s
        times.extend(clock.many(count, arrival_s).tolist())
    assert len(times) == sum(count for count, _ in chunks)
    assert all(before < after for before, after in pairwise(times))
