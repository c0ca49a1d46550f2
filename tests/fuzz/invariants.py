"""What holds for any bytes whatever: a script of bytes and pauses is played to two decoders.

One gets the pieces of the script, the other every byte alone. Neither may raise, nor keep more than
its framing's bound; both must tell the same; and what they tell must fit into the bytes.
"""

import math
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import cycle, pairwise
from typing import NamedTuple

from dynod.model.samples import Chunk, Decoded, SampleBlock
from dynod.wire.decoder import Decoder
from dynod.wire.framing import DelimitedLine, FixedFrame, IdleGap, LengthPrefixed, PatternLine
from dynod.wire.lost import LONGEST_RUN
from tests.fuzz.framings import GAP_S, Wire

HEADER = 4  # bytes before the stream: flags, and three lengths of pieces
PAUSES_S = ((0.01,), (0.01, 0.0, 0.5), (0.04, 0.02, 0.0), (0.0, 60.0, 0.05))


class Piece(NamedTuple):
    """What one read returned; ``asked``: a poll went out before; ``idle_s``: silence after it."""

    data: bytes
    arrival_s: float
    asked: bool = False
    idle_s: float = 0.0


class Script(NamedTuple):
    """What a decoder gets; ``aligned``: it begins with a line or frame."""

    pieces: tuple[Piece, ...]
    aligned: bool

    @property
    def data(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)


class ToldSample(NamedTuple):
    """``t_s`` is None where times depend on how the bytes were cut; values are None for NaN."""

    segment: int
    t_s: float | None
    values: tuple[float | None, ...]
    status: int


class Told(NamedTuple):
    """All that a decoder told.

    ``events``: kind, segment, and time as of samples. ``rejects``: reason, segment, length, and
    how many samples came before.
    """

    samples: list[ToldSample]
    events: list[tuple[str, int, float | None]]
    rejects: list[tuple[str, int, int, int]]
    replies: list[bytes]


def read_script(data: bytes) -> Script:
    """Return the script that any bytes are."""
    flags, *lengths = data[:HEADER].ljust(HEADER, b"\0")
    stream = data[HEADER:]
    asked, idle_s = bool(flags & 8), 0.1 if flags & 16 else 0.0
    pieces: list[Piece] = []
    position, now_s = 0, 0.0
    for length, pause_s in zip(cycle(lengths), cycle(PAUSES_S[flags >> 1 & 3]), strict=False):
        if position >= len(stream):
            break
        now_s += pause_s
        end = position + length if length else len(stream)
        pieces.append(Piece(stream[position:end], now_s, asked, idle_s))
        position, now_s = end, now_s + idle_s
    return Script(tuple(pieces), bool(flags & 1))


def check(wire: Wire, script: Script) -> None:
    """Raise AssertionError when a script breaks an invariant."""
    whole, kept = play(wire, script)
    apart, _ = play(wire, script, size=1)  # what is kept may be judged a little earlier or later
    if apart != whole:
        raise AssertionError(f"{wire.name}: cut differently, told differently:\n{whole}\n{apart}")
    account(wire, script, whole, kept)


def play(wire: Wire, script: Script, size: int | None = None) -> tuple[Told, int]:
    """Play a script in its pieces, or in parts of ``size`` that share a piece's arrival.

    Return what was told, and how many bytes are kept in the end.
    """
    decoder = Decoder(wire.profile, aligned=script.aligned)
    decoded: list[Decoded] = []
    for piece in script.pieces:
        if piece.asked:
            decoder.asked(piece.arrival_s)
        step = size or len(piece.data)
        for start in range(0, len(piece.data), step):
            part = piece.data[start : start + step]
            decoded.append(decoder.feed(Chunk(part, piece.arrival_s)))
            check_kept(wire, decoder)
        if piece.idle_s:
            decoded.append(decoder.idle(piece.arrival_s + piece.idle_s))
    if script.pieces:
        decoded.append(decoder.idle(script.pieces[-1].arrival_s + 1.0))
    return told(wire, decoded), decoder.kept_bytes


def check_kept(wire: Wire, decoder: Decoder) -> None:
    if decoder.kept_bytes > wire.most_kept:
        raise AssertionError(f"{wire.name}: keeps {decoder.kept_bytes}, not {wire.most_kept} bytes")


def told(wire: Wire, decoded: list[Decoded]) -> Told:
    timed = wire.profile.clock.kind != "nominal"
    blocks = [block for part in decoded for block in part.blocks]
    check_blocks(wire, blocks)
    moments = [(block.segment, t_s) for block in blocks for t_s in block.t_s.tolist()]
    return Told(
        [
            ToldSample(block.segment, t_s if timed else None, tuple(map(or_none, row)), status)
            for block in blocks
            for t_s, row, status in zip(
                block.t_s.tolist(), block.values.tolist(), block.status.tolist(), strict=True
            )
        ],
        [
            (event.kind, event.segment, event.t_s if timed else None)
            for part in decoded
            for event in part.events
        ],
        [
            (
                reject.reason,
                reject.segment,
                reject.length,
                bisect_right(moments, (reject.segment, reject.t_s)),
            )
            for part in decoded
            for reject in part.rejects
        ],
        [reply for part in decoded for reply in part.replies],
    )


