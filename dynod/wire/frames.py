"""Frames of one length with a mark, an id and a sum: found, checked and converted in one go."""

import numpy as np
from numpy.typing import NDArray

from dynod.model.samples import FloatArray, RejectReason
from dynod.wire.assembly import Assembly
from dynod.wire.clock import ArrivalClock, StampClock
from dynod.wire.profile import FixedFrame, IntegerField

_TYPES = {"i16le": "<i2", "i16be": ">i2", "u16le": "<u2", "u16be": ">u2"}
# Bytes without a frame are reported in portions of at most this, wherever chunks were cut.
_LONGEST_RUN = 64


class FrameDecoder:
    """Reads fixed frames; between frames it resynchronises byte by byte.

    A mark may occur inside data, so a frame counts only with a known id and a right sum. Bytes
    that belong to no frame form a run, reported when it ends: as a checksum failure when it began
    like a frame, else as garbage.
    """

    def __init__(
        self,
        framing: FixedFrame,
        channels: tuple[str, ...],
        clock: StampClock | ArrivalClock,
        assembly: Assembly,
    ) -> None:
        if not isinstance(clock, ArrivalClock):
            raise TypeError("frames without stamps need a nominal clock")
        self._length = framing.length
        self._mark = framing.mark
        self._sample_id = framing.sample_id
        self._known = np.zeros(256, dtype=bool)
        self._known[[framing.sample_id, *framing.other_ids]] = True
        self._fields = [framing.fields[channel] for channel in channels]
        self._clock = clock
        self._assembly = assembly
        self._rest = b""
        self._run = 0
        self._run_reason = RejectReason.GARBAGE
        self._partial = True

    def reset(self, *, aligned: bool) -> None:
        """Forget buffered bytes. Unless ``aligned``, bytes before the first frame are expected."""
        self._rest = b""
        self._run = 0
        self._partial = not aligned

    def feed(self, data: bytes, arrival_s: float) -> None:
        """Take bytes; samples and rejects go to the assembly."""
        if self._rest:
            data = self._rest + data
        position = 0
        stretches: list[FloatArray] = []
        while len(data) - position >= self._length:
            count = self._frames_at(data, position)
            if count:
                self._end_run(stretches, arrival_s)
                stretches.append(self._values(data, position, count))
                position += count * self._length
            else:
                position = self._skip(data, position, stretches, arrival_s)
        self._rest = data[position:]
        self._flush(stretches, arrival_s)

    def _frames_at(self, data: bytes, position: int) -> int:
        """Return how many right frames follow one another from a position."""
        if not self._is_frame(data, position):
            return 0
        many = (len(data) - position) // self._length
        if many == 1:
            return 1
        rows = np.frombuffer(data, np.uint8, many * self._length, position)
        table = rows.reshape(many, self._length)
        sums = table[:, :-1].sum(axis=1, dtype=np.uint8)
        right = (table[:, 0] == self._mark) & self._known[table[:, 1]] & (sums == table[:, -1])
        wrong = np.flatnonzero(~right)
        return int(wrong[0]) if len(wrong) else many

    def _is_frame(self, data: bytes, position: int) -> bool:
        last = position + self._length - 1
        return (
            data[position] == self._mark
            and bool(self._known[data[position + 1]])
            and sum(data[position:last]) & 0xFF == data[last]
        )

    def _values(self, data: bytes, position: int, count: int) -> FloatArray:
        """Return the samples among ``count`` frames, (n, channels), in the profile's unit."""
        rows = np.frombuffer(data, np.uint8, count * self._length, position)
        table = rows.reshape(count, self._length)
        wanted = table[table[:, 1] == self._sample_id]
        return np.stack([_column(wanted, field) for field in self._fields], axis=1)

    def _skip(
        self, data: bytes, position: int, stretches: list[FloatArray], arrival_s: float
    ) -> int:
        """Pass over one byte that begins no frame, and on to the next mark; return where."""
        if self._run == 0:
            begins = data[position] == self._mark and self._known[data[position + 1]]
            self._run_reason = RejectReason.CHECKSUM if begins else RejectReason.GARBAGE
        limit = min(len(data) - self._length + 1, position + _LONGEST_RUN - self._run)
        found = data.find(self._mark, position + 1, max(limit, position + 1))
        following = found if found >= 0 else max(limit, position + 1)
        self._run += following - position
        if self._run >= _LONGEST_RUN:
            self._end_run(stretches, arrival_s)
        return following

    def _end_run(self, stretches: list[FloatArray], arrival_s: float) -> None:
        if self._run and not self._partial:
            self._flush(stretches, arrival_s)
            self._assembly.reject(self._run_reason, self._run)
        self._run = 0
        self._partial = False

    def _flush(self, stretches: list[FloatArray], arrival_s: float) -> None:
        values = [values for values in stretches if len(values)]
        stretches.clear()
        if values:
            joined = np.concatenate(values) if len(values) > 1 else values[0]
            self._assembly.samples(self._clock.many(len(joined), arrival_s), joined)


def _column(frames: NDArray[np.uint8], field: IntegerField) -> FloatArray:
    raw = np.ascontiguousarray(frames[:, field.offset : field.offset + 2])
    column: FloatArray = raw.view(_TYPES[field.type])[:, 0] * field.scale
    return column
