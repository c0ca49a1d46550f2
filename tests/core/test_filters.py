"""The low-pass against scipy.signal, and against the closed form of its frequency response."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from dynod.core.filters import (
    CausalLowpass,
    can_lowpass,
    edge_samples,
    zero_lag_lowpass,
    zero_lag_lowpass_rows,
)
from dynod.model.samples import FloatArray
from tests.core.curves import CERTIFIED, analysed, grid, hump, trapezoid

CUTOFF_HZ = 10.0
RATES_HZ = [25.0, 40.0, 82.36, 100.0, 250.0, 1000.0, 4800.0]


def one_pass_hz(rate_hz: float, cutoff_hz: float = CUTOFF_HZ) -> float:
    """Return the cut-off of one pass so that both together are 3 dB down at ``cutoff_hz``.

    One Butterworth pass of order 2 has |H|² = 1/(1 + (w/wc)⁴); two passes have |H|², which is to be
    1/√2 at w: (w/wc)⁴ = √2 − 1. The bilinear transform maps f to w = tan(πf/rate).
    """
    w = math.tan(math.pi * cutoff_hz / rate_hz) / (math.sqrt(2.0) - 1.0) ** 0.25
    return math.atan(w) * rate_hz / math.pi


def remembered(rate_hz: float, count: int) -> int:
    """Return after how many samples the filter's poles have forgotten all but 1e-12."""
    _, poles, _ = signal.butter(2, one_pass_hz(rate_hz), fs=rate_hz, output="zpk")
    radius = float(np.max(np.abs(poles)))
    return min(3 + math.ceil(math.log(1e-12) / math.log(radius)), count - 1)


def scipy_lowpass(
    values: FloatArray, rate_hz: float, padding: int, cutoff_hz: float = CUTOFF_HZ
) -> FloatArray:
    b, a = signal.butter(2, one_pass_hz(rate_hz, cutoff_hz), fs=rate_hz)
    return np.asarray(signal.filtfilt(b, a, values, padlen=padding), dtype=np.float64)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("count", [2, 3, 9, 10, 11, 50, 410, 5000])
def test_the_filter_equals_filtfilt_of_scipy(count: int, rate_hz: float) -> None:
    values = np.random.default_rng(count).normal(300.0, 50.0, count)
    np.testing.assert_allclose(
        zero_lag_lowpass(values, rate_hz, CUTOFF_HZ),
        scipy_lowpass(values, rate_hz, remembered(rate_hz, count)),
        rtol=0.0,
        atol=1e-9,
    )


@pytest.mark.parametrize("rate_hz", [82.36, 1000.0])
def test_scipy_s_own_default_differs_near_the_ends_alone(rate_hz: float) -> None:
    """One pass forgets all but 1e-12 within half a second: 2 s from the ends nothing is left."""
    values = np.random.default_rng(7).normal(300.0, 50.0, round(6.0 * rate_hz))
    inner = slice(round(2.0 * rate_hz), round(4.0 * rate_hz))
    np.testing.assert_allclose(
        zero_lag_lowpass(values, rate_hz, CUTOFF_HZ)[inner],
        scipy_lowpass(values, rate_hz, 9)[inner],
        rtol=0.0,
        atol=1e-9,
    )


@pytest.mark.parametrize("cutoff_hz", [1.0, 5.0, 10.0, 20.0, 150.0])
def test_any_cut_off_equals_scipy(cutoff_hz: float) -> None:
    values = np.random.default_rng(3).normal(0.0, 100.0, 3000)
    (padding,) = edge_samples(np.array([1000.0]), cutoff_hz, 3000).tolist()
    np.testing.assert_allclose(
        zero_lag_lowpass(values, 1000.0, cutoff_hz),
        scipy_lowpass(values, 1000.0, padding, cutoff_hz),
        rtol=0.0,
        atol=1e-9,
    )


