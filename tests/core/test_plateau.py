"""What a hold is worth: means, hold, fatigue, steadiness, impulse; by hand and by brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.core.plateau import (
    best_mean_n,
    fatigue_percent,
    hold,
    impulse_n_s,
    seconds_above,
    steadiness_cv_percent,
)
from dynod.model.samples import FloatArray
from tests.core.curves import SETTINGS, analysed, curves_of, grid, hump, trapezoid


def triangle(t_s: FloatArray) -> FloatArray:
    """Return 100 N/s up to 400 N at 4.0 s, and down again."""
    return 400.0 - 100.0 * np.abs(t_s - 4.0)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("rate_hz", [40.0, 240.0, 1000.0])
def test_the_best_window_of_a_triangle_lies_around_its_tip(rate_hz: float, seconds: float) -> None:
    """The mean over w seconds around the tip is 400 − 100·w/4."""
    mean_n, begin = best_mean_n(curves_of(triangle(grid(8.0, rate_hz)), rate_hz), seconds)
    assert mean_n.tolist() == pytest.approx([400.0 - 25.0 * seconds])
    assert (begin / rate_hz).tolist() == pytest.approx([4.0 - 0.5 * seconds])


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("rate_hz", [41.3, 82.36, 333.3])
def test_a_window_that_is_no_whole_number_of_samples_loses_next_to_nothing(
    rate_hz: float, seconds: float
) -> None:
    """A window d seconds off the tip has the mean 400 − 100·(w/4 + d²/w).

    One of the windows that begin or end at a sample is at most half an interval h off: 100·h²/w
    less. And a tip between two samples is cut off by a triangle of at most 100·h² N·s.
    """
    mean_n, _ = best_mean_n(curves_of(triangle(grid(8.0, rate_hz)), rate_hz), seconds)
    best_n = 400.0 - 25.0 * seconds
    off_s = 0.5 / rate_hz
    assert best_n - 100.0 * 2.0 * off_s**2 / seconds <= mean_n[0] <= best_n + 1e-9


def best_by_force(newtons: FloatArray, width: float, first: int) -> float:
    """Return the best mean by trying every window that begins or ends at a sample."""
    index = np.arange(float(len(newtons)))
    last = len(newtons) - 1.0
    starts = np.concatenate((index, index - width))
    starts = starts[(starts >= first - 1e-9) & (starts + width <= last + 1e-9)]
    means = []
    for start in starts.tolist():
        inside = index[(index > start) & (index < start + width)]
        corners = np.concatenate(([start], inside, [start + width]))
        means.append(float(np.trapezoid(np.interp(corners, index, newtons), corners)) / width)
    return max(means, default=math.nan)


@settings(deadline=None, max_examples=60)
@given(
    newtons=st.lists(st.floats(-500.0, 500.0), min_size=2, max_size=40),
    rate_hz=st.sampled_from([1.0, 3.0, 4.0, 7.3, 10.0, 12.5]),
    seconds=st.sampled_from([0.5, 1.0, 3.0]),
    share=st.floats(0.0, 1.0),
)
def test_the_best_window_is_the_one_that_brute_force_finds(
    newtons: list[float], rate_hz: float, seconds: float, share: float
) -> None:
    first = int(share * (len(newtons) - 1))
    values = np.array(newtons)
    curve = curves_of(values, rate_hz, first=first)
    mean_n, begin = best_mean_n(curve, seconds)
    width = seconds * rate_hz
    expected_n = best_by_force(curve.force_n[0], width, first)
    assert mean_n[0] == pytest.approx(expected_n, rel=1e-9, abs=1e-9, nan_ok=True)
    if math.isfinite(begin[0]):
        assert first <= begin[0] <= len(newtons) - 1 - width + 1e-9


def test_each_window_has_its_own_mean_in_a_trial() -> None:
    """A trapezoid of 400 N held for 1.0 s, rising and falling by 1000 N/s.

    0.5 s and 1 s fit into the hold. 3 s centred on it hold all of it: (400·1.0 + 400·0.4)/3 N.
    """
    t_s = grid(5.5, 1000.0)
    metrics = analysed(t_s, trapezoid(t_s, hold_s=1.0, begin_s=1.5)).metrics
    assert metrics["mean_force_500ms_n"] == pytest.approx(400.0)
    assert metrics["mean_force_n"] == pytest.approx(400.0)
    assert metrics["mean_force_3s_n"] == pytest.approx(560.0 / 3.0)


def test_a_recording_shorter_than_the_window_has_no_mean_of_it() -> None:
    """From the begin at 1.0 s 2.9 s are left, and the pre-roll does not count."""
    t_s = grid(3.9, 100.0)
    metrics = analysed(t_s, trapezoid(t_s)).metrics
    assert metrics["mean_force_3s_n"] is None
    assert metrics["mean_force_n"] is not None
    t_s = grid(4.0, 100.0)
    assert analysed(t_s, trapezoid(t_s)).metrics["mean_force_3s_n"] is not None


def test_the_hold_of_a_trapezoid_ends_before_its_release() -> None:
    """Up by 1000 N/s from 1.0 s: 360 N at 1.36 s. Down from 4.4 s: 200 N at 4.6 s, less 0.25 s.

    The low-pass rounds the corners by less than two hundredths of a second.
    """
    t_s = grid(5.5, 1000.0)
    curve = curves_of(trapezoid(t_s), 1000.0, first=1000)
    first, last = hold(curve, np.array([400.0]), SETTINGS)
    assert first[0] / 1000.0 == pytest.approx(1.36, abs=0.02)
    assert last[0] / 1000.0 == pytest.approx(4.35, abs=0.02)


def test_a_hold_that_is_not_let_go_lasts_to_the_end() -> None:
    t_s = grid(3.0, 1000.0)
    _, last = hold(curves_of(trapezoid(t_s), 1000.0, first=1000), np.array([400.0]), SETTINGS)
    assert last.tolist() == [3000]


@pytest.mark.parametrize("peak_n", [0.0, -5.0])
def test_no_force_is_no_hold(peak_n: float) -> None:
    curve = curves_of(np.full(400, peak_n), 100.0)
    first, last = hold(curve, np.array([peak_n]), SETTINGS)
    assert (first.tolist(), last.tolist()) == ([-1], [-1])


def test_a_force_that_falls_all_the_while_is_let_go_and_not_held() -> None:
    """From 400 N by 200 N/s: within any half second it falls by 100 N, more than 15 % of 400 N."""
    t_s = grid(4.0, 1000.0)
    falling = np.interp(t_s, [1.0, 1.2, 3.2], [0.0, 400.0, 0.0])
    first, _ = hold(curves_of(falling, 1000.0, first=1000), np.array([400.0]), SETTINGS)
    assert first.tolist() == [-1]
    assert analysed(t_s, falling).metrics["fatigue_percent"] is None


@pytest.mark.parametrize("rate_hz", [40.0, 82.36, 1000.0])
def test_fatigue_is_what_the_last_half_second_lacks_of_the_first(rate_hz: float) -> None:
    """400 N at a hold's begin, 30 N/s less each second: means 392.5 N, and that less 30·(T − 0.5).

    On a straight line the mean over samples is the value in the middle, whatever the rate; half a
    second is a whole number of samples to within half an interval.
    """
    curve = curves_of(400.0 - 30.0 * grid(4.0, rate_hz), rate_hz)
    first, last = np.array([0]), np.array([round(4.0 * rate_hz)])
    part_s, whole_s = round(0.5 * rate_hz) / rate_hz, last[0] / rate_hz
    early_n = 400.0 - 15.0 * part_s
    expected = 100.0 * 30.0 * (whole_s - part_s) / early_n
    found = fatigue_percent(curve, first, last, SETTINGS)
    assert found.tolist() == pytest.approx([expected])
    assert expected == pytest.approx(100.0 * 30.0 * 3.5 / 392.5, rel=0.01)


def test_fatigue_of_a_trial_that_declines_evenly() -> None:
    """400 N at 1.5 s, 20 N/s less each second, let go at 5.5 s (320 N), down by 1600 N/s.

    The hold begins at 360 N on the rise of 400 N in 0.2 s, at 1.48 s, and ends 0.25 s before 200 N,
    at 5.575 − 0.25 = 5.325 s. First half second, 1.48 to 1.98 s: 0.02 s of rise (mean 380 N) and
    0.48 s around 1.74 s (395.2 N): 394.6 N. Last, around 5.075 s: 328.5 N. The low-pass moves the
    ends of the hold by a hundredth of a second, and so the means by a fifth of a newton.
    """
    t_s = grid(6.5, 1000.0)
    newtons = np.interp(t_s, [1.3, 1.5, 5.5, 5.7], [0.0, 400.0, 320.0, 0.0])
    found = analysed(t_s, newtons).metrics["fatigue_percent"]
    assert found == pytest.approx(100.0 * (1.0 - 328.5 / 394.6), abs=0.2)


def test_a_force_that_grows_has_negative_fatigue() -> None:
    curve = curves_of(300.0 + 10.0 * grid(4.0, 100.0), 100.0)
    found = fatigue_percent(curve, np.array([0]), np.array([400]), SETTINGS)
    assert found.tolist() == pytest.approx([-100.0 * 35.0 / 302.5])


@pytest.mark.parametrize(("last", "there"), [(99, False), (100, True)])
def test_fatigue_needs_a_hold_of_a_second(last: int, there: bool) -> None:
    curve = curves_of(np.full(200, 300.0), 100.0)
    found = fatigue_percent(curve, np.array([0]), np.array([last]), SETTINGS)
    assert np.isfinite(found).tolist() == [there]
    assert np.isnan(fatigue_percent(curve, np.array([-1]), np.array([-1]), SETTINGS)).all()


@pytest.mark.parametrize("rate_hz", [250.0, 1000.0])
@pytest.mark.parametrize("amplitude_n", [1.0, 8.0])
def test_the_steadiness_of_a_sine_tremor(rate_hz: float, amplitude_n: float) -> None:
    """A sine of amplitude A over whole cycles has the standard deviation A/√2.

    The window holds both ends of its second: of n + 1 samples one too many, a share 1/n off.
    """
    t_s = grid(2.0, rate_hz)
    curve = curves_of(np.asarray(300.0 + amplitude_n * np.sin(2 * math.pi * 9.0 * t_s)), rate_hz)
    found = steadiness_cv_percent(curve, np.array([0.5 * rate_hz]), 1.0)
    expected = 100.0 * amplitude_n / math.sqrt(2.0) / 300.0
    assert found.tolist() == pytest.approx([expected], rel=1.5 / rate_hz)


def test_the_steadiness_of_a_trial_is_that_of_its_best_second() -> None:
    """3 N of tremor at 9 Hz on 400 N, and a far rougher stretch that is weaker."""
    t_s = grid(7.0, 1000.0)
    tremor = 3.0 * np.sin(2.0 * math.pi * 9.0 * t_s) * (t_s > 1.5)
    rough = np.where(
        (t_s > 4.0) & (t_s < 6.0), 30.0 * np.sin(2.0 * math.pi * 4.0 * t_s) - 40.0, 0.0
    )
    newtons = np.clip(2000.0 * (t_s - 1.0), 0.0, 400.0) + tremor + rough
    found = analysed(t_s, np.asarray(newtons)).metrics["steadiness_cv_percent"]
    assert found == pytest.approx(100.0 * 3.0 / math.sqrt(2.0) / 400.0, rel=0.01)


def test_the_steadiness_rests_on_the_standard_deviation_of_a_sample() -> None:
    """Over n − 1: eleven samples of a second at 10 Hz, against numpy."""
    newtons = 300.0 + np.random.default_rng(6).normal(0.0, 5.0, 40)
    found = steadiness_cv_percent(curves_of(newtons, 10.0), np.array([7.0]), 1.0)
    expected = 100.0 * np.std(newtons[7:18], ddof=1) / np.mean(newtons[7:18])
    assert found.tolist() == pytest.approx([float(expected)])


def test_a_window_without_force_has_no_steadiness() -> None:
    curve = curves_of(np.zeros(300), 100.0)
    assert np.isnan(steadiness_cv_percent(curve, np.array([0.0]), 1.0)).all()
    assert np.isnan(steadiness_cv_percent(curve, np.array([np.nan]), 1.0)).all()
    constant = curves_of(np.full(300, 50.0), 100.0)
    assert steadiness_cv_percent(constant, np.array([0.0]), 1.0).tolist() == pytest.approx([0.0])


@pytest.mark.parametrize("rate_hz", [40.0, 82.36, 1000.0])
def test_the_impulse_between_two_positions_is_exact_on_straight_pieces(rate_hz: float) -> None:
    """100 N/s from 0 s on: from a to b seconds 50·(b² − a²) N·s, wherever a and b lie."""
    curve = curves_of(100.0 * grid(4.0, rate_hz), rate_hz)
    found = impulse_n_s(curve, np.array([0.777 * rate_hz]), np.array([3.123 * rate_hz]))
    assert found.tolist() == pytest.approx([50.0 * (3.123**2 - 0.777**2)])
    assert np.isnan(impulse_n_s(curve, np.array([np.nan]), np.array([1.0]))).all()


def test_the_impulse_of_a_hump_is_the_area_under_it() -> None:
    """∫200·(1 − cos(2πx/6)) dx between its crossings of 10 N: 200·(x − 6/(2π)·sin(2πx/6))."""
    t_s = grid(8.0, 1000.0)
    begin_s = 6.0 / (2.0 * math.pi) * math.acos(0.95)
    half = 200.0 * (begin_s - 6.0 / (2.0 * math.pi) * math.sin(2.0 * math.pi * begin_s / 6.0))
    impulse = analysed(t_s, hump(t_s)).metrics["impulse_n_s"]
    assert impulse == pytest.approx(1200.0 - 2.0 * half, abs=1e-3)


@pytest.mark.parametrize(
    ("level_n", "seconds"), [(0.0, 3.8), (200.0, 3.4), (360.0, 3.08), (401.0, 0.0)]
)
def test_the_time_above_a_level_of_a_trapezoid(level_n: float, seconds: float) -> None:
    """3.0 s of hold and twice 0.4 s · (1 − level/400). At 20 Hz nothing is filtered."""
    t_s = grid(5.0, 20.0)
    curve = curves_of(trapezoid(t_s) - 1e-9, 20.0)
    assert seconds_above(curve, np.array([level_n])).tolist() == pytest.approx([seconds], abs=1e-6)


def test_the_time_above_a_level_counts_the_recording_alone() -> None:
    t_s = grid(5.0, 20.0)
    curve = curves_of(np.full(len(t_s), 300.0), 20.0, first=60)
    assert seconds_above(curve, np.array([100.0])).tolist() == pytest.approx([2.0])