def check_blocks(wire: Wire, blocks: list[SampleBlock]) -> None:
    """Raise AssertionError when blocks are not what all that follows may rely on."""
    times: defaultdict[int, list[float]] = defaultdict(list)
    for block in blocks:
        times[block.segment].extend(block.t_s.tolist())
        good = block.values[block.status == 0].ravel().tolist()
        bad = block.values[block.status != 0].ravel().tolist()
        if not (all(map(math.isfinite, good)) and all(map(math.isnan, bad))):
            raise AssertionError(f"{wire.name}: values and status do not fit: {block}")
    if list(times) != sorted(times):
        raise AssertionError(f"{wire.name}: segments in disorder: {list(times)}")
    for segment, moments in times.items():
        if any(late < early for early, late in pairwise(moments)):
            raise AssertionError(f"{wire.name}: time runs backwards in segment {segment}")


def account(wire: Wire, script: Script, said: Told, kept: int) -> None:
    """Raise AssertionError when samples and rejects are more or less than the bytes allow."""
    lost = sum(length for _, _, length, _ in said.rejects)
    if lost + wire.shortest * len(said.samples) > len(script.data):
        raise AssertionError(f"{wire.name}: more samples and rejects than bytes: {said}")
    if not script.aligned:
        return  # what may lack its beginning is passed over in silence
    match wire.profile.framing:
        case DelimitedLine() | PatternLine() as framing:
            _account_lines(wire, framing, script.data, said)
        case FixedFrame() if wire.profile.framing.sample_id is None:
            used = len(said.samples) * wire.profile.framing.length
            _account_frames(wire, script.data, used + lost + kept, said)
        case LengthPrefixed():
            used = len(said.samples) * (wire.profile.framing.length + 1)
            used += sum(map(len, said.replies))
            _account_frames(wire, script.data, used + lost + kept, said)
        case IdleGap():
            _account_bursts(wire, script, said)


def _account_lines(
    wire: Wire, framing: DelimitedLine | PatternLine, data: bytes, said: Told
) -> None:
    """Every line with something in it is one thing: (part of) a sample, event, reject, reply.

    What looks like words may be a reply and a reject; a sample that is rejected has all its lines.
    """
    parts = len(framing.patterns) if isinstance(framing, PatternLine) else 1
    end = b"\r" if isinstance(framing, PatternLine) and framing.terminator == "cr" else b"\n"
    comment = re.compile("|".join(framing.ignore).encode()).fullmatch
    count = 0
    for line in data.split(end)[:-1]:
        text = line.removesuffix(b"\r") if end == b"\n" else line.lstrip(b"\n")
        overlong = len(line) > framing.max_bytes
        count += overlong or bool(text and not comment(text))
    least = parts * len(said.samples) + len(said.events) + len(said.rejects)
    most = least + (parts - 1) * (len(said.rejects) + 1) + len(said.replies)
    if not least <= count <= most:
        raise AssertionError(f"{wire.name}: {count} lines, told of {least} to {most}: {said}")


def _account_frames(wire: Wire, data: bytes, known: int, said: Told) -> None:
    """Every byte is in a frame, in a reject, kept, or in a run that is not reported yet."""
    open_ = len(data) - known
    if not 0 <= open_ < LONGEST_RUN:
        raise AssertionError(f"{wire.name}: {open_} bytes are not accounted for: {said}")


def _account_bursts(wire: Wire, script: Script, said: Told) -> None:
    """Every burst is one thing: a sample, a press, a reject or a reply (or both)."""
    count = sum(1 for _ in bursts(script))
    by_hand = wire.profile.clock.kind == "arrival"
    presses = 0 if by_hand else len(said.events)
    least = len(said.samples) + presses + len(said.rejects)
    if not least <= count <= least + len(said.replies):
        raise AssertionError(f"{wire.name}: {count} bursts, told of {least}: {said}")


def bursts(script: Script) -> Iterator[bytes]:
    """Yield what came without a pause."""
    burst, heard_s, silent = b"", -math.inf, False
    for piece in script.pieces:
        if burst and (silent or piece.arrival_s >= heard_s + GAP_S):
            yield burst
            burst = b""
        burst, heard_s = burst + piece.data, piece.arrival_s
        silent = piece.arrival_s + piece.idle_s >= heard_s + GAP_S
    if burst:
        yield burst


def or_none(value: float) -> float | None:
    return None if math.isnan(value) else value  # NaN is not equal to itself
