"""Where a contraction begins, by each method, on curves whose onset is derived by hand."""

from dataclasses import replace

import numpy as np
import pytest

from dynod.core.onset import OnsetMethod, offset, onset
from dynod.core.settings import AnalysisSettings
from dynod.model.samples import FloatArray
from tests.core.curves import SETTINGS, analysed, curves_of, grid, human_pull, trapezoid

METHODS = {method: replace(SETTINGS, onset_method=method.value) for method in OnsetMethod}


def onset_s(
    newtons: FloatArray, rate_hz: float, settings: AnalysisSettings, *, begin_s: float = 1.0
) -> float:
    """Return the onset of a tared curve whose recording begins at ``begin_s``, in s."""
    curve = curves_of(newtons, rate_hz, first=round(begin_s * rate_hz), settings=settings)
    peak = np.argmax(np.where(curve.during, curve.smooth_n, -np.inf), axis=1)
    return float(onset(curve, peak, settings)[0]) / rate_hz


def rise(t_s: FloatArray, *, rest_n: float = 0.0, slope: float = 500.0) -> FloatArray:
    """Return rest, a straight rise from 1.0 s to 400 N above it, and a hold."""
    return rest_n + np.clip(slope * (t_s - 1.0), 0.0, 400.0)


@pytest.mark.parametrize("rate_hz", [70.0, 82.0, 250.0, 300.0, 1000.0])
def test_fixed_is_the_rise_through_ten_newtons_between_samples(rate_hz: float) -> None:
    """500 N/s from 1.0 s, which is a sample at each of these rates: 10 N at 1.02 s."""
    t_s = grid(4.0, rate_hz)
    assert onset_s(rise(t_s), rate_hz, METHODS[OnsetMethod.FIXED]) == pytest.approx(1.02)
    moved = replace(SETTINGS, edge_n=25.0)
    assert onset_s(rise(t_s), rate_hz, moved) == pytest.approx(1.05)


def test_baseline_sd_is_the_rise_through_three_standard_deviations() -> None:
    """Rest swings by 4 ± 2 N: mean 4, standard deviation 2, level 4 + 3·2 = 10 N.

    The rise of 500 N/s begins at 4 N at 1.0 s: it has gained 6 N at 1.012 s.
    """
    t_s = grid(4.0, 1000.0)
    swing = np.where(t_s < 0.999, np.where(np.arange(len(t_s)) % 2, 2.0, -2.0), 0.0)
    newtons = rise(t_s, rest_n=4.0) + swing
    assert onset_s(newtons, 1000.0, METHODS[OnsetMethod.BASELINE_SD]) == pytest.approx(1.012)
    five = replace(METHODS[OnsetMethod.BASELINE_SD], onset_sd_factor=5.0)
    assert onset_s(newtons, 1000.0, five) == pytest.approx(1.02)  # 4 + 5·2 = 14 N


def test_baseline_sd_on_a_bench_without_noise_is_one_newton_above() -> None:
    t_s = grid(4.0, 1000.0)
    method = METHODS[OnsetMethod.BASELINE_SD]
    assert onset_s(rise(t_s, rest_n=3.0), 1000.0, method) == pytest.approx(1.002)
    floor = replace(method, onset_sd_floor_n=2.5)
    assert onset_s(rise(t_s, rest_n=3.0), 1000.0, floor) == pytest.approx(1.005)


def test_baseline_sd_without_a_preroll_is_one_newton_above_the_tare() -> None:
    t_s = grid(4.0, 1000.0)
    found_s = onset_s(rise(t_s), 1000.0, METHODS[OnsetMethod.BASELINE_SD], begin_s=0.0)
    assert found_s == pytest.approx(1.002)


