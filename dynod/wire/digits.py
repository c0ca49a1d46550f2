"""Many lines ``<stamp><separator><decimal>`` read at once by numpy.

All lines of a portion are checked and converted column by column, counted from the separator and
from the line's end. Whatever is not exactly of that form makes the whole portion be refused; the
caller then cuts it smaller or reads it line by line.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_NEWLINE, _RETURN, _MINUS, _POINT, _ZERO = (ord(c) for c in "\n\r-.0")
MAX_STAMP_DIGITS = 10
MAX_WHOLE_DIGITS = 7
MAX_FRACTION_DIGITS = 4


class Columns(NamedTuple):
    """``stamps`` (n,) int64 and ``values`` (n,) float64 of n lines."""

    stamps: NDArray[np.int64]
    values: NDArray[np.float64]


class _Places(NamedTuple):
    """Where each line's parts lie; all (n,)."""

    first: NDArray[np.int64]
    separator: NDArray[np.int64]
    minus: NDArray[np.bool_]
    point: NDArray[np.int64]
    end: NDArray[np.int64]


def read_lines(data: bytes, separator: int) -> Columns | None:
    """Return the numbers of complete lines, or None when any line is of another form.

    ``data`` ends with a newline. A stamp has 1 to 10 digits, a value an optional minus, 1 to 7
    digits, a point and 1 to 4 digits, the same number of them in every line.
    """
    codes = np.frombuffer(data, np.uint8)
    places = _places(codes, separator)
    if places is None:
        return None
    digits = codes - _ZERO  # anything below "0" wraps to a large number
    marks = 3 * len(places.end) + int(np.count_nonzero(places.minus))
    returns = int(np.count_nonzero(codes == _RETURN))
    if int(np.count_nonzero(digits > 9)) != marks + returns:
        return None
    fraction = places.end - places.point - 1
    count = int(fraction[0])
    if not 1 <= count <= MAX_FRACTION_DIGITS or np.any(fraction != count):
        return None
    whole_length = places.point - places.separator - 1 - places.minus
    stamp_length = places.separator - places.first
    if not (_within(whole_length, MAX_WHOLE_DIGITS) and _within(stamp_length, MAX_STAMP_DIGITS)):
        return None
    stamps = _number(digits, places.separator, stamp_length)
    units = _number(digits, places.point, whole_length)
    parts = _number(digits, places.end, fraction)
    magnitude = (units * 10**count + parts) / 10.0**count
    return Columns(stamps, np.where(places.minus, -magnitude, magnitude))


def _places(codes: NDArray[np.uint8], separator: int) -> _Places | None:
    newline = np.flatnonzero(codes == _NEWLINE)
    split = np.flatnonzero(codes == separator)
    point = np.flatnonzero(codes == _POINT)
    if len(newline) == 0 or len(split) != len(newline) or len(point) != len(newline):
        return None
    first = np.empty_like(newline)
    first[0] = 0
    first[1:] = newline[:-1] + 1
    returned = codes[newline - 1] == _RETURN
    end = newline - returned
    if not (np.all(first < split) and np.all(split < point) and np.all(point < end)):
        return None
    if int(np.count_nonzero(codes == _RETURN)) != int(np.count_nonzero(returned)):
        return None
    return _Places(first, split, codes[split + 1] == _MINUS, point, end)


def _within(lengths: NDArray[np.int64], longest: int) -> bool:
    return bool(lengths.min() >= 1 and lengths.max() <= longest)


def _number(
    digits: NDArray[np.uint8], end: NDArray[np.int64], length: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the whole numbers whose digits end before ``end``."""
    longest, shortest = int(length.max()), int(length.min())
    total = np.zeros(len(end), np.int64)
    place = end - longest
    for remaining in range(longest, 0, -1):
        column = digits.take(place, mode="clip")
        if remaining > shortest:
            column *= length >= remaining
        total *= 10
        total += column
        place += 1
    return total
