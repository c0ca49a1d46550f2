"""Chronojump lines: printed strings, any cutting, damage, bounded memory."""

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.model.samples import Chunk, DeviceEvent, EventKind, Reject, RejectReason
from dynod.wire.decoder import Decoder
from dynod.wire.lines import LineDecoder
from dynod.wire.profile import Profile, Saturation

FOLDER = Path(__file__).parents[2] / "devices" / "chronojump_force_sensor"
PROFILE = Profile.model_validate(tomllib.loads((FOLDER / "profile.toml").read_text("utf-8")))
LONGEST = 64  # the profile's max_bytes


class Outcome(NamedTuple):
    samples: list[tuple[int, float, float, int]]  # segment, t_s, value, status
    events: list[DeviceEvent]
    rejects: list[Reject]
    replies: list[bytes]


def decode(*pieces: bytes, aligned: bool = True, profile: Profile = PROFILE) -> Outcome:
    decoder = Decoder(profile, aligned=aligned)
    outcome = Outcome([], [], [], [])
    for piece in pieces:
        decoded = decoder.feed(Chunk(piece, 0.0))
        for block in decoded.blocks:
            rows = zip(block.t_s, block.values[:, 0], block.status, strict=True)
            outcome.samples.extend((block.segment, float(t), float(v), int(s)) for t, v, s in rows)
        outcome.events.extend(decoded.events)
        outcome.rejects.extend(decoded.rejects)
        outcome.replies.extend(decoded.replies)
    return outcome


def values(outcome: Outcome) -> list[float]:
    return [sample[2] for sample in outcome.samples]


def run_of_lines(start: int, count: int) -> bytes:
    """Clean lines, enough of them to be read by columns."""
    return b"".join(b"%d;%.2f\r\n" % (start + 12142 * k, k - 20.5) for k in range(count))


LINES = st.one_of(
    st.builds(run_of_lines, st.integers(0, 2**32 + 5_000_000), st.integers(1, 60)),
    st.builds(
        lambda t, v: b"%d;%.2f\r\n" % (t, v / 100),
        st.integers(0, 9_999_999_999),
        st.integers().map(lambda n: n % 99_999),
    ),
    st.builds(
        lambda t, e: b"%d;%s\r\n" % (t, e), st.integers(0, 2**32), st.sampled_from([b"R", b"r"])
    ),
    st.sampled_from(
        [
            b"Force_Sensor-0.6\r\n",
            b"Not a valid command\r\n",
            b"Force_Sensor-" + b"x" * 90 + b"\r\n",
            b"some other device\r\n",
            b"words " * 20 + b"\n",
            b"12;nan\r\n",
            b"\r\n",
            b"\n",
            b"9" * 200,
        ]
    ),
    st.binary(max_size=90),
)
STREAMS = st.lists(LINES, max_size=12).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def line_bounds(data: bytes) -> list[tuple[int, int]]:
    """One line a chunk, as the lines come live."""
    ends = [k + 1 for k, byte in enumerate(data) if byte == ord("\n")]
    return list(pairwise([0, *ends, len(data)]))


@settings(deadline=None)
@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=30), st.booleans())
def test_any_cutting_gives_the_same(data: bytes, places: list[int], aligned: bool) -> None:
    whole = decode(data, aligned=aligned)
    assert decode(*cut(data, places), aligned=aligned) == whole
    single = [data[k : k + 1] for k in range(len(data))]
    assert decode(*single, aligned=aligned) == whole
    assert decode(*(data[a:b] for a, b in line_bounds(data)), aligned=aligned) == whole


@settings(deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=10))
def test_no_input_raises(pieces: list[bytes]) -> None:
    decode(*pieces, aligned=False)


def test_a_line_as_the_firmware_prints_it() -> None:
    """Microseconds since the start, a semicolon, newtons with two decimals (ForceSensor-0.6)."""
    outcome = decode(b"12140;27.30\r\n")
    assert outcome.samples == [(0, 12140 * 1e-6, 27.30, 0)]


def test_one_decimal_as_firmware_0_1_prints_and_bare_newlines() -> None:
    assert values(decode(b"0;-3.1\n12140;27.3\n")) == [-3.1, 27.3]


def test_switch_lines_are_events_on_the_clock_of_the_samples() -> None:
    outcome = decode(b"1000;1.00\r\n5000;R\r\n13000;2.00\r\n105000;r\r\n")
    assert [event.kind for event in outcome.events] == [EventKind.PRESS, EventKind.RELEASE]
    assert [event.t_s for event in outcome.events] == pytest.approx([0.005, 0.105])
    assert values(outcome) == [1.0, 2.0]
    assert outcome.rejects == []


def test_replies_are_handed_on_and_no_rejects() -> None:
    text = b"Force_Sensor-0.6\r\nStarting capture...\r\nCapture ended:\r\nNot a valid command\r\n"
    outcome = decode(text)
    assert outcome.replies == text.split(b"\r\n")[:-1]
    assert outcome.rejects == []


def test_words_of_another_device_reach_the_dialogue_and_count_as_lost() -> None:
    outcome = decode(b"OpenScale v1\r\n")
    assert outcome.replies == [b"OpenScale v1"]
    assert [reject.reason for reject in outcome.rejects] == [RejectReason.MALFORMED]


