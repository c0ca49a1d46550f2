"""Quality of a force curve: each flag with its definition, found for several curves at once.

Which flag warns and which rejects is not decided here but by a table (`dynod.model.flags`).
"""

import math
from dataclasses import dataclass

import numpy as np

from dynod.core.curve import Curves
from dynod.core.even import BoolArray, IntArray, between, cut, last_true, whole_width
from dynod.core.plateau import seconds_above
from dynod.core.settings import AnalysisSettings
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """What the metrics found and the flags need, (m,) each; positions in samples, NaN for none."""

    peak: IntArray
    peak_n: FloatArray
    onset: FloatArray
    offset: FloatArray
    hold_first: IntArray
    hold_last: IntArray
    mean_n: FloatArray
    best_begin: FloatArray
    fatigue_percent: FloatArray


def curve_flags(
    curves: Curves, marks: Landmarks, settings: AnalysisSettings
) -> dict[Flag, BoolArray]:
    """Return each flag with the curves that earn it, (m,)."""
    return {
        Flag.LOW_RATE: ~curves.filtered,
        Flag.SPIKE: np.any(curves.spikes | curves.glitches, axis=1),
        Flag.PEAK_ON_SPIKE: _peak_on_spike(curves, marks, settings),
        Flag.TOO_SHORT: _too_short(curves, marks, settings),
        Flag.PRE_TENSION: _pre_tension(curves, settings),
        Flag.COUNTERMOVEMENT: _countermovement(curves, marks, settings),
        Flag.EARLY_PEAK: _early_peak(curves, marks, settings),
        Flag.DOUBLE_PEAK: _double_peak(curves, marks, settings),
        Flag.DROP_OFF: _drop_off(marks, settings),
        Flag.YIELD: _yield(curves, marks, settings),
        Flag.NOISY_BASELINE: _noisy_baseline(curves, settings),
        Flag.BASELINE_SHIFT: _baseline_shift(curves, marks, settings),
    }


