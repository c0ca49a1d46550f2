"""What a process asks of the disk, in order, and what it said, as strace saw it.

The tracer sees every call of every thread in one line of time, so that a byte which left for the
broker stands before or behind the sync that it had to wait for.
"""

import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tests.support.mosquitto import find_program

MISSING = "strace is not installed; try: sudo apt-get install strace"
TIMEOUT_S = 30.0
_DESCRIPTOR_CALLS = (
    "close,dup,dup2,dup3,fcntl,lseek,write,writev,pwrite64,pwritev,ftruncate,fallocate,fsync"
    ",fdatasync,sendto,sendmsg,sendfile,copy_file_range"
)
_PATH_CALLS = (
    "openat,creat,truncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat"
)
_ON_DESCRIPTOR = frozenset(_DESCRIPTOR_CALLS.split(","))
_SHARED_MEMORY = "-shm"  # SQLite's index of the log: memory, made anew after a loss of power


@dataclass(frozen=True, slots=True)
class Made:
    """A name for a file that is new; ``node`` is the file."""

    path: str
    node: int


@dataclass(frozen=True, slots=True)
class Folder:
    """A new folder."""

    path: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """Another name for what was at ``path``, in place of what had it."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A name that is gone."""

    path: str


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes put into a file."""

    node: int
    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Resized:
    """A file cut, or grown by zeros."""

    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    """What was written to a file until then is on the disk."""

    node: int


@dataclass(frozen=True, slots=True)
class FolderSynced:
    """The names in a folder are on the disk."""

    path: str


@dataclass(frozen=True, slots=True)
class Said:
    """Bytes that left the process: to a broker, a client, a pipe."""

    data: bytes = field(repr=False)


Operation: TypeAlias = (
    Made | Folder | Renamed | Removed | Written | Resized | Synced | FolderSynced | Said
)


@dataclass(frozen=True, slots=True)
class Recording:
    """Operations in a folder, by paths relative to it, and the files that were there before.

    ``before``: their content by path; file number ``n`` of it is node ``n``.
    """

    before: dict[str, bytes] = field(repr=False)
    operations: tuple[Operation, ...] = field(repr=False)


def tracer() -> str:
    """Return the path of strace; skip the test without it, fail where CI is set."""
    return find_program("strace", MISSING)


def traced(trace: Path, *program: str) -> list[str]:
    """Return the command line that runs a program under the tracer; signals reach the program."""
    options = ["-D", "-f", "--seccomp-bpf", "-y", "-xx", "-s", str(1 << 24), "-e", "signal=none"]
    return [
        tracer(),
        *options,
        "-e",
        f"trace={_DESCRIPTOR_CALLS},{_PATH_CALLS}",
        "-o",
        str(trace),
        *program,
    ]


def traced_python(trace: Path, *words: str) -> tuple[str, str]:
    """Return what `Daemon.run_as` takes to have ``python words…`` run under the tracer."""
    command = traced(trace, sys.executable, *words)
    return "-c", f"import os, sys; os.execv({command[0]!r}, {command!r} + sys.argv[1:])"


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(_SHARED_MEMORY)
    }


def read_trace(trace: Path, folder: Path, before: dict[str, bytes]) -> Recording:
    """Read what a process that has ended did in a folder."""
    _wait_for_end(trace)
    reader = _Reader(folder, before)
    with trace.open() as lines:
        for name, arguments, result in _calls(lines):
            reader.take(name, arguments, result)
    return Recording(before, tuple(reader.operations))


def _wait_for_end(trace: Path) -> None:
    """The tracer may end a moment after what it traced."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while True:
        with trace.open("rb") as file:
            first = file.readline().split(b" ")[0]
            file.seek(max(0, trace.stat().st_size - 4096))
            if re.search(rb"(?m)^%s +\+\+\+ (exited|killed)" % first, file.read()):
                return
        assert time.monotonic() < deadline_s, f"{trace}: the tracer has not ended"
        time.sleep(0.01)


_LINE = re.compile(r"(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))", re.DOTALL)
_RESULT = re.compile(r"(.*)\) += (-?\d+)(<[^>]*>)?(?: .*)?", re.DOTALL)
_UNFINISHED = " <unfinished ...>"


def _calls(lines: Iterator[str]) -> Iterator[tuple[str, str, int]]:
    """Yield each call that succeeded: a sync where it ended, all others where they began.

    Bytes that left count from the moment at which they could; a sync only when it is over.
    """
    waiting: dict[str, tuple[str, str]] = {}
    early: dict[str, int] = {}
    done: list[tuple[str, str, int] | None] = []
    for line in lines:
        match = _LINE.fullmatch(line.rstrip("\n"))
        if match is None:
            continue
        thread, name, begun, resumed, rest = match.groups()
        if name is not None and begun.endswith(_UNFINISHED):
            waiting[thread] = (name, begun.removesuffix(_UNFINISHED))
            early[thread] = len(done)
            done.append(None)
            continue
        place = len(done)
        text = begun
        if resumed is not None:
            name, begun = waiting.pop(thread)
            text = begun + rest
            place = early.pop(thread)
        ended = _RESULT.fullmatch(text)
        if ended is None or int(ended[2]) < 0:
            continue
        call = (name, ended[1], int(ended[2]))
        if resumed is None or "sync" in name:
            done.append(call)
        else:
            done[place] = call
    yield from (call for call in done if call is not None)


