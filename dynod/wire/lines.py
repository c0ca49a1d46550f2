"""Lines of text: one sample, half a sample, an event, an answer or a comment a line."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dynod.model.samples import Chunk, EventKind, FloatArray, RejectReason, SampleBlock
from dynod.wire.digits import (
    MAX_FRACTION_DIGITS,
    MAX_STAMP_DIGITS,
    MAX_WHOLE_DIGITS,
    read_lines,
)
from dynod.wire.framing import DelimitedLine, PatternLine
from dynod.wire.phrases import compile_pattern
from dynod.wire.profile import Profile
from dynod.wire.sink import Sink
from dynod.wire.text import TextReader, any_of, make_reader

# Below this numpy's fixed cost exceeds that of reading line by line.
_FEW_BYTES = 256
_LOOKS_LIKE_WORDS = re.compile(rb"[A-Za-z].{2,}", re.DOTALL).fullmatch
# References to a group by its number, which several expressions in one would shift.
_BY_NUMBER = re.compile(rb"\\[1-9]|\(\?\(\d").search
_LINE_END = rb"(?:\r\n|(?<!\r)\n)"  # the return before a line feed belongs to no expression
_STAMP = rf"\d{{1,{MAX_STAMP_DIGITS}}}"
_NUMBERS = {
    "decimal": rf"-?\d{{1,{MAX_WHOLE_DIGITS}}}\.\d{{1,{MAX_FRACTION_DIGITS}}}",
    "integer": r"-?\d{1,10}",
    "number": r"[+-]?\d{1,10}(?:\.\d{1,9})?",
}


@dataclass(frozen=True, slots=True)
class Grammar:
    """What lines there are, as expressions over a whole line without its end.

    ``samples`` are the lines of one sample, in their order; ``events`` pairs of expression and
    kind, with the group ``stamp`` where lines carry one.
    """

    samples: tuple[re.Pattern[bytes], ...]
    events: tuple[tuple[re.Pattern[bytes], EventKind], ...]
    replies: re.Pattern[bytes] | None
    ignore: re.Pattern[bytes] | None
    terminator: bytes
    max_bytes: int


def make_grammar(framing: DelimitedLine | PatternLine) -> Grammar:
    """Return the grammar of a framing."""
    if isinstance(framing, PatternLine):
        samples = tuple(compile_pattern(text) for text in framing.patterns)
        events = {kind: framing.events[kind] for kind in framing.events}
        terminator = b"\n" if framing.terminator == "lf" else b"\r"
    else:
        samples = (compile_pattern(_columns(framing, None)),)
        events = {kind: _columns(framing, text) for kind, text in framing.events.items()}
        terminator = b"\n"
    return Grammar(
        samples=samples,
        events=tuple((compile_pattern(text), EventKind(kind)) for kind, text in events.items()),
        replies=any_of(framing.replies),
        ignore=any_of(framing.ignore),
        terminator=terminator,
        max_bytes=framing.max_bytes,
    )


def _columns(framing: DelimitedLine, event: str | None) -> str:
    """Return the expression of a line of columns, or of the event in place of a channel."""
    split = re.escape(framing.separator)
    blank = "[ \\t]*" if framing.padding else ""
    number = _NUMBERS[framing.numbers].replace(r"\.", re.escape(framing.decimal_mark))
    parts = []
    for name in framing.columns:
        if name == "stamp":
            parts.append(f"(?P<stamp>{_STAMP})")
        elif name == "-":
            parts.append(f"[^{split}\r\n]*")
        elif name == "unit":
            parts.append(f"(?P<unit>[^{split}\r\n]+)")
        elif event is None:
            parts.append(f"(?P<{name}>{number})")
        else:
            parts.append(re.escape(event))
            break
    end = f"(?:{split})?" if framing.trailing else ""
    return blank + f"{blank}{split}{blank}".join(parts) + blank + end


class LineDecoder:
    """Reads lines; never keeps more of an unfinished one than a line may have."""

    def __init__(self, framing: DelimitedLine | PatternLine, profile: Profile, sink: Sink) -> None:
        self._grammar = make_grammar(framing)
        self._sink = sink
        self._reader = make_reader(profile, framing)
        self._end = self._grammar.terminator
        self._max_bytes = self._grammar.max_bytes
        self._bulk = _make_bulk(self._grammar, self._reader, profile, framing)
        # Takes a chunk that is exactly one sample, or nothing of it, and then returns None. Live,
        # nearly every chunk is one; this way costs half of ``feed``.
        self.one_sample = self._plain_sample if _is_plain(framing) else self._text_sample
        self._whole = _whole_sample(self._grammar)
        self._rest = b""
        self._partial = True
        self._overlong = 0
        self._held: list[re.Match[bytes]] = []
        self._begun = False

    @property
    def kept(self) -> int:
        """How many bytes are kept for later."""
        return len(self._rest) + sum(len(match[0]) for match in self._held)

    @property
    def deadline_s(self) -> float | None:
        """Lines do not wait for silence."""
        return None

    def reset(self, *, aligned: bool) -> None:
        """Forget buffered bytes. Unless ``aligned``, the next line may lack its beginning."""
        self._rest = b""
        self._partial = not aligned
        self._overlong = 0
        self._held = []
        self._begun = aligned

    def _plain_sample(self, chunk: Chunk) -> SampleBlock | None:
        if self._rest or self._partial:
            return None
        match = self._whole(chunk.data)
        if match is None:
            return None
        stamp, value = match.groups()
        return self._sink.alone(int(stamp), (float(value),), 0.0)

    def _text_sample(self, chunk: Chunk) -> SampleBlock | None:
        if self._rest or self._partial or self._held:
            return None
        match = self._whole(chunk.data)
        if match is None or len(chunk.data) > self._max_bytes:
            return None
        if chunk.data.count(self._end) != len(self._grammar.samples):
            return None  # an expression took a line end
        reading = self._reader.read(match.groupdict())
        if isinstance(reading, RejectReason) or reading.status:
            return None
        block = self._sink.alone(reading.stamp, reading.values, chunk.arrival_s)
        self._begun = self._begun or block is not None
        return block

    def feed(self, data: bytes) -> None:
        """Take bytes; samples and the rest go to the sink."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        end = data.rfind(self._end) + 1
        if end:
            self._lines(data[:end])
        if end < len(data):
            self._keep(data[end:])

    def settle(self) -> None:
        """Take what comes next for whole."""
        self._partial = False

    def idle(self, now_s: float) -> None:
        """Silence ends no line."""

    def _keep(self, rest: bytes) -> None:
        """Keep an unfinished line, but never more than a line may have."""
        if len(rest) > self._max_bytes:
            self._overlong += len(rest) - self._max_bytes
            rest = rest[: self._max_bytes]
        self._rest = rest

    def _lines(self, data: bytes) -> None:
        if self._partial or self._overlong:
            first, _, data = data.partition(self._end)
            self._first_line(first)
        for _ in self._grammar.samples:  # one that has begun goes on line by line
            if self._held and data:
                line, _, data = data.partition(self._end)
                self._line(line)
        if len(data) < _FEW_BYTES or self._bulk is None:
            self._one_by_one(data)
            return
        if not self._held and self._bulk.take(data, self._sink):
            self._begun = True
            return
        middle = self._bulk.middle(data) or data.find(self._end, len(data) // 2) + 1
        if middle == len(data):
            middle = data.rfind(self._end, 0, len(data) - 1) + 1
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
            self._overlong_line(len(line) + lost + 1)
        elif not partial or self._is(self._grammar.replies, self._bare(line)):
            self._line(line)

    def _one_by_one(self, data: bytes) -> None:
        lines = data.split(self._end)
        lines.pop()  # behind the last end
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        if len(line) > self._max_bytes:
            self._overlong_line(len(line) + 1)
            return
        text = self._bare(line)
        expected = self._grammar.samples[len(self._held)]
        match = expected.fullmatch(text)
        if match is None and self._held:
            self._unpaired()
            match = self._grammar.samples[0].fullmatch(text)
        if match is None:
            self._other(line, text)
            return
        self._begun = True
        if len(self._held) + 1 < len(self._grammar.samples):
            self._held.append(match)
            return
        self._sample(match, len(line) + 1)

    def _sample(self, match: re.Match[bytes], length: int) -> None:
        groups = match.groupdict()
        for held in self._held:
            groups |= {name: text for name, text in held.groupdict().items() if text is not None}
            length += len(held[0]) + 1
        self._held.clear()
        reading = self._reader.read(groups)
        if isinstance(reading, RejectReason):
            self._sink.reject(reading, length)
        else:
            self._sink.sample(reading.stamp, reading.values, reading.status, length)

    def _overlong_line(self, length: int) -> None:
        if self._held:
            self._unpaired()
        self._sink.reject(RejectReason.OVERLONG, length)

    def _unpaired(self) -> None:
        length = sum(len(match[0]) + 1 for match in self._held)
        self._held.clear()
        self._sink.reject(RejectReason.UNPAIRED, length)

    def _other(self, line: bytes, text: bytes) -> None:
        for pattern, kind in self._grammar.events:
            event = pattern.fullmatch(text)
            if event is not None:
                stamp = event.groupdict().get("stamp") or b""
                self._sink.event(kind, int(stamp) if stamp.isdigit() else None)
                return
        if self._is(self._grammar.replies, text):
            self._sink.reply(text)
        elif text and not self._is(self._grammar.ignore, text):
            self._lost(line, text)

    def _lost(self, line: bytes, text: bytes) -> None:
        """Take a line that is nothing: an answer of another device, or a line that was hurt."""
        if any(pattern.fullmatch(text) for pattern in self._grammar.samples[1:]):
            if self._begun:
                self._sink.reject(RejectReason.UNPAIRED, len(line) + 1)
            return
        if _LOOKS_LIKE_WORDS(text):
            # The dialogue wants to read it; in the middle of a stream it is a line that was lost.
            self._sink.reply(text)
        self._sink.reject(RejectReason.MALFORMED, len(line) + 1)

    def _bare(self, line: bytes) -> bytes:
        """Return a line without what the other kind of line end left of itself."""
        return line.removesuffix(b"\r") if self._end == b"\n" else line.lstrip(b"\n")

    def _is(self, pattern: re.Pattern[bytes] | None, text: bytes) -> bool:
        return pattern is not None and pattern.fullmatch(text) is not None


def _is_plain(framing: DelimitedLine | PatternLine) -> bool:
    """Tell whether lines are a stamp and one decimal number."""
    return (
        isinstance(framing, DelimitedLine)
        and len(framing.columns) == 2
        and framing.columns[0] == "stamp"
        and framing.columns[1] not in {"unit", "-"}
        and framing.numbers == "decimal"
        and framing.decimal_mark == "."
        and not framing.padding
        and not framing.trailing
    )


def _whole_sample(grammar: Grammar) -> Callable[[bytes], re.Match[bytes] | None]:
    return re.compile(_joined(grammar)).fullmatch if _may_be_joined(grammar) else _no_match


def _no_match(_data: bytes) -> None:
    return None


def _may_be_joined(grammar: Grammar) -> bool:
    """Tell whether the expressions of a sample's lines can be parts of one."""
    names = [name for line in grammar.samples for name in line.groupindex]
    named = len({*names}) == sum(line.groups for line in grammar.samples)
    return named and not any(_BY_NUMBER(line.pattern) for line in grammar.samples)


def _joined(grammar: Grammar) -> bytes:
    """Return the expression of all lines of a sample, with their ends."""
    end = _LINE_END if grammar.terminator == b"\n" else rb"\r"
    return b"".join(b"(?:" + line.pattern + b")" + end for line in grammar.samples)


class _PlainBulk:
    """Many lines ``stamp separator decimal``, column by column."""

    def __init__(self, separator: str) -> None:
        self._separator = ord(separator)

    def middle(self, data: bytes) -> int:
        """Return where to cut: behind a line."""
        return data.find(b"\n", len(data) // 2) + 1

    def take(self, data: bytes, sink: Sink) -> bool:
        """Take lines when all of them are samples; else take nothing, and return False."""
        columns = read_lines(data, self._separator)
        if columns is None:
            return False
        return sink.samples(columns.stamps, columns.values[:, None], 0)


class _PatternBulk:
    """Many samples of the same lines, found by one search."""

    def __init__(self, grammar: Grammar, reader: TextReader) -> None:
        self._sample = re.compile(b"(?m)^" + _joined(grammar))
        self._column = {name: index - 1 for name, index in self._sample.groupindex.items()}
        self._lines = len(grammar.samples)
        self._reader = reader
        self._max_bytes = grammar.max_bytes

    def middle(self, data: bytes) -> int:
        """Return where to cut: before the first whole sample of the second half; 0 for none."""
        found = self._sample.search(data, len(data) // 2)
        return found.start() if found is not None else 0

    def take(self, data: bytes, sink: Sink) -> bool:
        """Take lines when all of them are samples; else take nothing, and return False."""
        found = self._sample.findall(data)
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
        longest = int(np.max(np.diff(ends, prepend=-1))) - 1
        if len(found) * self._lines != len(ends) or longest > self._max_bytes:
            return False
        columns: list[Sequence[bytes]] = (
            [found] if len(self._column) == 1 else [*zip(*found, strict=True)]
        )
        factor = self._factor(columns)
        if factor is None or not self._sums_are_right(columns):
            return False
        try:
            channels = [_floats(columns[self._column[name]]) for name in self._reader.channels]
            place = self._column.get("stamp")
            stamps = None if place is None else np.array([int(text) for text in columns[place]])
        except (ValueError, OverflowError):
            return False  # blanks inside a number, or no number
        values = np.stack(channels, axis=1)
        if not np.isfinite(values).all() or (stamps is not None and stamps.dtype != np.int64):
            return False
        return sink.samples(stamps, values if factor == 1.0 else values * factor, 0)

    def _factor(self, columns: Sequence[Sequence[bytes]]) -> float | None:
        """Return the factor of the one unit in all lines; None when there are several."""
        place = self._column.get("unit")
        if place is None:
            return 1.0
        units = set(columns[place])
        return self._reader.factors.get(units.pop().strip().lower()) if len(units) == 1 else None

    def _sums_are_right(self, columns: Sequence[Sequence[bytes]]) -> bool:
        if self._reader.checksum == "none":
            return True
        checked, told = (columns[self._column[name]] for name in ("checked", "checksum"))
        if not all(checked):
            return False
        starts = np.cumsum([0, *map(len, checked[:-1])])
        sums = np.bitwise_xor.reduceat(np.frombuffer(b"".join(checked), np.uint8), starts)
        try:
            return bool(np.array_equal(sums, [int(text, 16) for text in told]))
        except ValueError:
            return False


def _floats(texts: Sequence[bytes]) -> FloatArray:
    return np.fromiter(map(float, texts), np.float64, len(texts))


def _make_bulk(
    grammar: Grammar, reader: TextReader, profile: Profile, framing: DelimitedLine | PatternLine
) -> _PlainBulk | _PatternBulk | None:
    """Return the way to read many lines at once, where their form allows one."""
    if isinstance(framing, DelimitedLine) and _is_plain(framing):
        return _PlainBulk(framing.separator)
    simple = not (reader.signs or reader.statuses or reader.comma)
    hexadecimal = reader.checksum in {"none", "xor_hex"}
    streams = profile.clock.kind in {"stamp", "nominal"} and grammar.terminator == b"\n"
    fits = _may_be_joined(grammar) and simple and hexadecimal and streams
    return _PatternBulk(grammar, reader) if fits else None
