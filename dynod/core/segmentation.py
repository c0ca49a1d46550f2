"""Where a contraction begins and ends in a running stream, where no button says so.

Both detectors take samples as they come, in any portions, and give the same events for any
portioning. They consume up to the first event and say how many samples that took.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from dynod.core.settings import AnalysisSettings
from dynod.model.samples import FloatArray


class EventType(StrEnum):
    """What a detector found."""

    BEGIN = "begin"
    END = "end"


@dataclass(frozen=True, slots=True)
class Found:
    """An event at a stream time; ``baseline`` in N (or deg) is what it was held against."""

    kind: EventType
    t_s: float
    baseline: float


def low_percentile(values: list[float], percent: float) -> float:
    """Return a percentile by linear interpolation between order statistics."""
    ordered = sorted(values)
    position = percent / 100.0 * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


class OnsetDetector:
    """Begin and end of a force trial by onset (docs/contract.md, section 2, "Trigger").

    Begin: the force stays 20 N above the running baseline (5th percentile of the last second,
    available from 0.2 s on) for 50 ms; the event names the first of those samples. End: 0.5 s
    below 10 N above the baseline as it was at the begin. Disarmed, it only keeps its baseline.
    """

    def __init__(self, settings: AnalysisSettings) -> None:
        self._settings = settings
        self._window: deque[tuple[float, float]] = deque()
        self._armed = False
        self._candidate: tuple[float, float] | None = None
        self._baseline: float | None = None
        self._below_s: float | None = None

    @property
    def armed(self) -> bool:
        """Whether a begin would be reported."""
        return self._armed

    def arm(self) -> None:
        """Report the next begin."""
        self._armed = True
        self._candidate = None
        self._baseline = None

    def disarm(self) -> None:
        """Report neither begin nor end."""
        self._armed = False
        self._candidate = None
        self._baseline = None

    def reset(self) -> None:
        """Forget the stream: a new segment began. Stays armed if it was."""
        self._window.clear()
        self._candidate = None
        self._baseline = None

    def running_baseline(self) -> float | None:
        """Return the baseline at the newest sample, in N; None before 0.2 s of samples."""
        if not self._window or not self._available(self._window[-1][0]):
            return None
        return low_percentile([value for _, value in self._window], self._settings.onset_percentile)

    def feed(self, t_s: FloatArray, force_n: FloatArray) -> tuple[int, Found | None]:
        """Take samples, (n,) each; return how many were taken and what the last of them ended."""
        if self._nothing_to_find(force_n):
            self._extend(t_s, force_n)
            return len(t_s), None
        times, forces = t_s.tolist(), force_n.tolist()
        for index, (time_s, value) in enumerate(zip(times, forces, strict=True)):
            found = self._sample(time_s, value)
            if found is not None:
                return index + 1, found
        return len(t_s), None

    def _nothing_to_find(self, force_n: FloatArray) -> bool:
        """Tell quickly that a block holds no event: the baseline is never below the minimum."""
        if not len(force_n):
            return True
        if self._baseline is not None:
            return bool(np.min(force_n) >= self._baseline + self._settings.offset_n)
        if not self._armed:
            return True
        if self._candidate is not None:
            return False
        lowest = min((value for _, value in self._window), default=np.inf)
        lowest = min(lowest, float(np.min(force_n)))
        return bool(np.max(force_n) <= lowest + self._settings.onset_n)

    def _extend(self, t_s: FloatArray, force_n: FloatArray) -> None:
        if self._baseline is not None:
            self._below_s = None
        keep = np.isfinite(force_n)
        self._window.extend(zip(t_s[keep].tolist(), force_n[keep].tolist(), strict=True))
        if len(t_s):
            self._forget(float(t_s[-1]))

    def _sample(self, t_s: float, value: float) -> Found | None:
        found = self._ends(t_s, value) if self._baseline is not None else self._begins(t_s, value)
        if np.isfinite(value):
            self._window.append((t_s, value))
        self._forget(t_s)
        return found

    def _begins(self, t_s: float, value: float) -> Found | None:
        if not self._armed:
            return None
        settings = self._settings
        if self._candidate is not None and not value > self._candidate[1] + settings.onset_n:
            self._candidate = None
        if self._candidate is None:
            self._candidate = self._candidate_at(t_s, value)
        if self._candidate is None or t_s - self._candidate[0] < settings.onset_hold_s:
            return None
        first_s, baseline = self._candidate
        self._candidate, self._armed = None, False
        self._baseline, self._below_s = baseline, None
        return Found(EventType.BEGIN, first_s, baseline)

    def _candidate_at(self, t_s: float, value: float) -> tuple[float, float] | None:
        self._forget(t_s)
        if not self._available(t_s):
            return None
        threshold = self._settings.onset_n
        if not value > min(item for _, item in self._window) + threshold:
            return None
        values = [item for _, item in self._window]
        baseline = low_percentile(values, self._settings.onset_percentile)
        return (t_s, baseline) if value > baseline + threshold else None

    def _ends(self, t_s: float, value: float) -> Found | None:
        baseline = self._baseline
        if baseline is None or not value < baseline + self._settings.offset_n:
            self._below_s = None
            return None
        if self._below_s is None:
            self._below_s = t_s
        if t_s - self._below_s < self._settings.offset_hold_s:
            return None
        self._baseline = None
        return Found(EventType.END, t_s, baseline)

    def _available(self, t_s: float) -> bool:
        return bool(self._window) and t_s - self._window[0][0] >= self._settings.onset_ready_s

    def _forget(self, t_s: float) -> None:
        oldest_s = t_s - self._settings.onset_window_s
        while self._window and self._window[0][0] < oldest_s:
            self._window.popleft()


def _within_a_turn(angle_deg: float) -> float:
    return angle_deg - 360.0 * round(angle_deg / 360.0)


class HoldDetector:
    """Begin and end of a range-of-motion trial on a station without any button.

    Begin: the angle leaves a stable hold by more than 5° (the zero); the event names the hold's
    last sample. End: a stable hold of one second more than 5° away from the zero. The jump of a
    sensor at ±180° is no movement.
    """

    def __init__(self, settings: AnalysisSettings) -> None:
        self._settings = settings
        self._window: deque[tuple[float, float]] = deque()
        self._armed = False
        self._zero: tuple[float, float] | None = None
        self._moving = False
        self._newest_deg: float | None = None

    @property
    def armed(self) -> bool:
        """Whether a begin would be reported."""
        return self._armed

    def arm(self) -> None:
        """Report the next begin."""
        self._armed = True
        self._moving = False
        self._zero = None

    def disarm(self) -> None:
        """Report neither begin nor end."""
        self._armed = False
        self._moving = False

    def reset(self) -> None:
        """Forget the stream: a new segment began. Stays armed if it was."""
        self._window.clear()
        self._zero = None
        self._moving = False
        self._newest_deg = None

    def running_baseline(self) -> float | None:
        """Return the zero that a movement would be measured from, in deg."""
        return _within_a_turn(self._zero[1]) if self._zero is not None else None

    def feed(self, t_s: FloatArray, angle_deg: FloatArray) -> tuple[int, Found | None]:
        """Take samples, (n,) each; return how many were taken and what the last of them ended."""
        pairs = zip(t_s.tolist(), angle_deg.tolist(), strict=True)
        for index, (time_s, value) in enumerate(pairs):
            found = self._sample(time_s, value)
            if found is not None:
                return index + 1, found
        return len(t_s), None

    def _sample(self, t_s: float, value: float) -> Found | None:
        settings = self._settings
        longest_s = max(settings.hold_s, settings.zero_s)
        if np.isfinite(value):
            value = self._unwrapped(value)
            self._window.append((t_s, value))
        while self._window and self._window[0][0] < t_s - longest_s - 1e-9:
            self._window.popleft()
        if self._moving:
            return self._ends(t_s)
        if not self._armed:
            return None
        return self._begins(t_s, value)

    def _begins(self, t_s: float, value: float) -> Found | None:
        zero = self._zero
        if zero is not None and abs(value - zero[1]) > self._settings.move_deg:
            self._armed, self._moving = False, True
            return Found(EventType.BEGIN, zero[0], _within_a_turn(zero[1]))
        held = self._held(self._settings.zero_s)
        if held is not None:
            self._zero = (t_s, held)
        return None

    def _ends(self, t_s: float) -> Found | None:
        zero, held = self._zero, self._held(self._settings.hold_s)
        if zero is None or held is None or abs(held - zero[1]) <= self._settings.move_deg:
            return None
        self._moving = False
        return Found(EventType.END, t_s, _within_a_turn(zero[1]))

    def _unwrapped(self, angle_deg: float) -> float:
        """Return the angle a whole number of turns away that lies nearest to the one before."""
        if self._newest_deg is not None:
            angle_deg -= 360.0 * round((angle_deg - self._newest_deg) / 360.0)
        self._newest_deg = angle_deg
        return angle_deg

    def _held(self, seconds: float) -> float | None:
        """Return the median of the newest ``seconds`` when they are still."""
        if len(self._window) < 2:
            return None
        newest_s = self._window[-1][0]
        recent = [pair for pair in self._window if pair[0] >= newest_s - seconds - 1e-9]
        interval_s = (newest_s - self._window[0][0]) / (len(self._window) - 1)
        if newest_s - recent[0][0] < seconds - 0.5 * interval_s:
            return None
        values = [value for _, value in recent]
        if float(np.std(values)) > self._settings.hold_sd_deg:
            return None
        return float(np.median(values))
