"""Rates of force development: from onset, the steepest, and by a model.

Which of them are offered depends on the sample rate (`dynod.core.gates`). All from the tared,
unfiltered force: a filter flattens what is measured here (Maffiuletti et al. 2016, Eur J Appl
Physiol 116:1091-1116).
"""

import math

import numpy as np

from dynod.core.curve import Curves
from dynod.core.even import SAME, BoolArray, IntArray, at, cut
from dynod.core.settings import AnalysisSettings
from dynod.model.samples import FloatArray

_SLOWEST_PER_S, _FASTEST_PER_S = 0.5, 100.0
_LEAST_SAMPLES = 5
_COARSE = np.linspace(math.log(_SLOWEST_PER_S / 1.4), math.log(1.4 * _FASTEST_PER_S), 18)
_FINER = (0.05, 0.002)  # steps of ln k; a parabola through three of them is right to 1e-6


def rfd_n_per_s(
    curves: Curves, onset: FloatArray, windows_s: tuple[float, ...]
) -> tuple[FloatArray, ...]:
    """Return the mean rate over each window from each onset, (m,) each; NaN past the end."""
    steps_s = np.array([0.0, *windows_s])
    force = at(curves.force_n, onset[:, np.newaxis] + steps_s * curves.rate_hz[:, np.newaxis])
    return tuple(((force[:, 1:] - force[:, :1]) / steps_s[1:]).T)


def peak_rfd_n_per_s(
    curves: Curves, onset: FloatArray, peak: IntArray, window_s: float
) -> FloatArray:
    """Return the steepest rise over any window between onset and peak, (m,); NaN where none fits.

    Windows begin at samples, the first at the last one before the onset; one that is longer than
    the rise itself may end after the peak.
    """
    width = np.minimum(window_s * curves.rate_hz, float(curves.last + 1))
    step = np.ceil(width).astype(np.int64) - 1  # a whole window ends on its last sample
    begin = np.where(np.isfinite(onset), onset + SAME, 0.0).astype(np.int64)
    last = np.minimum(peak, curves.last - step - 1)  # no window ends past the last sample
    count = np.where(np.isfinite(onset), np.maximum(last - begin + 1, 0), 0)
    begin = np.where(count > 0, begin, 0)
    step = np.where(count > 0, step, 0)
    here, inside = cut(curves.force_n, begin, count)
    low, _ = cut(curves.force_n, begin + step, count)
    high, _ = cut(curves.force_n, begin + step + 1, count)
    gain = low + (width - step)[:, np.newaxis] * (high - low) - here
    steepest = np.max(np.where(inside, gain, -np.inf), axis=1, initial=-np.inf)
    return np.where(count > 0, steepest / window_s, np.nan)


def model_fit(
    curves: Curves, onset: FloatArray, settings: AnalysisSettings
) -> tuple[FloatArray, FloatArray]:
    """Fit F = Fmax·(1 − e^(−k·(t − t0))) from each onset; return RFD = Fmax·k in N/s and the error.

    t0 is where the model leaves zero: an onset lies on the rise, some newtons up. The fit is the
    least squares over ``fit_s`` from the onset, or to the end of the recording: for each k the best
    line in e^(−k·t) is known, and k is searched in its logarithm. The error is the mean absolute
    residual in percent of the mean force. NaN where fewer than five samples are there, or where k
    runs against the end of its range. Model, t0 and error: GNOME/chronojump,
    r-scripts/maximumIsometricForce.R (getForceModel), which warns at an error of 5 %.
    """
    t_s, force, used = _rises(curves, onset, settings)
    count = np.maximum(used.sum(axis=1), 1)
    mean = force.sum(axis=1) / count
    centred = np.where(used, force - mean[:, np.newaxis], 0.0)
    log_k = _best_log_k(t_s, centred, count)
    shape = np.exp(-np.exp(log_k)[:, np.newaxis] * t_s)
    middle = shape.sum(axis=1) / count
    shape = np.where(used, shape - middle[:, np.newaxis], 0.0)
    power = np.einsum("ij,ij->i", shape, shape)
    slope = np.einsum("ij,ij->i", shape, centred) / np.where(power > 0.0, power, 1.0)
    fmax = mean - slope * middle
    within = (log_k > math.log(_SLOWEST_PER_S)) & (log_k < math.log(_FASTEST_PER_S))
    sound = (count >= _LEAST_SAMPLES) & within & (slope < 0.0) & (fmax > 0.0) & (mean > 0.0)
    residual = np.abs(centred - slope[:, np.newaxis] * shape).sum(axis=1) / count
    error = 100.0 * residual / np.where(sound, mean, 1.0)
    return np.where(sound, fmax * np.exp(log_k), np.nan), np.where(sound, error, np.nan)


def _rises(
    curves: Curves, onset: FloatArray, settings: AnalysisSettings
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return times since the onset, forces and which are used, (m, longest) each.

    What is not used has an infinite time, so that e^(−k·t) is nothing, and no force.
    """
    begun = np.isfinite(onset)
    onset = np.where(begun, onset, 0.0)
    start = np.ceil(onset - SAME).astype(np.int64)
    end = np.minimum(np.floor(onset + settings.fit_s * curves.rate_hz + SAME), curves.last)
    count = np.where(begun, end.astype(np.int64) - start + 1, 0)
    force, used = cut(curves.force_n, start, np.maximum(count, 0))
    since = (start - onset)[:, np.newaxis] + np.arange(force.shape[1])
    t_s = np.where(used, since / curves.rate_hz[:, np.newaxis], np.inf)
    return t_s, np.where(used, force, 0.0), used


def _best_log_k(t_s: FloatArray, centred: FloatArray, count: IntArray) -> FloatArray:
    """Return ln k of the least squares for each row, (m,).

    Coarsely over the whole range, then by parabolas through three points that close in.
    """
    rows = np.arange(len(count))
    values = _explained(np.tile(_COARSE, (len(count), 1)), t_s, centred, count)
    best = np.clip(np.argmax(values, axis=1), 1, len(_COARSE) - 2)
    near = values[rows[:, np.newaxis], best[:, np.newaxis] + np.array([-1, 0, 1])]
    log_k = _vertex(_COARSE[best], near, float(_COARSE[1] - _COARSE[0]))
    for step in _FINER:
        points = log_k[:, np.newaxis] + step * np.array([-1.0, 0.0, 1.0])
        log_k = _vertex(log_k, _explained(points, t_s, centred, count), step)
    return log_k


def _vertex(middle: FloatArray, values: FloatArray, step: float) -> FloatArray:
    """Return where a parabola through three values each is highest, (m,), at most a step away."""
    left, centre, right = values.T
    bend = 2.0 * centre - left - right
    shift = 0.5 * (right - left) / np.where(bend > 0.0, bend, np.inf)
    vertex: FloatArray = middle + step * np.clip(shift, -1.0, 1.0)
    return vertex


def _explained(
    log_k: FloatArray, t_s: FloatArray, centred: FloatArray, count: IntArray
) -> FloatArray:
    """Return the sum of squares that the best line in e^(−k·t) explains, (m, j), for k (m, j)."""
    shape = np.exp(-np.exp(log_k)[:, :, np.newaxis] * t_s[:, np.newaxis, :])
    total = shape.sum(axis=2)
    power = np.einsum("ijk,ijk->ij", shape, shape) - total * total / count[:, np.newaxis]
    product = np.einsum("ijk,ik->ij", shape, centred)
    explained: FloatArray = product * product / np.where(power > 0.0, power, np.inf)
    return explained