def _median(values: FloatArray, inside: BoolArray) -> FloatArray:
    """Return each row's median over the samples that count, (m,); NaN where none does."""
    rows, count = np.arange(len(values)), inside.sum(axis=1)
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    ordered = np.sort(np.where(inside, values, np.inf), axis=1)
    low = ordered[rows, np.maximum((count - 1) // 2, 0)]
    high = ordered[rows, np.minimum(count // 2, values.shape[1] - 1)]
    return np.where(count > 0, 0.5 * (low + high), np.nan)


def _lowest(values: FloatArray, inside: BoolArray) -> FloatArray:
    """Return each row's least sample that counts, (m,); infinite where none does."""
    lowest: FloatArray = np.min(np.where(inside, values, np.inf), axis=1, initial=np.inf)
    return lowest


def _highest(values: FloatArray, inside: BoolArray) -> FloatArray:
    """Return each row's largest sample that counts, (m,); minus infinity where none does."""
    return -_lowest(-values, inside)


def _peak_on_spike(curves: Curves, marks: Landmarks, settings: AnalysisSettings) -> BoolArray:
    """Find spikes that were removed within ``spike_reach_s`` of the peak."""
    if not np.any(curves.spikes):
        return np.zeros(len(marks.peak), dtype=bool)
    away = np.abs(np.arange(curves.last + 1) - marks.peak[:, np.newaxis])
    reach = settings.spike_reach_s * curves.rate_hz + 1e-6
    found: BoolArray = np.any(curves.spikes & (away <= reach[:, np.newaxis]), axis=1)
    return found


def _too_short(curves: Curves, marks: Landmarks, settings: AnalysisSettings) -> BoolArray:
    """Find less than ``plateau_s`` above ``plateau_fraction`` of the peak."""
    level = settings.plateau_fraction * marks.peak_n
    short: BoolArray = seconds_above(curves, level) < settings.plateau_s
    return short & (marks.peak_n > 0.0)


def _pre_tension(curves: Curves, settings: AnalysisSettings) -> BoolArray:
    """Find a median force above ``pre_tension_n`` from 0.5 to 0.2 s before the begin.

    An onset trigger fires 20 N up the rise, so the last fifth of a second is left out.
    """
    begin, end = curves.first - 0.5 * curves.rate_hz, curves.first - 0.2 * curves.rate_hz
    resting = _median(*between(curves.force_n, begin, end))
    return resting > settings.pre_tension_n


def _countermovement(curves: Curves, marks: Landmarks, settings: AnalysisSettings) -> BoolArray:
    """Find a dip of ``countermovement_n`` below where the force rested, just before the onset.

    The dip: the lowest unfiltered force in ``countermovement_s`` before the onset. Where it rested:
    the median of the half second before that.
    """
    begin = marks.onset - settings.countermovement_s * curves.rate_hz
    lowest = _lowest(*between(curves.force_n, begin, marks.onset))
    before = between(curves.force_n, begin - 0.5 * curves.rate_hz, begin - 1.0)
    return _median(*before) - lowest > settings.countermovement_n


def _early_peak(curves: Curves, marks: Landmarks, settings: AnalysisSettings) -> BoolArray:
    """Find a peak within ``early_peak_s`` of the onset, with a hold that stays well below it.

    Well below: the best second is lower than ``plateau_fraction`` of the peak. A jerk, no hold.
    """
    early = marks.peak - marks.onset < settings.early_peak_s * curves.rate_hz
    return early & (marks.mean_n < settings.plateau_fraction * marks.peak_n)


def _double_peak(curves: Curves, marks: Landmarks, settings: AnalysisSettings) -> BoolArray:
    """Find a dip between two stretches at ``plateau_fraction`` of the peak.

    It goes more than ``dip_fraction`` of the peak below that level.
    """
    level = settings.plateau_fraction * marks.peak_n[:, np.newaxis]
    last = last_true((curves.smooth_n >= level) & curves.during)
    lowest = _lowest(*_held(curves, marks, last))
    return lowest < (settings.plateau_fraction - settings.dip_fraction) * marks.peak_n


def _drop_off(marks: Landmarks, settings: AnalysisSettings) -> BoolArray:
    """Find a fall by more than ``drop_off_percent`` over the hold."""
    return marks.fatigue_percent > settings.drop_off_percent


def _yield(curves: Curves, marks: Landmarks, settings: AnalysisSettings) -> BoolArray:
    """Find a sudden fall inside the hold with more force after it than before: a limb gave way.

    Fall: by ``yield_fraction`` of the force within ``yield_s``. More: above the highest force
    before it by ``yield_gain_fraction``. A make test has become a break test.
    """
    held, inside = _held(curves, marks, marks.hold_last)
    found = np.zeros(len(marks.peak), dtype=bool)
    steps = np.maximum(whole_width(settings.yield_s, curves.rate_hz), 1.0)
    fallen = _lowest(held, inside) < (1.0 - settings.yield_fraction) * _highest(held, inside)
    for row in np.flatnonzero(fallen & (marks.peak_n > 0.0)):
        force = held[row, inside[row]]
        step = int(min(steps[row], len(force)))
        least = (1.0 - settings.yield_fraction) * force[:-step]
        fell = (least > 0.0) & (force[step:] < least)
        before = np.maximum.accumulate(force)[step:]
        after = np.maximum.accumulate(force[::-1])[::-1][step:]
        found[row] = np.any(fell & (after > (1.0 + settings.yield_gain_fraction) * before))
    return found


def _held(curves: Curves, marks: Landmarks, last: IntArray) -> tuple[FloatArray, BoolArray]:
    """Return the smooth force from the begin of each hold to an index, and which samples count."""
    there = marks.hold_first >= 0
    first = np.where(there, marks.hold_first, 0)
    return cut(curves.smooth_n, first, np.where(there, np.maximum(last - first + 1, 0), 0))


def _noisy_baseline(curves: Curves, settings: AnalysisSettings) -> BoolArray:
    """Find a pre-roll whose noise from sample to sample exceeds ``noise_sd_n``.

    Estimated from the median absolute difference of neighbours, over √2, so that neither leaning
    on the pad nor a drift counts as noise. The last fifth of a second may hold the rise.
    """
    end = curves.first - 0.2 * curves.rate_hz - 1.0
    resting, inside = between(curves.force_n, np.zeros(len(end)), end)
    median = _median(np.abs(np.diff(resting, axis=1)), inside[:, 1:])
    noisy: BoolArray = 1.4826 / math.sqrt(2.0) * median > settings.noise_sd_n
    return noisy


def _baseline_shift(curves: Curves, marks: Landmarks, settings: AnalysisSettings) -> BoolArray:
    """Find a device that rests ``baseline_shift_n`` elsewhere after the contraction than before.

    The median from 0.3 s after the last fall through the edge on. A shift may be larger than the
    edge: then from 0.6 s after the force was last at half its peak. It rests where at least 0.2 s
    are left and the median deviation from that median is at most ``quiet_sd_n``.
    """
    half = curves.smooth_n >= 0.5 * marks.peak_n[:, np.newaxis]
    fallen = marks.offset < curves.last
    begin = np.where(
        fallen,
        marks.offset + 0.3 * curves.rate_hz,
        last_true(half & curves.during) + 0.6 * curves.rate_hz,
    )
    begin = np.where(curves.last - begin >= 0.2 * curves.rate_hz, begin, np.nan)
    after, inside = between(curves.force_n, begin, np.full(len(begin), float(curves.last)))
    level = _median(after, inside)
    deviation = _median(np.abs(after - level[:, np.newaxis]), inside)
    shifted: BoolArray = np.abs(level) > settings.baseline_shift_n
    return shifted & (deviation <= settings.quiet_sd_n)
