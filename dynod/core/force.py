"""Metrics of a force-time curve. Definitions and sources: ``metrics.METRICS``."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dynod.core.filters import can_lowpass, zero_lag_lowpass
from dynod.core.settings import AnalysisSettings
from dynod.model.samples import FloatArray

_SPIKE_WINDOW = 5


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A tared force curve, begin to end of the recording, with its pre-roll in front.

    ``t_s``, ``force_n``, ``smooth_n``: (n,); ``force_n`` is tared and free of lone spikes,
    ``smooth_n`` low-passed besides (or the same where the rate does not allow the filter).
    ``first`` is the index of the first sample of the recording proper; ``spikes_s`` the times of
    the samples that were removed.
    """

    t_s: FloatArray
    force_n: FloatArray
    smooth_n: FloatArray
    first: int
    spikes_s: FloatArray
    filtered: bool

    @property
    def peak_index(self) -> int:
        """Index of the peak force."""
        return self.first + int(np.argmax(self.smooth_n[self.first :]))

    @property
    def peak_n(self) -> float:
        """The peak force, in N."""
        return float(self.smooth_n[self.peak_index])


def make_curve(
    t_s: FloatArray,
    tared_n: FloatArray,
    start_s: float,
    rate_hz: float | None,
    settings: AnalysisSettings,
) -> Curve:
    """Return the curve of a recording; at least one sample must lie at or after ``start_s``."""
    clean, spikes = without_spikes(tared_n, settings)
    can_filter = rate_hz is not None and can_lowpass(rate_hz, settings.lowpass_hz)
    smooth = (
        zero_lag_lowpass(clean, rate_hz, settings.lowpass_hz)
        if can_filter and rate_hz is not None
        else clean
    )
    first = int(np.searchsorted(t_s, start_s, side="left"))
    return Curve(t_s, clean, smooth, first, t_s[spikes], can_filter)


