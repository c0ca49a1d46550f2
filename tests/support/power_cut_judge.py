"""Cuts the power after each operation of a recording and opens what is left, as a start would.

What is found must be the whole content of the database after one of its commits, in their order:
none half, none without those before it, and none missing that somebody had been told of.
"""

import hashlib
import multiprocessing
import random
import re
import sqlite3
import sys
import tempfile
from collections.abc import Container, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path

from dynod.daemon.flight import flight_folder, read_ring
from dynod.daemon.opening import open_database
from dynod.store.integrity import were_missing, were_set_aside
from tests.support.power_cut import Disk, Image, prefixes, write_image
from tests.support.write_recorder import Made, Recording, Said, Synced, Written

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DATABASE = "dynod.db"
SHARE = 100
ALL_TOLD = b"all told\n"
"""What a program says when it was told that everything until then is kept."""
_RESULT_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Content:
    """All rows of a database, as a hash, the trials among them, and its stream."""

    digest: bytes = field(repr=False)
    trials: frozenset[bytes] = field(repr=False)
    stream: str
    is_new: bool  # nothing was ever committed but the station's own row


class LostError(AssertionError):
    """What a loss of power must not do."""


@dataclass(slots=True)
class Figures:
    """What was tried; ``lost`` tells how each failure came about."""

    operations: int = 0
    syncs: int = 0
    commits: int = 0
    told: int = 0
    cuts: int = 0
    folders: int = 0
    lost: list[str] = field(default_factory=list)

    def lines(self) -> str:
        """Return them as a list for docs/reliability.md."""
        return f"""\
- Recorded: {self.operations} writes, syncs and changes of names, {self.syncs} syncs among them;
  {self.commits} commits, {self.told} times that somebody was told of one.
- The power was cut at {self.cuts} places, and {self.folders} folders that this could leave were
  opened. Whole, and with every commit that had been told of: {self.folders - len(self.lost)}.
"""


