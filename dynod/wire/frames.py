"""Frames of one length with a mark: found, checked and converted in one go."""

import numpy as np
from numpy.typing import NDArray

from dynod.model.samples import Chunk, FloatArray, SampleBlock
from dynod.wire.binary import count_reader, number_readers, read_numbers
from dynod.wire.framing import FixedFrame, IntegerField, StampField
from dynod.wire.lost import LostRun
from dynod.wire.sink import Sink
from dynod.wire.text import TextReplies

_TYPES = {
    "i16le": "<i2",
    "i16be": ">i2",
    "u16le": "<u2",
    "u16be": ">u2",
    "i32le": "<i4",
    "i32be": ">i4",
    "u32le": "<u4",
    "u32be": ">u4",
}
# Marks in a row, and stamps that go on, before frames without a checksum are believed.
_IN_STEP = 3
# Up to so many frames numpy's fixed cost exceeds that of reading one by one.
_FEW = 8


class FrameDecoder:
    """Reads fixed frames; between frames it resynchronises byte by byte.

    A mark may occur inside data, so a frame counts only with a known id and a right sum. Without a
    checksum it counts only when the next mark follows it, and after an interruption not before
    three marks stand one frame apart with stamps that go on.
    """

    def __init__(self, framing: FixedFrame, channels: tuple[str, ...], sink: Sink) -> None:
        self._length = framing.length
        self._mark = bytes(framing.mark)
        self._marks = np.frombuffer(self._mark, np.uint8)
        self._id_at = len(self._mark)
        self._sample_id = framing.sample_id
        self._replies = np.zeros(256, dtype=bool)
        self._replies[list(framing.reply_ids)] = True
        self._known = np.zeros(256, dtype=bool)
        if framing.sample_id is not None:
            self._known[[framing.sample_id, *framing.other_ids, *framing.reply_ids]] = True
        self._any_reply = bool(framing.reply_ids)
        self._summed = framing.checksum == "sum8"
        self._ahead = 0 if self._summed else len(self._mark)
        self._fields = [framing.fields[channel] for channel in channels]
        self._readers = number_readers(framing.fields, channels)
        self._stamp = framing.stamp
        self._read_stamp = None if framing.stamp is None else count_reader(framing.stamp)
        self._sink = sink
        self._lost = LostRun(sink)
        self._text = TextReplies(framing.replies, sink) if framing.replies else None
        self._in_step = False
        self._rest = b""

    @property
    def kept(self) -> int:
        """How many bytes are kept for later."""
        return len(self._rest)

    @property
    def deadline_s(self) -> float | None:
        """Frames do not wait for silence."""
        return None

    def reset(self, *, aligned: bool) -> None:
        """Forget buffered bytes. Unless ``aligned``, bytes before the first frame are expected."""
        self._rest = b""
        self._in_step = aligned or self._summed
        self._lost.reset(aligned=aligned)
        if self._text is not None:
            self._text.reset()

    def settle(self) -> None:
        """Take what comes next for whole."""
        self._lost.settle()

    def idle(self, now_s: float) -> None:
        """Silence ends no frame."""

    def one_sample(self, chunk: Chunk) -> SampleBlock | None:
        """Take a chunk that completes exactly one sample; None, untouched, if it does not.

        Without a checksum it is the frame before, which the chunk's mark confirms.
        """
        data, rest = chunk.data, b""
        if not self._summed and len(self._rest) == self._length:
            data, rest = self._rest, data
        elif self._rest or not self._summed:
            return None
        if len(data) != self._length or self._text is not None or len(rest) > self._length:
            return None
        if not (self._in_step and self._lost.is_over and self._is_frame(data + rest, 0)):
            return None
        if self._sample_id is not None and data[self._id_at] != self._sample_id:
            return None
        values = read_numbers(self._readers, data, 0)
        if values is None:
            return None
        stamp = None if self._read_stamp is None else self._read_stamp(data, 0)
        block = self._sink.alone(stamp, values, chunk.arrival_s)
        if block is not None:
            self._lost.end()
            self._rest = rest
        return block

    def feed(self, data: bytes) -> None:
        """Take bytes; samples and rejects go to the sink."""
        if self._text is not None:
            self._text.feed(data)
        if self._rest:
            data = self._rest + data
        position, most = 0, _FEW
        while len(data) - position >= self._needed:
            count = self._frames_at(data, position, most)
            if count:
                self._lost.end()
                self._in_step = True
                self._take(data, position, count)
                position += count * self._length
            else:
                position = self._skip(data, position)
            # What lies behind damage must not be judged again and again.
            most = 32 * most if count == most else _FEW
        self._rest = data[position:]

    @property
    def _needed(self) -> int:
        """How many bytes must be there to judge whether a frame begins."""
        frames = 1 if self._in_step else _IN_STEP - 1
        return frames * self._length + self._ahead

    def _frames_at(self, data: bytes, position: int, most: int) -> int:
        """Return how many right frames follow one another from a position, up to ``most``."""
        if not self._is_frame(data, position):
            return 0
        if not self._in_step:
            return 1 if self._comes_into_step(data, position) else 0
        many = min((len(data) - position - self._ahead) // self._length, most)
        if many <= _FEW:
            count = 1
            while count < many and self._is_frame(data, position + count * self._length):
                count += 1
            return count
        rows = np.frombuffer(data, np.uint8, many * self._length, position)
        table = rows.reshape(many, self._length)
        right = self._right(table)
        if self._ahead:
            following = position + many * self._length
            right[:-1] &= right[1:]  # each is confirmed by the mark behind it
            right[-1] &= data.startswith(self._mark, following)
        wrong = np.flatnonzero(~right)
        return int(wrong[0]) if len(wrong) else many

    def _right(self, table: NDArray[np.uint8]) -> NDArray[np.bool_]:
        right: NDArray[np.bool_] = (table[:, : len(self._mark)] == self._marks).all(axis=1)
        if self._sample_id is not None:
            right &= self._known[table[:, self._id_at]]
        if self._summed:
            right &= table[:, :-1].sum(axis=1, dtype=np.uint8) == table[:, -1]
        return right

    def _is_frame(self, data: bytes, position: int) -> bool:
        if not self._begins(data, position):
            return False
        if not self._summed:
            return data.startswith(self._mark, position + self._length)
        last = position + self._length - 1
        return sum(data[position:last]) & 0xFF == data[last]

    def _begins(self, data: bytes, position: int) -> bool:
        if not data.startswith(self._mark, position):
            return False
        return self._sample_id is None or bool(self._known[data[position + self._id_at]])

    def _comes_into_step(self, data: bytes, position: int) -> bool:
        """Tell whether frames follow here that are no accident of their data."""
        second = position + self._length
        if not self._is_frame(data, second):
            return False
        stamp = self._read_stamp
        return stamp is None or self._sink.goes_on(stamp(data, position), stamp(data, second))

    def _take(self, data: bytes, position: int, count: int) -> None:
        """Hand on the samples and answers among ``count`` frames."""
        if count <= _FEW:
            for start in range(position, position + count * self._length, self._length):
                self._take_one(data, start)
            return
        rows = np.frombuffer(data, np.uint8, count * self._length, position)
        table = rows.reshape(count, self._length)
        if self._any_reply:
            for row in table[self._replies[table[:, self._id_at]]]:
                self._sink.reply(row.tobytes())
        if self._sample_id is not None:
            table = table[table[:, self._id_at] == self._sample_id]
        if len(table):
            self._samples(table)

    def _take_one(self, data: bytes, start: int) -> None:
        kind = None if self._sample_id is None else data[start + self._id_at]
        if kind is not None and self._any_reply and self._replies[kind]:
            self._sink.reply(data[start : start + self._length])
        if kind != self._sample_id:
            return
        values = read_numbers(self._readers, data, start)
        stamp = None if self._read_stamp is None else self._read_stamp(data, start)
        if values is not None:
            self._sink.sample(stamp, values, 0, self._length)

    def _samples(self, table: NDArray[np.uint8]) -> None:
        values = np.stack([_column(table, field) * field.scale for field in self._fields], axis=1)
        stamps = None if self._stamp is None else _column(table, self._stamp).astype(np.int64)
        if self._sink.samples(stamps, values, self._length):
            return
        for index, row in enumerate(values.tolist()):
            stamp = None if stamps is None else int(stamps[index])
            self._sink.sample(stamp, tuple(row), 0, self._length)

    def _skip(self, data: bytes, position: int) -> int:
        """Pass over one byte that begins no frame, and on to the next mark; return where."""
        begins = self._begins(data, position)
        self._in_step = self._summed
        stop = len(data) - self._needed + 1
        limit = max(min(stop, position + self._lost.room), position + 1)
        found = data.find(self._mark[:1], position + 1, limit)
        following = found if found >= 0 else limit
        self._lost.add(following - position, like_a_frame=begins)
        return following


def _column(frames: NDArray[np.uint8], field: IntegerField | StampField) -> FloatArray:
    raw = np.ascontiguousarray(frames[:, field.offset : field.offset + field.size])
    column: FloatArray = raw.view(_TYPES[field.type])[:, 0]
    return column
