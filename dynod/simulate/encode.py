"""A sample as a profile's device would send it: the other direction of `dynod.wire`."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import xor

from dynod.wire.framing import (
    BcdField,
    DelimitedLine,
    FixedFrame,
    IdleGap,
    IntegerField,
    LengthPrefixed,
    TextFields,
)
from dynod.wire.phrases import compile_pattern
from dynod.wire.profile import Profile

# A text is made from the numbers and the stamp; the numbers come back as they were rounded.
Encoder = Callable[[Sequence[float], int], tuple[bytes, tuple[float, ...]]]
_PLACE = re.compile(r"\{(\w+)(?::([^{}]*))?\}")


def make_encoder(profile: Profile) -> Encoder:
    """Return what turns device numbers (in the order of the channels) and a stamp into bytes.

    Raises ValueError for a profile of text that says no ``line``.
    """
    framing = profile.framing
    if isinstance(framing, FixedFrame):
        return _FrameEncoder(framing, profile.channels)
    if isinstance(framing, LengthPrefixed):
        return _PrefixedEncoder(framing, profile.channels)
    if isinstance(framing, IdleGap) and framing.text is None:
        return _BinaryEncoder(framing, profile.channels)
    if profile.simulation.line is None:
        raise ValueError(f"{profile.key}: [simulation] says no line")
    return _TextEncoder(profile, profile.simulation.line)


class _TextEncoder:
    def __init__(self, profile: Profile, line: str) -> None:
        framing = profile.framing
        fields = framing.text if isinstance(framing, IdleGap) else framing
        self._line = line
        self._profile = profile
        self._comma = isinstance(fields, TextFields | DelimitedLine) and fields.decimal_mark == ","
        self._signs = fields.signs if isinstance(fields, TextFields) else {}
        self._pattern = (
            compile_pattern(fields.patterns[0])
            if isinstance(fields, TextFields) and fields.checksum != "none"
            else None
        )

    def __call__(self, values: Sequence[float], stamp: int) -> tuple[bytes, tuple[float, ...]]:
        rounded = list(values)
        numbers = dict(zip(self._profile.channels, values, strict=True))
        signed = "{sign" in self._line

        def fill(place: re.Match[str]) -> str:
            name, form = place[1], place[2] or ""
            if name == "stamp":
                return str(stamp)
            if name == "unit":
                return self._profile.simulation.unit or ""
            if name == "sign":
                return _sign_text(self._signs, next(iter(numbers.values())))
            if name == "checksum":
                return "00"
            number = numbers[name]
            text = _formatted(abs(number) if signed else number, form)
            value = float(text)
            rounded[self._profile.channels.index(name)] = -value if signed and number < 0 else value
            return text.replace(".", ",") if self._comma else text

        sent = _PLACE.sub(fill, self._line).encode("latin-1")
        return self._summed(sent), tuple(rounded)

    def _summed(self, sent: bytes) -> bytes:
        """Put the right checksum into its place."""
        match = self._pattern.search(sent) if self._pattern is not None else None
        if match is None:
            return sent
        total = reduce(xor, match["checked"], 0)
        first, last = match.span("checksum")
        return sent[:first] + b"%02X" % total + sent[last:]


class _FrameEncoder:
    def __init__(self, framing: FixedFrame, channels: Sequence[str]) -> None:
        self._framing = framing
        self._channels = channels

    def __call__(self, values: Sequence[float], stamp: int) -> tuple[bytes, tuple[float, ...]]:
        framing = self._framing
        frame = bytearray(framing.length)
        frame[: len(framing.mark)] = bytes(framing.mark)
        if framing.sample_id is not None:
            frame[len(framing.mark)] = framing.sample_id
        if framing.stamp is not None:
            _put_count(frame, framing.stamp.offset, framing.stamp.type, stamp)
        rounded = _put_fields(frame, framing.fields, self._channels, values)
        if framing.checksum == "sum8":
            frame[-1] = sum(frame[:-1]) & 0xFF
        return bytes(frame), rounded


class _PrefixedEncoder:
    def __init__(self, framing: LengthPrefixed, channels: Sequence[str]) -> None:
        self._framing = framing
        self._channels = channels

    def __call__(self, values: Sequence[float], _stamp: int) -> tuple[bytes, tuple[float, ...]]:
        framing = self._framing
        frame = bytearray(framing.length + 1)
        head = bytes([framing.mark, framing.length, *framing.address, framing.sample])
        frame[: len(head)] = head
        rounded = _put_fields(frame, framing.fields, self._channels, values)
        frame[-1] = sum(frame[1:-1]) & 0xFF
        return bytes(frame), rounded


class _BinaryEncoder:
    def __init__(self, framing: IdleGap, channels: Sequence[str]) -> None:
        self._framing = framing
        self._channels = channels

    def __call__(self, values: Sequence[float], _stamp: int) -> tuple[bytes, tuple[float, ...]]:
        frame = bytearray(self._framing.length)
        rounded = _put_fields(frame, self._framing.fields, self._channels, values)
        return bytes(frame), rounded


def _put_fields(
    frame: bytearray,
    fields: Mapping[str, IntegerField | BcdField],
    channels: Sequence[str],
    values: Sequence[float],
) -> tuple[float, ...]:
    """Write numbers into a frame; return them as the frame has them."""
    rounded = []
    for channel, value in zip(channels, values, strict=True):
        field = fields[channel]
        if isinstance(field, BcdField):
            rounded.append(_put_bcd(frame, field, value))
        else:
            count = _wrapped(round(value / field.scale), field)
            _put_count(frame, field.offset, field.type, count)
            rounded.append(count * field.scale)
    return tuple(rounded)


def _wrapped(count: int, field: IntegerField) -> int:
    """Return a count as it runs over at the ends of its type; an angle of 180 degrees does."""
    bits = 8 * field.size
    low = -(1 << (bits - 1)) if field.type.startswith("i") else 0
    return (count - low) % (1 << bits) + low


def _put_count(frame: bytearray, offset: int, kind: str, count: int) -> None:
    size = 2 if "16" in kind else 4
    order = "little" if kind.endswith("le") else "big"
    unsigned = count % (1 << (8 * size))
    part = unsigned.to_bytes(size, "little" if order == "little" else "big")
    frame[offset : offset + size] = part


def _put_bcd(frame: bytearray, field: BcdField, value: float) -> float:
    digits = 2 * field.size - 1
    number = min(round(abs(value) * 10**field.decimals), 10**digits - 1)
    sign = "1" if value < 0 and number else "0"
    frame[field.offset : field.offset + field.size] = bytes.fromhex(f"{sign}{number:0{digits}d}")
    amount: float = number / 10.0**field.decimals
    return -amount if sign == "1" else amount


def _sign_text(signs: Mapping[str, int], value: float) -> str:
    wanted = -1 if value < 0 else 1
    return next(text for text, sign in signs.items() if sign == wanted)


def _formatted(value: float, form: str) -> str:
    return format(round(value), form) if form.endswith("d") else format(value, form)
