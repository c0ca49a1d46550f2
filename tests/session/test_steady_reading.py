"""When a stream counts as steady, and what its reading is."""

import math

import numpy as np
import pytest

from dynod.session.steady_reading import Steady, SteadyReading, SteadyRules

RATE_HZ = 10.0
RULES = SteadyRules(settle_s=0.0, window_s=2.0, quiet_sd=0.5)


def feed(reading: SteadyReading, *values: float, begin_s: float = 0.0) -> Steady | None:
    return reading.feed(begin_s + np.arange(len(values)) / RATE_HZ, np.array(values))


def test_a_quiet_window_is_a_reading() -> None:
    reading = SteadyReading(RULES)
    assert feed(reading, *[3.0, 4.0] * 10) is None  # 1.9 s
    assert reading.progress == pytest.approx(0.95)
    steady = feed(reading, 3.0, begin_s=2.0)
    assert steady is not None
    # eleven 3 and ten 4: mean 3 + 10/21, sd² = (10·11/21)/20
    assert steady.count == 21
    assert steady.mean == pytest.approx(3.0 + 10.0 / 21.0)
    assert steady.sd == pytest.approx(math.sqrt(110.0 / 21.0 / 20.0))
    assert (steady.begin_s, steady.end_s) == pytest.approx((0.0, 2.0))


def test_what_comes_while_it_settles_does_not_count() -> None:
    reading = SteadyReading(SteadyRules(settle_s=1.0, window_s=1.0, quiet_sd=0.5))
    assert feed(reading, *[50.0] * 10) is None
    assert reading.settling
    steady = feed(reading, *[10.0] * 11, begin_s=1.0)
    assert steady is not None
    assert steady.mean == 10.0
    assert reading.disturbed == 0


def test_a_step_disturbs_a_window_that_had_begun() -> None:
    reading = SteadyReading(RULES)
    for place in range(15):
        assert feed(reading, 0.0, begin_s=0.1 * place) is None
    for place in range(15, 35):
        assert feed(reading, 10.0, begin_s=0.1 * place) is None
    assert reading.disturbed == 1
    assert reading.latest == 10.0
    steady = feed(reading, 10.0, begin_s=3.5)
    assert steady is not None
    assert steady.mean == 10.0


def test_a_move_soon_after_the_begin_disturbs_nothing() -> None:
    reading = SteadyReading(RULES)
    for place in range(20):
        assert feed(reading, 5.0 * place, begin_s=0.1 * place) is None
    assert reading.disturbed == 0


def test_a_drift_is_steady_only_when_it_ends() -> None:
    # 0.1 a sample is 2 in a window, whose standard deviation is 2/√12 = 0.58
    reading = SteadyReading(RULES)
    for place in range(60):
        assert feed(reading, 0.1 * place, begin_s=0.1 * place) is None
    steady = feed(reading, *[6.0] * 21, begin_s=6.0)
    assert steady is not None
    assert steady.mean == pytest.approx(6.0, abs=0.01)


def test_scatter_beyond_the_limit_is_not_steady() -> None:
    reading = SteadyReading(RULES)
    assert all(
        feed(reading, 0.8, -0.8, begin_s=0.2 * place) is None and reading.progress < 0.2
        for place in range(50)
    )


@pytest.mark.parametrize("split", [1, 7, 100])
def test_an_overload_begins_anew_however_the_samples_are_cut(split: int) -> None:
    reading = SteadyReading(RULES)
    values = np.array([1.0] * 15 + [math.nan] + [2.0] * 20)
    times = np.arange(len(values)) / RATE_HZ
    for low in range(0, len(values), split):
        part = slice(low, low + split)
        assert reading.feed(times[part], values[part]) is None
    steady = feed(reading, 2.0, begin_s=3.6)
    assert steady is not None
    assert (steady.mean, steady.count) == (2.0, 21)


@pytest.mark.parametrize("begin_s", [0.0, 30.0])
def test_a_gap_or_a_restarted_clock_begins_anew(begin_s: float) -> None:
    reading = SteadyReading(RULES)
    assert feed(reading, *[1.0] * 15) is None
    assert feed(reading, *[1.0] * 15, begin_s=begin_s) is None
    assert reading.disturbed == 1
    assert feed(reading, *[1.0] * 6, begin_s=begin_s + 1.5) is not None


def test_readings_that_are_sent_by_hand_count_one_by_one() -> None:
    reading = SteadyReading(SteadyRules(0.0, 0.0, 0.5))
    steady = feed(reading, 98.1)
    assert steady is not None
    assert (steady.mean, steady.sd, steady.count) == (98.1, 0.0, 1)


def test_a_slow_stream_still_needs_three_samples() -> None:
    reading = SteadyReading(SteadyRules(0.0, 0.5, 0.5))
    for place in range(2):
        assert reading.feed(np.array([0.9 * place]), np.array([5.0])) is None
    assert reading.feed(np.array([1.8]), np.array([5.0])) is not None
