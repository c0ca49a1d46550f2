"""WitMotion frames: documented bytes, any cutting, damage, bounded memory."""

import struct
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.model.samples import Chunk, RejectReason
from dynod.wire.decoder import Decoder
from dynod.wire.frames import FrameDecoder
from dynod.wire.profile import Profile

FOLDER = Path(__file__).parents[2] / "devices" / "witmotion_wt901"
PROFILE = Profile.model_validate(tomllib.loads((FOLDER / "profile.toml").read_text("utf-8")))
LENGTH = 11
# From ElettraSciComp/witmotion_IMU_QT, doc/protocol.md, with the values given there.
ANGLES = bytes.fromhex("55 53 3A 00 DF FF 1C 00 58 2D 61")
ACCELERATION = bytes.fromhex("55 51 03 00 0B 00 4D 08 DE 09 F0")
Rejects = list[tuple[RejectReason, int]]


def frame(kind: int, *words: int) -> bytes:
    body = struct.pack("<BB4h", 0x55, kind, *words)
    return body + bytes([sum(body) % 256])


def decode(*pieces: bytes, aligned: bool = True) -> tuple[list[list[float]], Rejects]:
    decoder = Decoder(PROFILE, aligned=aligned)
    samples: list[list[float]] = []
    rejects: Rejects = []
    for index, piece in enumerate(pieces):
        decoded = decoder.feed(Chunk(piece, 0.1 * index))
        for block in decoded.blocks:
            samples.extend(block.values.tolist())
        rejects.extend((reject.reason, reject.length) for reject in decoded.rejects)
    return samples, rejects


def scan(data: bytes) -> tuple[list[list[float]], int]:
    """Read frames as the protocol is described, byte by byte; return angles and bytes passed."""
    position, passed = 0, 0
    angles: list[list[float]] = []
    while position + LENGTH <= len(data):
        part = data[position : position + LENGTH]
        if part[0] == 0x55 and 0x50 <= part[1] <= 0x5A and sum(part[:10]) % 256 == part[10]:
            if part[1] == 0x53:
                angles.append([word / 32768 * 180 for word in struct.unpack("<3h", part[2:8])])
            position += LENGTH
        else:
            position, passed = position + 1, passed + 1
    return angles, passed


WORDS = st.integers(-32768, 32767)
FRAMES = st.builds(
    frame, st.sampled_from([0x51, 0x52, 0x53, 0x53, 0x59]), WORDS, WORDS, WORDS, WORDS
)
STREAMS = st.lists(
    st.one_of(
        FRAMES,
        FRAMES,
        st.lists(FRAMES, max_size=20).map(b"".join),
        st.binary(max_size=90),
        st.integers(1, 80).map(lambda count: b"\x55" * count),
        st.builds(lambda whole, length: whole[:length], FRAMES, st.integers(1, 10)),
    ),
    max_size=15,
).map(b"".join)


@settings(deadline=None)
@given(STREAMS, st.integers(1, 40), st.booleans())
def test_any_cutting_gives_the_same(data: bytes, size: int, aligned: bool) -> None:
    whole = decode(data, aligned=aligned)
    assert (
        decode(*(data[k : k + size] for k in range(0, len(data), size)), aligned=aligned) == whole
    )
    assert decode(*(data[k : k + 1] for k in range(len(data))), aligned=aligned) == whole


@settings(deadline=None)
@given(STREAMS)
def test_finds_the_frames_that_a_plain_scan_finds(data: bytes) -> None:
    samples, rejects = decode(data)
    expected, passed = scan(data)
    assert samples == expected
    # What is passed over is reported, apart from a run that has not ended yet.
    assert 0 <= passed - sum(length for _, length in rejects) < 64


@settings(deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=10))
def test_no_input_raises(pieces: list[bytes]) -> None:
    decode(*pieces, aligned=False)


def test_documented_angles() -> None:
    samples, rejects = decode(ACCELERATION + ANGLES)
    assert samples == [pytest.approx([0.3186, -0.1813, 0.1538], abs=5e-5)]
    assert rejects == []


def test_the_ends_of_the_range() -> None:
    """A full count of 32768 is 180 degrees."""
    samples, _ = decode(frame(0x53, -32768, 16384, 32767, 0))
    assert samples == [[-180.0, 90.0, pytest.approx(180.0, abs=0.006)]]


def test_a_wrong_sum_costs_one_frame() -> None:
    wrong = ANGLES[:-1] + bytes([ANGLES[-1] ^ 1])
    samples, rejects = decode(ANGLES + wrong + ANGLES)
    assert len(samples) == 2
    assert rejects == [(RejectReason.CHECKSUM, LENGTH)]


def test_garbage_between_frames_costs_no_frame() -> None:
    samples, rejects = decode(ANGLES + b"\x00\xff\x13" + ANGLES)
    assert len(samples) == 2
    assert rejects == [(RejectReason.GARBAGE, 3)]


def test_a_lost_byte_costs_the_frame_it_belongs_to() -> None:
    samples, rejects = decode(ANGLES + ANGLES[:4] + ANGLES[5:] + ANGLES)
    assert len(samples) == 2
    assert rejects == [(RejectReason.CHECKSUM, LENGTH - 1)]


def test_a_mark_inside_data_is_data() -> None:
    """0x5355 looks like a mark and an id when read from the wire: 55 53."""
    samples, rejects = decode(frame(0x53, 0x5355, 0x5355, 0x5355, 0) * 3)
    assert samples == [[0x5355 / 32768 * 180] * 3] * 3
    assert rejects == []


def test_the_end_of_a_frame_is_passed_over_silently_after_opening() -> None:
    samples, rejects = decode(ANGLES[6:] + ANGLES, aligned=False)
    assert len(samples) == 1
    assert rejects == []


def test_an_unknown_id_is_no_frame() -> None:
    samples, rejects = decode(frame(0x61, 1, 2, 3, 4) + ANGLES)
    assert len(samples) == 1
    assert rejects == [(RejectReason.GARBAGE, LENGTH)]


@pytest.mark.parametrize(("byte", "count"), [(b"\x00", 1 << 20), (b"\x55", 1 << 17)])
def test_a_flood_without_frames_is_not_kept(byte: bytes, count: int) -> None:
    decoder = Decoder(PROFILE, aligned=True)
    lost = 0
    for _ in range(count // 4096):
        decoded = decoder.feed(Chunk(byte * 4096, 0.0))
        lost += sum(reject.length for reject in decoded.rejects)
        assert isinstance(decoder._framing, FrameDecoder)
        assert len(decoder._framing._rest) < LENGTH
    assert lost > count - 100
    assert len(decoder.feed(Chunk(ANGLES, 0.0)).blocks) == 1