@pytest.mark.parametrize(
    "line",
    [
        b"1;nan",
        b"1;NaN",
        b"1;inf",
        b"1;-inf",
        b"1;1e5",
        b"1;2;3.00",
        b"1;;3.00",
        b"12.00",
        b"1;99999999.00",
        b"12345678901;1.00",
        b"1;1.00000",
        b"1;",
        b";1.00",
        b"1;1",
        b"1;.50",
        b"1;5.",
        b"1;+1.00",
        b"1;--1.00",
        b"-1;1.00",
        b"1; 1.00",
        b"1;1,00",
        b"1;1_0.00",
        b"\xff1;1.00",
        b"1;\xd9\xa1.00",
        b"1;2.\r00",
        b"1;R1",
    ],
)
@pytest.mark.parametrize("around", [1, 40], ids=["few", "columns"])
def test_other_numbers_are_malformed_and_cost_only_their_line(line: bytes, around: int) -> None:
    before, after = run_of_lines(0, around), run_of_lines(12142 * around, around)
    outcome = decode(before + line + b"\r\n" + after)
    assert values(outcome) == values(decode(before)) + values(decode(after))
    found = [(reject.reason, reject.length) for reject in outcome.rejects]
    assert found == [(RejectReason.MALFORMED, len(line) + 2)]


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=30), min_size=41, max_size=41))
def test_garbage_without_newline_costs_the_line_it_touches(noise: list[bytes]) -> None:
    """Forty clean lines, noise before every fourth: thirty stay, whatever the noise holds.

    The letter in front keeps noise made of digits from lengthening a stamp.
    """
    lines = run_of_lines(0, 40).splitlines(keepends=True)
    damaged = [
        b"x" + noise[k].replace(b"\n", b"") + line if k % 4 == 3 else line
        for k, line in enumerate(lines)
    ]
    clean = [k - 20.5 for k in range(40) if k % 4 != 3]
    assert values(decode(b"".join(damaged))) == clean


def test_an_overlong_line_is_one_reject_of_its_whole_length() -> None:
    line = b"7" * 100 + b"\n"
    outcome = decode(b"1;1.00\n" + line + b"2;2.00\n")
    assert values(outcome) == [1.0, 2.0]
    found = [(reject.reason, reject.length) for reject in outcome.rejects]
    assert found == [(RejectReason.OVERLONG, 101)]


def test_a_good_line_before_the_beginning_of_an_overlong_one_survives() -> None:
    outcome = decode(b"1;1.00\n" + b"7" * 100, b"\n2;2.00\n")
    assert values(outcome) == [1.0, 2.0]
    found = [(reject.reason, reject.length) for reject in outcome.rejects]
    assert found == [(RejectReason.OVERLONG, 101)]


def test_a_megabyte_without_newline_is_not_kept() -> None:
    decoder = Decoder(PROFILE, aligned=True)
    for _ in range(256):
        decoder.feed(Chunk(b"x" * 4096, 0.0))
        assert isinstance(decoder._framing, LineDecoder)
        assert len(decoder._framing._rest) <= LONGEST
    decoded = decoder.feed(Chunk(b"\n12140;27.30\r\n", 0.0))
    found = [(reject.reason, reject.length) for reject in decoded.rejects]
    assert found == [(RejectReason.OVERLONG, 256 * 4096 + 1)]
    assert decoded.blocks[0].values.tolist() == [[27.30]]
    assert decoder.rejects == {RejectReason.OVERLONG: 1}


def test_a_first_line_without_its_beginning_is_passed_over_silently() -> None:
    outcome = decode(b"140;27.30\r\n24280;27.40\r\n", aligned=False)
    assert values(outcome) == [27.40]
    assert outcome.rejects == []


def test_a_reply_in_the_first_line_is_heard() -> None:
    assert decode(b"Force_Sensor-0.6\r\n", aligned=False).replies == [b"Force_Sensor-0.6"]


def test_the_counter_wraps_without_a_new_segment() -> None:
    """4294960000 + 12000 = 2^32 + 4704."""
    for pieces in ([b"4294960000;1.00\n4704;2.00\n"], [b"4294960000;1.00\n", b"4704;2.00\n"]):
        first, second = decode(*pieces).samples
        assert first[0] == second[0] == 0
        assert second[1] - first[1] == pytest.approx(0.012)


def test_a_restart_inside_a_chunk_begins_a_new_segment() -> None:
    outcome = decode(run_of_lines(5_000_000, 40) + run_of_lines(0, 40))
    assert [sample[0] for sample in outcome.samples] == [0] * 40 + [1] * 40
    assert outcome.samples[40][1] == 0.0


def test_a_reconnect_forgets_the_unfinished_line_and_the_time() -> None:
    decoder = Decoder(PROFILE, aligned=True)
    decoder.feed(Chunk(b"5000000;1.00\n5012", 0.0))
    decoder.new_segment()
    assert decoder.segment == 1
    decoded = decoder.feed(Chunk(b"142;9.99\n1000;2.00\n", 0.0))
    (block,) = decoded.blocks
    assert block.segment == 1
    assert block.values.tolist() == [[2.0]]


@pytest.mark.parametrize(
    ("means", "status"), [("overload", 1), ("under_range", 2), ("saturated", 4)]
)
@pytest.mark.parametrize("around", [1, 40], ids=["few", "columns"])
def test_the_end_of_the_range_is_no_measurement(means: str, status: int, around: int) -> None:
    """8388607 = 2^23 − 1, the largest code of the 24-bit HX711."""
    end = Saturation.model_validate({"value": 8388607.0, "means": means})
    profile = PROFILE.model_copy(update={"saturation": (end,)})
    lines = run_of_lines(0, around)
    outcome = decode(lines, b"%d;8388607.00\r\n" % (12142 * around), profile=profile)
    joined = decode(lines + b"%d;8388607.00\r\n" % (12142 * around), profile=profile)
    for samples in (outcome.samples, joined.samples):
        assert [sample[3] for sample in samples] == [0] * around + [status]
        assert samples[-1][2] != samples[-1][2]  # NaN
        assert [sample[2] for sample in samples[:-1]] == [k - 20.5 for k in range(around)]