@pytest.mark.parametrize("count", [2, 30, 400])
def test_rows_of_many_rates_equal_each_row_alone(count: int) -> None:
    """More rows than one, of rates nearly alike, alike, and far apart."""
    rates_hz = np.array([82.0, 82.0, 82.0001, 82.9, 250.0, 1000.0, 25.0] * 5)
    values = np.random.default_rng(5).normal(100.0, 50.0, (len(rates_hz), count))
    together = zero_lag_lowpass_rows(values, rates_hz, CUTOFF_HZ)
    for row, rate_hz, filtered in zip(values, rates_hz.tolist(), together, strict=True):
        expected = scipy_lowpass(row, rate_hz, remembered(rate_hz, count))
        np.testing.assert_allclose(filtered, expected, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("rate_hz", [40.0, 82.36, 250.0, 1000.0])
@pytest.mark.parametrize("frequency_hz", [1.0, 5.0, 8.0, 10.0, 12.0, 15.0])
def test_a_sine_is_damped_as_the_closed_form_says(rate_hz: float, frequency_hz: float) -> None:
    """Both passes: 1/(1 + (w/wc)⁴), w = tan(πf/rate), and no lag at any frequency.

    At the cut-off of 10 Hz that is 1/(1 + √2 − 1) = 1/√2: three decibels.
    """
    t_s: FloatArray = np.arange(int(6.0 * rate_hz)) / rate_hz
    phase: FloatArray = 2.0 * math.pi * frequency_hz * t_s
    filtered = zero_lag_lowpass(np.asarray(np.sin(phase + 0.3)), rate_hz, CUTOFF_HZ)
    middle = (t_s > 2.0) & (t_s < 4.0)
    waves = np.column_stack((np.sin(phase[middle]), np.cos(phase[middle])))
    in_phase, quadrature = np.linalg.lstsq(waves, filtered[middle], rcond=None)[0]
    w = math.tan(math.pi * frequency_hz / rate_hz)
    wc = math.tan(math.pi * CUTOFF_HZ / rate_hz) / (math.sqrt(2.0) - 1.0) ** 0.25
    assert math.hypot(in_phase, quadrature) == pytest.approx(1.0 / (1.0 + (w / wc) ** 4), abs=1e-8)
    assert math.atan2(quadrature, in_phase) == pytest.approx(0.3, abs=1e-6)
    if frequency_hz == CUTOFF_HZ:
        assert math.hypot(in_phase, quadrature) == pytest.approx(math.sqrt(0.5), abs=1e-8)


def test_a_symmetric_pulse_keeps_its_place_and_its_symmetry() -> None:
    t_s = np.arange(401) / 100.0
    pulse = np.where(np.abs(t_s - 2.0) < 0.5, 1.0 + np.cos(2.0 * math.pi * (t_s - 2.0)), 0.0)
    filtered = zero_lag_lowpass(np.asarray(200.0 * pulse, dtype=np.float64), 100.0, CUTOFF_HZ)
    assert int(np.argmax(filtered)) == 200
    np.testing.assert_allclose(filtered, filtered[::-1], atol=1e-9)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_constant_and_a_straight_line_pass_unchanged_to_their_ends(rate_hz: float) -> None:
    """Point reflection continues a line as a line, and the filter's gain at 0 Hz is 1."""
    t_s = grid(4.0, rate_hz)
    for values in (5.0 + 300.0 * t_s, 600.0 - 300.0 * t_s, np.full(len(t_s), 7.0)):
        np.testing.assert_allclose(
            zero_lag_lowpass(values, rate_hz, CUTOFF_HZ), values, rtol=0.0, atol=1e-9
        )


@pytest.mark.parametrize("rate_hz", [82.0, 250.0, 1000.0])
def test_a_recording_cut_off_in_a_steep_rise_ends_with_the_force_it_had(rate_hz: float) -> None:
    """1000 N/s from 1.0 s, cut off at 1.3 s: 300 N at the last sample, which is the peak.

    With nine samples of continuation, whatever the rate, the peak at 1 kHz would be 290 N.
    """
    t_s = grid(1.3, rate_hz)
    metrics = analysed(t_s, trapezoid(t_s)).metrics
    assert metrics["peak_force_n"] == pytest.approx(1000.0 * (t_s[-1] - 1.0), abs=0.1)
    assert metrics["raw_peak_force_n"] == pytest.approx(metrics["peak_force_n"], abs=0.1)


@pytest.mark.parametrize("rate_hz", [82.0, 250.0, 1000.0])
@pytest.mark.parametrize("cut_s", [1.8, 2.5, 3.2])
def test_a_recording_that_begins_in_a_pull_has_no_onset_there(rate_hz: float, cut_s: float) -> None:
    """The hump of 6 s lies below 1 Hz: the filter leaves it as it is, up to the cut.

    Its curvature is at most 200·(2π/6)² = 219 N/s². What the reflection continues differs from the
    hump by no more than that times the square of the distance, and the filter looks about 20 ms
    far: 219·0.02² = 0.09 N. The force never rises through 10 N, and so there is no onset.
    """
    t_s = grid(7.5, rate_hz)
    kept = t_s >= cut_s
    filtered = zero_lag_lowpass(hump(t_s[kept]), rate_hz, CUTOFF_HZ)
    np.testing.assert_allclose(filtered, hump(t_s[kept]), rtol=0.0, atol=0.1)
    analysis = analysed(t_s[kept], hump(t_s[kept]), start_s=cut_s, fallback_tare_n=0.0)
    assert analysis.metrics["time_to_peak_s"] is None
    assert analysis.metrics["impulse_n_s"] is None
    assert analysis.metrics["peak_force_n"] == pytest.approx(400.0, abs=0.1)


@pytest.mark.parametrize("values", [[], [4.0]])
def test_fewer_than_two_samples_are_returned_as_they_are(values: list[float]) -> None:
    given_values = np.array(values)
    filtered = zero_lag_lowpass(given_values, 100.0, CUTOFF_HZ)
    assert filtered.tolist() == values
    assert filtered is not given_values


@pytest.mark.parametrize(("rate_hz", "cutoff_hz"), [(20.0, 10.0), (10.0, 10.0), (100.0, 0.0)])
def test_a_cut_off_outside_zero_to_half_the_rate_is_refused(
    rate_hz: float, cutoff_hz: float
) -> None:
    with pytest.raises(ValueError, match="cut-off"):
        zero_lag_lowpass(np.zeros(5), rate_hz, cutoff_hz)
    with pytest.raises(ValueError, match="cut-off"):
        CausalLowpass(rate_hz, cutoff_hz)


@pytest.mark.parametrize(
    ("rate_hz", "possible"),
    [
        (math.nan, False),
        (20.0, False),
        (math.nextafter(20.0, 21.0), False),
        (24.9, False),  # 20/0.802 = 24.93 Hz
        (25.0, True),
        (1e5, True),
        (1e300, False),
    ],
)
def test_the_filter_is_not_tried_where_its_poles_reach_the_unit_circle(
    rate_hz: float, possible: bool
) -> None:
    assert can_lowpass(np.array([rate_hz]), CUTOFF_HZ).tolist() == [possible]


def causal_of_scipy(values: FloatArray, rate_hz: float) -> FloatArray:
    """Filter with scipy, begun in the steady state of the first sample."""
    sos = signal.butter(2, CUTOFF_HZ, fs=rate_hz, output="sos")
    filtered, _ = signal.sosfilt(sos, values, zi=signal.sosfilt_zi(sos) * values[0])
    return np.asarray(filtered, dtype=np.float64)


@settings(deadline=None, max_examples=60)
@given(
    rate_hz=st.sampled_from([25.0, 40.0, 82.36, 250.0, 1000.0]),
    cuts=st.lists(st.integers(0, 300), max_size=12),
    seed=st.integers(0, 1000),
)
def test_the_causal_filter_equals_sosfilt_of_scipy_in_any_portions(
    rate_hz: float, cuts: list[int], seed: int
) -> None:
    values = np.random.default_rng(seed).normal(200.0, 100.0, 300)
    lowpass = CausalLowpass(rate_hz, CUTOFF_HZ)
    portions = [lowpass.feed(part) for part in np.split(values, sorted(cuts))]
    np.testing.assert_allclose(
        np.concatenate(portions), causal_of_scipy(values, rate_hz), rtol=0.0, atol=1e-9
    )


def test_the_causal_filter_begins_anew_after_a_reset() -> None:
    lowpass = CausalLowpass(82.0, CUTOFF_HZ)
    lowpass.feed(np.array([500.0, -500.0, 3.0]))
    lowpass.reset()
    values = np.array([7.0, 8.0, 20.0, -4.0])
    np.testing.assert_allclose(lowpass.feed(values), causal_of_scipy(values, 82.0), atol=1e-12)


def test_the_causal_filter_passes_over_what_is_no_number() -> None:
    values = np.array([7.0, 8.0, 20.0, -4.0])
    for wrong in (math.nan, math.inf):
        lowpass = CausalLowpass(82.0, CUTOFF_HZ)
        filtered = lowpass.feed(np.array([500.0, wrong, *values]))
        np.testing.assert_equal(filtered[1], wrong)
        np.testing.assert_allclose(filtered[2:], causal_of_scipy(values, 82.0), atol=1e-12)


def test_the_causal_filter_lags_and_passes_a_constant() -> None:
    lowpass = CausalLowpass(1000.0, CUTOFF_HZ)
    assert lowpass.feed(np.full(50, 7.0)).tolist() == pytest.approx([7.0] * 50)
    assert lowpass.feed(np.full(1, 100.0))[0] < 8.0


def test_a_trial_is_filtered_at_its_own_rate() -> None:
    """What the filter does to a tremor at 10 Hz does not depend on the rate: 20/√2 N are left."""
    for rate_hz in (82.0, 250.0, 1000.0):
        t_s = grid(8.0, rate_hz)
        held = 200.0 * (1.0 - np.cos(math.pi * np.clip(t_s - 1.0, 0.0, 1.0)))
        tremor = np.where(t_s > 2.0, 20.0 * np.sin(2.0 * math.pi * 10.0 * t_s), 0.0)
        analysis = analysed(t_s, np.asarray(held + tremor), calibration=CERTIFIED)
        expected_n = 400.0 + 20.0 / math.sqrt(2.0)
        assert analysis.metrics["peak_force_n"] == pytest.approx(expected_n, abs=0.3)
