"""Lone spikes: found against the median of their neighbours, replaced, and reported.

Hampel's identifier (Hampel 1974, J Am Stat Assoc 69:383-393) with a fixed scale in place of the
median absolute deviation: where a curve is smooth that deviation is nothing, and every wrinkle
would be a spike.
"""

import numpy as np

from dynod.core.even import BoolArray
from dynod.core.settings import AnalysisSettings
from dynod.model.samples import FloatArray

WINDOW = 5
# A lone sample that is off bends the curve at itself, and half as much the other way at its two
# neighbours; a corner or a tip does not. Beyond these, so many samples on either side are smooth.
_REACH = 6
_AROUND = np.array([*range(-_REACH, -1), *range(2, _REACH + 1)])
_NEIGHBOUR = 0.5
_TOLERANCE = 0.25


def hampel(force_n: FloatArray, settings: AnalysisSettings) -> tuple[FloatArray, BoolArray]:
    """Return the force with lone spikes replaced, and the mask of what was replaced, (m, n) each.

    A spike lies off the median of its five neighbours (itself included) by more than ``spike_n``
    and ``spike_fraction`` of the curve's largest median: a muscle does not come and go within two
    samples.
    """
    if force_n.shape[1] < WINDOW:
        return force_n, np.zeros(force_n.shape, dtype=bool)
    medians = running_median(force_n)
    largest = np.max(medians, axis=1, keepdims=True)
    limit = np.maximum(settings.spike_n, settings.spike_fraction * largest)
    mask = np.abs(force_n - medians) > limit
    return np.where(mask, medians, force_n), mask


def glitches(
    force_n: FloatArray, rate_hz: FloatArray, settings: AnalysisSettings
) -> tuple[FloatArray, BoolArray]:
    """Return the force with glitches replaced, and the mask of what was replaced, (m, n) each.

    A digit that a serial line took for another one is a spike too small for ``hampel``, and yet
    moves a peak or a rate. It lies off the middle of its two neighbours by more than ``glitch_n``,
    ``glitch_fraction`` of the curve's largest force and ``glitch_noise_factor`` times what is usual
    (the median) in the curve; each neighbour lies off the middle of its own by half as much to the
    other side, give or take a quarter; and no other of the six samples on either side by more than
    the ``glitch_factor``-th part. It becomes the middle of its neighbours. Below
    ``glitch_min_rate_hz`` (m,) nothing is one: there a muscle does come and go within two samples.
    """
    quick = rate_hz >= settings.glitch_min_rate_hz
    mask = np.zeros(force_n.shape, dtype=bool)
    if force_n.shape[1] < 2 * _REACH + 3 or not np.any(quick):
        return force_n, mask
    middle = 0.5 * (force_n[:, :-2] + force_n[:, 2:])
    bend = np.zeros_like(force_n)
    bend[:, 1:-1] = force_n[:, 1:-1] - middle
    size = np.abs(bend)
    limit = np.maximum(
        np.maximum(settings.glitch_n, settings.glitch_fraction * np.max(middle, axis=1)),
        settings.glitch_noise_factor * np.median(size, axis=1),
    )
    inner = slice(_REACH, -_REACH)
    mask[:, inner] = (size[:, inner] > limit[:, np.newaxis]) & quick[:, np.newaxis]
    rows, places = np.nonzero(mask)
    if not len(rows):
        return force_n, mask
    row, place = rows[:, np.newaxis], places[:, np.newaxis]
    own = bend[row, place]
    sides = bend[row, place + np.array([-1, 1])] / own + _NEIGHBOUR
    around = size[row, place + _AROUND] * settings.glitch_factor / np.abs(own)
    mask[rows, places] = np.all(np.abs(sides) <= _TOLERANCE, axis=1) & np.all(around <= 1.0, axis=1)
    clean = force_n.copy()
    clean[:, 1:-1][mask[:, 1:-1]] = middle[mask[:, 1:-1]]
    return clean, mask


def running_median(values: FloatArray) -> FloatArray:
    """Return the median of each sample and its two neighbours on either side, (m, n), n at least 5.

    The outermost two at either end, which lack neighbours, after Tukey (1977, Exploratory Data
    Analysis, chapter 7; ``smoothEnds`` of R): the second from the end is the median of the last
    three, and the last that of itself, of the second median, and of where a line through the second
    and the third median leads. So a lone spike at an end is one, and a rise cut off is none.

    Five values are sorted by seven comparisons of whole arrays, of which the middle one is taken
    (Devillard 1998, opt_med5).
    """
    medians = np.empty_like(values)
    inner = values.shape[1] - WINDOW + 1
    a, b, c, d, e = (values[:, k : k + inner] for k in range(WINDOW))
    a, b = np.minimum(a, b), np.maximum(a, b)
    d, e = np.minimum(d, e), np.maximum(d, e)
    a, d = np.minimum(a, d), np.maximum(a, d)  # a is below two others: not the median
    b, e = np.minimum(b, e), np.maximum(b, e)  # e is above two others: not the median
    b, c = np.minimum(b, c), np.maximum(b, c)
    c, d = np.minimum(c, d), np.maximum(c, d)
    np.maximum(b, c, out=medians[:, 2:-2])
    for given, found in ((values, medians), (values[:, ::-1], medians[:, ::-1])):
        found[:, 1] = _median_of_three(given[:, 0], given[:, 1], given[:, 2])
        ahead = 3.0 * found[:, 1] - 2.0 * found[:, 2]
        found[:, 0] = _median_of_three(given[:, 0], found[:, 1], ahead)
    return medians


def _median_of_three(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    middle: FloatArray = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    return middle
