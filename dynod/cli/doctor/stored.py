"""The database: whole, up to date, its messages on their way, its copies fresh."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dynod.cli.doctor.findings import Finding, note, ok, problem
from dynod.config.settings import StorageConfig
from dynod.daemon.opening import notices
from dynod.model.errors import DamagedError
from dynod.store.backup import backup_folder, backups
from dynod.store.engine import file_uri
from dynod.store.integrity import check_log
from dynod.store.schema import REVISIONS

STUCK = timedelta(hours=1)
_OPEN_TO_OTHERS = stat.S_IRWXG & ~stat.S_IRGRP | stat.S_IRWXO


def database(storage: StorageConfig, *, used: bool) -> Iterator[Finding]:
    """Look at the file. ``used``: a daemon has it open, and looked through it at its start."""
    path = storage.path
    for line in notices(path):
        yield problem("database", line)
    if not path.exists():
        yield note("database", f"{path} is not there yet; `dynod run` makes it")
        return
    if stat.S_IMODE(path.stat().st_mode) & _OPEN_TO_OTHERS:
        yield problem("database", f"{path} can be used by others; run: chmod 600 {path}")
    try:
        if not used:
            check_log(path)
        with closing(_reader(path)) as connection:
            yield from _look(connection, path)
    except sqlite3.DatabaseError as error:
        damaged = "malformed" in str(error) or "not a database" in str(error)
        strange = "no such table" in str(error)
        what_to_do = "restore a backup" if damaged or strange else "run it with sudo"
        yield problem("database", f"{path}: {error}; {what_to_do}")
    except DamagedError as error:
        yield problem("database", str(error))


def _reader(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file_uri(path, readonly=True), uri=True, timeout=5.0)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _look(connection: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        yield problem("database", f"{path} is damaged ({found}); restore a backup")
        return
    schema = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    if schema not in REVISIONS:
        yield problem("database", f"{path} is of a newer dynod (schema {schema}); install that one")
        return
    behind = "" if schema == REVISIONS[-1] else f", schema {schema}: migrated at the next start"
    size_mb = path.stat().st_size / 1e6
    yield ok("database", f"{path}, {size_mb:.1f} MB, whole{behind}")
    yield from _outbox(connection)


def _outbox(connection: sqlite3.Connection) -> Iterator[Finding]:
    counts = dict(connection.execute("SELECT state, count(*) FROM outbox GROUP BY state"))
    oldest = connection.execute(
        "SELECT min(created_at) FROM outbox WHERE state = 'pending'"
    ).fetchone()[0]
    pending, sent = counts.get("pending", 0), counts.get("sent", 0)
    text = f"{pending} wait, {sent} are with the broker, {counts.get('received', 0)} were received"
    age = timedelta(0)
    if oldest is not None:
        age = datetime.now(UTC) - datetime.fromisoformat(oldest)
    if age > STUCK:
        since = f"{age.total_seconds() / 3600:.0f} hours"
        yield problem("outbox", f"{text}; the oldest waits for {since}: look at the broker's line")
    else:
        yield ok("outbox", text)


def copies(storage: StorageConfig) -> Iterator[Finding]:
    """Look at the backups."""
    folder = backup_folder(storage.path)
    found = backups(folder)
    if not storage.backup:
        yield note("backup", "[storage] backup is off: copy the database by other means")
        return
    if not found:
        yield note("backup", f"none in {folder} yet; the first is made soon after the start")
        return
    age = datetime.now(UTC).timestamp() - max(item.made_s for item in found)
    text = f"{len(found)} in {folder}, the newest {age / 3600:.0f} hours old"
    if age > timedelta(days=2).total_seconds():
        yield problem("backup", f"{text}: is the service running? Its log says why there is none")
    else:
        yield ok("backup", text)