@contextmanager
def fast_folder() -> Iterator[Path]:
    """A folder in memory where there is one: what is written there is never synced."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    place = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


def read_content(path: Path) -> Content:
    """Read every row; raises LostError when SQLite finds the file damaged."""
    with closing(sqlite3.connect(path)) as connection:
        verdict = connection.execute("PRAGMA integrity_check").fetchall()
        orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
        if verdict != [("ok",)] or orphans:
            raise LostError(f"not whole: {verdict} {orphans}")
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall()
        digest = hashlib.blake2b()
        rows = 0
        for (name,) in names:
            for row in connection.execute(f'SELECT * FROM "{name}"'):  # noqa: S608
                digest.update(repr(row).encode())
                rows += name not in {"station", "alembic_version"}
        trials = connection.execute("SELECT result_id FROM trial").fetchall()
        station = connection.execute("SELECT stream, next_sequence FROM station").fetchone()
        _check_numbers(connection, station[1])
    ids = frozenset(result_id.encode() for (result_id,) in trials)
    return Content(digest.digest(), ids, station[0], is_new=not rows)


def _check_numbers(connection: sqlite3.Connection, following: int) -> None:
    """No message has a number twice, and none one that is still to be given."""
    count, last = connection.execute("SELECT count(*), max(sequence) FROM outbox").fetchone()
    if count and last >= following:
        raise LostError(f"message {last} is there, and {following} would be given again")


def reopen(image: Image) -> Content:
    """Open what is left as the daemon does at its start; raises LostError for what must not be."""
    with fast_folder() as folder:
        write_image(image, folder)
        return reopen_folder(folder)


def reopen_folder(folder: Path) -> Content:
    """Open a state folder as the daemon does at its start, and read all of it."""
    path = folder / DATABASE
    open_database(path, NOW).close()
    if were_set_aside(path) or were_missing(path):
        raise LostError("a database that is whole was set aside")
    rings = flight_folder(path)
    for ring in rings.iterdir() if rings.is_dir() else ():
        read_ring(ring)
    return read_content(path)


class History:
    """What the database held after each commit of an undisturbed run, and what was told when."""

    def __init__(self, recording: Recording) -> None:
        self.contents: list[Content] = []
        self.demanded: list[int] = []  # after each number of operations: the oldest that may be
        self.told = 0
        self._numbers: dict[bytes, int] = {}
        self._dirty = True
        database = {node for node, path in enumerate(recording.before) if _is_database(path)}
        demand = -1
        following = chain(recording.operations, (None,))
        for (_, disk), operation in zip(prefixes(recording), following, strict=True):
            self.demanded.append(demand)
            if isinstance(operation, Made) and _is_database(operation.path):
                database.add(operation.node)
            elif isinstance(operation, Written) and operation.node in database:
                self._dirty = True
            elif isinstance(operation, Said):
                demand = max(demand, self._demand(operation, disk))
            elif isinstance(operation, Synced | None):
                self._look(disk)

    def _look(self, disk: Disk) -> None:
        if not self._dirty:
            return
        self._dirty = False
        image = disk.orderly()
        if not image.get(DATABASE):
            return
        content = reopen(image)
        if content.is_new and not self.contents:
            return  # not made yet, or only just: a start makes it again
        if not self.contents or self.contents[-1].digest != content.digest:
            self.contents.append(content)
            self._numbers[content.digest] = len(self.contents) - 1

    def _demand(self, said: Said, disk: Disk) -> int:
        """Return the oldest content that fits what somebody has been told."""
        ids = set(_RESULT_ID.findall(said.data))
        if not ids and ALL_TOLD not in said.data:
            return -1
        self._look(disk)
        if ALL_TOLD in said.data:
            self.told += 1
            return len(self.contents) - 1
        known = [
            next(
                number
                for number, content in enumerate(self.contents)
                if result_id in content.trials
            )
            for result_id in ids
            if any(result_id in content.trials for content in self.contents)
        ]
        self.told += bool(known)
        return max(known, default=-1)

    def complaint(self, content: Content, after: int) -> str:
        """Say what is wrong; nothing where some commit left this and what was told is there."""
        number, demanded = self._numbers.get(content.digest), self.demanded[after]
        if number is None and demanded < 0 and content.is_new:
            return ""
        if number is None:
            return f"the content after no commit: {content}"
        return f"commit {number} is the last; {demanded} was told" if number < demanded else ""


def _is_database(path: str) -> bool:
    return path.startswith(DATABASE)


ALL = range(sys.maxsize)


def cut_everywhere(
    recording: Recording, *, tries: int, seed: int, chosen: Container[int] = ALL, workers: int = 1
) -> Figures:
    """Cut the power after each number of operations that is chosen, ``tries`` times at random each.

    Besides: with all that was written there, and with nothing but what was synced.
    """
    history = History(recording)
    after = [number for number in range(len(recording.operations) + 1) if number in chosen]
    figures = Figures(
        operations=sum(not isinstance(item, Said) for item in recording.operations),
        syncs=sum(isinstance(item, Synced) for item in recording.operations),
        commits=len(history.contents),
        told=history.told,
        cuts=len(after),
    )
    cut = partial(_cut, recording, history, tries, seed)
    # A long piece of the line of time each: neighbours often leave the same.
    shares = [after[at : at + SHARE] for at in range(0, len(after), SHARE)]
    if workers == 1:
        parts = [cut(share) for share in shares]
    else:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            parts = [*pool.map(cut, shares)]
    for folders, lost in parts:
        figures.folders += folders
        figures.lost.extend(lost)
    return figures


def _cut(
    recording: Recording, history: History, tries: int, seed: int, chosen: list[int]
) -> tuple[int, list[str]]:
    """Return how many different folders were opened, and what was lost in which."""
    lost: list[str] = []
    seen: dict[bytes, Content | str] = {}
    for after, disk in prefixes(recording):
        if after not in chosen:
            continue
        for kind, image in _images(disk, tries, seed * 1_000_003 + after):
            key = _hash(image)
            if key not in seen:
                seen[key] = _reopened(image)
            found = seen[key]
            complaint = found if isinstance(found, str) else history.complaint(found, after)
            if complaint:
                lost.append(f"{kind} after {after} operations: {complaint}")
    return len(seen), lost


def _images(disk: Disk, tries: int, seed: int) -> Iterator[tuple[str, Image]]:
    yield "all written", disk.orderly()
    if disk.is_sure:
        return
    yield "what was synced", disk.synced()
    chance = random.Random(seed)
    for number in range(tries):
        yield f"try {number}", disk.torn(chance)


def _reopened(image: Image) -> Content | str:
    try:
        return reopen(image)
    except Exception as error:  # noqa: BLE001 - whatever keeps a station from starting
        return f"{type(error).__name__}: {error}"


def _hash(image: Image) -> bytes:
    digest = hashlib.blake2b()
    for path, data in sorted(image.items()):
        digest.update(f"{path} {None if data is None else len(data)}\n".encode())
        digest.update(data or b"")
    return digest.digest()
