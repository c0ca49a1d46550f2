"""One small profile for each framing, and samples of it: for benchmarks, properties and fuzzing.

The bytes are written here by hand and not by `dynod.simulate`, so that two readings of a protocol
meet. No profile depends on the folder ``devices``.
"""

import struct
from collections.abc import Callable, Mapping
from functools import reduce
from itertools import count
from operator import xor
from typing import Any, NamedTuple

from dynod.wire.framing import (
    AnyFraming,
    DelimitedLine,
    FixedFrame,
    IdleGap,
    LengthPrefixed,
    PatternLine,
)
from dynod.wire.profile import Profile

GAP_S = 0.03
WITMOTION_SCALE = 180 / 32768
STAMP_STEP = 4096  # no byte of a stamp is FF before the 4080th frame
STAMPED_MARK = b"\xff\xff\xff\xff"
PREFIXED_HEAD = b"\x77\x11\x00\x00\x84"


class Sample(NamedTuple):
    """The bytes of one sample, and its numbers in the profile's unit."""

    data: bytes
    values: tuple[float, ...]


class Wire(NamedTuple):
    """``sample`` makes the k-th; ``shortest`` is the least that a sample has, in bytes.

    ``tokens`` are what a fuzzer does not find by chance.
    """

    name: str
    profile: Profile
    sample: Callable[[int], Sample]
    shortest: int
    tokens: tuple[bytes, ...]

    @property
    def most_kept(self) -> int:
        """How many bytes a decoder may keep for later."""
        return most_kept(self.profile.framing)


def most_kept(framing: AnyFraming) -> int:
    """Return the bound on what is kept: the longest beginning of what a framing can still use."""
    match framing:
        case DelimitedLine():
            return framing.max_bytes  # an unfinished line
        case PatternLine():
            return framing.max_bytes * len(framing.patterns)  # with the lines before it
        case FixedFrame() if framing.checksum == "none":
            return 2 * framing.length + len(framing.mark) - 1  # three marks, less the last byte
        case FixedFrame():
            return framing.length - 1
        case LengthPrefixed():
            return max(framing.length, *framing.other_lengths, 0)  # which the mark is not part of
        case IdleGap():
            return max(framing.length, 64)


def _profile(framing: Mapping[str, Any], **parts: object) -> Profile:
    common: dict[str, object] = {
        "name": "made_up",
        "title": "made up",
        "kind": "force",
        "channels": ["force"],
        "unit": "N",
        "push_sign": 1,
        "rate_hz": 100,
        "stale_s": 60,
        "hardware": "never",
        "sources": ["made up for tests"],
        "forbidden": ["tare"],
        "framing": framing,
        "clock": {"kind": "nominal"},
        "dialogue": {"kind": "free_running", "first_frame_s": 60},
    }
    return Profile.model_validate({**common, **parts})


_ANGLES = {"kind": "angle", "unit": "deg", "push_sign": None}
_STAMPS = {"kind": "stamp", "unit_s": 1e-6}
_POLLED = {"clock": {"kind": "poll"}, "dialogue": {"kind": "polled", "poll": "?"}}
_BY_HAND = {"clock": {"kind": "arrival"}, "dialogue": {"kind": "press_to_send"}}


def _hundredths(k: int, least: int = -9999) -> float:
    return (k * 7919 % (9999 - least) + least) / 100


def _stamped_line(k: int) -> Sample:
    force = _hundredths(k)
    return Sample(b"%d;%.2f\r\n" % (k * 12142, force), (force,))


def _count_line(k: int) -> Sample:
    counts = k * 7919 % 16_000_000 - 8_000_000
    return Sample(b"%d\r\n" % counts, (float(counts),))


def _limited_line(k: int) -> Sample:
    force = _hundredths(k)
    return Sample(b"%d, %.2f ,N,\r\n" % (k, force), (force,))


def _unit_line(k: int) -> Sample:
    force = _hundredths(k)
    return Sample(b"%.2f lbF\r\n" % force, (force,))


