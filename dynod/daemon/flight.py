"""The flight recorder: the raw bytes of each port, in a bounded ring on disk, as captures.

A ring is a folder of segments in the order of their numbers: ``<number>.bin`` (the bytes) and
``<number>.index`` (what happened, one line each, so that it can be appended to)::

    flight 1 opened          how the segment begins: opened, gap, or continued after so many bytes
    a 81.25                  a poll was sent: monotonic s
    c 81.262 17              a chunk arrived: monotonic s, bytes
    l 95.5 "hung up"         the device was lost: monotonic s, fault as JSON

No line holds wall time. Nothing is synced, for the sake of the card; bytes are written before the
lines that speak of them, and a reader takes what both agree on.
"""

import json
import logging
import math
import os
import re
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from dynod.model.errors import DeviceError
from dynod.wire.capture import Timing

log = logging.getLogger(__name__)

MOST_WAITING = 1 << 20  # bytes in memory between two flushes
SMALLEST_SEGMENT = 4096  # more than the longest line
FILES_PER_SEGMENT = 16  # openings that bring little make small segments: their number is bounded

_Kind: TypeAlias = Literal["opened", "gap", "chunk", "asked", "lost"]
_Begin: TypeAlias = Literal["opened", "gap"]

_FORMAT = "flight 1"
_ENTRY_BYTES = 128  # what an entry takes in memory besides its bytes
_LINE_BYTES = 64  # more than the line of a chunk, or the first line
_LONGEST_FAULT = 200
_MOST_HELD = 64
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_NAME = re.compile(r"(\d{8,12})\.(?:bin|index)", re.ASCII)
_FIRST_LINE = re.compile(rf"{_FORMAT} (?:opened|gap|continued (\d{{1,12}}))", re.ASCII)
_LENGTH = re.compile(r"\d{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FlightSegment:
    """What was recorded from one opening of a port, or from a part of it.

    ``timing``: monotonic times in s. ``faults``: (monotonic s, why the device was lost) each.
    ``continues``: the bytes follow those of the segment before it, of which none is missing.
    """

    name: str
    data: bytes
    timing: Timing
    faults: tuple[tuple[float, str], ...]
    continues: bool


def flight_folder(storage_path: Path) -> Path:
    """Return the folder of all rings of a station, one folder per device id: beside its database.

    ``storage_path``: the path of the database.
    """
    return storage_path.parent / "flight"


class FlightRing:
    """Records one device. All times are monotonic seconds.

    ``opened``, ``chunk``, ``asked`` and ``lost`` put into a queue and belong to one thread.
    ``flush`` writes the queue and may run in another thread, so that a slow card holds up nothing.
    No method raises OSError: when the disk fails, ``problem`` says how in one line, and the ring is
    off until the next ``opened``. While ``saves_room`` is set, nothing is kept; then follows a gap.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = 1 << 20, segments: int = 8) -> None:
        if segment_bytes < SMALLEST_SEGMENT or segments < 2:
            raise ValueError(f"a ring has at least 2 segments of {SMALLEST_SEGMENT} bytes")
        self.problem: str | None = None
        self.saves_room = False
        self._folder = folder
        self._journal = _Journal(
            _Disk(folder, segments * segment_bytes, segments * FILES_PER_SEGMENT), segment_bytes
        )
        self._queue: deque[tuple[_Kind, float, bytes]] = deque()
        # Of these two, one is written by the thread that puts, the other by the one that flushes.
        self._put_bytes = 0
        self._taken_bytes = 0
        self._dropping = False
        self._off = False
        self._flushing = threading.Lock()

    def opened(self, at_s: float) -> None:
        """Begin a new segment: the port was opened."""
        self._put("opened", at_s)

    def chunk(self, data: bytes, arrival_s: float) -> None:
        """Record what one read returned."""
        if self._has_room(arrival_s):
            self._put("chunk", arrival_s, data)

    def asked(self, at_s: float) -> None:
        """Record that a poll was sent."""
        if self._has_room(at_s):
            self._put("asked", at_s)

    def lost(self, at_s: float, fault: str) -> None:
        """Record why the device was lost; the segment ends.

        An opening that brought no bytes is kept only when its fault is another than the last.
        """
        self._put("lost", at_s, json.dumps(fault[:_LONGEST_FAULT]).encode())

    def flush(self) -> None:
        """Write what waits: a process that is killed loses nothing of it."""
        with self._flushing:
            self._write_queue()

    def close(self) -> None:
        """Write what waits and close the files; another ``opened`` begins anew."""
        with self._flushing:
            self._write_queue()
            try:
                self._journal.end()
            except OSError as error:
                self._give_up(error)

    def _put(self, kind: _Kind, at_s: float, content: bytes = b"") -> None:
        self._put_bytes += len(content) + _ENTRY_BYTES
        self._queue.append((kind, at_s, content))

    def _has_room(self, at_s: float) -> bool:
        """Return whether the queue takes more; when it does again, a gap is noted."""
        if self._put_bytes - self._taken_bytes > MOST_WAITING and not self._relieved():
            self._dropping = True
        if self._dropping:
            if self._queue:
                return False
            self._dropping = False
            self._put("gap", at_s)
        return True

    def _relieved(self) -> bool:
        """Write here, since nobody flushes; return False when somebody does, but the disk hangs."""
        if not self._flushing.acquire(blocking=False):
            return False
        try:
            self._write_queue()
        finally:
            self._flushing.release()
        return True

    def _write_queue(self) -> None:
        while self._queue:
            kind, at_s, content = self._queue.popleft()
            self._taken_bytes += len(content) + _ENTRY_BYTES
            self._off = self._off and kind != "opened"
            if self.saves_room and kind != "opened":
                kind = "gap"
            if not self._off:
                self._take(kind, at_s, content)
        try:
            if self._journal.write():
                self.problem = None
        except OSError as error:
            self._give_up(error)

    def _take(self, kind: _Kind, at_s: float, content: bytes) -> None:
        try:
            self._journal.take(kind, float(at_s), content)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._off = True
        self._journal.abandon()
        problem = f"{self._folder}: {error.strerror}; nothing is recorded until the port reopens"
        if problem != self.problem:
            log.warning("flight recorder: %s; check the disk and its free space", problem)
        self.problem = problem


class _Journal:
    """Turns what happened into segments. Every method may raise OSError."""

    def __init__(self, disk: "_Disk", segment_bytes: int) -> None:
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._begins: _Begin | None = "gap"  # how the next segment will; None while one is open
        self._size = 0  # of the open segment, lines and bytes, on disk and in memory
        self._data_size = 0  # its bytes alone
        self._data: list[bytes] = []
        self._lines: list[bytes] = []
        self._held: deque[bytes] = deque(maxlen=_MOST_HELD)  # polls before the first byte
        self._noted = b""  # the fault of the last opening, unless bytes came since

    def take(self, kind: _Kind, at_s: float, content: bytes) -> None:
        """Record one thing that happened."""
        if kind == "chunk":
            self._chunk(at_s, content)
        elif kind == "asked":
            self._asked(b"a %r\n" % at_s)
        elif kind == "lost":
            self._lost(b"l %r %b\n" % (at_s, content), content)
        else:
            self.end()
            self._begins = kind

    def write(self) -> bool:
        """Hand on to the disk what is in memory; return whether there was anything."""
        if not self._lines:
            return False
        self._disk.append(b"".join(self._data), b"".join(self._lines))
        self._data.clear()
        self._lines.clear()
        return True

    def end(self) -> None:
        """End the open segment, if any."""
        self.write()
        self._disk.end()
        self._begins = "gap"
        self._held.clear()

    def abandon(self) -> None:
        """Forget the open segment: the disk did not take it."""
        self._data.clear()
        self._lines.clear()
        self._held.clear()
        self._begins = "gap"
        self._disk.abandon()

    def _chunk(self, at_s: float, data: bytes) -> None:
        self._begin()
        self._noted = b""
        longest = self._segment_bytes - 2 * _LINE_BYTES
        for start in range(0, len(data), longest):
            piece = data[start : start + longest]
            self._note(b"c %r %d\n" % (at_s, len(piece)), piece)

    def _asked(self, line: bytes) -> None:
        if self._begins is None:
            self._note(line)
        elif self._begins == "opened":
            self._held.append(line)

    def _lost(self, line: bytes, fault: bytes) -> None:
        news = self._begins == "opened" and fault != self._noted
        if self._begins is None or news:
            self._begin()
            self._note(line)
            self._noted = fault
        self.end()

    def _begin(self) -> None:
        """Begin a segment unless one is open. It waits for its first line: most retries bring none.

        A device that is looked for in vain would else push out what was recorded before.
        """
        if self._begins is None:
            return
        self._start(f"{_FORMAT} {self._begins}\n".encode())
        for line in self._held:
            self._note(line)
        self._held.clear()

    def _note(self, line: bytes, data: bytes = b"") -> None:
        if self._size + len(line) + len(data) > self._segment_bytes:
            self.write()
            self._disk.end()
            self._start(f"{_FORMAT} continued {self._data_size}\n".encode())
        self._lines.append(line)
        self._data.append(data)
        self._size += len(line) + len(data)
        self._data_size += len(data)

    def _start(self, first_line: bytes) -> None:
        self._disk.begin()
        self._begins = None
        self._lines.append(first_line)
        self._size = len(first_line)
        self._data_size = 0


class _Disk:
    """The files of a ring, the oldest removed before the newest grows. Methods raise OSError."""

    def __init__(self, folder: Path, most_bytes: int, most_segments: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._most_segments = most_segments
        self._sizes: dict[int, int] | None = None  # bytes by number, oldest first
        self._files: list[int] = []

    def begin(self) -> None:
        """Make the files of the next segment, which none but the owner can read."""
        if self._sizes is None:
            self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._sizes = {number: _size(self._folder, number) for number in _numbers(self._folder)}
        while len(self._sizes) >= self._most_segments:
            self._remove_oldest(self._sizes)
        number = next(reversed(self._sizes), 0) + 1
        self._sizes[number] = 0
        for path in _paths(self._folder, number):
            self._files.append(os.open(path, _NEW_FILE, 0o600))

    def append(self, data: bytes, lines: bytes) -> None:
        """Append to the newest segment; the bytes first."""
        sizes = self._sizes or {}
        size = len(data) + len(lines)
        while sum(sizes.values()) + size > self._most_bytes and len(sizes) > 1:
            self._remove_oldest(sizes)
        for descriptor, content in zip(self._files, (data, lines), strict=True):
            _write_all(descriptor, content)
        sizes[next(reversed(sizes))] += size

    def end(self) -> None:
        """Close the newest segment, if it is open."""
        files, self._files = self._files, []
        for descriptor in files:
            os.close(descriptor)

    def abandon(self) -> None:
        """Close without complaint, and look at the folder anew before the next segment.

        A segment that took nothing is removed: many of them would push out what was recorded.
        """
        made, sizes = bool(self._files), self._sizes or {}
        newest = next(reversed(sizes), 0)
        self._sizes = None
        with suppress(OSError):
            self.end()
            if made and not sizes[newest]:
                self._remove(newest)

    def _remove_oldest(self, sizes: dict[int, int]) -> None:
        number = next(iter(sizes))
        self._remove(number)
        del sizes[number]

    def _remove(self, number: int) -> None:
        for path in _paths(self._folder, number):
            path.unlink(missing_ok=True)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _paths(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / f"{number:08d}.bin", folder / f"{number:08d}.index"


def _numbers(folder: Path) -> list[int]:
    """Return the numbers of the segments in a folder, oldest first."""
    matches = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return sorted({int(match[1]) for match in matches if match is not None})


def _size(folder: Path, number: int) -> int:
    return sum(path.stat().st_size for path in _paths(folder, number) if path.exists())


# -- reading -------------------------------------------------------------------------------


def read_ring(folder: Path) -> list[FlightSegment]:
    """Return the segments of a ring, oldest first; a daemon may be writing to it.

    What a loss of power left is cut to the chunks of which both files know all. A folder that is
    not there holds none. Raises DeviceError when it cannot be read.
    """
    segments: list[FlightSegment] = []
    try:
        for number in _numbers(folder):
            before = segments[-1] if segments and int(segments[-1].name) + 1 == number else None
            segment = _read(folder, number, before)
            if segment is not None:
                segments.append(segment)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DeviceError(
            f"{error.filename or folder}: cannot be read: {error.strerror};"
            " run this as the user of the daemon"
        ) from error
    return segments


def joined(segments: Iterable[FlightSegment]) -> list[FlightSegment]:
    """Join what only its size had split: one capture per opening, named as its first segment."""
    captures: list[list[FlightSegment]] = []
    for segment in segments:
        if segment.continues and captures:
            captures[-1].append(segment)
        else:
            captures.append([segment])
    return [_join(parts) for parts in captures]


def _join(parts: list[FlightSegment]) -> FlightSegment:
    timings = [part.timing for part in parts]
    return replace(
        parts[0],
        data=b"".join(part.data for part in parts),
        timing=Timing(
            chunks=tuple(chunk for timing in timings for chunk in timing.chunks),
            aligned=False,
            asked=tuple(at_s for timing in timings for at_s in timing.asked),
        ),
        faults=tuple(fault for part in parts for fault in part.faults),
    )


def _read(folder: Path, number: int, before: FlightSegment | None) -> FlightSegment | None:
    """Read the index first: the bytes of each of its lines are there already."""
    data_path, index_path = _paths(folder, number)
    try:
        index = index_path.read_bytes()
        data = data_path.read_bytes()
    except FileNotFoundError:
        return None  # the ring has just removed it
    return _parse(data_path.stem, index, data, before)


def _parse(
    name: str, index: bytes, data: bytes, before: FlightSegment | None
) -> FlightSegment | None:
    """Return what both files agree on; None when that is nothing."""
    first, *lines = index.decode("ascii", errors="replace").split("\n")[:-1] or [""]
    begin = _FIRST_LINE.fullmatch(first)
    chunks: list[tuple[float, int]] = []
    asked: list[float] = []
    faults: list[tuple[float, str]] = []
    size = 0
    for line in lines:
        kind, at_s, rest = _fields(line)
        if kind == "c" and _LENGTH.fullmatch(rest) and size + int(rest) <= len(data):
            chunks.append((at_s, int(rest)))
            size += int(rest)
        elif kind == "a" and not rest:
            asked.append(at_s)
        elif kind == "l" and (fault := _fault(rest)) is not None:
            faults.append((at_s, fault))
        else:
            break
    if begin is None or not (chunks or faults):
        return None
    continues = before is not None and begin[1] == str(len(before.data))
    timing = Timing(tuple(chunks), aligned=False, asked=tuple(asked))
    return FlightSegment(name, data[:size], timing, tuple(faults), continues)


def _fields(line: str) -> tuple[str, float, str]:
    """Return kind, time and the rest of a line; without a kind where it is none."""
    kind, _, text = line.partition(" ")
    time, _, rest = text.partition(" ")
    try:
        at_s = float(time)
    except ValueError:
        return "", 0.0, ""
    return (kind, at_s, rest) if math.isfinite(at_s) else ("", 0.0, "")


def _fault(text: str) -> str | None:
    try:
        fault = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return fault if isinstance(fault, str) else None
