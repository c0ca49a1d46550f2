"""Stream time: from stamps, from the nominal rate held to arrival, from polls, from arrivals."""

import numpy as np

from dynod.model.samples import FloatArray
from dynod.wire.profile import DeviceClock, NominalClock


class StampClock:
    """Unwraps a device's counter. A backward stamp or a leap means that the device restarted.

    Wrap and restart look alike in one number; they are told apart by the distance: modulo the
    counter's range, the next stamp lies at most ``max_gap_s`` ahead, or it is not the same run.
    """

    def __init__(self, profile: DeviceClock) -> None:
        self._range = 1 << profile.bits
        self._unit_s = profile.unit_s
        self._max_ticks = round(profile.max_gap_s / profile.unit_s)
        self._last = 0  # unwrapped ticks
        self._running = False

    def reset(self) -> None:
        """Begin a new segment with the next stamp."""
        self._running = False

    def one(self, stamp: int) -> tuple[float, bool]:
        """Return the stream time of a sample's stamp, and whether it begins a new segment."""
        ahead = (stamp - self._last) % self._range
        if self._running and ahead <= self._max_ticks:
            self._last += ahead
            return self._last * self._unit_s, False
        broke, self._running = self._running, True
        self._last = stamp % self._range
        return self._last * self._unit_s, broke

    def many(self, stamps: np.ndarray) -> FloatArray | None:
        """Return stream times, (n,), when all stamps go on from the last one; else None."""
        stamps = stamps % self._range
        previous = np.empty_like(stamps)
        previous[0] = self._last % self._range if self._running else stamps[0]
        previous[1:] = stamps[:-1]
        ahead = (stamps - previous) % self._range
        if int(ahead.max()) > self._max_ticks:
            return None
        base = self._last if self._running else int(stamps[0])
        ticks = base + np.cumsum(ahead)
        self._last, self._running = int(ticks[-1]), True
        times: FloatArray = ticks * self._unit_s
        return times

    def goes_on(self, stamp: int, next_stamp: int) -> bool:
        """Tell whether two stamps can follow one another: rising, and within ``max_gap_s``."""
        return 0 < (next_stamp - stamp) % self._range <= self._max_ticks

    def event(self, stamp: int) -> float:
        """Return the stream time of a stamped event, in seconds.

        Events may be stamped a little before the newest sample; they do not move the clock. A
        board may print a stamp that it took long ago: such an event happened when it was sent,
        which is after the newest sample.
        """
        if not self._running:
            return self.one(stamp)[0]
        half = self._range // 2
        ahead = (stamp - self._last + half) % self._range - half
        if abs(ahead) > self._max_ticks:
            ahead = 0
        return (self._last + ahead) * self._unit_s


class ArrivalClock:
    """Stream time of a device without stamps, in seconds of the station's monotonic clock.

    Samples advance by an interval that begins at the nominal one and follows the arrivals slowly
    (a phase-locked loop: a tenth of the phase error and a hundredth into the interval per chunk),
    so that clumps of a serial adapter do not become jitter and a slow or fast crystal does not
    become drift. When a chunk comes more than ``max_gap_s`` late, time leaps to its arrival:
    something is missing there, and the core will see a gap.
    """

    _PHASE_GAIN = 0.1
    _INTERVAL_GAIN = 0.01

    def __init__(self, profile: NominalClock, rate_hz: float) -> None:
        self._nominal_s = 1.0 / rate_hz
        self._interval_s = self._nominal_s
        self._max_gap_s = profile.max_gap_s
        self._last_s: float | None = None

    def reset(self) -> None:
        """Begin a new segment with the next chunk."""
        self._last_s = None
        self._interval_s = self._nominal_s

    def one(self, arrival_s: float) -> float:
        """Return the time of one sample that arrived alone; as `many`, without numpy's cost."""
        start_s, step_s = self._advance(1, arrival_s)
        self._last_s = start_s + step_s
        return self._last_s

    def many(self, count: int, arrival_s: float) -> FloatArray:
        """Return the times of ``count`` samples that arrived together, (count,), rising."""
        start_s, step_s = self._advance(count, arrival_s)
        times: FloatArray = start_s + step_s * np.arange(1, count + 1, dtype=np.float64)
        self._last_s = float(times[-1])
        return times

    def _advance(self, count: int, arrival_s: float) -> tuple[float, float]:
        """Return from where the next ``count`` samples go on, and how far they stand apart."""
        if self._last_s is None:
            self._last_s = arrival_s - count * self._interval_s
        late_s = arrival_s - (self._last_s + count * self._interval_s)
        start_s, step_s = self._last_s, self._interval_s
        if late_s > self._max_gap_s:
            start_s = arrival_s - count * step_s
        else:
            late_s = max(late_s, -self._max_gap_s)
            step_s += self._PHASE_GAIN * late_s / count
            drift_s = self._interval_s + self._INTERVAL_GAIN * late_s / count
            self._interval_s = min(max(drift_s, self._nominal_s / 8), self._nominal_s * 8)
        return start_s, max(step_s, 0.1 * self._interval_s)


class PollTimes:
    """Stream time of a polled device: a sample was taken when it was asked for, in monotonic s.

    A poll that was given up may still be answered. Such a late answer is neither the sample of the
    next poll's time nor a reading that a hand sent, so as many answers as are owed are taken for
    late until ``late_s`` have passed.
    """

    def __init__(self, late_s: float) -> None:
        self._late_s = late_s
        self._asked_s: float | None = None
        self._owed: list[float] = []

    def reset(self) -> None:
        """Begin a new segment: nothing was asked."""
        self._asked_s = None
        self._owed.clear()

    def asked(self, at_s: float) -> None:
        """Note that a poll goes out now; one without an answer until now is given up."""
        if self._asked_s is not None:
            self._owed.append(at_s + self._late_s)
        self._asked_s = at_s

    def answered(self) -> float | None:
        """Return when the sample that just came was asked for; None when nobody asked."""
        asked_s, self._asked_s = self._asked_s, None
        return asked_s

    def is_late(self, arrival_s: float) -> bool:
        """Take an answer that nobody waits for as a late one, if one is owed."""
        self._owed = [until_s for until_s in self._owed if until_s >= arrival_s]
        if not self._owed:
            return False
        self._owed.pop(0)
        return True


class ArrivalTimes:
    """Stream time of single readings: a reading was taken when it came, in monotonic seconds."""

    _APART_S = 1e-6  # two readings of one chunk

    def __init__(self) -> None:
        self._last_s = float("-inf")

    def reset(self) -> None:
        """Begin a new segment; monotonic time goes on."""

    def one(self, arrival_s: float) -> float:
        """Return the time of a reading that came now; times rise."""
        self._last_s = max(arrival_s, self._last_s + self._APART_S)
        return self._last_s
