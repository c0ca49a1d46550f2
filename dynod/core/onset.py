"""Where a contraction begins and ends: four named methods, one of them the default.

All work on the tared, unfiltered force: a zero-lag filter would move a begin forward. Each looks
for the last crossing of its level before the force has reached half its peak, so that an earlier
twitch is no onset; the position is interpolated between samples.
"""

from collections.abc import Callable
from enum import StrEnum

import numpy as np

from dynod.core.curve import Curves
from dynod.core.even import BoolArray, IntArray, between, crossing, first_true, last_true
from dynod.core.settings import AnalysisSettings
from dynod.model.samples import FloatArray


class OnsetMethod(StrEnum):
    """How the begin of a contraction is found."""

    FIXED = "fixed"
    BASELINE_SD = "baseline_sd"
    PERCENT_OF_PEAK = "percent_of_peak"
    BACK_TRACK = "back_track"


def onset(curves: Curves, peak: IntArray, settings: AnalysisSettings) -> FloatArray:
    """Return the position of each onset, (m,); NaN where the force never rises through the level.

    ``peak`` (m,) is the index of each peak.
    """
    return _METHODS[OnsetMethod(settings.onset_method)](curves, peak, settings)


def onset_fixed(curves: Curves, peak: IntArray, settings: AnalysisSettings) -> FloatArray:
    """Rise through a fixed force, ``edge_n`` above the tare (default 10 N)."""
    return _rise(curves, peak, np.full(len(peak), settings.edge_n))


def onset_baseline_sd(curves: Curves, peak: IntArray, settings: AnalysisSettings) -> FloatArray:
    """Rise through the mean of the pre-roll plus ``onset_sd_factor`` standard deviations.

    At least ``onset_sd_floor_n`` above the mean: a bench without noise would else have an onset in
    its last digit (Tillin et al. 2013, Exerc Sport Sci Rev 41:201-210, on the choice of methods).
    """
    mean, deviation = _resting(curves)
    step = np.maximum(settings.onset_sd_factor * deviation, settings.onset_sd_floor_n)
    return _rise(curves, peak, mean + step)


def onset_percent_of_peak(curves: Curves, peak: IntArray, settings: AnalysisSettings) -> FloatArray:
    """Rise through a share of the peak, ``onset_peak_fraction`` (default 2 %)."""
    return _rise(curves, peak, settings.onset_peak_fraction * curves.smooth_n[curves.rows, peak])


def onset_back_track(curves: Curves, peak: IntArray, settings: AnalysisSettings) -> FloatArray:
    """From the rise through ``edge_n`` back to the last crossing of the pre-roll's mean."""
    threshold = onset_fixed(curves, peak, settings)
    mean, _ = _resting(curves)
    low = curves.force_n <= mean[:, np.newaxis]
    # Compared with NaN, no sample comes before.
    return crossing(curves.force_n, last_true(low & _up_to(curves, threshold)), mean)


_METHODS: dict[OnsetMethod, Callable[[Curves, IntArray, AnalysisSettings], FloatArray]] = {
    OnsetMethod.FIXED: onset_fixed,
    OnsetMethod.BASELINE_SD: onset_baseline_sd,
    OnsetMethod.PERCENT_OF_PEAK: onset_percent_of_peak,
    OnsetMethod.BACK_TRACK: onset_back_track,
}


def offset(curves: Curves, settings: AnalysisSettings) -> FloatArray:
    """Return where each contraction ends: the last fall through ``edge_n``, or the last sample."""
    level = np.full(len(curves.first), settings.edge_n)
    fall = crossing(curves.force_n, last_true(curves.force_n > settings.edge_n), level)
    return np.where(np.isfinite(fall), fall, float(curves.last))


def _rise(curves: Curves, peak: IntArray, level: FloatArray) -> FloatArray:
    """Return the last rise through a level before half the peak is reached, (m,)."""
    half_n = 0.5 * curves.smooth_n[curves.rows, peak]
    steep = first_true((curves.smooth_n >= half_n[:, np.newaxis]) & curves.during)
    low = curves.force_n <= level[:, np.newaxis]
    return crossing(curves.force_n, last_true(low & _up_to(curves, steep)), level)


def _up_to(curves: Curves, position: FloatArray | IntArray) -> BoolArray:
    """Return which samples come no later than a position, (m, n)."""
    before: BoolArray = np.arange(curves.last + 1) <= position[:, np.newaxis]
    return before


def _resting(curves: Curves) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of each pre-roll, (m,); 0 where there is none.

    What an onset trigger or a press let in of the pull itself is left out: the last fifth of a
    second.
    """
    begin = np.zeros(len(curves.first))
    resting, inside = between(curves.force_n, begin, curves.first - 0.2 * curves.rate_hz - 1.0)
    count = np.maximum(inside.sum(axis=1), 1)
    mean = np.where(inside, resting, 0.0).sum(axis=1) / count
    spread = np.where(inside, resting - mean[:, np.newaxis], 0.0)
    return mean, np.sqrt((spread**2).sum(axis=1) / count)
