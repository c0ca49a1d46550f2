"""The floors of decoding: what one would write for one protocol and no other.

``read_*`` takes exactly one sample, ``loop_*`` many in one go, both with the checks that the
framing needs: where a profile says an expression they use the same, since ``float`` alone takes
a damaged ``1e78`` for a number. Damaged bytes end them with an error; dynod must go on.
"""

import re
import struct
from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import NamedTuple

from tests.fuzz.framings import PREFIXED_HEAD, STAMPED_MARK, WITMOTION_SCALE

FACTORS = {b"lbF": 1.0, b"kgF": 2.2046226218487757}
MOST_COUNTS = 9_999_999_999  # of the ten digits that the framing takes
FRAME, STAMPED, PREFIXED = 11, 16, 18  # lengths in bytes

_UNIT_LINE = re.compile(rb"(-?\d+\.\d\d) (lbF|kgF)").fullmatch
_ROLL_LINE = re.compile(rb"X=(-?\d+\.\d\d)").fullmatch
_PITCH_LINE = re.compile(rb"Y=(-?\d+\.\d\d)").fullmatch
_SUMMED_LINE = re.compile(
    rb"\$(VNYPR,([+-]\d{3}\.\d{3}),([+-]\d{3}\.\d{3}),([+-]\d{3}\.\d{3}))\*([0-9A-F]{2})"
).fullmatch
_TEXT_BURST = re.compile(rb"\d{4}\.\d{2}").fullmatch

Row = tuple[float, ...]
Read = tuple[int | None, Row]
Many = tuple[list[int], list[float] | list[Row]]
Loop = Callable[[bytes], Many]


class Plain(NamedTuple):
    """``loop`` returns stamps, where there are any, and rows; ``read`` returns one of each."""

    read: Callable[[bytes], Read]
    loop: Loop | None


def read_stamped_line(data: bytes) -> Read:
    stamp, _, value = data.partition(b";")
    return int(stamp), (float(value),)


def loop_stamped_line(data: bytes) -> Many:
    stamps, values = [], []
    for line in data.splitlines():
        stamp, _, value = line.partition(b";")
        stamps.append(int(stamp))
        values.append(float(value))
    return stamps, values


def read_count_line(data: bytes) -> Read:
    counts = int(data)
    if abs(counts) > MOST_COUNTS:
        raise ValueError("a line end was lost")
    return None, (float(counts),)


def loop_count_line(data: bytes) -> Many:
    values = []
    for line in data.splitlines():
        counts = int(line)
        if abs(counts) > MOST_COUNTS:
            raise ValueError("a line end was lost")
        values.append(float(counts))
    return [], values


def read_unit_line(data: bytes) -> Read:
    match = _UNIT_LINE(data.rstrip())
    if match is None:
        raise ValueError("no sample")
    value, unit = match.groups()
    return None, (float(value) * FACTORS[unit],)


def loop_unit_line(data: bytes) -> Many:
    values = []
    for line in data.splitlines():
        match = _UNIT_LINE(line)
        if match is None:
            raise ValueError("no sample")
        value, unit = match.groups()
        values.append(float(value) * FACTORS[unit])
    return [], values


def read_pair_lines(data: bytes) -> Read:
    first, second = data.splitlines()
    roll, pitch = _ROLL_LINE(first), _PITCH_LINE(second)
    if roll is None or pitch is None:
        raise ValueError("no pair")
    return None, (float(roll[1]), float(pitch[1]))


def loop_pair_lines(data: bytes) -> Many:
    rows: list[Row] = []
    lines = iter(data.splitlines())
    for first, second in zip(lines, lines, strict=True):
        roll, pitch = _ROLL_LINE(first), _PITCH_LINE(second)
        if roll is None or pitch is None:
            raise ValueError("no pair")
        rows.append((float(roll[1]), float(pitch[1])))
    return [], rows


