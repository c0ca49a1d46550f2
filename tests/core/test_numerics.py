"""The filter against scipy.signal, the quantile against scipy.stats."""

import math

import numpy as np
import pytest
from scipy import signal, stats

from dynod.core.filters import can_lowpass, lowpass_pass, zero_lag_lowpass
from dynod.core.student_t import t_quantile
from dynod.model.samples import FloatArray

CUTOFF_HZ = 10.0


def scipy_lowpass(values: FloatArray, rate_hz: float, cutoff_hz: float) -> FloatArray:
    """Filter with scipy so that both passes together are 3 dB down at the cut-off.

    One Butterworth pass of order 2 has |H|² = 1/(1 + (w/wc)⁴); two passes have |H|², which is to be
    1/√2 at w: (w/wc)⁴ = √2 − 1. The bilinear transform maps f to w = tan(πf/rate).
    """
    w = math.tan(math.pi * cutoff_hz / rate_hz) / (math.sqrt(2.0) - 1.0) ** 0.25
    b, a = signal.butter(2, math.atan(w) * rate_hz / math.pi, fs=rate_hz)
    padding = min(9, len(values) - 1)
    return np.asarray(signal.filtfilt(b, a, values, padlen=padding), dtype=np.float64)


@pytest.mark.parametrize("rate_hz", [25.0, 82.36, 100.0, 1000.0])
@pytest.mark.parametrize("count", [2, 9, 10, 11, 50, 410, 5000])
def test_the_filter_equals_filtfilt_of_scipy(count: int, rate_hz: float) -> None:
    values = np.random.default_rng(count).normal(300.0, 50.0, count)
    np.testing.assert_allclose(
        zero_lag_lowpass(values, rate_hz, CUTOFF_HZ),
        scipy_lowpass(values, rate_hz, CUTOFF_HZ),
        rtol=0.0,
        atol=1e-9,
    )


@pytest.mark.parametrize("rate_hz", [82.36, 100.0, 1000.0])
def test_a_sine_at_the_cut_off_loses_three_decibels(rate_hz: float) -> None:
    t_s: FloatArray = np.arange(int(6.0 * rate_hz)) / rate_hz
    phase: FloatArray = 2.0 * math.pi * CUTOFF_HZ * t_s
    sine: FloatArray = np.sin(phase + 0.3)
    filtered = zero_lag_lowpass(sine, rate_hz, CUTOFF_HZ)
    middle = (t_s > 2.0) & (t_s < 4.0)
    waves = np.column_stack((np.sin(phase[middle]), np.cos(phase[middle])))
    in_phase, quadrature = np.linalg.lstsq(waves, filtered[middle], rcond=None)[0]
    assert math.hypot(in_phase, quadrature) == pytest.approx(math.sqrt(0.5), abs=1e-6)
    assert math.atan2(quadrature, in_phase) == pytest.approx(0.3, abs=1e-6)  # no lag


def test_a_symmetric_pulse_keeps_its_place_and_its_symmetry() -> None:
    t_s = np.arange(401) / 100.0
    pulse = np.where(np.abs(t_s - 2.0) < 0.5, 1.0 + np.cos(2.0 * math.pi * (t_s - 2.0)), 0.0)
    filtered = zero_lag_lowpass(np.asarray(200.0 * pulse, dtype=np.float64), 100.0, CUTOFF_HZ)
    assert int(np.argmax(filtered)) == 200
    np.testing.assert_allclose(filtered, filtered[::-1], atol=1e-9)


def test_a_constant_and_a_straight_line_pass_unchanged() -> None:
    """Point reflection continues a line as a line, and the filter's gain at 0 Hz is 1."""
    line = np.linspace(5.0, 65.0, 2000)
    filtered = zero_lag_lowpass(line, 100.0, CUTOFF_HZ)
    np.testing.assert_allclose(filtered[500:1500], line[500:1500], atol=1e-9)
    constant = np.full(50, 7.0)
    np.testing.assert_allclose(zero_lag_lowpass(constant, 100.0, CUTOFF_HZ), constant, atol=1e-12)


@pytest.mark.parametrize("values", [[], [4.0]])
def test_fewer_than_two_samples_are_returned_as_they_are(values: list[float]) -> None:
    given = np.array(values)
    filtered = zero_lag_lowpass(given, 100.0, CUTOFF_HZ)
    assert filtered.tolist() == values
    assert filtered is not given


@pytest.mark.parametrize(("rate_hz", "cutoff_hz"), [(20.0, 10.0), (10.0, 10.0), (100.0, 0.0)])
def test_a_cut_off_outside_zero_to_half_the_rate_is_refused(
    rate_hz: float, cutoff_hz: float
) -> None:
    with pytest.raises(ValueError, match="cut-off"):
        lowpass_pass(rate_hz, cutoff_hz)


@pytest.mark.parametrize("probability", [0.5, 0.6, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999])
def test_the_quantile_equals_the_one_of_scipy(probability: float) -> None:
    df = np.arange(1, 201)
    ours = [t_quantile(probability, int(each)) for each in df]
    theirs = np.asarray(stats.t.ppf(probability, df), dtype=np.float64)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("df", "printed"), [(1, 12.706), (2, 4.303), (10, 2.228), (120, 1.980)])
def test_the_quantile_agrees_with_the_printed_table(df: int, printed: float) -> None:
    """Two-sided 95 %: Abramowitz and Stegun 1964, table 26.10."""
    assert t_quantile(0.975, df) == pytest.approx(printed, abs=5e-4)


@pytest.mark.parametrize(("probability", "df"), [(0.975, 0), (0.4, 5), (1.0, 5), (math.nan, 5)])
def test_a_quantile_that_does_not_exist_is_refused(probability: float, df: int) -> None:
    with pytest.raises(ValueError, match="df >= 1"):
        t_quantile(probability, df)


@pytest.mark.parametrize(
    ("rate_hz", "possible"),
    [(20.0, False), (math.nextafter(20.0, 21.0), False), (25.0, True), (1e5, True), (1e300, False)],
)
def test_the_filter_is_not_tried_where_its_poles_reach_the_unit_circle(
    rate_hz: float, possible: bool
) -> None:
    assert can_lowpass(rate_hz, CUTOFF_HZ) is possible
