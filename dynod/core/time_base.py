"""The time base of a recording: its rate, and whether the samples are evenly spaced.

Filters and windows need an even grid. Stamps of a device are even to a per cent of an interval;
where they are not, the curve is interpolated onto a grid of its own rate, and the result says so.
"""

from dataclasses import dataclass

import numpy as np

from dynod.core.settings import AnalysisSettings
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray

_ORDINARY = 0.1  # within a tenth of the median: some boards begin with short intervals
_SAME_S = 1e-9  # no clock of a device tells two times apart that are nearer
_FINEST = 4.0  # samples of a grid for each that came: within bursts there is no rate


@dataclass(frozen=True, slots=True, eq=False)
class TimeBase:
    """What the times of samples say.

    ``rate_hz`` is measured over ordinary intervals; None with fewer than two samples. ``keep``
    are the indices of samples with a time of their own, or None for all.
    """

    rate_hz: float | None
    even: bool
    flags: tuple[Flag, ...]
    keep: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Values on an even grid from ``start_s`` on, (n,); ``rate_hz`` is NaN for a single sample."""

    start_s: float
    rate_hz: float
    values: FloatArray

    def index_from(self, t_s: float) -> int:
        """Return the index of the first sample at or after a time."""
        if not np.isfinite(self.rate_hz):
            return int(t_s > self.start_s)
        position = (t_s - self.start_s) * self.rate_hz
        return int(min(max(np.ceil(position - 1e-6), 0), len(self.values)))


def time_base(t_s: FloatArray, settings: AnalysisSettings) -> TimeBase:
    """Return the time base of rising times, (n,).

    Gap: an interval beyond ``gap_factor`` medians. Duplicate: a time that has been there already;
    its sample is dropped. Burst: three intervals in a row below half the median.
    """
    if len(t_s) < 2:
        return TimeBase(None, even=True, flags=())
    intervals = np.diff(t_s)
    if float(np.min(intervals)) > _SAME_S:
        return _of_rising(t_s, intervals, settings)
    keep = np.concatenate(([0], 1 + np.flatnonzero(intervals > _SAME_S)))
    flags = (Flag.DUPLICATE_TIMES,)
    if len(keep) < 2:
        return TimeBase(None, even=True, flags=flags, keep=keep)
    base = _of_rising(t_s[keep], np.diff(t_s[keep]), settings)
    return TimeBase(base.rate_hz, base.even, flags + base.flags, keep)


def _of_rising(t_s: FloatArray, intervals: FloatArray, settings: AnalysisSettings) -> TimeBase:
    """Return the time base of times that differ, (n,), n at least 2."""
    mean_s = float(t_s[-1] - t_s[0]) / len(intervals)
    longest_s = float(np.max(intervals))
    even = _is_even(t_s, mean_s, settings)
    if longest_s <= (1.0 + _ORDINARY) * float(np.min(intervals)):  # then all are ordinary
        return TimeBase(1.0 / mean_s, even, ())
    median_s = float(np.median(intervals))
    ordinary = intervals[np.abs(intervals - median_s) <= _ORDINARY * median_s]
    ordinary_s = float(np.mean(ordinary)) if len(ordinary) else median_s
    flags = []
    if longest_s > settings.gap_factor * median_s:
        flags.append(Flag.GAP)
    if _has_burst(intervals, median_s):
        flags.append(Flag.BURST)
    return TimeBase(1.0 / max(ordinary_s, mean_s / _FINEST), even, tuple(flags))


def grid_of(t_s: FloatArray, values: FloatArray, base: TimeBase) -> Grid:
    """Return samples (n,) on their even grid; n at least 1, times rising."""
    if len(t_s) < 2 or base.rate_hz is None:
        return Grid(float(t_s[0]), float("nan"), values)
    span_s = float(t_s[-1] - t_s[0])
    if base.even:
        return Grid(float(t_s[0]), (len(t_s) - 1) / span_s, values)
    count = int(span_s * base.rate_hz + 1e-6) + 1
    times = t_s[0] + np.arange(count) / base.rate_hz
    return Grid(float(t_s[0]), base.rate_hz, np.interp(times, t_s, values))


def _is_even(t_s: FloatArray, interval_s: float, settings: AnalysisSettings) -> bool:
    off_s = t_s - t_s[0] - interval_s * np.arange(len(t_s))
    limit_s = settings.uneven_fraction * interval_s
    return float(np.max(off_s)) <= limit_s and float(np.min(off_s)) >= -limit_s


def _has_burst(intervals: FloatArray, median_s: float) -> bool:
    short = intervals < 0.5 * median_s
    return bool(np.any(short[:-2] & short[1:-1] & short[2:]))
