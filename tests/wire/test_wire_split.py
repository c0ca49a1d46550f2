"""Every framing: any cutting tells the same, rubbish costs what it touches, little is kept.

Pieces that a chunk is cut into share its arrival. The samples are written in `tests.fuzz.framings`,
bytes and numbers each for themselves.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import cycle
from operator import xor
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynod.model.samples import Chunk
from dynod.wire.decoder import Decoder
from dynod.wire.framing import FixedFrame, IdleGap, LengthPrefixed
from tests.fuzz.framings import WIRES, Wire
from tests.fuzz.invariants import Piece, Script, check, check_kept, or_none, play

EACH = pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
QUICK = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])

# An unfinished line of max_bytes, for pairs with the line before it; of three marks one frame
# apart all but the last byte; a frame less a byte; a burst of 64 bytes.
MOST_KEPT = {
    **dict.fromkeys(("stamped_line", "count_line", "limited_line"), 64),
    **dict.fromkeys(("unit_line", "summed_line"), 64),
    "signed_line": 16,
    "loose_line": 400,
    "pair_lines": 128,
    "summed_frame": 10,
    **dict.fromkeys(("stamped_frame", "answering_frame"), 35),
    "prefixed_frame": 17,
    **dict.fromkeys(("text_burst", "digit_burst"), 64),
}


def rubbish(wire: Wire) -> st.SearchStrategy[bytes]:
    """Bytes that may be anything: also what looks like the beginning of a sample, or is one."""
    whole = st.integers(0, 500).map(lambda k: wire.sample(k).data)
    return st.one_of(
        st.binary(min_size=1, max_size=40),
        st.sampled_from(wire.tokens),
        st.builds(lambda data, end: data[:end], whole, st.integers(1, 12)),
        st.builds(
            lambda token, times: token * times, st.sampled_from(wire.tokens), st.integers(2, 9)
        ),
        whole,
    )


def streams(wire: Wire) -> st.SearchStrategy[bytes]:
    run = st.builds(
        lambda first, count: b"".join(wire.sample(first + k).data for k in range(count)),
        st.integers(0, 500),
        st.integers(1, 40),
    )
    return st.lists(st.one_of(run, rubbish(wire)), min_size=1, max_size=6).map(b"".join)


@st.composite
def scripts(draw: st.DrawFn, wire: Wire) -> Script:
    now_s = 0.0
    pieces = []
    for data in draw(st.lists(streams(wire), min_size=1, max_size=3)):
        now_s += draw(st.sampled_from((0.0, 0.01, 0.05, 60.0)))
        pieces.append(Piece(data, now_s, asked=draw(st.booleans())))
    return Script(tuple(pieces), aligned=draw(st.booleans()))


def cut(piece: Piece, lengths: Sequence[int]) -> Iterator[Piece]:
    """Cut a piece; the poll went out before the first part."""
    position = 0
    for length in cycle(lengths):
        part = piece.data[position : position + length]
        yield piece._replace(data=part, asked=piece.asked and position == 0)
        position += length
        if position >= len(piece.data):
            return


@EACH
@QUICK
@given(data=st.data())
def test_any_cutting_tells_the_same(wire: Wire, data: st.DataObject) -> None:
    script = data.draw(scripts(wire))
    lengths = data.draw(st.lists(st.integers(1, 80), min_size=1, max_size=5))
    parts = [part for piece in script.pieces for part in cut(piece, lengths)]
    whole, _ = play(wire, script)
    assert play(wire, script._replace(pieces=tuple(parts)))[0] == whole
    check(wire, script)  # byte by byte, and whether it all adds up


class Damage(NamedTuple):
    """``rubbish`` inside a sample behind ``offset`` of its bytes; 0: before it.

    ``apart``: by a pause from what comes after it.
    """

    rubbish: bytes
    offset: int
    apart: bool


@EACH
@QUICK
@given(data=st.data())
def test_rubbish_costs_the_samples_that_it_touches(wire: Wire, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 9), "samples")
    first = data.draw(st.integers(0, 500), "first")
    samples = [wire.sample(first + k) for k in range(count)]
    damages = data.draw(
        st.dictionaries(
            st.integers(0, count),
            st.builds(Damage, rubbish(wire), st.integers(0, wire.shortest - 1), st.booleans()),
            max_size=3,
        ),
        "damages",
    )
    pieces: list[Piece] = []
    for index, sample in enumerate(samples):
        pieces += damaged(sample.data, damages.get(index), float(index))
    if count in damages:
        pieces.append(Piece(damages[count].rubbish, float(count)))
    told, _ = play(wire, Script(tuple(pieces), aligned=True))
    values = iter([sample.values for sample in told.samples])
    for index in sorted({*range(count)} - touched(wire, count, damages)):
        wanted = tuple(map(or_none, samples[index].values))
        assert wanted in values, f"sample {index} is lost"  # in their order


def damaged(data: bytes, damage: Damage | None, now_s: float) -> list[Piece]:
    if damage is None:
        return [Piece(data, now_s, asked=True)]
    if damage.offset == 0:
        before_s = now_s - 0.5 if damage.apart else now_s
        return [Piece(damage.rubbish, before_s), Piece(data, now_s, asked=True)]
    hurt = data[: damage.offset] + damage.rubbish + data[damage.offset :]
    return [Piece(hurt, now_s, asked=True)]


def touched(wire: Wire, count: int, damages: dict[int, Damage]) -> set[int]:
    """Return which samples rubbish may cost.

    Lines: the one in which it stands or into which it runs; of a pair both. Bursts: the one
    that it is not apart from. Frames with a sum: what seems to be a frame may begin in the
    rubbish and end up to a frame's length less one byte behind it. No sample holds its own mark.
    """
    match wire.profile.framing:
        case IdleGap():
            return {index for index, it in damages.items() if it.offset or not it.apart}
        case FixedFrame() if wire.profile.framing.checksum == "none":
            return out_of_step(wire, count, damages)
        case FixedFrame() | LengthPrefixed():
            return {*damages, *(index + 1 for index, it in damages.items() if it.offset)}
        case _:
            return {*damages}


def out_of_step(wire: Wire, count: int, damages: dict[int, Damage]) -> set[int]:
    """Return which frames without a checksum are lost.

    One counts when it is whole and the next mark stands right behind it; after one that does not,
    the next counts only if the one behind it does as well.
    """
    framing = wire.profile.framing
    mark = len(framing.mark) if isinstance(framing, FixedFrame) else 0
    sound = [
        index + 1 < count
        and (index not in damages or damages[index].offset == 0)
        and (index + 1 not in damages or damages[index + 1].offset >= mark)
        for index in range(count)
    ]
    lost, in_step = set[int](), True
    for index, whole in enumerate(sound):
        if index in damages:
            in_step = False
        in_step = whole and (in_step or sound[index + 1])
        if not in_step:
            lost.add(index)
    return lost


@EACH
def test_the_bound_of_what_is_kept(wire: Wire) -> None:
    assert wire.most_kept == MOST_KEPT[wire.name]


@EACH
@QUICK
@given(data=st.data())
def test_no_more_is_kept_whatever_comes(wire: Wire, data: st.DataObject) -> None:
    decoder = Decoder(wire.profile, aligned=data.draw(st.booleans()))
    endless = st.builds(lambda part, times: part * times, rubbish(wire), st.integers(1, 300))
    for part in data.draw(st.lists(st.one_of(endless, streams(wire)), max_size=4)):
        for piece in (part[:1], part[1:7], part[7:]):
            decoder.feed(Chunk(piece, 0.0))
            check_kept(wire, decoder)


def summed(body: bytes) -> bytes:
    return b"%s*%02x\n" % (body, reduce(xor, body))


GOOD_LINES = b"".join(WIRES["loose_line"].sample(k).data for k in range(40))


FOUND = {
    "an answer longer than is kept": ("answering_frame", b"V=" + b"1" * 80 + b"\n"),
    "rubbish that is judged at once or later": ("stamped_frame", bytes(150)),
    "a stamp beyond 64 bits": ("loose_line", GOOD_LINES + summed(b"9" * 25 + b",1.0")),
    "a sample without its stamp": ("loose_line", GOOD_LINES + summed(b",1.0")),
    "a stamp that is no number": ("loose_line", summed(b"x,1.0")),
    "a checksum that is no number": ("loose_line", b"1,1.0*zz\n"),
    "numbers that are not finite": ("loose_line", summed(b"1,nan") + summed(b"1,1e999")),
    "an event with a word for a stamp": ("loose_line", b"KEY\nKEYS\nKEY12\n"),
    "halves without end": ("pair_lines", b"X=0.00\r\n" * 2000),
}


@pytest.mark.parametrize(("name", "data"), FOUND.values(), ids=FOUND)
def test_what_was_found_stays_mended(name: str, data: bytes) -> None:
    for aligned in (True, False):
        check(WIRES[name], Script((Piece(data, 0.0),), aligned))
