"""One device's samples on their way into a recording.

The recorder keeps a ring of the last second, cuts recordings by stream time alone, and finds
begin and end itself where no button does (onset of force, stable holds of an angle). It never
decides whether a trial may begin: the workflow arms it and tells it to begin or end.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from dynod.core.filters import CausalLowpass, can_lowpass
from dynod.core.segmentation import EventType, HoldDetector, OnsetDetector
from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Calibration
from dynod.model.clinical import Kind
from dynod.model.flags import Flag
from dynod.model.samples import (
    FloatArray,
    Reject,
    RejectReason,
    SampleBlock,
    concatenate,
    empty_block,
)
from dynod.model.trial import Recording, StartedBy

# A detector tells of a begin after its first sample: an onset 50 ms later, a movement away from
# a stable hold up to seconds later. The ring reaches back that much further than the pre-roll.
LATE_BEGIN_S = 5.0
# What nothing came for so long before the end of a recording is missing from it. Adapters and
# radios bring samples in clumps; it is also what `wire.clock` takes for a gap without stamps.
OVERDUE_S = 0.5
LOOSE_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class Source:
    """What the recorder must know of its device; ``channels`` are the profile's.

    ``stamped``: the times of samples are the device's own, and not those of their arrival.
    """

    kind: Kind
    channels: tuple[str, ...]
    axis: str
    nominal_rate_hz: float
    mount_sign: int = 1
    stamped: bool = True


@dataclass(frozen=True, slots=True)
class Began:
    """The detector found the begin of a recording at ``t_s``; samples up to here were consumed."""

    t_s: float
    started_by: StartedBy


@dataclass(frozen=True, slots=True)
class Ended:
    """The running recording is over (by detector, by its longest time, or by a broken stream)."""

    recording: Recording


@dataclass(slots=True)
class _Running:
    start_s: float
    started_by: StartedBy
    flags: list[Flag]


class Recorder:
    """Ring buffer, detectors and the running recording of one device."""

    def __init__(
        self, source: Source, settings: AnalysisSettings, calibration: Calibration
    ) -> None:
        self.source = source
        self._settings = settings
        self._calibration = calibration
        self._blocks: deque[SampleBlock] = deque()
        self._loose = 0  # blocks at the end that were not gathered into one
        self._rejects: deque[tuple[float, Flag]] = deque()
        self._running: _Running | None = None
        self._detector: OnsetDetector | HoldDetector = (
            OnsetDetector(settings) if source.kind is Kind.FORCE else HoldDetector(settings)
        )
        self._lowpass = _live_lowpass(source, settings)
        self._latest: float | None = None
        self._segment = -1
        self._last_s = float("-inf")

    @property
    def armed(self) -> bool:
        """Whether the detector may begin a recording."""
        return self._detector.armed

    @property
    def baseline(self) -> float | None:
        """What the detector holds values against now, in N or deg; for the live view."""
        return self._detector.running_baseline()

    @property
    def recording(self) -> bool:
        """Whether a recording is running."""
        return self._running is not None

    @property
    def segment(self) -> int:
        """Segment of the newest sample; -1 before the first."""
        return self._segment

    @property
    def last_s(self) -> float:
        """Stream time of the newest sample; -inf before the first."""
        return self._last_s

    @property
    def overdue_s(self) -> float:
        """How long no sample may come before some are missing, beyond two intervals."""
        rate_hz = self.source.nominal_rate_hz
        return OVERDUE_S + (2.0 / rate_hz if rate_hz > 0.0 else 0.0)

    @property
    def latest(self) -> float | None:
        """The newest value in N or deg, untared; None before the first. For the live view.

        A force is low-passed without looking ahead, where the device is fast enough for that.
        """
        return self._latest

    def set_calibration(self, calibration: Calibration) -> None:
        """Use another calibration for detection from the next sample on."""
        self._calibration = calibration
        if self._lowpass is not None:
            self._lowpass.reset()

    def arm(self) -> None:
        """Let the detector begin the next recording."""
        self._detector.arm()

    def disarm(self) -> None:
        """Keep the detector's baseline running, but let it begin nothing."""
        self._detector.disarm()

    def begin(self, at_s: float | None, started_by: StartedBy) -> None:
        """Begin a recording at a stream time, or at the newest sample."""
        if started_by not in {StartedBy.ONSET, StartedBy.HOLD}:
            self._detector.disarm()
        start_s = self._last_s if at_s is None else at_s
        self._running = _Running(start_s, started_by, [])

    def end(self, at_s: float | None, *flags: Flag) -> Recording:
        """End the running recording at a stream time, or at the newest sample."""
        running = self._running
        if running is None:
            raise RuntimeError("no recording is running")
        self._running = None
        self._detector.disarm()
        start_s = running.start_s if math.isfinite(running.start_s) else 0.0
        end_s = max(start_s, self._last_s if at_s is None else at_s)
        first_s = start_s - self._settings.preroll_s
        block = self._joined().between(first_s, end_s)
        hurt = [flag for t_s, flag in self._rejects if first_s <= t_s <= end_s]
        self._trim()
        overdue = (Flag.GAP,) if self._is_overdue(end_s) else ()
        kept = tuple(dict.fromkeys((*running.flags, *hurt, *flags, *overdue)))
        return self._recording(block, start_s, end_s, running.started_by, kept)

    def reading(self, at_s: float) -> Recording:
        """Return the one sample at a stream time as a recording of its own.

        What came before it, samples and lost bytes alike, belongs to other readings.
        """
        block = self._joined().between(at_s, at_s)
        return self._recording(block, at_s, at_s, StartedBy.READING, ())

    def reject(self, reject: Reject) -> None:
        """Remember bytes that became no sample: they reject a trial that they fall into."""
        flag = Flag.CHECKSUM if reject.reason is RejectReason.CHECKSUM else Flag.BYTES_LOST
        lost = (max(reject.t_s, self._last_s), flag)
        if lost not in self._rejects:  # rubbish without samples must not pile up
            self._rejects.append(lost)
        if self._running is None:
            self._trim()

    def mark(self, flag: Flag) -> None:
        """Put a flag on the running recording, if there is one."""
        if self._running is not None:
            self._running.flags.append(flag)

    def new_segment(self, flag: Flag = Flag.DISCONNECT) -> Ended | None:
        """Drop the ring: stream time broke off. Ends a running recording with the flag."""
        ended = Ended(self.end(None, flag)) if self._running is not None else None
        self._blocks.clear()
        self._loose = 0
        self._rejects.clear()
        self._detector.reset()
        if self._lowpass is not None:
            self._lowpass.reset()
        self._latest = None
        self._last_s = float("-inf")
        return ended

    def feed(self, block: SampleBlock) -> tuple[int, Began | Ended | None]:
        """Take samples until something happens; return how many were taken, and what happened.

        Call again with the rest of the block. A block of a new segment first ends what ran.
        """
        if block.segment != self._segment:
            self._segment = block.segment
            ended = self.new_segment() if math.isfinite(self._last_s) else None
            if ended is not None:
                return 0, ended
        if self._running is not None and not math.isfinite(self._running.start_s):
            self._running.start_s = float(block.t_s[0])  # begun before the first sample came
        part, timed_out = self._until_timeout(block)
        values = self._to_units(part)
        taken, event = self._detector.feed(part.t_s, values)
        if taken:
            self._keep(part[:taken])
            self._show(values[:taken])
        if event is not None:
            return taken, self._detected(event.kind, event.t_s)
        if timed_out and taken == len(part):
            start_s = self._running.start_s if self._running else self._last_s
            return taken, Ended(self.end(start_s + self._settings.max_recording_s, Flag.TIMEOUT))
        return taken, None

    def tail(self, seconds: float) -> SampleBlock:
        """Return the samples of the last ``seconds`` of the stream."""
        return self._joined().between(self._last_s - seconds, self._last_s)

    def history(self) -> SampleBlock:
        """Return everything in the ring and the running recording."""
        return self._joined()

    def newtons(self, block: SampleBlock) -> FloatArray:
        """Return a block's channel in N (or deg) under the current calibration, (n,)."""
        return self._to_units(block)

    def _recording(
        self,
        block: SampleBlock,
        start_s: float,
        end_s: float,
        started_by: StartedBy,
        flags: tuple[Flag, ...],
    ) -> Recording:
        return Recording(
            block=block,
            start_s=start_s,
            end_s=end_s,
            started_by=started_by,
            nominal_rate_hz=self.source.nominal_rate_hz,
            flags=flags,
            axis=self.source.axis,
            mount_sign=self.source.mount_sign,
            stamped=self.source.stamped,
        )

    def _is_overdue(self, at_s: float) -> bool:
        """Tell whether samples of the time before ``at_s`` never came: the stream stands still."""
        late_s = at_s - self._last_s
        return math.isfinite(late_s) and late_s > self.overdue_s

    def _to_units(self, block: SampleBlock) -> FloatArray:
        values = self._calibration.apply(block.channel(self.source.axis))
        return values * float(self.source.mount_sign)

    def _until_timeout(self, block: SampleBlock) -> tuple[SampleBlock, bool]:
        if self._running is None:
            return block, False
        limit_s = self._running.start_s + self._settings.max_recording_s
        inside = int(np.searchsorted(block.t_s, limit_s, side="right"))
        return block[:inside], inside < len(block)

    def _detected(self, kind: EventType, t_s: float) -> Began | Ended | None:
        if kind is EventType.END:
            return Ended(self.end(None)) if self._running is not None else None
        force = self.source.kind is Kind.FORCE
        return Began(t_s, StartedBy.ONSET if force else StartedBy.HOLD)

    def _keep(self, block: SampleBlock) -> None:
        self._blocks.append(block)
        self._loose += 1
        if self._loose == LOOSE_BLOCKS:
            self._gather()
        self._last_s = float(block.t_s[-1])
        if self._running is None:
            self._trim()

    def _show(self, values: FloatArray) -> None:
        shown = values if self._lowpass is None else self._lowpass.feed(values)
        self._latest = float(shown[-1])

    def _trim(self) -> None:
        oldest_s = self._last_s - self._settings.preroll_s - LATE_BEGIN_S
        while len(self._blocks) > 1 and self._blocks[0].t_s[-1] < oldest_s:
            self._blocks.popleft()
        if self._blocks:
            self._cut(self._blocks[0], oldest_s)
        while self._rejects and self._rejects[0][0] < oldest_s:
            self._rejects.popleft()

    def _cut(self, first: SampleBlock, oldest_s: float) -> None:
        """Cut what is too old off the first block, which may be all of them in one.

        Only when that is more than half of it: the rest is copied, for a part would keep the whole.
        """
        old = int(np.searchsorted(first.t_s, oldest_s))
        if 2 * old > len(first):
            self._blocks[0] = first[old:].copied()

    def _gather(self) -> None:
        """Make one block of the loose ones at the end of the ring.

        Samples may come one by one, and thousands of arrays of one number each, kept for seconds,
        leave holes in the heap that grow by the hour.
        """
        loose = [self._blocks.pop() for _ in range(min(self._loose, len(self._blocks)))]
        self._blocks.append(concatenate(loose[::-1]))
        self._loose = 0

    def _joined(self) -> SampleBlock:
        if not self._blocks:
            return empty_block(self.source.channels, max(self._segment, 0))
        if len(self._blocks) > 1:
            whole = concatenate(list(self._blocks))
            self._blocks.clear()
            self._blocks.append(whole)
            self._loose = 0
        return self._blocks[0]


def _live_lowpass(source: Source, settings: AnalysisSettings) -> CausalLowpass | None:
    """Return the filter of the live view; None for an angle, and where samples come too slowly."""
    rates_hz = np.array([source.nominal_rate_hz])
    if source.kind is not Kind.FORCE or not can_lowpass(rates_hz, settings.lowpass_hz)[0]:
        return None
    return CausalLowpass(source.nominal_rate_hz, settings.lowpass_hz)
