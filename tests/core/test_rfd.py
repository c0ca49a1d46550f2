"""Rates of force development: by hand on straight pieces, by scipy.optimize on the model."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from dynod.core.rfd import model_fit, peak_rfd_n_per_s, rfd_n_per_s
from dynod.model.samples import FloatArray
from dynod.model.trial import Analysis
from tests.core.curves import SETTINGS, analysed, curves_of, grid, human_pull, trapezoid

WINDOWS_S = {
    "rfd_0_50_n_per_s": 0.05,
    "rfd_0_100_n_per_s": 0.1,
    "rfd_0_150_n_per_s": 0.15,
    "rfd_0_200_n_per_s": 0.2,
}


def pieces(t_s: FloatArray) -> FloatArray:
    """Return four straight pieces of 50 ms from 1.0 s on, and a hold.

    2000, 3000, 1000 and 200 N/s.
    """
    corners = [1.0, 1.05, 1.1, 1.15, 1.2]
    return np.interp(t_s, corners, [0.0, 100.0, 250.0, 300.0, 310.0])


@pytest.mark.parametrize("rate_hz", [100.0, 260.0, 1000.0])
def test_the_rate_is_the_gain_over_each_window_from_the_onset(rate_hz: float) -> None:
    """From 1.0 s: 100/0.05, 250/0.1, 300/0.15 and 310/0.2 N/s; every corner is a sample."""
    curve = curves_of(pieces(grid(3.0, rate_hz)), rate_hz)
    found = rfd_n_per_s(curve, np.array([rate_hz]), tuple(WINDOWS_S.values()))
    assert [rate.tolist() for rate in found] == [
        pytest.approx([rate]) for rate in (2000.0, 2500.0, 2000.0, 1550.0)
    ]


def test_in_a_trial_the_rate_counts_from_the_rise_through_ten_newtons() -> None:
    """The onset is at 1.005 s. The windows gain what the next piece adds in their last 5 ms.

    At 1.055 s 115 N, at 1.105 s 255 N, at 1.155 s 301 N, at 1.205 s 310 N, less 10 N each.
    """
    t_s = grid(3.5, 1000.0)
    metrics = analysed(t_s, pieces(t_s)).metrics
    expected_n = dict(zip(WINDOWS_S, (105.0, 245.0, 291.0, 300.0), strict=True))
    for name, window_s in WINDOWS_S.items():
        assert metrics[name] == pytest.approx(expected_n[name] / window_s)


def test_the_rate_past_the_end_and_without_an_onset_is_none() -> None:
    curve = curves_of(pieces(grid(1.12, 1000.0)), 1000.0)
    short, long = rfd_n_per_s(curve, np.array([1000.0]), (0.1, 0.15))
    assert short.tolist() == pytest.approx([2500.0])
    assert np.isnan(long).all()
    (nowhere,) = rfd_n_per_s(curve, np.array([np.nan]), (0.1,))
    assert np.isnan(nowhere).all()


def test_the_steepest_windows_of_straight_pieces() -> None:
    """20 ms: all on the piece of 3000 N/s. 200 ms: the four pieces, 310 N."""
    metrics = analysed(grid(3.5, 1000.0), pieces(grid(3.5, 1000.0))).metrics
    assert metrics["peak_rfd_20ms_n_per_s"] == pytest.approx(3000.0)
    # From the sample before the onset, 1.005 s, on: at 1.004 s 8 N, at 1.204 s 310 N.
    assert metrics["peak_rfd_200ms_n_per_s"] == pytest.approx(302.0 / 0.2, rel=0.01)


@pytest.mark.parametrize("rate_hz", [82.36, 333.3, 1000.0])
@pytest.mark.parametrize("window_s", [0.02, 0.2])
def test_a_straight_rise_has_its_own_slope_in_every_window(rate_hz: float, window_s: float) -> None:
    """800 N/s over 0.5 s, whatever fraction of a sample the window ends on."""
    t_s = grid(3.0, rate_hz)
    curve = curves_of(np.clip(800.0 * (t_s - 1.0), 0.0, 400.0), rate_hz)
    begin, peak = np.array([1.1 * rate_hz]), np.array([round(1.6 * rate_hz)])
    found = peak_rfd_n_per_s(curve, begin, peak, window_s)
    assert found.tolist() == pytest.approx([800.0])


def test_what_is_steep_before_the_onset_or_after_the_peak_does_not_count() -> None:
    """A knock at 0.3 s, and a later rise of 5000 N/s that begins after the peak's index."""
    t_s = grid(4.0, 1000.0)
    newtons = np.interp(
        t_s, [0.3, 0.32, 0.34, 1.0, 1.5, 3.0, 3.02], [0.0, 99.0, 0.0, 0.0, 400.0, 300.0, 400.0]
    )
    curve = curves_of(newtons, 1000.0)
    onset, peak = np.array([1012.5]), np.array([1500])
    assert peak_rfd_n_per_s(curve, onset, peak, 0.02).tolist() == pytest.approx([800.0])