def test_the_preroll_s_last_fifth_of_a_second_does_not_count_as_rest() -> None:
    """An onset trigger begins 20 N up the rise; 0.2 s before, nobody pulls yet.

    The rise of 500 N/s from 1.0 s reaches 20 N at 1.04 s. Mean 3 N, no noise: 4 N at 1.002 s.
    """
    t_s = grid(4.0, 1000.0)
    newtons = rise(t_s, rest_n=3.0)
    found_s = onset_s(newtons, 1000.0, METHODS[OnsetMethod.BASELINE_SD], begin_s=1.04)
    assert found_s == pytest.approx(1.002)


def test_percent_of_peak_is_the_rise_through_two_percent() -> None:
    """A rise of one second ends in 400 N without ringing: 8 N at 1.0 s + 8/400 s."""
    t_s = grid(5.0, 1000.0)
    slow = 400.0 * np.clip(t_s - 1.0, 0.0, 1.0)
    slow = np.where(t_s > 1.9, 360.0 + 40.0 * (1.0 - np.exp(-10.0 * (t_s - 1.9))), slow)
    method = METHODS[OnsetMethod.PERCENT_OF_PEAK]
    assert onset_s(slow, 1000.0, method) == pytest.approx(1.02, abs=1e-5)
    tenth = replace(method, onset_peak_fraction=0.1)
    assert onset_s(slow, 1000.0, tenth) == pytest.approx(1.1, abs=1e-5)


def test_back_track_goes_back_to_where_the_force_left_its_rest() -> None:
    """Rest 2 N, from 1.0 s by 20 N/s, from 1.5 s (12 N) by 800 N/s.

    10 N are passed at 1.4 s; the last crossing of 2 N is at 1.0 s.
    """
    t_s = grid(4.0, 100.0)
    newtons = np.interp(t_s, [1.0, 1.5, 2.0], [2.0, 12.0, 412.0])
    assert onset_s(newtons, 100.0, METHODS[OnsetMethod.FIXED]) == pytest.approx(1.4)
    assert onset_s(newtons, 100.0, METHODS[OnsetMethod.BACK_TRACK]) == pytest.approx(1.0)


def test_back_track_in_noise_stops_at_the_last_sample_at_rest() -> None:
    """Rest swings by 2 ± 1 N up to 0.99 s; from 2.5 N at 1.0 s on it rises by 50 N/s.

    The mean of the pre-roll is 2 N: it ends 0.2 s before the begin, after a whole number of swings.
    Between 1 N at 0.98 s and 3 N at 0.99 s the last crossing of 2 N lies halfway.
    """
    t_s = grid(4.0, 100.0)
    index = np.arange(len(t_s))
    swing = np.where(index % 2, 3.0, 1.0)
    newtons = np.where(index < 100, swing, 2.5 + 50.0 * (t_s - 1.0))
    newtons = np.minimum(newtons, 120.0)
    found_s = onset_s(newtons, 100.0, METHODS[OnsetMethod.BACK_TRACK], begin_s=1.0)
    assert found_s == pytest.approx(0.985)


@pytest.mark.parametrize("method", list(OnsetMethod))
def test_a_twitch_before_the_pull_is_no_onset(method: OnsetMethod) -> None:
    """50 N for 0.1 s, back to rest, and a pull at 500 N/s from 1.8 s on: half the peak is 200 N."""
    t_s = grid(5.0, 1000.0)
    twitch = np.where((t_s > 1.2) & (t_s < 1.3), 50.0, 0.0)
    newtons = np.maximum(twitch, np.clip(500.0 * (t_s - 1.8), 0.0, 400.0))
    assert 1.8 <= onset_s(newtons, 1000.0, METHODS[method]) <= 1.8201


