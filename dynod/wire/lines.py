"""Delimited lines: one sample, event or reply a line."""

import re

from dynod.model.samples import EventKind, RejectReason, SampleBlock
from dynod.wire.assembly import Assembly
from dynod.wire.clock import ArrivalClock, StampClock
from dynod.wire.digits import (
    MAX_FRACTION_DIGITS,
    MAX_STAMP_DIGITS,
    MAX_WHOLE_DIGITS,
    read_lines,
)
from dynod.wire.profile import DelimitedLine

# Below this numpy's fixed cost exceeds that of reading line by line.
_FEW_BYTES = 256
_LOOKS_LIKE_WORDS = re.compile(rb"[A-Za-z].{2,}", re.DOTALL).fullmatch
_STAMP = rb"(\d{1,%d})" % MAX_STAMP_DIGITS
_VALUE = rb"(-?\d{1,%d}\.\d{1,%d})" % (MAX_WHOLE_DIGITS, MAX_FRACTION_DIGITS)


class LineDecoder:
    """Reads lines of a ``stamp`` column and one channel."""

    def __init__(
        self, framing: DelimitedLine, clock: StampClock | ArrivalClock, assembly: Assembly
    ) -> None:
        if framing.columns[0] != "stamp" or len(framing.columns) != 2:
            raise NotImplementedError("lines other than stamp and one channel")
        if not isinstance(clock, StampClock):
            raise TypeError("a stamp column needs a stamp clock")
        split = re.escape(framing.separator.encode())
        self._separator = ord(framing.separator)
        self._sample = re.compile(_STAMP + split + _VALUE + rb"\r?").fullmatch
        self._whole_chunk = re.compile(_STAMP + split + _VALUE + rb"\r?\n").fullmatch
        texts = {text.encode(): EventKind(kind) for kind, text in framing.events.items()}
        self._events = texts
        alternatives = b"|".join(re.escape(text) for text in texts) or rb"(?!)"
        self._event = re.compile(_STAMP + split + b"(" + alternatives + rb")\r?").fullmatch
        self._replies = tuple(reply.encode() for reply in framing.replies)
        self._max_bytes = framing.max_bytes
        self._clock = clock
        self._assembly = assembly
        self._rest = b""
        self._partial = True
        self._overlong = 0

    def reset(self, *, aligned: bool) -> None:
        """Forget buffered bytes. Unless ``aligned``, the next line may lack its beginning."""
        self._rest = b""
        self._partial = not aligned
        self._overlong = 0

    def one_sample(self, data: bytes) -> SampleBlock | None:
        """Take a chunk that is exactly the line of one sample; None, untouched, if it is not.

        Live, nearly every chunk is one; this way costs half of ``feed``.
        """
        if self._rest or self._partial:
            return None
        match = self._whole_chunk(data)
        if match is None:
            return None
        stamp, value = match.groups()
        t_s, broke = self._clock.one(int(stamp))
        if broke:
            self._assembly.new_segment()
        return self._assembly.alone(t_s, float(value))

    def feed(self, data: bytes, _arrival_s: float) -> None:
        """Take bytes; samples and the rest go to the assembly."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        end = data.rfind(b"\n") + 1
        if end:
            self._lines(data[:end])
        if end < len(data):
            self._keep(data[end:])

    def _keep(self, rest: bytes) -> None:
        """Keep an unfinished line, but never more than a line may have."""
        if len(rest) > self._max_bytes:
            self._overlong += len(rest) - self._max_bytes
            rest = rest[: self._max_bytes]
        self._rest = rest

    def _lines(self, data: bytes) -> None:
        if self._partial or self._overlong:
            first, _, data = data.partition(b"\n")
            self._first_line(first)
        if len(data) < _FEW_BYTES:
            self._one_by_one(data)
            return
        columns = read_lines(data, self._separator)
        times = self._clock.many(columns.stamps) if columns is not None else None
        if columns is not None and times is not None:
            self._assembly.samples(times, columns.values[:, None])
            return
        middle = data.find(b"\n", len(data) // 2) + 1
        if middle == len(data):
            middle = data.rfind(b"\n", 0, len(data) - 1) + 1
        if not middle:
            self._one_by_one(data)
            return
        self._lines(data[:middle])
        self._lines(data[middle:])

    def _first_line(self, line: bytes) -> None:
        """Take a line whose beginning may be missing, or whose middle was not kept."""
        lost, self._overlong = self._overlong, 0
        partial, self._partial = self._partial, False
        if lost or len(line) > self._max_bytes:
            self._assembly.reject(RejectReason.OVERLONG, len(line) + lost + 1)
        elif not partial or line.rstrip(b"\r").startswith(self._replies):
            self._line(line)

    def _one_by_one(self, data: bytes) -> None:
        lines = data.split(b"\n")
        lines.pop()  # behind the last newline
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        match = self._sample(line)
        if match is None:
            self._other(line)
            return
        t_s, broke = self._clock.one(int(match[1]))
        if broke:
            self._assembly.new_segment()
        self._assembly.sample(t_s, float(match[2]))

    def _other(self, line: bytes) -> None:
        if len(line) > self._max_bytes:
            self._assembly.reject(RejectReason.OVERLONG, len(line) + 1)
            return
        event = self._event(line)
        if event is not None:
            self._assembly.event(self._events[event[2]], self._clock.event(int(event[1])))
            return
        text = line.rstrip(b"\r")
        if text.startswith(self._replies):
            self._assembly.reply(text)
            return
        if _LOOKS_LIKE_WORDS(text):
            # An answer of a device that is not this one: the dialogue wants to read it, and in
            # the middle of a stream it is a line that was lost.
            self._assembly.reply(text)
        if text:
            self._assembly.reject(RejectReason.MALFORMED, len(line) + 1)
