"""Butterworth low-pass in numpy: zero-lag for the result, causal for the live view.

Second order, run forward and backward: no lag, effective fourth order. Two passes would lower the
−3 dB point, so each is designed for a cut-off that is higher by (√2 − 1)^(−1/4) = 1/0.802 in the
bilinear transform's own frequency; the effective cut-off is then exact at every rate (Winter,
Biomechanics and Motor Control of Human Movement, 2009, section 3.4.4, gives the 0.802).

Edges are continued by point reflection, and each pass begins in the steady state of its first
sample, as in scipy.signal.filtfilt. That continues by nine samples whatever the rate, which at
1 kHz is shorter than the filter remembers: the end of a rise of 1000 N/s would be off by 10 N. Here
it is as long as the filter remembers (``padlen`` of filtfilt), and a straight line stays one.
"""

import math

import numpy as np
from numpy.typing import NDArray

from dynod.core.even import BoolArray, IntArray
from dynod.model.samples import FloatArray

_TWO_PASS: float = (math.sqrt(2.0) - 1.0) ** 0.25
_SETTLED = 1e-12  # of the force: what is left of an edge
_NEGLIGIBLE = 1e-16
_HIGHEST_RATE = 1e4  # times the cut-off: no load cell is read faster


def can_lowpass(rate_hz: FloatArray, cutoff_hz: float) -> BoolArray:
    """Tell whether the filter is sound at each rate: above 2/0.802 times the cut-off.

    Nearer to twice the cut-off the poles run into z = −1: a 20 Hz device whose rate is measured a
    rounding error above 20 Hz cannot be filtered at 10 Hz.
    """
    lowest_hz, highest_hz = 2.0 * cutoff_hz / _TWO_PASS, _HIGHEST_RATE * cutoff_hz
    sound: BoolArray = (lowest_hz < rate_hz) & (rate_hz <= highest_hz)
    return sound


def zero_lag_lowpass(values: FloatArray, rate_hz: float, cutoff_hz: float) -> FloatArray:
    """Return ``values`` (n,) low-passed without lag, (n,), in the unit of the input.

    Equal to scipy.signal.filtfilt of the same pass to 1e-9, with a ``padlen`` of ``edge_samples``.
    ``values`` must be finite and evenly sampled to within the clock's own jitter. Raises ValueError
    unless ``cutoff_hz < rate_hz / 2``.
    """
    if not 0.0 < cutoff_hz < rate_hz / 2.0:
        raise ValueError("the cut-off must lie between zero and half the sample rate")
    rows = zero_lag_lowpass_rows(values[np.newaxis], np.array([rate_hz]), cutoff_hz)
    single: FloatArray = rows[0]
    return single


def zero_lag_lowpass_rows(values: FloatArray, rates_hz: FloatArray, cutoff_hz: float) -> FloatArray:
    """Return ``values`` (m, n) low-passed without lag, (m, n); each row at its own rate, (m,)."""
    if values.shape[1] < 2 or not len(values):
        return values.copy()
    edges = edge_samples(rates_hz, cutoff_hz, values.shape[1])
    if len(set(edges.tolist())) == 1:
        return _both_passes(values, rates_hz, cutoff_hz, int(edges[0]))
    smooth = np.empty_like(values)
    for edge in set(edges.tolist()):
        rows = np.flatnonzero(edges == edge)
        smooth[rows] = _both_passes(values[rows], rates_hz[rows], cutoff_hz, edge)
    return smooth


def edge_samples(rates_hz: FloatArray, cutoff_hz: float, count: int) -> IntArray:
    """Return by how many samples the ends of ``count`` samples are continued, (m,)."""
    return np.minimum(_memory(rates_hz, cutoff_hz, _SETTLED), count - 1)