@pytest.mark.parametrize("method", list(OnsetMethod))
def test_noise_at_rest_is_no_onset(method: OnsetMethod) -> None:
    """Noise of 0.5 N: all methods find the rise of 500 N/s from 1.0 s within what 2 N are, 4 ms.

    10 N and 2 % of 400 N come 20 and 16 ms after it, 3 SD (1.5 N) 3 ms.
    """
    t_s = grid(4.0, 1000.0)
    newtons = rise(t_s) + np.random.default_rng(4).normal(0.0, 0.5, len(t_s))
    after_s = {
        OnsetMethod.FIXED: 0.02,
        OnsetMethod.BASELINE_SD: 0.003,
        OnsetMethod.PERCENT_OF_PEAK: 0.016,
        OnsetMethod.BACK_TRACK: 0.0,
    }[method]
    assert onset_s(newtons, 1000.0, METHODS[method]) == pytest.approx(1.0 + after_s, abs=0.004)


@pytest.mark.parametrize("method", list(OnsetMethod))
def test_a_force_that_was_there_from_the_start_has_no_onset(method: OnsetMethod) -> None:
    """300 to 400 N all along: never at or below any level, the rest's mean of 300 N apart."""
    t_s = grid(4.0, 100.0)
    newtons = 300.0 + 25.0 * t_s
    found_s = onset_s(newtons, 100.0, METHODS[method], begin_s=0.0)
    assert np.isnan(found_s)


def test_a_recording_that_never_reaches_ten_newtons_has_no_time_to_peak() -> None:
    t_s = grid(4.0, 100.0)
    metrics = analysed(t_s, trapezoid(t_s, peak_n=9.0)).metrics
    assert metrics["time_to_peak_s"] is None
    assert metrics["impulse_n_s"] is None


def test_the_default_is_the_fixed_threshold_of_ten_newtons() -> None:
    assert AnalysisSettings().onset_method == OnsetMethod.FIXED.value
    assert AnalysisSettings().edge_n == 10.0
    t_s = grid(5.6, 1000.0)
    unchanged, named = (
        analysed(t_s, human_pull(t_s), settings=settings)
        for settings in (SETTINGS, METHODS[OnsetMethod.FIXED])
    )
    assert unchanged.metrics == named.metrics


def test_another_method_moves_what_counts_from_the_onset_and_nothing_else() -> None:
    t_s = grid(5.6, 1000.0)
    fixed = analysed(t_s, human_pull(t_s)).metrics
    early = analysed(t_s, human_pull(t_s), settings=METHODS[OnsetMethod.BACK_TRACK]).metrics
    assert fixed["time_to_peak_s"] is not None
    assert early["time_to_peak_s"] is not None
    assert early["time_to_peak_s"] > fixed["time_to_peak_s"]
    for name in ("peak_force_n", "mean_force_n", "fatigue_percent", "steadiness_cv_percent"):
        assert early[name] == fixed[name]


def test_a_method_of_another_name_is_refused() -> None:
    t_s = grid(4.0, 100.0)
    with pytest.raises(ValueError, match="visual"):
        onset_s(rise(t_s), 100.0, replace(SETTINGS, onset_method="visual"))


def offset_s(newtons: FloatArray, rate_hz: float) -> float:
    return float(offset(curves_of(newtons, rate_hz), SETTINGS)[0]) / rate_hz


def test_the_end_is_the_last_fall_through_ten_newtons() -> None:
    """1000 N/s down to 0 N at 4.8 s: 10 N at 4.79 s. A bump of 30 N after it is part of it."""
    t_s = grid(6.0, 250.0)
    assert offset_s(trapezoid(t_s), 250.0) == pytest.approx(4.79)
    bump = np.interp(t_s, [5.0, 5.1, 5.2, 5.3], [0.0, 30.0, 30.0, 0.0])
    assert offset_s(trapezoid(t_s) + bump, 250.0) == pytest.approx(5.2 + 20.0 / 300.0)


def test_a_force_that_never_falls_ends_with_the_recording() -> None:
    t_s = grid(3.0, 250.0)
    assert offset_s(trapezoid(t_s), 250.0) == pytest.approx(3.0)
    assert offset_s(np.zeros(len(t_s)), 250.0) == pytest.approx(3.0)
