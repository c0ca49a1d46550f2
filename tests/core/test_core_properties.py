"""What must hold of every curve: scaling, tare, sampling, reversal, shifting in time."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.core.filters import zero_lag_lowpass
from dynod.core.metrics import METRICS
from dynod.core.onset import OnsetMethod
from dynod.core.settings import AnalysisSettings
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray
from dynod.model.trial import Analysis
from tests.core.curves import SETTINGS, analysed, grid

NEWTON_LIMITS = (
    "quiet_sd_n",
    "tare_limit_n",
    "onset_n",
    "offset_n",
    "no_contraction_n",
    "edge_n",
    "pre_tension_n",
    "spike_n",
    "glitch_n",
    "onset_sd_floor_n",
    "countermovement_n",
    "noise_sd_n",
    "baseline_shift_n",
    "tester_limit_n",
)
IN_NEWTONS = {name for name, metric in METRICS.items() if metric.unit in ("N", "N/s", "N.s")}
WITHOUT_NEWTON_LIMIT = {Flag.TOO_SHORT, Flag.DOUBLE_PEAK, Flag.DROP_OFF, Flag.YIELD}
RATES_HZ = st.sampled_from([40.0, 82.36, 250.0, 1000.0])


@st.composite
def shapes(draw: st.DrawFn) -> tuple[FloatArray, FloatArray]:
    """Draw times from 0 s on and a force of straight pieces that rests in its first 1.2 s."""
    rate_hz = draw(RATES_HZ)
    steps_s = draw(st.lists(st.floats(0.1, 1.5), min_size=2, max_size=7))
    heights_n = draw(st.lists(st.floats(20.0, 600.0), min_size=len(steps_s), max_size=len(steps_s)))
    corners_s = np.cumsum([1.2, *steps_s, 0.4])
    t_s = grid(float(corners_s[-1]) + draw(st.floats(0.0, 1.5)), rate_hz)
    return t_s, np.interp(t_s, corners_s, [0.0, *heights_n, 0.0])


@st.composite
def noisy_shapes(draw: st.DrawFn) -> tuple[FloatArray, FloatArray]:
    """Draw a shape with some noise, a resting level and perhaps a spike."""
    t_s, newtons = draw(shapes())
    noise_n = draw(st.sampled_from([0.0, 0.3, 0.8]))
    noise = np.random.default_rng(draw(st.integers(0, 99))).normal(0.0, 1.0, len(t_s))
    newtons = newtons + noise_n * noise + draw(st.floats(-5.0, 5.0))
    if draw(st.booleans()):
        newtons[draw(st.integers(0, len(t_s) - 1))] += draw(st.floats(-500.0, 500.0))
    return t_s, newtons


def scaled_limits(factor: float, method: OnsetMethod) -> AnalysisSettings:
    limits = {name: factor * float(getattr(SETTINGS, name)) for name in NEWTON_LIMITS}
    return replace(SETTINGS, onset_method=method.value, **limits)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(
    curve=noisy_shapes(),
    factor=st.sampled_from([0.25, 0.5, 2.0, 8.0]),
    method=st.sampled_from(OnsetMethod),
)
def test_another_unit_of_force_changes_nothing_but_the_unit(
    curve: tuple[FloatArray, FloatArray], factor: float, method: OnsetMethod
) -> None:
    """Forces and all limits in newtons times a power of two, which is exact in floating point.

    Whatever else depends on newtons would show: a constant in the code that is no setting.
    """
    t_s, newtons = curve
    plain = analysed(t_s, newtons, settings=scaled_limits(1.0, method), hand_held=True)
    scaled = analysed(t_s, factor * newtons, settings=scaled_limits(factor, method), hand_held=True)
    beyond = {Flag.BEYOND_CALIBRATION}  # the certificate ends at 1000 N all the same
    assert set(scaled.flags) - beyond == set(plain.flags) - beyond
    for name, value in plain.metrics.items():
        expected = value if value is None or name not in IN_NEWTONS else factor * value
        assert scaled.metrics[name] == expected


@settings(deadline=None, max_examples=60)
@given(curve=shapes(), factor=st.floats(1.05, 1.6))
def test_a_stronger_pull_of_the_same_shape_has_the_same_ratios(
    curve: tuple[FloatArray, FloatArray], factor: float
) -> None:
    t_s, newtons = curve
    plain, scaled = analysed(t_s, newtons), analysed(t_s, factor * newtons)
    for name in ("peak_force_n", "mean_force_n", "mean_force_500ms_n", "mean_force_3s_n"):
        is_close(scaled.metrics[name], plain.metrics[name], factor=factor)
    if Flag.SPIKE not in {*plain.flags, *scaled.flags}:  # 20 N are a limit of it
        for name in ("fatigue_percent", "steadiness_cv_percent"):
            is_close(scaled.metrics[name], plain.metrics[name])
        assert set(scaled.flags) & WITHOUT_NEWTON_LIMIT == set(plain.flags) & WITHOUT_NEWTON_LIMIT


def is_close(found: float | None, expected: float | None, *, factor: float = 1.0) -> None:
    assert (found is None) is (expected is None)
    if found is not None and expected is not None:
        assert math.isclose(found, factor * expected, rel_tol=1e-6, abs_tol=1e-6)


@settings(deadline=None, max_examples=60)
@given(curve=noisy_shapes(), offset_n=st.floats(-20.0, 20.0))
def test_what_the_tare_takes_off_changes_no_result(
    curve: tuple[FloatArray, FloatArray], offset_n: float
) -> None:
    t_s, newtons = curve
    plain, shifted = analysed(t_s, newtons), analysed(t_s, newtons + offset_n)
    if plain.tare_n is None:
        return
    assert shifted.tare_n == pytest.approx(plain.tare_n + offset_n, abs=1e-9)
    for name, value in plain.metrics.items():
        if name != "raw_peak_force_n":
            is_close(shifted.metrics[name], value)
    assert set(shifted.flags) == set(plain.flags)


@settings(deadline=None, max_examples=40)
@given(curve=noisy_shapes(), later_s=st.sampled_from([0.5, 64.0, 4096.0]))
def test_the_hour_of_a_recording_does_not_matter(
    curve: tuple[FloatArray, FloatArray], later_s: float
) -> None:
    t_s, newtons = curve
    plain = analysed(t_s, newtons)
    later = analysed(t_s + later_s, newtons, start_s=1.0 + later_s)
    assert later.flags == plain.flags
    for name, value in plain.metrics.items():
        is_close(later.metrics[name], value)


def sampled(rate_hz: float, height_n: float, seconds: float, begin_s: float) -> Analysis:
    t_s = grid(8.0, rate_hz)
    share = np.clip((t_s - begin_s) / seconds, 0.0, 1.0)
    return analysed(t_s, np.asarray(0.5 * height_n * (1.0 - np.cos(2.0 * math.pi * share))))


@settings(deadline=None, max_examples=30)
@given(height_n=st.floats(60.0, 800.0), seconds=st.floats(3.0, 6.0), begin_s=st.floats(1.05, 1.3))
def test_the_rate_of_sampling_changes_neither_peak_nor_impulse(
    height_n: float, seconds: float, begin_s: float
) -> None:
    """A raised cosine of height A over T seconds, sampled at d seconds from any phase.

    Its curvature is at most c = A/2·(2π/T)². The sample nearest to the tip is at most d/2 off:
    c/2·(d/2)² lower. The low-pass takes (f/12.5)⁴ of the amplitude, f = 1/T: less than 1e-6 of it.
    The trapezoidal rule is off by at most T·d²·c/12, and each crossing of 10 N by c·d²/8 newtons,
    which over the slope there, at least that of a chord to the tip's half, A/T, are c·d²·T/(8·A)
    seconds of 10 N.
    """
    curvature = 0.5 * height_n * (2.0 * math.pi / seconds) ** 2
    exact = sampled(10_000.0, height_n, seconds, begin_s).metrics["impulse_n_s"]
    assert exact is not None
    for rate_hz in (80.0, 250.0, 500.0, 1000.0):
        metrics = sampled(rate_hz, height_n, seconds, begin_s).metrics
        interval_s = 1.0 / rate_hz
        lower_n = 0.5 * curvature * (0.5 * interval_s) ** 2 + 1e-6 * height_n
        peak_n, impulse = metrics["peak_force_n"], metrics["impulse_n_s"]
        assert peak_n is not None
        assert height_n - lower_n <= peak_n <= height_n + 1e-6 * height_n
        off = seconds * interval_s**2 * curvature / 12.0
        off += 2.0 * 10.0 * curvature * interval_s**2 * seconds / (8.0 * height_n)
        assert impulse == pytest.approx(exact, abs=off + 1e-6)


@settings(deadline=None, max_examples=40)
@given(
    rate_hz=RATES_HZ,
    width_s=st.floats(0.02, 1.0),
    seed=st.integers(0, 99),
)
def test_a_pulse_read_backwards_has_its_peak_where_it_was(
    rate_hz: float, width_s: float, seed: int
) -> None:
    """Zero lag: forwards and backwards give mirror images, and a symmetric pulse stays in place."""
    t_s = grid(4.0, rate_hz)
    middle = len(t_s) // 2
    pulse = np.asarray(300.0 * np.exp(-(((t_s - t_s[middle]) / width_s) ** 2)))
    smooth = zero_lag_lowpass(pulse, rate_hz, 10.0)
    back = zero_lag_lowpass(pulse[::-1], rate_hz, 10.0)[::-1]
    np.testing.assert_allclose(smooth, back, rtol=0.0, atol=1e-9)
    if len(t_s) % 2:
        assert int(np.argmax(smooth)) == int(np.argmax(back)) == middle
    noise = np.random.default_rng(seed).normal(0.0, 50.0, len(t_s))
    inner = (t_s > 1.0) & (t_s < 3.0)
    np.testing.assert_allclose(
        zero_lag_lowpass(noise, rate_hz, 10.0)[inner],
        zero_lag_lowpass(noise[::-1], rate_hz, 10.0)[::-1][inner],
        rtol=0.0,
        atol=1e-9,
    )
