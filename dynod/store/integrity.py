"""Whether a database file is whole, and setting aside one that is not."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from dynod.model.errors import DamagedError, StorageError
from dynod.store.engine import FileLock, sync_folder
from dynod.store.log_damage import lost_commits

_DAMAGED = ".damaged-"
_MISSING = ".missing-"
_BESIDE = ("-wal", "-shm")


def check_not_emptied(path: Path) -> None:
    """Raise DamagedError for an empty file, which SQLite would take for a new database."""
    if path.stat().st_size == 0:
        raise DamagedError(f"{path}: the database is empty; restore a backup")


def check_log(path: Path) -> None:
    """Look through the log of a database that was not closed, before SQLite plays it back.

    Raises DamagedError when commits are lost in it.
    """
    log = path.with_name(path.name + "-wal")
    try:
        lost = lost_commits(log)
    except OSError as error:
        raise StorageError(f"{log}: cannot be read: {error.strerror}") from error
    if lost:
        raise DamagedError(f"{log}: the database is damaged: commits in its log are not whole")


def check_whole(connection: Connection, path: Path) -> None:
    """Read every page and every reference; raises DamagedError for what does not fit."""
    with connection.begin():
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if found == "ok" and orphan is None:
        return
    what = (
        "its pages do not fit together" if orphan is None else "rows refer to others that are gone"
    )
    raise DamagedError(f"{path}: the database is damaged: {what}; restore a backup")


def set_aside(path: Path, now: datetime) -> Path:
    """Rename a database and what belongs to it; nothing is overwritten. Return the new path.

    Raises StorageError when another process has it open, or the folder cannot be written.
    """
    lock = FileLock(path, shared=False)
    try:
        aside = _free_name(path, now, _DAMAGED)
        # The database first, and durably: a power cut may leave its log alone, which is set aside
        # at the next start. Without its log it would look sound, and lack what stood there.
        path.rename(aside)
        sync_folder(path.parent)
        _move_beside(path, aside)
    except OSError as error:
        raise StorageError(f"{path}: cannot be set aside: {error.strerror}") from error
    finally:
        lock.release()
    return aside


def note_missing(path: Path, now: datetime) -> Path:
    """Leave an empty file that says since when a database is missing; return its path.

    What belonged to the database is set aside under the same name: a new one must not meet its
    log. Raises StorageError when the folder cannot be written.
    """
    note = _free_name(path, now, _MISSING)
    try:
        note.touch(mode=0o600, exist_ok=False)
        sync_folder(path.parent)
        _move_beside(path, note)
    except OSError as error:
        raise StorageError(f"{note}: cannot be written: {error.strerror}") from error
    return note


def _move_beside(path: Path, to: Path) -> None:
    for part, target in zip(_parts(path)[1:], _parts(to)[1:], strict=True):
        if part.exists():
            part.rename(target)
    sync_folder(path.parent)


def were_set_aside(path: Path) -> tuple[Path, ...]:
    """Return the damaged databases that lie beside one, oldest first."""
    return _marked(path, _DAMAGED)


def were_missing(path: Path) -> tuple[Path, ...]:
    """Return the notes of starts at which the database was gone, oldest first."""
    return _marked(path, _MISSING)


def _marked(path: Path, mark: str) -> tuple[Path, ...]:
    found = path.parent.glob(f"{path.name}{mark}*")
    return tuple(sorted(item for item in found if not item.name.endswith(_BESIDE)))


def _free_name(path: Path, now: datetime, mark: str) -> Path:
    name = f"{path.name}{mark}{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    tries = (path.with_name(name if count == 1 else f"{name}-{count}") for count in range(1, 1000))
    return next(item for item in tries if not any(map(Path.exists, _parts(item))))


def _parts(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + ending) for ending in ("", *_BESIDE))