def read_summed_line(data: bytes) -> Read:
    match = _SUMMED_LINE(data.rstrip())
    if match is None:
        raise ValueError("no sample")
    checked, yaw, pitch, roll, told = match.groups()
    if reduce(xor, checked) != int(told, 16):
        raise ValueError("wrong checksum")
    return None, (float(yaw), float(pitch), float(roll))


def loop_summed_line(data: bytes) -> Many:
    rows: list[Row] = []
    for line in data.splitlines():
        match = _SUMMED_LINE(line)
        if match is None:
            raise ValueError("no sample")
        checked, yaw, pitch, roll, told = match.groups()
        if reduce(xor, checked) != int(told, 16):
            raise ValueError("wrong checksum")
        rows.append((float(yaw), float(pitch), float(roll)))
    return [], rows


def read_summed_frame(data: bytes) -> Read:
    if data[0] != 0x55 or sum(data[:10]) & 0xFF != data[10]:
        raise ValueError("no frame")
    roll, pitch, yaw = struct.unpack_from("<3h", data, 2)
    return None, (roll * WITMOTION_SCALE, pitch * WITMOTION_SCALE, yaw * WITMOTION_SCALE)


def loop_summed_frame(data: bytes) -> Many:
    rows: list[Row] = []
    for start in range(0, len(data), FRAME):
        frame = data[start : start + FRAME]
        if frame[0] != 0x55 or sum(frame[:10]) & 0xFF != frame[10]:
            raise ValueError("no frame")
        if frame[1] == 0x53:
            roll, pitch, yaw = struct.unpack_from("<3h", frame, 2)
            rows.append((roll * WITMOTION_SCALE, pitch * WITMOTION_SCALE, yaw * WITMOTION_SCALE))
    return [], rows


def read_stamped_frame(data: bytes) -> Read:
    mark, stamp, a, b, c, d = struct.unpack("<4sI4h", data)
    if mark != STAMPED_MARK:
        raise ValueError("no frame")
    return stamp, (a * 0.01, b * 0.01, c * 0.01, d * 0.01)


def loop_stamped_frame(data: bytes) -> Many:
    stamps: list[int] = []
    rows: list[Row] = []
    for mark, stamp, a, b, c, d in struct.iter_unpack("<4sI4h", data):
        if mark != STAMPED_MARK:
            raise ValueError("no frame")
        stamps.append(stamp)
        rows.append((a * 0.01, b * 0.01, c * 0.01, d * 0.01))
    return stamps, rows


def read_prefixed_frame(data: bytes) -> Read:
    if not data.startswith(PREFIXED_HEAD) or sum(data[1:-1]) & 0xFF != data[-1]:
        raise ValueError("no frame")
    digits = data.hex()
    return None, (_bcd(digits[10:18]), _bcd(digits[18:26]), _bcd(digits[26:34]))


def loop_prefixed_frame(data: bytes) -> Many:
    starts = range(0, len(data), PREFIXED)
    return [], [read_prefixed_frame(data[start : start + PREFIXED])[1] for start in starts]


def _bcd(digits: str) -> float:
    value = int(digits[1:]) / 10000
    return -value if digits[0] == "1" else value


def read_text_burst(data: bytes) -> Read:
    if not _TEXT_BURST(data):
        raise ValueError("no reading")
    return None, (float(data),)


PLAIN = {
    "stamped_line": Plain(read_stamped_line, loop_stamped_line),
    "count_line": Plain(read_count_line, loop_count_line),
    "unit_line": Plain(read_unit_line, loop_unit_line),
    "pair_lines": Plain(read_pair_lines, loop_pair_lines),
    "summed_line": Plain(read_summed_line, loop_summed_line),
    "summed_frame": Plain(read_summed_frame, loop_summed_frame),
    "stamped_frame": Plain(read_stamped_frame, loop_stamped_frame),
    "prefixed_frame": Plain(read_prefixed_frame, loop_prefixed_frame),
    "text_burst": Plain(read_text_burst, None),  # only silence ends one: a chunk holds one reading
}