def test_a_window_that_does_not_fit_any_more_is_none() -> None:
    curve = curves_of(800.0 * grid(0.1, 1000.0), 1000.0)
    onset, peak = np.array([0.0]), np.array([100])
    assert peak_rfd_n_per_s(curve, onset, peak, 0.1).tolist() == pytest.approx([800.0])
    assert np.isnan(peak_rfd_n_per_s(curve, onset, peak, 0.101)).all()
    assert np.isnan(peak_rfd_n_per_s(curve, np.array([np.nan]), peak, 0.02)).all()


def exponential(t_s: FloatArray, fmax_n: float, k_per_s: float) -> FloatArray:
    """Return Fmax·(1 − e^(−k·(t − 1 s))) from 1.0 s on, and nothing before."""
    return np.asarray(fmax_n * -np.expm1(-k_per_s * np.maximum(t_s - 1.0, 0.0)))


def model(t_s: FloatArray, fmax_n: float, k_per_s: float, t0_s: float) -> FloatArray:
    return np.asarray(fmax_n * (1.0 - np.exp(-k_per_s * (t_s - t0_s))))


def fitted(newtons: FloatArray, rate_hz: float, onset_s: float) -> tuple[float, float]:
    curve = curves_of(newtons, rate_hz)
    rate, error = model_fit(curve, np.array([onset_s * rate_hz]), SETTINGS)
    return float(rate[0]), float(error[0])


def by_scipy(newtons: FloatArray, rate_hz: float, onset_s: float) -> tuple[float, float]:
    """Fit the model with scipy's Levenberg-Marquardt; return Fmax·k and the error.

    The error as r-scripts/maximumIsometricForce.R of Chronojump has it: 100·residuals/mean(force),
    the mean of its absolute values.
    """
    first = math.ceil(onset_s * rate_hz - 1e-9)
    last = min(math.floor((onset_s + 1.0) * rate_hz + 1e-9), len(newtons) - 1)
    t_s = np.arange(first, last + 1) / rate_hz - onset_s
    force = newtons[first : last + 1]
    found, _ = optimize.curve_fit(model, t_s, force, p0=(force.max(), 5.0, 0.0), xtol=1e-14)
    residuals = force - model(t_s, *found)
    return float(found[0] * found[1]), float(100.0 * np.mean(np.abs(residuals)) / force.mean())


def test_a_trial_that_is_the_model_has_its_rate_and_no_error() -> None:
    """F = 400·(1 − e^(−8·t)): 3200 N/s at t = 0, although the onset lies 10 N up the rise."""
    t_s = grid(5.0, 1000.0)
    analysis = analysed(t_s, exponential(t_s, 400.0, 8.0))
    assert analysis.metrics["fit_rfd_n_per_s"] == pytest.approx(3200.0, rel=1e-6)
    assert analysis.metrics["fit_error_percent"] == pytest.approx(0.0, abs=1e-5)
    assert "fit_rfd_n_per_s" not in analysis.notes


