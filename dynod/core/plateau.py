"""What a hold is worth: best means, time above a level, fatigue, steadiness."""

import numpy as np

from dynod.core.curve import Curves
from dynod.core.even import (
    BoolArray,
    IntArray,
    area_at,
    between,
    first_true,
    last_true,
    mean_of,
    whole_width,
    widths,
)
from dynod.core.settings import AnalysisSettings
from dynod.model.samples import FloatArray


def best_mean_n(curves: Curves, seconds: float) -> tuple[FloatArray, FloatArray]:
    """Return the highest mean over any window of ``seconds``, and where it begins, (m,) each.

    NaN where the recording is shorter. Of all windows those that begin or end at a sample count.
    """
    width = widths(seconds, curves.rate_hz)
    gain, begin = np.full(len(width), np.nan), np.full(len(width), np.nan)
    fitting = width <= curves.last - curves.first
    whole = np.floor(np.where(fitting, width, 0.0)).astype(np.int64)
    halves = whole + np.ceil(np.where(fitting, width, 0.0)).astype(np.int64)
    for half in set(halves[fitting].tolist()):  # rows of nearly one rate go together
        rows = np.flatnonzero(fitting & (halves == half))
        gain[rows], begin[rows] = _best_window(curves, rows, half // 2, width[rows] - half // 2)
    mean_n: FloatArray = gain / width
    return mean_n, begin


def _best_window(
    curves: Curves, rows: IntArray, step: int, share: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the largest integral over ``step`` samples and a ``share`` (rows,), and its begin.

    Of these rows either all have a share above zero or none has.
    """
    base = int(np.min(curves.first[rows]))
    part = slice(None) if len(rows) == len(curves.first) else rows
    area, force = curves.area[part, base:], curves.force_n[part, base:]
    if not np.any(share):
        gains = area[:, step:] - area[:, : area.shape[1] - step]
        best = _best_from(gains, curves.first[rows] - base)
        return gains[np.arange(len(rows)), best], best.astype(np.float64) + base
    # A window that begins at a sample ends between two others, and the other way round.
    count = area.shape[1] - step - 1
    rise, part_of = np.diff(force, axis=1), share[:, np.newaxis]
    past = part_of * (force[:, step:-1] + 0.5 * part_of * rise[:, step:])
    forward = area[:, step:-1] - area[:, :count] + past
    rest = 1.0 - part_of
    past = rest * (force[:, :count] + 0.5 * rest * rise[:, :count])
    backward = area[:, step + 1 :] - area[:, :count] - past
    at_sample = forward >= backward
    gains = np.where(at_sample, forward, backward)
    best = _best_from(gains, curves.first[rows] - base)
    each = np.arange(len(rows))
    later = np.where(at_sample[each, best], 0.0, 1.0 - share)
    return gains[each, best], best.astype(np.float64) + base + later


def _best_from(gains: FloatArray, first: IntArray) -> IntArray:
    """Return the index of each row's largest value from an index on, (m,)."""
    if np.any(first):
        gains = np.where(np.arange(gains.shape[1]) >= first[:, np.newaxis], gains, -np.inf)
    best: IntArray = np.argmax(gains, axis=1)
    return best


def seconds_above(curves: Curves, level_n: FloatArray) -> FloatArray:
    """Return for how long each smooth curve lies above its level, (m,), crossings interpolated."""
    base = int(np.min(curves.first))
    smooth, level = curves.smooth_n[:, base:], level_n[:, np.newaxis]
    low = np.minimum(smooth[:, 1:], smooth[:, :-1])
    high = np.maximum(smooth[:, 1:], smooth[:, :-1])
    span = np.where(high > low, high - low, 1.0)
    with np.errstate(over="ignore"):  # a span of nearly nothing: the share is 0 or 1 all the same
        share = np.where(low >= level, 1.0, np.clip((high - level) / span, 0.0, 1.0))
    total: FloatArray = np.where(curves.during[:, base:-1], share, 0.0).sum(axis=1)
    return total / curves.rate_hz


def hold(
    curves: Curves, peak_n: FloatArray, settings: AnalysisSettings
) -> tuple[IntArray, IntArray]:
    """Return first and last index of each hold, (m,) each; first is -1 where there is none.

    From the first sample at ``plateau_fraction`` of the peak to ``release_s`` before the force last
    falls below half the peak; none where the force falls all the while: it is let go, not held.
    """
    level = settings.plateau_fraction * peak_n[:, np.newaxis]
    first = first_true((curves.smooth_n >= level) & curves.during)
    half = last_true((curves.smooth_n >= 0.5 * peak_n[:, np.newaxis]) & curves.during)
    early = np.where(half < curves.last, whole_width(settings.release_s, curves.rate_hz), 0.0)
    last = np.maximum(half - early, -1.0).astype(np.int64)
    there = (peak_n > 0.0) & (first >= 0) & (last > first)
    there &= _is_held(curves, last, peak_n, settings)
    return np.where(there, first, -1), np.where(there, last, -1)


def _is_held(
    curves: Curves, last: IntArray, peak_n: FloatArray, settings: AnalysisSettings
) -> BoolArray:
    """Tell whether the last part before an index is nearly level, (m,)."""
    begin = last - settings.fatigue_part_s * curves.rate_hz
    part, inside = between(curves.smooth_n, begin, last.astype(np.float64))
    high = np.max(np.where(inside, part, -np.inf), axis=1, initial=-np.inf)
    low = np.min(np.where(inside, part, np.inf), axis=1, initial=np.inf)
    level: BoolArray = high - low <= settings.held_fraction * np.maximum(peak_n, 0.0)
    return level & inside.any(axis=1)


def fatigue_percent(
    curves: Curves, first: IntArray, last: IntArray, settings: AnalysisSettings
) -> FloatArray:
    """Return how much lower the last half second of the hold is than its first, percent, (m,).

    NaN where the hold is shorter than one second.
    """
    part = whole_width(settings.fatigue_part_s, curves.rate_hz)
    long_enough = (first >= 0) & (part >= 1.0) & (last - first >= 2.0 * part)
    begin, end = np.where(long_enough, first, 0), np.where(long_enough, last, 0)
    width = np.where(long_enough, part, 0.0).astype(np.int64)
    early = mean_of(curves.force_n, curves.area, begin, begin + width)
    late = mean_of(curves.force_n, curves.area, end - width, end)
    usable = long_enough & (early > 0.0)
    return np.where(usable, 100.0 * (1.0 - late / np.where(usable, early, 1.0)), np.nan)


def steadiness_cv_percent(curves: Curves, begin: FloatArray, seconds: float) -> FloatArray:
    """Return the coefficient of variation over the best window of ``seconds``, percent, (m,)."""
    window, inside = between(curves.force_n, begin, begin + seconds * curves.rate_hz)
    count = inside.sum(axis=1)
    mean = np.where(inside, window, 0.0).sum(axis=1) / np.maximum(count, 1)
    spread = np.where(inside, window - mean[:, np.newaxis], 0.0)
    deviation = np.sqrt((spread**2).sum(axis=1) / np.maximum(count - 1, 1))
    usable = (count >= 3) & (mean > 0.0)
    return np.where(usable, 100.0 * deviation / np.where(usable, mean, 1.0), np.nan)


def impulse_n_s(curves: Curves, onset: FloatArray, offset: FloatArray) -> FloatArray:
    """Return the integral of each force between two positions, in N·s, (m,)."""
    both = area_at(curves.force_n, curves.area, np.stack((onset, offset), axis=1))
    impulse: FloatArray = (both[:, 1] - both[:, 0]) / curves.rate_hz
    return impulse