def _both_passes(
    values: FloatArray, rates_hz: FloatArray, cutoff_hz: float, edge: int
) -> FloatArray:
    count = values.shape[1]
    head = 2.0 * values[:, :1] - values[:, edge:0:-1]
    tail = 2.0 * values[:, -1:] - values[:, -2 : -edge - 2 : -1]
    extended = np.concatenate((head, values, tail), axis=1)
    if np.all(rates_hz == rates_hz[0]):
        rates_hz = rates_hz[:1]
    memory = int(np.max(_memory(rates_hz, cutoff_hz, _NEGLIGIBLE)))
    size = _fast_length(extended.shape[1] + memory)
    response = _frequency_response(rates_hz, cutoff_hz, size)
    forward = _one_pass(extended, response, size)
    return _one_pass(forward[:, ::-1], response, size)[:, ::-1][:, edge : edge + count]


def _one_pass(values: FloatArray, response: NDArray[np.complex128], size: int) -> FloatArray:
    # Filtering the difference to the first value is what beginning in the steady state means.
    first = values[:, :1]
    spectrum = np.fft.rfft(values - first, size)
    filtered: FloatArray = np.fft.irfft(spectrum * response, size)[:, : values.shape[1]] + first
    return filtered


def _frequency_response(
    rates_hz: FloatArray, cutoff_hz: float, size: int
) -> NDArray[np.complex128]:
    """Return 1/(1 + √2·s + s²) of one pass, the bilinear transform having s = i·tan(ω/2)/k."""
    half = np.arange(size // 2 + 1) * (math.pi / size)
    u = np.tan(half) / _prewarped(rates_hz, cutoff_hz)[:, np.newaxis]
    response: NDArray[np.complex128] = 1.0 / (1.0 - u * u + 1j * math.sqrt(2.0) * u)
    return response


def _prewarped(rates_hz: FloatArray, cutoff_hz: float) -> FloatArray:
    """Return one pass's cut-off in the bilinear transform's own frequency, (m,)."""
    warped: FloatArray = np.tan(math.pi * cutoff_hz / rates_hz) / _TWO_PASS
    return warped


def _memory(rates_hz: FloatArray, cutoff_hz: float, share: float) -> IntArray:
    """Return after how many samples one pass has forgotten all but a share, (m,).

    The poles' radius r has r² = (1 − √2·k + k²)/(1 + √2·k + k²).
    """
    k = _prewarped(rates_hz, cutoff_hz)
    log_radius = 0.5 * np.log1p(-2.0 * math.sqrt(2.0) * k / (1.0 + math.sqrt(2.0) * k + k * k))
    return 3 + np.ceil(math.log(share) / log_radius).astype(np.int64)


def _fast_length(least: int) -> int:
    """Return the next number that a Fourier transform is fast at: 2ⁿ times 1, 3, 5, 9 or 15."""
    return min(odd << max(0, math.ceil(math.log2(least / odd))) for odd in (1, 3, 5, 9, 15))


class CausalLowpass:
    """A second-order Butterworth low-pass for the live view; it lags, and never looks ahead.

    Equal to scipy.signal.sosfilt of butter(2), begun in the steady state of the first sample. Its
    −3 dB lie at ``cutoff_hz``.
    """

    def __init__(self, rate_hz: float, cutoff_hz: float) -> None:
        if not 0.0 < cutoff_hz < rate_hz / 2.0:
            raise ValueError("the cut-off must lie between zero and half the sample rate")
        k = math.tan(math.pi * cutoff_hz / rate_hz)
        norm = 1.0 / (1.0 + math.sqrt(2.0) * k + k * k)
        self._b0 = k * k * norm
        self._a1 = 2.0 * (k * k - 1.0) * norm
        self._a2 = (1.0 - math.sqrt(2.0) * k + k * k) * norm
        self._state: tuple[float, float, float, float] | None = None

    def reset(self) -> None:
        """Begin anew with the next sample."""
        self._state = None

    def feed(self, values: FloatArray) -> FloatArray:
        """Return the next samples filtered, (n,); they may come in any portions.

        A sample that is no number comes back as it is, and the filter begins anew behind it.
        """
        filtered = np.empty_like(values)
        for index, now in enumerate(values.tolist()):
            if not math.isfinite(now):
                self._state = None
                filtered[index] = now
                continue
            before, before_that, out, out_before = self._state or (now, now, now, now)
            new = self._b0 * (now + 2.0 * before + before_that)
            new -= self._a1 * out + self._a2 * out_before
            self._state = (now, before, new, out)
            filtered[index] = new
        return filtered