def _pair(k: int) -> Sample:
    roll, pitch = _hundredths(k), _hundredths(k + 1)
    return Sample(b"X=%.2f\r\nY=%.2f\r\n" % (roll, pitch), (roll, pitch))


def _summed_line(k: int) -> Sample:
    angles = tuple(_hundredths(k + n) for n in range(3))
    body = b"VNYPR,%+08.3f,%+08.3f,%+08.3f" % angles
    return Sample(b"$%s*%02X\r\n" % (body, reduce(xor, body)), angles)


def _loose_line(k: int) -> Sample:
    force = _hundredths(k)
    body = b"%d,%.2f" % (k * 12142, force)
    return Sample(b"%s*%02x\r\n" % (body, reduce(xor, body)), (force,))


def _signed_line(k: int) -> Sample:
    force = _hundredths(k)
    text = b"%c%6.2f %c\r" % (b"-+"[force >= 0], abs(force), b"OU "[k % 3])
    return Sample(text.replace(b".", b","), (force if k % 3 == 2 else float("nan"),))


def _summed_frame(k: int) -> Sample:
    words = [k * step % 0x7FFF - 0x4000 for step in (37, 41, 43)]
    for spare in count():  # the mark stands nowhere else in the frame
        body = struct.pack("<BB3hH", 0x55, 0x53, *(word & ~0x0101 for word in words), spare)
        frame = body + bytes([sum(body) & 0xFF])
        if frame.rfind(0x55) == 0:
            break
        words = [word + 2 for word in words]
    return Sample(frame, tuple(word * WITMOTION_SCALE for word in struct.unpack("<3h", body[2:8])))


def _stamped_frame(k: int) -> Sample:
    steps = (1, 3, 5, 7, 11, 13, 17, 19)
    data = bytes((k * step + place) % 251 for place, step in enumerate(steps))
    frame = STAMPED_MARK + struct.pack("<I", k * STAMP_STEP) + data
    return Sample(frame, tuple(word * 0.01 for word in struct.unpack("<4h", data)))


def _prefixed_frame(k: int) -> Sample:
    for yaw in count(k):  # the mark stands nowhere else in the frame
        numbers = [int(f"{n % 0o1777777:o}".replace("7", "8")) for n in (k * 31, k * 37, yaw * 41)]
        signs = [(k + n) % 2 for n in range(3)]
        digits = [f"{sign}{number:07d}" for sign, number in zip(signs, numbers, strict=True)]
        body = PREFIXED_HEAD[1:] + bytes.fromhex("".join(digits))
        frame = PREFIXED_HEAD[:1] + body + bytes([sum(body) & 0xFF])
        if frame.rfind(0x77) == 0:
            break
    values = [
        -number / 10000 if sign else number / 10000
        for sign, number in zip(signs, numbers, strict=True)
    ]
    return Sample(frame, tuple(values))


def _text_burst(k: int) -> Sample:
    force = _hundredths(k, 0)
    return Sample(b"%07.2f" % force, (force,))


def _digit_burst(k: int) -> Sample:
    number = k * 7919 % 10_000_000
    return Sample(bytes.fromhex(f"0{number:07d}"), (number / 1000,))


_NUMBER = r"-?\d+\.\d\d"
_ANGLE = r"[+-]\d{3}\.\d{3}"
_VNYPR = rf"VNYPR,(?P<yaw>{_ANGLE}),(?P<pitch>{_ANGLE}),(?P<roll>{_ANGLE})"
_WORDS = tuple(
    {"offset": offset, "type": "i16le", "scale": WITMOTION_SCALE} for offset in (2, 4, 6)
)
_NAMES = ("roll", "pitch", "yaw")
_STAMPED_FRAME = {
    "kind": "fixed_frame",
    "length": 16,
    "mark": [*STAMPED_MARK],
    "checksum": "none",
    "stamp": {"offset": 4, "type": "u32le"},
    "fields": {
        name: {"offset": 8 + 2 * n, "type": "i16le", "scale": 0.01}
        for n, name in enumerate(("a", "b", "c", "d"))
    },
}

