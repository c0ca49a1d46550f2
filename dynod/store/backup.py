"""Verified copies of the database, made while it is in use, and which of them are kept.

A copy is made by SQLite's online backup from one moment's state, looked through, and given its name
only then. It is ready to be put back as it is: the sequence numbers that the station gave after the
copy was made must not be given again under the same ``stream``, so the copy goes on more than a
hundred thousand numbers later (`dynod.store.restored`). Who asks for those between is told that
they are gone.
"""

import os
import re
import sqlite3
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dynod.model.errors import StorageError
from dynod.store.engine import file_uri, sync_folder
from dynod.store.restored import mark_copy

PAGES_A_STEP = 200
STEPS_A_LOOK = 10_000  # of SQLite's virtual machine, between looks whether it is enough
REST_S = 0.005  # after each step: the card is the recording's first
_NAME = re.compile(r"dynod-\d{8}\.db")
_COUNTED = ("session", "trial", "trial_raw", "deficit", "outbox", "audit")


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that was found whole when it was made."""

    path: Path
    made_s: float  # since 1970, as the file system says
    size_bytes: int


def backup_folder(database: Path) -> Path:
    """Return where the copies of a database lie: beside it."""
    return database.parent / "backups"


def backups(folder: Path) -> tuple[Backup, ...]:
    """Return the copies in a folder, oldest first by their names; other files are none of ours.

    Raises StorageError when the folder cannot be read.
    """
    try:
        if not folder.is_dir():
            return ()
        paths = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
        return tuple(Backup(p, p.stat().st_mtime, p.stat().st_size) for p in paths)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be read: {error.strerror}") from error


def make_backup(
    database: Path, folder: Path, now: datetime, *, keep: int, enough: threading.Event | None = None
) -> Path:
    """Copy a database that may be in use, check the copy, drop the oldest; return its path.

    ``now`` names the copy; one of the same day is replaced. ``keep`` copies stay, the new one among
    them. Once ``enough`` is set, the copy is given up. Raises StorageError, and then every copy of
    before is still there.
    """
    enough = enough or threading.Event()
    target = folder / f"dynod-{now:%Y%m%d}.db"
    part = target.with_name(target.name + ".part")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(folder)
        _write(database, part, now, enough)
        part.replace(target)
        sync_folder(folder)
        sync_folder(folder.parent)  # the folder's own name, when it is new
        _rotate(folder, target, keep)
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise StorageError(f"{target}: no backup was made: {why}") from error
    finally:
        with suppress(OSError):  # on a disk that takes nothing, the next one sweeps it
            part.unlink(missing_ok=True)
    return target


def _write(database: Path, part: Path, now: datetime, enough: threading.Event) -> None:
    """Copy the database into a private file, look through it, and let it be on the disk."""
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(_reader(database)) as source, closing(sqlite3.connect(part)) as copy:
        copy.set_progress_handler(enough.is_set, STEPS_A_LOOK)
        counts = _copy(source, copy, enough)
        _make_ready(copy, now)
        _verify(copy, counts, part)
    _flush(part)


def _reader(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(file_uri(database, readonly=True), uri=True, isolation_level=None)


def _copy(
    source: sqlite3.Connection, copy: sqlite3.Connection, enough: threading.Event
) -> dict[str, int]:
    """Copy one moment's state; return how many rows it has.

    The transaction keeps that moment: without it every commit would begin the copy anew.
    """
    source.execute("BEGIN")
    counts = _counts(source)

    def rest(_status: int, _remaining: int, _total: int) -> None:
        if enough.wait(REST_S):
            raise StorageError("the backup was given up: the service stops")

    source.backup(copy, pages=PAGES_A_STEP, progress=rest)
    source.execute("ROLLBACK")
    return counts


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    return {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        for table in _COUNTED
    }


def _make_ready(copy: sqlite3.Connection, now: datetime) -> None:
    """Let the copy be one file that can be put back."""
    copy.execute("PRAGMA journal_mode = DELETE")
    mark_copy(copy, now)


def _verify(copy: sqlite3.Connection, counts: dict[str, int], path: Path) -> None:
    found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    orphan = copy.execute("PRAGMA foreign_key_check").fetchone()
    expected = {**counts, "audit": counts["audit"] + 1}
    if found != "ok" or orphan is not None or _counts(copy) != expected:
        raise StorageError(f"{path}: the backup is not whole and was dropped; check the disk")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what a power cut left of a copy that was never finished."""
    for left in folder.glob("dynod-*.db.part*"):
        left.unlink()


def _rotate(folder: Path, newest: Path, keep: int) -> None:
    older = [item.path for item in backups(folder) if item.path != newest]
    for path in older[: max(len(older) - (keep - 1), 0)]:
        path.unlink()