@pytest.mark.parametrize("rate_hz", [51.0, 82.36, 250.0, 1000.0])
@pytest.mark.parametrize("k_per_s", [0.6, 2.0, 8.0, 25.0, 60.0])
@pytest.mark.parametrize("fmax_n", [60.0, 400.0])
def test_an_exact_exponential_is_found_at_any_rate(
    rate_hz: float, k_per_s: float, fmax_n: float
) -> None:
    """From wherever on the rise: here from 5 ms after its begin."""
    newtons = exponential(grid(4.0, rate_hz), fmax_n, k_per_s)
    rate, error = fitted(newtons, rate_hz, 1.005)
    assert rate == pytest.approx(fmax_n * k_per_s, rel=2e-6)
    assert error == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("rate_hz", "noise_n"), [(82.36, 3.0), (250.0, 3.0), (1000.0, 10.0)])
def test_a_noisy_exponential_is_fitted_as_scipy_fits_it(
    seed: int, rate_hz: float, noise_n: float
) -> None:
    random = np.random.default_rng(seed)
    k_per_s = float(random.uniform(3.0, 20.0))
    t_s = grid(3.0, rate_hz)
    newtons = exponential(t_s, 300.0, k_per_s) + random.normal(0.0, noise_n, len(t_s))
    rate, error = fitted(newtons, rate_hz, 1.0)
    expected_rate, expected_error = by_scipy(newtons, rate_hz, 1.0)
    assert rate == pytest.approx(expected_rate, rel=1e-5)
    assert error == pytest.approx(expected_error, rel=1e-4)


@pytest.mark.parametrize("rate_hz", [82.0, 250.0, 1000.0])
def test_a_rise_that_is_no_exponential_is_fitted_as_scipy_fits_it(rate_hz: float) -> None:
    """A raised cosine of 0.3 s starts gently, so that the model leaves zero after the onset."""
    newtons = human_pull(grid(4.0, rate_hz)) - 2.6
    rate, error = fitted(newtons, rate_hz, 1.23)
    expected_rate, expected_error = by_scipy(newtons, rate_hz, 1.23)
    assert rate == pytest.approx(expected_rate, rel=1e-5)
    assert error == pytest.approx(expected_error, rel=1e-4)


@pytest.mark.parametrize(
    "shape",
    [
        lambda t_s: 100.0 * np.maximum(t_s - 1.0, 0.0),  # a straight line: k → 0
        lambda t_s: np.where(t_s > 1.005, 400.0, 0.0),  # a step: k → ∞
        lambda t_s: exponential(t_s, 400.0, 0.3),
        lambda t_s: exponential(t_s, 400.0, 150.0),
        lambda t_s: np.where(t_s < 1.0, 0.0, 400.0 * np.exp(-3.0 * (t_s - 1.0))),  # a fall
        lambda t_s: np.zeros(len(t_s)),
        lambda t_s: np.full(len(t_s), 300.0),
    ],
)
def test_what_runs_against_the_bounds_has_no_rate(
    shape: Callable[[FloatArray], FloatArray],
) -> None:
    rate, error = fitted(np.asarray(shape(grid(4.0, 1000.0))), 1000.0, 1.0)
    assert math.isnan(rate)
    assert math.isnan(error)


@pytest.mark.parametrize(("last_s", "there"), [(1.003, False), (1.004, True)])
def test_the_fit_needs_five_samples(last_s: float, there: bool) -> None:
    rate, _ = fitted(exponential(grid(last_s, 1000.0), 400.0, 50.0), 1000.0, 1.0)
    assert math.isnan(rate) is not there
    assert math.isnan(fitted(np.zeros(100), 1000.0, math.nan)[0])


def test_only_the_first_second_from_the_onset_is_fitted() -> None:
    """What comes after it, here a second pull, does not count."""
    t_s = grid(5.0, 1000.0)
    later = np.where(t_s > 2.01, 300.0, 0.0)
    rate, error = fitted(exponential(t_s, 400.0, 8.0) + later, 1000.0, 1.0)
    assert rate == pytest.approx(3200.0, rel=1e-6)
    assert error == pytest.approx(0.0, abs=1e-4)


