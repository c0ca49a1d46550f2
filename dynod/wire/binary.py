"""Numbers inside one binary frame: integers and packed decimal digits."""

from collections.abc import Callable, Mapping, Sequence
from struct import Struct

from dynod.wire.framing import BcdField, IntegerField, StampField

# Of a frame that begins at a place in some bytes; ValueError for digits that are no digits.
ReadNumber = Callable[[bytes, int], float]
ReadCount = Callable[[bytes, int], int]

_CODES = {"i16": "h", "u16": "H", "i32": "i", "u32": "I"}


def number_readers(
    fields: Mapping[str, IntegerField | BcdField], channels: Sequence[str]
) -> tuple[ReadNumber, ...]:
    """Return what reads a frame's channels, each in the profile's unit."""
    readers = []
    for channel in channels:
        field = fields[channel]
        readers.append(_bcd(field) if isinstance(field, BcdField) else _integer(field))
    return tuple(readers)


def read_numbers(
    readers: Sequence[ReadNumber], data: bytes, start: int
) -> tuple[float, ...] | None:
    """Return the channels of the frame at ``start``; None when digits are no digits."""
    try:
        return tuple([read(data, start) for read in readers])
    except ValueError:
        return None


def count_reader(field: IntegerField | StampField) -> ReadCount:
    """Return what reads a whole number of a frame."""
    order = "<" if field.type.endswith("le") else ">"
    unpack, offset = Struct(order + _CODES[field.type[:3]]).unpack_from, field.offset

    def read(data: bytes, start: int) -> int:
        count: int = unpack(data, start + offset)[0]
        return count

    return read


def _integer(field: IntegerField) -> ReadNumber:
    count, scale = count_reader(field), field.scale

    def read(data: bytes, start: int) -> float:
        return count(data, start) * scale

    return read


def _bcd(field: BcdField) -> ReadNumber:
    # Divided, not multiplied: 2.013 is the number nearest to 2013 thousandths.
    offset, stop, ones = field.offset, field.offset + field.size, 10.0**field.decimals

    def read(data: bytes, start: int) -> float:
        digits = data[start + offset : start + stop].hex()
        value = int(digits[1:]) / ones
        if digits[0] == "0":
            return value
        if digits[0] == "1":
            return -value
        raise ValueError("no sign")

    return read
