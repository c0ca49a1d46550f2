"""Curves on an even grid, several at once: arrays are (m, n), m curves of n samples.

One formula serves a single trial (m = 1) and a batch. A *position* is a time in samples, a whole
number at a sample and a fraction between two; values between samples are interpolated linearly.
"""

import numpy as np
from numpy.typing import NDArray

from dynod.model.samples import FloatArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SAME = 1e-6  # samples; a rate is measured, so positions are whole only to a millionth


def at(values: FloatArray, position: FloatArray) -> FloatArray:
    """Return each row's value at positions, (m,) or (m, k); NaN outside the row or at NaN."""
    inside, low, share = _split(values, position)
    rows = _rows(position)
    here, there = values[rows, low], values[rows, np.minimum(low + 1, values.shape[1] - 1)]
    found: FloatArray = np.where(inside, here + share * (there - here), np.nan)
    return found


def first_true(mask: BoolArray) -> IntArray:
    """Return the index of each row's first True, (m,); -1 where there is none."""
    found = np.argmax(mask, axis=1)
    return np.where(mask[np.arange(len(mask)), found], found, -1)


def last_true(mask: BoolArray) -> IntArray:
    """Return the index of each row's last True, (m,); -1 where there is none."""
    back = first_true(mask[:, ::-1])
    return np.where(back < 0, -1, mask.shape[1] - 1 - back)


def crossing(values: FloatArray, index: IntArray, level: FloatArray) -> FloatArray:
    """Return the position between ``index`` and the next sample at which a level is passed, (m,).

    NaN where it is not, and where the index is negative or the last sample.
    """
    rows = np.arange(len(values))
    valid = (index >= 0) & (index < values.shape[1] - 1)
    low = np.where(valid, index, 0)
    here, there = values[rows, low], values[rows, np.minimum(low + 1, values.shape[1] - 1)]
    valid &= (np.minimum(here, there) <= level) & (level <= np.maximum(here, there))
    span = np.where(valid & (here != there), there - here, np.inf)
    passed: FloatArray = np.where(valid, low + (level - here) / span, np.nan)
    return passed


def running_area(values: FloatArray) -> FloatArray:
    """Return the integral from the first sample to each, (m, n), in values × samples."""
    area = np.zeros_like(values)
    np.cumsum(0.5 * (values[:, 1:] + values[:, :-1]), axis=1, out=area[:, 1:])
    return area


def area_at(values: FloatArray, area: FloatArray, position: FloatArray) -> FloatArray:
    """Return the integral from the first sample to positions, (m,) or (m, k); NaN as in ``at``.

    ``area`` is the running area of ``values``. Exact for linear interpolation between samples.
    """
    inside, low, share = _split(values, position)
    rows = _rows(position)
    here, there = values[rows, low], values[rows, np.minimum(low + 1, values.shape[1] - 1)]
    whole: FloatArray = area[rows, low] + share * (here + 0.5 * share * (there - here))
    return np.where(inside, whole, np.nan)


def mean_of(values: FloatArray, area: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    """Return the mean of each row's samples from ``first`` to ``last``, both included, (m,).

    ``area`` is the running area of ``values``: it differs from a running sum by half of both ends.
    """
    rows = np.arange(len(values))
    ends = 0.5 * (values[rows, first] + values[rows, last])
    mean: FloatArray = (area[rows, last] - area[rows, first] + ends) / (last - first + 1)
    return mean


def between(values: FloatArray, begin: FloatArray, end: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return each row's samples between two positions, both included, and which of them count.

    (m, longest) each: rows of fewer samples are filled up. None counts where a position is NaN.
    """
    known = np.isfinite(begin) & np.isfinite(end)
    last = values.shape[1] - 1
    first = np.clip(np.ceil(np.where(known, begin, 0.0) - SAME), 0, last + 1).astype(np.int64)
    stop = np.clip(np.floor(np.where(known, end, -1.0) + SAME), -1, last).astype(np.int64) + 1
    return cut(values, first, np.maximum(stop - first, 0))


def cut(values: FloatArray, first: IntArray, count: IntArray) -> tuple[FloatArray, BoolArray]:
    """Return ``count`` (m,) samples of each row from ``first`` (m,) on, and which of them count.

    (m, longest) each: rows of fewer samples are filled up. All samples must lie inside the row.
    """
    longest = int(np.max(count))
    if len(values) == 1:
        begin = int(first[0])
        return values[:, begin : begin + longest], np.ones((1, longest), dtype=bool)
    columns = np.arange(longest)
    index = np.minimum(first[:, np.newaxis] + columns, values.shape[1] - 1)
    return np.take_along_axis(values, index, axis=1), columns < count[:, np.newaxis]


def widths(seconds: float, rate_hz: FloatArray) -> FloatArray:
    """Return a duration in samples for each rate, (m,), above zero."""
    width = seconds * rate_hz
    whole = np.maximum(np.rint(width), 1.0)
    rounded: FloatArray = np.where(np.abs(width - whole) < SAME, whole, width)
    return rounded


def whole_width(seconds: float, rate_hz: FloatArray) -> FloatArray:
    """Return a duration in whole samples for each rate, (m,); halves go up.

    A quarter of a second at 250 Hz is 62.5 samples: which way that goes is not left to rounding.
    """
    whole: FloatArray = np.floor(seconds * rate_hz + 0.5 + SAME)
    return whole


def _split(values: FloatArray, position: FloatArray) -> tuple[BoolArray, IntArray, FloatArray]:
    """Return whether positions lie in the row, the sample before, and how far past it."""
    inside = (position >= 0.0) & (position <= values.shape[1] - 1)
    safe = np.where(inside, position, 0.0)
    low = safe.astype(np.int64)
    return inside, low, safe - low


def _rows(position: FloatArray) -> IntArray:
    rows = np.arange(len(position))
    return rows if position.ndim == 1 else rows[:, np.newaxis]
