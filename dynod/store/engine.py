"""The one connection to the SQLite file, the lock that makes it the only one, and its errors."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from dynod.model.errors import DamagedError, StorageError

BUSY_TIMEOUT_S = 5.0


@contextmanager
def expected_errors(path: Path) -> Iterator[None]:
    """Turn what a database file can do to us into StorageError; defects pass as they are."""
    try:
        yield
    except DBAPIError as error:
        # Of the other kinds each is a defect of ours: a broken rule, a misuse of the driver.
        if type(error.orig) not in {sqlite3.OperationalError, sqlite3.DatabaseError}:
            raise
        message = str(error.orig)
        what = _without_content(message)
        cause = error if what == message else None
        kind = DamagedError if _is_damage(what) else StorageError
        raise kind(f"{path}: {what}; {_advice(what)}") from cause


def _without_content(message: str) -> str:
    """Cut off what sqlite3 quotes of a damaged row: it may be about a patient."""
    return message.partition(" with text")[0]


def _is_damage(message: str) -> bool:
    return any(word in message for word in ("malformed", "not a database", "decode"))


def _advice(message: str) -> str:
    if "full" in message:
        return "free space on its file system"
    if "readonly" in message or "unable to open" in message:
        return "check who owns the file and its folder, and whether the file system is writable"
    if _is_damage(message):
        return "the file is damaged or not ours; restore a backup or name another storage.path"
    if "locked" in message:
        return "end the other program that has it open"
    return "check the disk and its free space"


class FileLock:
    """An flock on ``<path>.lock``: exclusive for the owner, shared among readers."""

    def __init__(self, path: Path, *, shared: bool) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._descriptor: int | None = self._acquire(
            path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        )

    def _acquire(self, path: Path, kind: int) -> int:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}; {_advice('readonly')}") from error
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise StorageError(f"{self._path}: cannot be locked: {error.strerror}") from error
            raise StorageError(
                f"{path} is in use by another dynod process; stop it (systemctl stop dynod),"
                " or give the command to the running daemon"
            ) from error
        return descriptor

    def release(self) -> None:
        """Let the next process in. The file stays: removing it would race with an opener."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: those of files that are new, renamed or removed.

    Raises OSError.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_file(path: Path) -> None:
    """Make the database file (0600) and its folder (0700) where they are missing, durably."""
    try:
        _create_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; {_advice('readonly')}") from error


def _create_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _create_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    # SQLite sees to the names in the folder, and nobody to the folder's own.
    sync_folder(folder.parent)


def file_uri(path: Path, *, readonly: bool) -> str:
    """Return a file as SQLite's URI; any character may stand in its path."""
    return f"file:{quote(str(path.absolute()))}?mode={'ro' if readonly else 'rw'}"


def make_engine(path: Path, *, readonly: bool) -> Engine:
    """Return an engine with one durable connection.

    The connection may be used from any thread, by one at a time. A transaction is immediate from
    its first statement on, DDL included: SQLAlchemy begins it, not the sqlite3 module.
    """
    uri = file_uri(path, readonly=readonly)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _configure(connection, readonly=readonly)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    # Parameters hold patients: they stay out of error messages and tracebacks.
    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool, hide_parameters=True)
    begin = "BEGIN" if readonly else "BEGIN IMMEDIATE"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _configure(connection: sqlite3.Connection, *, readonly: bool) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    if readonly:
        connection.execute("PRAGMA query_only = ON")
        return
    # What is deleted or replaced is overwritten: it was about a patient.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # A commit that a power cut tore would lie behind those to come, in the same use of the log, and
    # look as if it had been lost (`dynod.store.log_damage`): the log begins anew.
    with suppress(sqlite3.OperationalError):  # a full disk: the next commit meets it, and tells
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
