"""When a stream counts as steady, and what its reading is."""

import math

import numpy as np
import pytest

from dynod.model.samples import SampleBlock
from dynod.session.steady_reading import Quiet, Steady, SteadyReading

RATE_HZ = 10.0
QUIET = Quiet(window_s=2.0, sd=0.5)


def block(*values: float, begin_s: float = 0.0, segment: int = 0) -> SampleBlock:
    """One channel of force, and one across that is always ten times that."""
    times = begin_s + np.arange(len(values)) / RATE_HZ
    rows = np.array([(value, 10.0 * value) for value in values])
    status = np.array([0 if math.isfinite(value) else 1 for value in values], np.uint8)
    return SampleBlock(times, rows, status, ("roll", "pitch"), segment)


def read(reading: SteadyReading, *values: float) -> Steady | None:
    return reading.feed(block(*values))


def test_a_window_of_quiet_samples_is_a_reading_of_every_channel() -> None:
    reading = SteadyReading("roll", QUIET)
    assert read(reading, *[3.0, 4.0, 3.0, 4.0] * 5) is None  # 1.9 s
    steady = reading.feed(block(3.5, begin_s=2.0))
    assert steady is not None
    assert steady.samples == 21
    assert steady.means == pytest.approx({"roll": 3.5, "pitch": 35.0})
    # ten times each of ±0.5 about the mean, and the mean itself: sqrt(20·0.25/20)
    assert steady.sd == pytest.approx(0.5)


def test_a_step_begins_the_window_anew() -> None:
    reading = SteadyReading("roll", QUIET)
    steady = read(reading, *[0.0] * 15, *[10.0] * 21)
    assert steady is not None
    assert steady.means["roll"] == 10.0
    assert reading.disturbed == 1


def test_a_move_soon_after_the_begin_disturbs_nothing() -> None:
    reading = SteadyReading("roll", QUIET)
    assert read(reading, 0.0, 5.0, 10.0, 15.0, 20.0) is None
    assert reading.disturbed == 0
    assert reading.level == 20.0


def test_a_drift_is_not_steady_until_it_ends() -> None:
    reading = SteadyReading("roll", QUIET)
    # 0.1 a sample: 2 in a window, its halves 1 apart; a sample is at most 1 off its stretch
    drifting = [0.1 * place for place in range(60)]
    assert read(reading, *drifting) is None
    steady = reading.feed(block(*[6.0] * 40, begin_s=6.0))
    assert steady is not None
    assert steady.means["roll"] == pytest.approx(6.0, abs=0.25)


def test_scatter_beyond_the_limit_is_not_steady() -> None:
    reading = SteadyReading("roll", QUIET)
    assert read(reading, *[-0.8, 0.8] * 100) is None


def test_samples_that_are_no_measurement_break_a_stretch() -> None:
    reading = SteadyReading("roll", QUIET)
    assert read(reading, *[1.0] * 15, math.nan, *[1.0] * 15) is None
    assert (reading.unusable, reading.disturbed) == (1, 1)


def test_a_new_segment_breaks_a_stretch() -> None:
    reading = SteadyReading("roll", QUIET)
    assert reading.feed(block(*[1.0] * 15)) is None
    assert reading.feed(block(*[1.0] * 15, begin_s=1.5, segment=1)) is None
    assert reading.share == pytest.approx(0.7)


def test_readings_that_are_sent_by_hand_count_one_by_one() -> None:
    reading = SteadyReading("roll", Quiet(window_s=0.0, sd=0.5))
    steady = read(reading, 98.1)
    assert steady is not None
    assert (steady.means["roll"], steady.samples) == (98.1, 1)


def test_a_slow_stream_still_needs_five_samples() -> None:
    times = np.arange(5.0)
    rows = np.ones((5, 1))
    reading = SteadyReading("force", Quiet(window_s=1.0, sd=0.1))
    slow = SampleBlock(times, rows, np.zeros(5, np.uint8), ("force",), 0)
    assert reading.feed(slow[:4]) is None
    assert reading.feed(slow[4:]) is not None
