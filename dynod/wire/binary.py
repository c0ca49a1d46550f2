"""Numbers inside one binary answer: integers and packed decimal digits."""

from collections.abc import Mapping, Sequence

from dynod.wire.framing import BcdField, IntegerField


def read_fields(
    frame: bytes, fields: Mapping[str, IntegerField | BcdField], channels: Sequence[str]
) -> tuple[float, ...] | None:
    """Return a frame's channels in the profile's unit; None when digits are no digits."""
    values = []
    for channel in channels:
        field = fields[channel]
        part = frame[field.offset : field.offset + field.size]
        value = _bcd(part, field) if isinstance(field, BcdField) else _integer(part, field)
        if value is None:
            return None
        values.append(value)
    return tuple(values)


def _integer(part: bytes, field: IntegerField) -> float:
    signed = field.type.startswith("i")
    count = (
        int.from_bytes(part, "little", signed=signed)
        if field.type.endswith("le")
        else int.from_bytes(part, "big", signed=signed)
    )
    return count * field.scale


def _bcd(part: bytes, field: BcdField) -> float | None:
    sign, digits = part.hex()[0], part.hex()[1:]
    if sign not in "01" or not digits.isdecimal():
        return None
    # Divided, not multiplied: 2.013 is the number nearest to 2013 thousandths.
    value = int(digits) / 10.0**field.decimals
    return -value if sign == "1" else value