def test_a_poor_fit_is_named_and_kept() -> None:
    """400 N after 0.1 s, 250 N from 0.4 to 0.7 s: 150 N away for a third of the second."""
    t_s = grid(5.0, 1000.0)
    halting = np.interp(
        t_s, [1.0, 1.1, 1.4, 1.41, 1.7, 1.71], [0.0, 400.0, 400.0, 250.0, 250.0, 400.0]
    )
    analysis = analysed(t_s, halting)
    error = analysis.metrics["fit_error_percent"]
    assert error is not None
    assert error > 5.0
    assert analysis.metrics["fit_rfd_n_per_s"] is not None
    assert analysis.notes == {"fit_rfd_n_per_s": "poor_fit"}
    lenient = analysed(t_s, halting, settings=replace(SETTINGS, fit_error_percent=error + 0.1))
    assert lenient.notes == {}


def absent_by(least_hz: dict[str, float], rate_hz: float) -> dict[str, str]:
    return {name: f"rate_below_{hz:g}_hz" for name, hz in least_hz.items() if rate_hz < 0.99 * hz}


# Which rate each needs: White 2024, by way of facts/clinical.md section 5: no rate of force
# development below 50 Hz; below 250 Hz 0-200 ms and a moving window of 200 ms; 0-50 ms from 1 kHz.
LEAST_HZ = {
    "rfd_0_50_n_per_s": 1000.0,
    "rfd_0_100_n_per_s": 250.0,
    "rfd_0_150_n_per_s": 250.0,
    "rfd_0_200_n_per_s": 50.0,
    "peak_rfd_20ms_n_per_s": 1000.0,
    "peak_rfd_200ms_n_per_s": 50.0,
    "fit_rfd_n_per_s": 50.0,
    "fit_error_percent": 50.0,
}


def pulled(rate_hz: float, *, stamped: bool = True) -> Analysis:
    t_s = grid(5.0, rate_hz)
    return analysed(t_s, exponential(t_s, 400.0, 8.0), stamped=stamped)


@pytest.mark.parametrize(
    "rate_hz",
    [
        10.0,
        40.0,
        49.0,
        49.4,
        49.6,
        51.0,
        82.0,
        247.0,
        248.0,
        249.0,
        251.0,
        989.0,
        991.0,
        999.0,
        1000.0,
    ],
)
def test_each_rate_carries_its_metrics_and_names_the_others(rate_hz: float) -> None:
    """A rate is measured: one per cent below the limit is at the limit."""
    analysis = pulled(rate_hz)
    absent = absent_by(LEAST_HZ, rate_hz)
    assert dict(analysis.notes) == absent
    for name in LEAST_HZ:
        if name in absent:
            assert name not in analysis.metrics
        else:
            assert analysis.metrics[name] is not None


@pytest.mark.parametrize("rate_hz", [40.0, 82.0, 1000.0])
def test_without_stamps_of_the_device_no_rate_of_force_development_is_offered(
    rate_hz: float,
) -> None:
    """Bytes arrive when an adapter has time: with it every rate is absent, and nothing else."""
    analysis = pulled(rate_hz, stamped=False)
    assert dict(analysis.notes) == dict.fromkeys(LEAST_HZ, "times_from_arrival")
    assert set(analysis.metrics) == set(pulled(1000.0).metrics) - set(LEAST_HZ)
    assert analysis.valid is pulled(rate_hz).valid


def test_a_tare_changes_no_rate() -> None:
    t_s = grid(5.5, 1000.0)
    for shift_n in (5.0, -25.0):
        shifted = analysed(t_s, trapezoid(t_s) + shift_n).metrics
        for name in LEAST_HZ:
            assert shifted[name] == pytest.approx(analysed(t_s, trapezoid(t_s)).metrics[name])
