"""Whether the write-ahead log lost commits that had been made durable.

SQLite plays a log back up to the first frame that does not fit and forgets the rest in silence.
That is right for the last commit, which a power cut tears before anybody was told of it. It is
wrong in the middle: a commit is flushed before the next one is written, so that a frame which
does not fit and has two commits' ends behind it was whole once. What was lost there had been
acknowledged, and its sequence numbers would be given out a second time.

Format: "WAL File Format" in https://www.sqlite.org/walformat.html.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import dropwhile
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_SECTOR_BYTES = 512  # the least that a disk writes in one piece
_MAGIC = 0x377F0682  # the lowest bit tells the order of bytes that checksums are made in
_MASK = 0xFFFFFFFF
_Sum = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Header:
    page_bytes: int
    salt: bytes  # 8 bytes; frames of an earlier use of the same file have another
    big_endian: bool
    checksum: _Sum

    @classmethod
    def of(cls, data: bytes) -> Self | None:
        """Return the header, or None when it is none that SQLite would follow."""
        magic, _, page_bytes, _ = struct.unpack(">4I", data[:16])
        big_endian = bool(magic & 1)
        checksum = _checksum(data[:24], (0, 0), big_endian=big_endian)
        if magic & ~1 != _MAGIC or checksum != struct.unpack(">2I", data[24:32]):
            return None
        return cls(page_bytes, data[16:24], big_endian, checksum)


@dataclass(frozen=True, slots=True)
class _Frame:
    ends_commit: bool  # of the log's present use
    whole: bool


def lost_commits(log: Path) -> bool:
    """Tell whether a log holds a frame that does not fit in a commit that another one followed.

    The file is read only. A log that is missing, empty or whole, or torn at its end: False.
    Raises OSError.
    """
    if not log.exists():
        return False
    with log.open("rb") as file:
        data = memoryview(file.read())
    if len(data) < _HEADER_BYTES or not any(data[:_HEADER_BYTES]):
        return False
    header = _Header.of(bytes(data[:_HEADER_BYTES]))
    if header is None:
        # The header is flushed before the first frame: with frames behind it, it was whole.
        return len(data) > _HEADER_BYTES + _FRAME_HEADER_BYTES
    return _lost(_frames(data, header))


def _lost(frames: Iterator[_Frame]) -> bool:
    behind = dropwhile(lambda frame: frame.whole, frames)
    return sum(frame.ends_commit for frame in behind) > 1


def _frames(data: memoryview, header: _Header) -> Iterator[_Frame]:
    """Yield the frames of the log's present use; behind its last may lie some of an earlier one."""
    size = _FRAME_HEADER_BYTES + header.page_bytes
    places = range(_HEADER_BYTES, len(data) - size + 1, size)
    last = max((at for at in places if data[at + 8 : at + 16] == header.salt), default=0)
    checksum, whole = header.checksum, True
    for at in places:
        if at > last:
            return
        head, page = data[at : at + _FRAME_HEADER_BYTES], data[at + _FRAME_HEADER_BYTES : at + size]
        fits, present = False, head[8:16] == header.salt
        if whole:
            summed = _checksum(head[:8], checksum, big_endian=header.big_endian)
            checksum = _checksum(page, summed, big_endian=header.big_endian)
            fits = checksum == struct.unpack(">2I", head[16:24])
            whole = fits and present
        # Where a torn commit has a hole, a frame of an earlier use shows through, and ends nothing.
        of_this_use = fits or (present and not _may_be_two(at))
        yield _Frame(ends_commit=of_this_use and any(head[4:8]), whole=whole)


def _may_be_two(at: int) -> bool:
    """Tell whether a frame's mark of a commit's end and its salt lie in two sectors of the disk.

    Of a torn write one may be there without the other: the mark is of an earlier use then.
    """
    return at % _SECTOR_BYTES == _SECTOR_BYTES - 8


def _checksum(data: bytes | memoryview, begin: _Sum, *, big_endian: bool) -> _Sum:
    """Return SQLite's checksum of some words, going on from another.

    Of each pair (a, b) of words the first sum takes a and the second, then the second takes b and
    the first: so a word counts as often as a Fibonacci number says, by its distance from the end.
    """
    words = np.frombuffer(data, ">u4" if big_endian else "<u4")
    count = len(words)
    fibonacci = _fibonacci(count + 2)
    first, second = (
        int((words * fibonacci[at : at + count][::-1]).sum(dtype=np.uint32)) for at in (0, 1)
    )
    before, same, after = (int(fibonacci[count + step]) for step in (-1, 0, 1))
    return (
        (first + before * begin[0] + same * begin[1]) & _MASK,
        (second + same * begin[0] + after * begin[1]) & _MASK,
    )


@cache
def _fibonacci(count: int) -> NDArray[np.uint32]:
    """Return so many Fibonacci numbers from 0 and 1 on, modulo 2**32."""
    numbers = [0, 1]
    while len(numbers) < count:
        numbers.append((numbers[-2] + numbers[-1]) & _MASK)
    return np.array(numbers, np.uint32)
