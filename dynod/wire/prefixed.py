"""Frames that say their length: mark, length, address, command, data, sum."""

from dynod.model.samples import Chunk, RejectReason, SampleBlock
from dynod.wire.binary import number_readers, read_numbers
from dynod.wire.framing import LengthPrefixed
from dynod.wire.lost import LostRun
from dynod.wire.sink import Sink


def request(framing: LengthPrefixed, command: bytes) -> bytes:
    """Return the frame of a request: ``command`` is the command byte and its data."""
    body = bytes([3 + len(framing.address) - 1 + len(command) - 1])
    body += bytes(framing.address) + command
    return bytes([framing.mark]) + body + bytes([sum(body) & 0xFF])


class PrefixedDecoder:
    """Reads frames of the lengths that the profile names; any other length begins no frame."""

    def __init__(self, framing: LengthPrefixed, channels: tuple[str, ...], sink: Sink) -> None:
        self._lengths = frozenset({framing.length, *framing.other_lengths})
        self._mark = bytes([framing.mark])
        head = (framing.mark, framing.length, *framing.address, framing.sample)
        self._sample_head = bytes(head)
        self._readers = number_readers(framing.fields, channels)
        self._sink = sink
        self._lost = LostRun(sink)
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
        self._lost.reset(aligned=aligned)

    def settle(self) -> None:
        """Take what comes next for whole."""
        self._lost.settle()

    def idle(self, now_s: float) -> None:
        """Silence ends no frame."""

    def one_sample(self, chunk: Chunk) -> SampleBlock | None:
        """Take a chunk that is exactly one frame of a sample; None, untouched, if it is not."""
        data = chunk.data
        if self._rest or not (self._lost.is_over and data.startswith(self._sample_head)):
            return None
        if len(data) != data[1] + 1 or sum(data[1:-1]) & 0xFF != data[-1]:
            return None
        values = read_numbers(self._readers, data, 0)
        if values is None:
            return None
        block = self._sink.alone(None, values, chunk.arrival_s)
        if block is not None:
            self._lost.end()
        return block

    def feed(self, data: bytes) -> None:
        """Take bytes; samples, answers and rejects go to the sink."""
        data = self._rest + data
        position = 0
        while position < len(data):
            if not data.startswith(self._mark, position):
                position = self._skip(data, position, like_a_frame=False)
                continue
            if position + 2 > len(data):
                break
            length = data[position + 1]
            if length not in self._lengths:
                position = self._skip(data, position, like_a_frame=False)
                continue
            end = position + length + 1
            if end > len(data):
                break
            if sum(data[position + 1 : end - 1]) & 0xFF != data[end - 1]:
                position = self._skip(data, position, like_a_frame=True)
                continue
            self._lost.end()
            self._frame(data, position, end)
            position = end
        self._rest = data[position:]

    def _frame(self, data: bytes, start: int, end: int) -> None:
        if not data.startswith(self._sample_head, start):
            self._sink.reply(data[start:end])
            return
        values = read_numbers(self._readers, data, start)
        if values is None:
            self._sink.reject(RejectReason.MALFORMED, end - start)
        else:
            self._sink.sample(None, values, 0, end - start)

    def _skip(self, data: bytes, position: int, *, like_a_frame: bool) -> int:
        limit = min(len(data), position + self._lost.room)
        found = data.find(self._mark, position + 1, max(limit, position + 1))
        following = found if found >= 0 else max(limit, position + 1)
        self._lost.add(following - position, like_a_frame=like_a_frame)
        return following
