"""Where framings put what they found: samples get their time here, in the order of the wire."""

import numpy as np

from dynod.model.samples import EventKind, FloatArray, RejectReason, SampleBlock
from dynod.wire.assembly import Assembly
from dynod.wire.clock import ArrivalClock, ArrivalTimes, PollTimes, StampClock
from dynod.wire.profile import ArrivalStamps, DeviceClock, NominalClock, Polled, Profile

Row = tuple[float, ...]
_UNKNOWN_RATE_HZ = 10.0  # until the arrivals say better


class Sink:
    """Takes samples, events, rejects and replies of one chunk; knows the chunk's arrival.

    Samples without stamps are held until something else follows or the chunk ends, since the time
    of those that came together depends on their number. ``limits`` are the profile's.
    """

    def __init__(self, profile: Profile, assembly: Assembly) -> None:
        self.assembly = assembly
        self.clock = _make_clock(profile)
        self.stamped = isinstance(self.clock, StampClock)
        self._press = isinstance(profile.dialogue, Polled) and profile.dialogue.press
        self._low, self._high = profile.limits or (float("-inf"), float("inf"))
        self._limited = profile.limits is not None
        self._arrival_s = 0.0
        self._rows: list[Row] = []
        self._statuses: list[int] = []
        self._lengths: list[int] = []

    def begin(self, arrival_s: float) -> None:
        """Note when the bytes arrived that are read now."""
        self._arrival_s = arrival_s

    def reset(self) -> None:
        """Begin a new segment of stream time."""
        self._rows, self._statuses, self._lengths = [], [], []
        self.clock.reset()

    def alone(self, stamp: int | None, row: Row, arrival_s: float) -> SampleBlock | None:
        """Return the sample that a whole chunk is; None when it must take the long way."""
        if self._limited and not self._inside(row):
            return None
        clock = self.clock
        if isinstance(clock, StampClock) and stamp is not None:
            t_s, broke = clock.one(stamp)
            if broke:
                self.assembly.new_segment()
        elif isinstance(clock, ArrivalClock):
            t_s = clock.one(arrival_s)
        else:
            return None
        return self.assembly.alone(t_s, row)

    def sample(self, stamp: int | None, row: Row, status: int, length: int) -> None:
        """Take one sample that ``length`` bytes became."""
        if self._limited and not status and not self._inside(row):
            self.reject(RejectReason.OUT_OF_RANGE, length)
        elif stamp is not None:
            t_s, broke = self._stamps.one(stamp)
            if broke:
                self.assembly.new_segment()
            self.assembly.sample(t_s, row, status)
        elif self.stamped:
            self.reject(RejectReason.MALFORMED, length)  # its time is not known
        else:
            self._rows.append(row)
            self._statuses.append(status)
            self._lengths.append(length)

    def samples(self, stamps: np.ndarray | None, values: FloatArray, length: int) -> bool:
        """Take samples in one go, ``values`` (n, channels), of about ``length`` bytes each.

        Returns False, having taken nothing, when they must come one by one: a stamp breaks off, or
        a value lies beyond the limits.
        """
        if self._limited and not np.all((values >= self._low) & (values <= self._high)):
            return False
        if stamps is not None:
            times = self._stamps.many(stamps)
            if times is None:
                return False
            self.assembly.samples(times, values)
        elif isinstance(self.clock, ArrivalClock):
            self.flush()
            self.assembly.samples(self.clock.many(len(values), self._arrival_s), values)
        else:
            for row in values.tolist():
                self.sample(None, tuple(row), 0, length)
        return True

    def goes_on(self, stamp: int, next_stamp: int) -> bool:
        """Tell whether two stamps can be those of neighbouring frames."""
        return self._stamps.goes_on(stamp, next_stamp)

    def event(self, kind: EventKind, stamp: int | None) -> None:
        """Take a button event; without a stamp it happened after the newest sample."""
        self.flush()
        if not self.stamped:
            t_s = max(self.assembly.last_s, self._arrival_s)
        else:
            t_s = self.assembly.last_s if stamp is None else self._stamps.event(stamp)
        self.assembly.event(kind, t_s)

    def reject(self, reason: RejectReason, length: int) -> None:
        """Take note of bytes that became nothing."""
        self.flush()
        self.assembly.reject(reason, length)

    def reply(self, text: bytes) -> None:
        """Take a line or frame that answers a command."""
        self.flush()
        self.assembly.reply(text)

    def flush(self) -> None:
        """Give the held samples their times."""
        if not self._rows:
            return
        rows, statuses, lengths = self._rows, self._statuses, self._lengths
        self._rows, self._statuses, self._lengths = [], [], []
        clock = self.clock
        if isinstance(clock, ArrivalClock):
            times = clock.many(len(rows), self._arrival_s)
            if not any(statuses):
                self.assembly.samples(times, np.array(rows))
                return
            for t_s, row, status in zip(times.tolist(), rows, statuses, strict=True):
                self.assembly.sample(t_s, row, status)
            return
        for row, status, length in zip(rows, statuses, lengths, strict=True):
            if isinstance(clock, PollTimes):
                self._answer(clock, row, status, length)
            elif isinstance(clock, ArrivalTimes):
                t_s = clock.one(self._arrival_s)
                self.assembly.sample(t_s, row, status)
                self.assembly.event(EventKind.PRESS, t_s)

    def _answer(self, clock: PollTimes, row: Row, status: int, length: int) -> None:
        """Tell the sample of a poll from a late one and from a reading that a hand sent."""
        asked_s = clock.answered()
        if asked_s is not None:
            self.assembly.sample(asked_s, row, status)
        elif clock.is_late(self._arrival_s) or not self._press:
            self.assembly.reject(RejectReason.UNPAIRED, length)
        else:
            self.assembly.event(EventKind.PRESS, max(self.assembly.last_s, self._arrival_s))

    def _inside(self, row: Row) -> bool:
        return all(self._low <= value <= self._high for value in row)

    @property
    def _stamps(self) -> StampClock:
        if not isinstance(self.clock, StampClock):
            raise TypeError("a stamp needs a stamp clock")
        return self.clock


def _make_clock(profile: Profile) -> StampClock | ArrivalClock | PollTimes | ArrivalTimes:
    clock = profile.clock
    if isinstance(clock, DeviceClock):
        return StampClock(clock)
    if isinstance(clock, NominalClock):
        return ArrivalClock(clock, profile.rate_hz or _UNKNOWN_RATE_HZ)
    if isinstance(clock, ArrivalStamps):
        return ArrivalTimes()
    if not isinstance(profile.dialogue, Polled):
        raise TypeError("the clock of polls needs a polled dialogue")
    return PollTimes(profile.dialogue.late_s)