_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(r"(\d+)<((?:\\x[0-9a-f]{2})*)>")


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


@dataclass(slots=True)
class _Open:
    node: int
    position: int = 0
    appends: bool = False


class _Reader:
    def __init__(self, folder: Path, before: dict[str, bytes]) -> None:
        self.operations: list[Operation] = []
        self._folder = str(folder)
        self._names = {path: node for node, path in enumerate(before)}
        self._sizes = {node: len(data) for node, data in enumerate(before.values())}
        self._open: dict[int, _Open] = {}

    def take(self, name: str, arguments: str, result: int) -> None:
        """Take a call that succeeded; what the model has no word for is an error."""
        strings = [_bytes(text) for text in _STRING.findall(arguments)]
        if name in _ON_DESCRIPTOR:
            self._on_descriptor(name, arguments, b"".join(strings), result)
            return
        path, target = ([self._inside(text) for text in strings[:2]] + [None, None])[:2]
        if path is None:
            return
        match name:
            case "openat" | "creat":
                self._opened(path, arguments, result)
            case "mkdir" | "mkdirat":
                self.operations.append(Folder(path))
            case "unlink" | "unlinkat" if path in self._names:
                del self._names[path]
                self.operations.append(Removed(path))
            case "rename" | "renameat" | "renameat2" if path in self._names:
                assert target is not None, "moved out of the folder"
                self._names[target] = self._names.pop(path)
                self.operations.append(Renamed(path, target))
            case "truncate" | "link" | "linkat":
                raise AssertionError(f"{name} is not modelled")

    def _on_descriptor(self, name: str, arguments: str, data: bytes, result: int) -> None:
        match name:
            case "close":
                self._open.pop(int(arguments.partition("<")[0]), None)
            case "fsync" | "fdatasync" | "lseek" | "ftruncate" | "fallocate":
                self._on_file(name, arguments, result)
            case "dup" | "dup2" | "dup3" | "fcntl":
                dupes = name != "fcntl" or "F_DUPFD" in arguments
                assert not (dupes and self._file(arguments)), "a file has two descriptors"
            case "sendfile" | "copy_file_range":
                assert self._folder not in str(_paths_of(arguments)), f"{name} is not modelled"
            case _:
                self._wrote(name, arguments, data[:result])

    def _inside(self, given: bytes | str) -> str | None:
        """Return a path relative to the folder, or None for what does not concern it."""
        path = os.fsdecode(given)
        if not path.startswith(self._folder + "/") or path.endswith(_SHARED_MEMORY):
            return None
        return path.removeprefix(self._folder + "/")

    def _opened(self, path: str, arguments: str, descriptor: int) -> None:
        if path not in self._names:
            if "O_CREAT" not in arguments:
                return  # a folder, or a socket, or what the test put there
            node = len(self._sizes)
            self._names[path], self._sizes[node] = node, 0
            self.operations.append(Made(path, node))
        node = self._names[path]
        self._open[descriptor] = _Open(node, appends="O_APPEND" in arguments)
        if "O_TRUNC" in arguments:
            self._resize(node, 0)

    def _file(self, arguments: str) -> _Open | None:
        found = _DESCRIPTOR.match(arguments)
        return None if found is None else self._open.get(int(found[1]))

    def _on_file(self, name: str, arguments: str, result: int) -> None:
        opened = self._file(arguments)
        if opened is None:
            path = _paths_of(arguments)[0]
            if "sync" in name and (path == self._folder or self._inside(path) is not None):
                self.operations.append(FolderSynced(self._inside(path) or ""))
            return
        if name == "lseek":
            opened.position = result
        elif name == "ftruncate":
            self._resize(opened.node, int(arguments.rsplit(",", 1)[1]))
        elif name == "fallocate":
            _, mode, offset, length = arguments.rsplit(",", 3)
            assert mode.strip() == "0", f"fallocate({arguments}) is not modelled"
            self._resize(opened.node, max(self._sizes[opened.node], int(offset) + int(length)))
        else:
            self.operations.append(Synced(opened.node))

    def _resize(self, node: int, size: int) -> None:
        self._sizes[node] = size
        self.operations.append(Resized(node, size))

    def _wrote(self, name: str, arguments: str, data: bytes) -> None:
        opened = self._file(arguments)
        if opened is None:
            if not any(path.endswith(_SHARED_MEMORY) for path in _paths_of(arguments)):
                self.operations.append(Said(data))
            return
        if name.startswith("pwrite"):
            offset = int(arguments.rsplit(",", 1)[1])
        else:
            offset = self._sizes[opened.node] if opened.appends else opened.position
            opened.position = offset + len(data)
        self._sizes[opened.node] = max(self._sizes[opened.node], offset + len(data))
        self.operations.append(Written(opened.node, offset, data))


def _paths_of(arguments: str) -> list[str]:
    found = _DESCRIPTOR.findall(arguments)
    return [_bytes(text).decode("utf-8", "replace") for _, text in found] or [""]