WIRES = {
    wire.name: wire
    for wire in (
        Wire(
            "stamped_line",
            _profile(
                {
                    "kind": "delimited_line",
                    "columns": ["stamp", "force"],
                    "events": {"press": "R", "release": "r"},
                    "replies": ["Force_Sensor-.*", "Starting.*"],
                    "ignore": ["#.*"],
                },
                clock=_STAMPS,
            ),
            _stamped_line,
            len(b"0;0.0\n"),
            (b";R\r\n", b";r\n", b"Starting\r\n", b"#\n", b"4294967295;", b"0;", b";-0.0001\n"),
        ),
        Wire(
            "count_line",
            _profile(
                {"kind": "delimited_line", "columns": ["force"], "numbers": "integer"},
                unit="{count}",
            ),
            _count_line,
            len(b"0\n"),
            (b"8388607\n", b"-8388608\r\n", b"\r\n"),
        ),
        Wire(
            "limited_line",
            _profile(
                {
                    "kind": "delimited_line",
                    "columns": ["-", "force", "unit"],
                    "separator": ",",
                    "numbers": "number",
                    "padding": True,
                    "trailing": True,
                },
                units={"N": "N", "kN": "kN"},
                limits=[-100, 100],
                saturation=[{"value": 99.99, "means": "saturated"}],
            ),
            _limited_line,
            len(b",0,N\n"),
            (b",99.99,N\n", b",.1 ,kN,\r\n", b" , +100.01, N ,\n"),
        ),
        Wire(
            "unit_line",
            _profile(
                {
                    "kind": "pattern_line",
                    "patterns": [rf"(?P<force>{_NUMBER}) (?P<unit>lbF|kgF|N)"],
                    "events": {"press": "KEY"},
                    "replies": ["Model .*"],
                },
                unit="[lbf_av]",
                units={"lbF": "[lbf_av]", "kgF": "kgf"},
            ),
            _unit_line,
            len(b"0.00 N\n"),
            (b"KEY\r\n", b" lbF\r\n", b" kgF\n", b" N\n", b"Model 3\n"),
        ),
        Wire(
            "pair_lines",
            _profile(
                {
                    "kind": "pattern_line",
                    "patterns": [rf"X=(?P<roll>{_NUMBER})", rf"Y=(?P<pitch>{_NUMBER})"],
                },
                **_ANGLES,
                channels=["roll", "pitch"],
            ),
            _pair,
            len(b"X=0.00\nY=0.00\n"),
            (b"X=", b"Y=", b"X=0.00\r\n", b"Y=0.00\n"),
        ),
        Wire(
            "summed_line",
            _profile(
                {
                    "kind": "pattern_line",
                    "patterns": [rf"\$(?P<checked>{_VNYPR})\*(?P<checksum>[0-9A-F]{{2}})"],
                    "checksum": "xor_hex",
                    "replies": [r"\$VN[A-Z]{3},.*"],
                },
                **_ANGLES,
                channels=["yaw", "pitch", "roll"],
            ),
            _summed_line,
            len(b"$VNYPR,+000.000,+000.000,+000.000*00\n"),
            (b"$VNYPR,", b"+010.071,", b"*60\r\n", b"$VNRRG,01,\r\n"),
        ),
        Wire(
            "loose_line",  # its expressions take what is no number, no stamp and no sum
            _profile(
                {
                    "kind": "pattern_line",
                    "patterns": [
                        r"(?P<checked>(?P<stamp>\w*),(?P<force>[-+.\w ]+))\*(?P<checksum>\w*)"
                    ],
                    "checksum": "xor_hex",
                    "events": {"press": r"KEY(?P<stamp>\w*)"},
                    "max_bytes": 400,
                },
                clock=_STAMPS,
            ),
            _loose_line,
            len(b",0*0\n"),
            (b",nan*5b\r\n", b",1e999*44\n", b"9" * 25, b"KEY\n", b"KEY12\n", b",1.0*\n", b"_"),
        ),
        Wire(
            "signed_line",
            _profile(
                {
                    "kind": "pattern_line",
                    "patterns": [r"(?P<sign>[+-])(?P<force>[ \d]{3},\d\d) (?P<status>[OU ])"],
                    "decimal_mark": ",",
                    "signs": {"+": 1, "-": -1},
                    "statuses": {"O": "overload", "U": "under_range"},
                    "terminator": "cr",
                    "max_bytes": 16,
                },
                clock=_POLLED["clock"],
                dialogue={**_POLLED["dialogue"], "press": True},
            ),
            _signed_line,
            len(b"+000,00  \r"),
            (b"+  1,00 O\r", b"-   ,00  \r\n", b"\r\n"),
        ),
        Wire(
            "summed_frame",
            _profile(
                {
                    "kind": "fixed_frame",
                    "length": 11,
                    "mark": 0x55,
                    "sample_id": 0x53,
                    "other_ids": [0x51, 0x52],
                    "reply_ids": [0x5F],
                    "fields": dict(zip(_NAMES, _WORDS, strict=True)),
                },
                **_ANGLES,
                channels=_NAMES,
            ),
            _summed_frame,
            11,
            (b"\x55\x53", b"\x55" * 11, bytes.fromhex("55 5F 00 00 00 00 00 00 00 00 B4")),
        ),
        Wire(
            "stamped_frame",
            _profile(
                _STAMPED_FRAME,
                channels=["a", "b", "c", "d"],
                clock=_STAMPS,
            ),
            _stamped_frame,
            16,
            (STAMPED_MARK, STAMPED_MARK + bytes(12), b"\xff" * 16),
        ),
        Wire(
            "answering_frame",
            _profile(
                {**_STAMPED_FRAME, "replies": ["V=.*", "OK"]},
                channels=["a", "b", "c", "d"],
                clock=_STAMPS,
            ),
            _stamped_frame,
            16,
            (STAMPED_MARK, b"V=1\r\n", b"OK\n"),
        ),
        Wire(
            "prefixed_frame",
            _profile(
                {
                    "kind": "length_prefixed",
                    "mark": 0x77,
                    "address": [0, 0],
                    "sample": 0x84,
                    "length": 0x11,
                    "other_lengths": [0x05, 0x06],
                    "fields": {
                        name: {"offset": offset, "type": "bcd", "size": 4, "decimals": 4}
                        for name, offset in zip(_NAMES, (5, 9, 13), strict=True)
                    },
                },
                **_ANGLES,
                channels=_NAMES,
            ),
            _prefixed_frame,
            18,
            (PREFIXED_HEAD, b"\x77\x05\x00\x00\x8a\x8f", b"\x77\x06", b"\x77" * 5),
        ),
        Wire(
            "text_burst",
            _profile(
                {
                    "kind": "idle_gap",
                    "length": 7,
                    "gap_s": GAP_S,
                    "text": {"patterns": [r"(?P<force>\d{4}\.\d{2})"]},
                    "replies": ["OK"],
                },
                **_POLLED,
            ),
            _text_burst,
            7,
            (b"0011.70", b"OK", b"0" * 70),
        ),
        Wire(
            "digit_burst",
            _profile(
                {
                    "kind": "idle_gap",
                    "length": 4,
                    "gap_s": GAP_S,
                    "fields": {"force": {"offset": 0, "type": "bcd", "size": 4, "decimals": 3}},
                },
                **_BY_HAND,
                rate_hz=None,
            ),
            _digit_burst,
            4,
            (b"\x00\x00\x00\x00", b"\x10\x99\x99\x99", b"\x20\x00\x00\x00"),
        ),
    )
}


if __name__ == "__main__":
    print(*WIRES)
