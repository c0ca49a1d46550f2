"""A copy of the database that is put back: how it is known, and from which number it goes on.

``PRAGMA user_version`` is 0 in a station's own database and `_COPY` in a copy, until that is first
opened by a station. So a plain ``cp`` is enough to put one back, also the same one a second time.
"""

import sqlite3
from datetime import datetime

from sqlalchemy import Connection, select, update

from dynod.store import audit
from dynod.store.audit import AuditEntry
from dynod.store.codec import time_of, time_text
from dynod.store.tables import audit as audit_table
from dynod.store.tables import station

# As many numbers as one request may ask for again; a station gives some hundreds a day.
SKIPPED_NUMBERS = 100_000
MOST_SECONDS = 30 * 86_400  # a copy's age in seconds is skipped as well, of a longer one the rest
_COPY = 1


def mark_copy(copy: sqlite3.Connection, now: datetime) -> None:
    """Let a fresh copy say that it is one, and when it was made. One audit entry more."""
    copy.execute("UPDATE station SET next_sequence = next_sequence + ?", (SKIPPED_NUMBERS,))
    copy.execute(
        "INSERT INTO audit (at, action, subject, who, detail)"
        " SELECT ?, 'backup.made', stream, 'dynod', '{}' FROM station",
        (time_text(now),),
    )
    copy.execute(f"PRAGMA user_version = {_COPY}")
    copy.commit()


def note_restored(connection: Connection, now: datetime) -> None:
    """Let a copy that a station opens for the first time go on where no other one ever was.

    A copy may be put back twice, or after a later one. A station gives less than a number a second,
    so the seconds since it was made lie beyond all that were given until now. Of a clock that is
    wrong they are at least others each time.
    """
    if connection.exec_driver_sql("PRAGMA user_version").scalar() != _COPY:
        return
    newest = (
        select(audit_table.c.at, audit_table.c.subject)
        .where(audit_table.c.action == "backup.made")
        .order_by(audit_table.c.ordinal.desc())
    )
    made = connection.execute(newest.limit(1)).one()
    seconds = int((now - time_of(made.at)).total_seconds()) % MOST_SECONDS
    connection.execute(update(station).values(next_sequence=station.c.next_sequence + seconds))
    detail = {"made_at": made.at, "skipped": SKIPPED_NUMBERS + seconds}
    audit.write(connection, AuditEntry(now, "backup.restored", made.subject, "dynod", detail))
    connection.exec_driver_sql("PRAGMA user_version = 0")