def without_spikes(
    force_n: FloatArray, settings: AnalysisSettings
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the force with lone spikes replaced, and the mask of what was replaced, (n,) each.

    A spike lies off the median of its five neighbours (itself included) by more than
    ``spike_n`` and ``spike_fraction`` of the largest median: a muscle does not come and go
    within two samples (Hampel's identifier with a fixed scale).
    """
    mask = np.zeros(len(force_n), dtype=bool)
    if len(force_n) < _SPIKE_WINDOW:
        return force_n, mask
    half = _SPIKE_WINDOW // 2
    padded = np.pad(force_n, half, mode="edge")
    medians = np.median(sliding_window_view(padded, _SPIKE_WINDOW), axis=1)
    limit = max(settings.spike_n, settings.spike_fraction * float(np.max(medians)))
    mask = np.abs(force_n - medians) > limit
    return np.where(mask, medians, force_n), mask


def onset_s(curve: Curve, settings: AnalysisSettings) -> float | None:
    """Return when the contraction begins; None when the force never rises through the edge."""
    half = np.flatnonzero(curve.smooth_n[curve.first :] >= 0.5 * curve.peak_n)
    if not len(half):
        return None
    steep = curve.first + int(half[0])
    low = np.flatnonzero(curve.force_n[: steep + 1] <= settings.edge_n)
    if not len(low) or low[-1] + 1 >= len(curve.t_s):
        return None
    return _crossing_s(curve, int(low[-1]), settings.edge_n)


def offset_s(curve: Curve, settings: AnalysisSettings) -> float:
    """Return when the contraction ends: the last fall through the edge, or the last sample."""
    above = np.flatnonzero(curve.force_n > settings.edge_n)
    if not len(above) or above[-1] + 1 >= len(curve.t_s):
        return float(curve.t_s[-1])
    return _crossing_s(curve, int(above[-1]), settings.edge_n)


def _crossing_s(curve: Curve, index: int, level_n: float) -> float:
    """Return where the force passes a level between a sample and the next, interpolated."""
    here, there = float(curve.force_n[index]), float(curve.force_n[index + 1])
    share = 0.0 if here == there else (level_n - here) / (there - here)
    begin, end = float(curve.t_s[index]), float(curve.t_s[index + 1])
    return begin + min(max(share, 0.0), 1.0) * (end - begin)


def force_metrics(
    curve: Curve, raw_peak_n: float, rate_hz: float | None, settings: AnalysisSettings
) -> dict[str, float | None]:
    """Return the metrics of a curve that need neither body mass nor lever arm."""
    begin = onset_s(curve, settings)
    peak_s = float(curve.t_s[curve.peak_index])
    metrics: dict[str, float | None] = {
        "peak_force_n": curve.peak_n,
        "raw_peak_force_n": raw_peak_n,
        "mean_force_n": best_mean_n(curve.t_s[curve.first :], curve.force_n[curve.first :], 1.0),
        "time_to_peak_s": None if begin is None else max(0.0, peak_s - begin),
    }
    if rate_hz is not None and rate_hz >= settings.rfd_early_min_rate_hz:
        metrics["rfd_0_100_n_per_s"] = rfd_n_per_s(curve, begin, 0.1)
    if rate_hz is not None and rate_hz >= settings.rfd_min_rate_hz:
        metrics["rfd_0_200_n_per_s"] = rfd_n_per_s(curve, begin, 0.2)
    end = offset_s(curve, settings)
    metrics["impulse_n_s"] = None if begin is None else impulse_n_s(curve, begin, end)
    return metrics


def rfd_n_per_s(curve: Curve, begin_s: float | None, window_s: float) -> float | None:
    """Return the mean rate of force development over a window from onset; None past the end."""
    if begin_s is None or begin_s + window_s > curve.t_s[-1]:
        return None
    low, high = np.interp([begin_s, begin_s + window_s], curve.t_s, curve.force_n)
    return float(high - low) / window_s


def impulse_n_s(curve: Curve, begin_s: float, end_s: float) -> float:
    """Return the integral of the force between two times, in N·s."""
    inside = (curve.t_s > begin_s) & (curve.t_s < end_s)
    times = np.concatenate(([begin_s], curve.t_s[inside], [end_s]))
    return float(np.trapezoid(np.interp(times, curve.t_s, curve.force_n), times))


def best_mean_n(t_s: FloatArray, force_n: FloatArray, seconds: float) -> float | None:
    """Return the highest mean over any window of ``seconds``; None when there is none."""
    if len(t_s) < 2 or t_s[-1] - t_s[0] < seconds:
        return None
    steps = np.diff(t_s) * 0.5 * (force_n[1:] + force_n[:-1])
    area = np.concatenate(([0.0], np.cumsum(steps)))
    # A piecewise quadratic area is interpolated linearly between samples; windows that begin or
    # end on a sample bound the maximum, so both families are tried.
    starts = np.concatenate((t_s, t_s - seconds))
    # Rounding may put the latest start an ulp before the first sample.
    latest_s = max(float(t_s[-1]) - seconds, float(t_s[0]))
    starts = starts[(starts >= t_s[0]) & (starts <= latest_s)]
    means = (np.interp(starts + seconds, t_s, area) - np.interp(starts, t_s, area)) / seconds
    return float(np.max(means))


def seconds_above(t_s: FloatArray, values: FloatArray, level: float) -> float:
    """Return for how long a curve lies above a level, crossings interpolated."""
    low, high = np.minimum(values[1:], values[:-1]), np.maximum(values[1:], values[:-1])
    span = np.where(high > low, high - low, 1.0)
    with np.errstate(over="ignore"):  # a span of nearly nothing: the share is 0 or 1 all the same
        share = np.where(low >= level, 1.0, np.clip((high - level) / span, 0.0, 1.0))
    return float(np.sum(np.diff(t_s) * share))
