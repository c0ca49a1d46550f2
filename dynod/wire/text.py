"""Numbers in text: from the groups of an expression to the values of a sample."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from math import isfinite
from operator import xor
from typing import NamedTuple

from dynod.model.samples import RejectReason
from dynod.model.units import factor_to_base
from dynod.wire.framing import DelimitedLine, TextFields, status_bits
from dynod.wire.phrases import compile_pattern
from dynod.wire.profile import Profile
from dynod.wire.sink import Sink

_NAN = float("nan")


class Reading(NamedTuple):
    """A sample of text: ``values`` in the profile's unit, NaN where ``status`` is not 0."""

    stamp: int | None
    values: tuple[float, ...]
    status: int


@dataclass(frozen=True, slots=True)
class TextReader:
    """Reads the groups of one sample's expressions."""

    channels: tuple[str, ...]
    factors: Mapping[bytes, float]
    signs: Mapping[bytes, int]
    statuses: Mapping[bytes, int]
    comma: bool
    checksum: str

    def read(self, groups: Mapping[str, bytes | None]) -> Reading | RejectReason:
        """Return the sample that the groups say, or why they say none."""
        if self.checksum != "none" and not _sum_is_right(groups, self.checksum):
            return RejectReason.CHECKSUM
        status = 0
        if self.statuses:
            status = self.statuses.get((groups.get("status") or b"").strip(), 0)
        stamp = groups.get("stamp")
        try:
            values = (_NAN,) * len(self.channels) if status else self._values(groups)
            return Reading(None if stamp is None else int(stamp), values, status)
        except ValueError:
            return RejectReason.MALFORMED

    def _values(self, groups: Mapping[str, bytes | None]) -> tuple[float, ...]:
        values = [self._number(groups[channel]) for channel in self.channels]
        factor = 1.0
        if self.factors:
            factor = _meaning(self.factors, (groups.get("unit") or b"").strip().lower())
        if self.signs:
            factor *= _meaning(self.signs, groups.get("sign") or b"")
        return tuple(values if factor == 1.0 else [value * factor for value in values])

    def _number(self, text: bytes | None) -> float:
        if text is None:
            raise ValueError("a channel without a number")
        if b" " in text:
            text = text.replace(b" ", b"")
        if self.comma:
            text = text.replace(b",", b".")
        value = float(text)
        if not isfinite(value):
            raise ValueError("no number that can be measured")
        return value


def _meaning(table: Mapping[bytes, float], text: bytes) -> float:
    meaning = table.get(text)
    if meaning is None:
        raise ValueError("a text that the profile does not know")
    return meaning


def make_reader(profile: Profile, fields: TextFields | DelimitedLine) -> TextReader:
    """Return the reader of a framing's groups."""
    unit = profile.unit
    with_unit = "unit" in (fields.groups if isinstance(fields, TextFields) else fields.columns)
    factors = (
        {
            text.lower().encode("latin-1"): factor_to_base(wire) / factor_to_base(unit)
            for text, wire in profile.units.items()
        }
        if with_unit and unit is not None
        else {}
    )
    signs = fields.signs if isinstance(fields, TextFields) else {}
    statuses = fields.statuses if isinstance(fields, TextFields) else {}
    return TextReader(
        channels=profile.channels,
        factors=factors,
        signs={text.encode("latin-1"): sign for text, sign in signs.items()},
        statuses={
            text.encode("latin-1"): int(status_bits(name)) for text, name in statuses.items()
        },
        comma=fields.decimal_mark == ",",
        checksum=fields.checksum if isinstance(fields, TextFields) else "none",
    )


def any_of(patterns: tuple[str, ...]) -> re.Pattern[bytes] | None:
    """Return one expression for several; None for none."""
    if not patterns:
        return None
    return compile_pattern("|".join(f"(?:{text})" for text in patterns))


class TextReplies:
    """Finds lines of text that answer a command among the bytes of binary frames."""

    _LONGEST = 64

    def __init__(self, patterns: tuple[str, ...], sink: Sink) -> None:
        self._pattern = any_of(patterns)
        self._sink = sink
        self._line = b""

    def reset(self) -> None:
        """Forget an unfinished line."""
        self._line = b""

    def feed(self, data: bytes) -> None:
        """Take bytes; an answer counts from where it begins up to its line feed."""
        *lines, rest = (self._line + data).split(b"\n")
        for line in lines:
            text = line[-self._LONGEST :].removesuffix(b"\r")  # as if it had come byte by byte
            match = self._pattern.search(text) if self._pattern else None
            if match is not None and match.end() == len(text):
                self._sink.reply(match[0])
        self._line = rest[-self._LONGEST :]


def _sum_is_right(groups: Mapping[str, bytes | None], kind: str) -> bool:
    checked, told = groups.get("checked"), groups.get("checksum")
    if checked is None or told is None:
        return False
    total = reduce(xor, checked, 0)
    if kind == "xor_digits" and told.isdigit() and total == int(told, 10):
        return True
    try:
        return total == int(told, 16)
    except ValueError:
        return False
