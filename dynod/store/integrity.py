"""Whether a database file is whole, and setting aside one that is not."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from dynod.model.errors import DamagedError, StorageError
from dynod.store.engine import FileLock

_MARK = ".damaged-"
_BESIDE = ("-wal", "-shm")


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
        aside = _free_name(path, now)
        # The log first: a log without its database says nothing, one beside another's would.
        for ending in (*_BESIDE, ""):
            part = path.with_name(path.name + ending)
            if part.exists():
                part.rename(aside.with_name(aside.name + ending))
    except OSError as error:
        raise StorageError(f"{path}: cannot be set aside: {error.strerror}") from error
    finally:
        lock.release()
    return aside


def were_set_aside(path: Path) -> tuple[Path, ...]:
    """Return the damaged databases that lie beside one, oldest first."""
    found = path.parent.glob(f"{path.name}{_MARK}*")
    return tuple(sorted(item for item in found if not item.name.endswith(_BESIDE)))


def _free_name(path: Path, now: datetime) -> Path:
    name = f"{path.name}{_MARK}{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    tries = (path.with_name(name if count == 1 else f"{name}-{count}") for count in range(1, 1000))
    return next(item for item in tries if not item.exists())
