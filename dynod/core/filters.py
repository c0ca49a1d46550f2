"""Zero-lag Butterworth low-pass in numpy.

Second order, run forward and backward: no lag, effective fourth order. Two passes would lower the
−3 dB point, so each is designed for a cut-off that is higher by (√2 − 1)^(−1/4) = 1/0.802 in the
bilinear transform's own frequency; the effective cut-off is then exact at every rate (Winter,
Biomechanics and Motor Control of Human Movement, 2009, section 3.4.4, gives the 0.802). Edges are
continued by point reflection, as scipy.signal.filtfilt does by default.
"""

import math
from dataclasses import dataclass

import numpy as np

from dynod.model.samples import FloatArray

_TWO_PASS: float = (math.sqrt(2.0) - 1.0) ** 0.25
_EDGE_SAMPLES = 9  # three times the filter's length, the default of scipy.signal.filtfilt
_NEGLIGIBLE = 1e-16
_HIGHEST_RATE = 1e5  # times the cut-off; beyond it the poles run into z = 1


@dataclass(frozen=True, slots=True)
class Biquad:
    """One pass: y[n] = b0·x[n] + b1·x[n−1] + b2·x[n−2] − a1·y[n−1] − a2·y[n−2]."""

    b0: float
    b1: float
    b2: float
    a1: float
    a2: float


def can_lowpass(rate_hz: float, cutoff_hz: float) -> bool:
    """Tell whether the filter is sound at a rate: above 2/0.802 times the cut-off.

    Nearer to twice the cut-off the poles run into z = −1: a 20 Hz device whose rate is measured a
    rounding error above 20 Hz cannot be filtered at 10 Hz.
    """
    return 2.0 * cutoff_hz / _TWO_PASS < rate_hz <= _HIGHEST_RATE * cutoff_hz


def lowpass_pass(rate_hz: float, cutoff_hz: float) -> Biquad:
    """Return one pass of the zero-lag low-pass whose *effective* −3 dB lies at ``cutoff_hz``.

    Needs ``cutoff_hz < rate_hz / 2``; raises ValueError otherwise.
    """
    if not 0.0 < cutoff_hz < rate_hz / 2.0:
        raise ValueError("the cut-off must lie between zero and half the sample rate")
    k = math.tan(math.pi * cutoff_hz / rate_hz) / _TWO_PASS
    norm = 1.0 / (1.0 + math.sqrt(2.0) * k + k * k)
    b0 = k * k * norm
    return Biquad(
        b0, 2.0 * b0, b0, 2.0 * (k * k - 1.0) * norm, (1.0 - math.sqrt(2.0) * k + k * k) * norm
    )


def impulse_response(biquad: Biquad, longest: int) -> FloatArray:
    """Return the impulse response until it is negligible, at most ``longest`` samples.

    Closed form for a complex pole pair r·e^(±iθ): 1/A(z) has the response
    rⁿ·sin((n+1)θ)/sin θ, which the numerator then combines.
    """
    radius = math.sqrt(biquad.a2)
    theta = math.acos(-biquad.a1 / (2.0 * radius))
    needed = 3 + math.ceil(math.log(_NEGLIGIBLE) / math.log(radius))
    n = np.arange(min(longest, needed), dtype=np.float64)
    pole = radius**n * np.sin((n + 1.0) * theta) / math.sin(theta)
    response = biquad.b0 * pole
    response[1:] += biquad.b1 * pole[:-1]
    response[2:] += biquad.b2 * pole[:-2]
    return response


def zero_lag_lowpass(values: FloatArray, rate_hz: float, cutoff_hz: float) -> FloatArray:
    """Return ``values`` (n,) low-passed without lag, (n,), in the unit of the input.

    Equal to scipy.signal.filtfilt of the same pass to 1e-9. ``values`` must be finite and evenly
    sampled to within the clock's own jitter.
    """
    if len(values) < 2:
        return values.copy()
    edge = min(_EDGE_SAMPLES, len(values) - 1)
    head = 2.0 * values[0] - values[edge:0:-1]
    tail = 2.0 * values[-1] - values[-2 : -edge - 2 : -1]
    extended = np.concatenate((head, values, tail))
    response = impulse_response(lowpass_pass(rate_hz, cutoff_hz), len(extended))
    forward = _one_pass(extended, response)
    backward = _one_pass(forward[::-1], response)[::-1]
    return backward[edge : edge + len(values)].copy()


def _one_pass(values: FloatArray, response: FloatArray) -> FloatArray:
    # Filtering the difference to the first value is what starting in the steady state means.
    first = values[0]
    filtered: FloatArray = np.convolve(values - first, response)[: len(values)] + first
    return filtered
