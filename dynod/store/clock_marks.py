"""What a clock that was not set said when a record was made, to correct it once it is.

A mark ties the wall clock of then to the monotonic clock of that boot: ``base_s`` is the one less
the other. Once the clock is set, the difference of the bases is by how much the record's time is
off. After a restart of the computer nobody can know it any more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from dynod.store.change import Change
from dynod.store.tables import clock_mark, session, station

NOW = timedelta(minutes=1)
ENDED = "/ended"  # behind a session's id: the mark of its end


@dataclass(frozen=True, slots=True)
class SessionMarks:
    """A session with times to correct. ``base_s`` is by id: of trials, of itself, of its end."""

    session_id: UUID
    base_s: Mapping[str, float]


def write(connection: Connection, change: Change) -> None:
    """Mark what a change made while the clock was not set; an earlier mark of it stays."""
    if change.clock is not None:
        for record_id, session_id in _made(change):
            row = {
                "record_id": record_id,
                "session_id": session_id,
                "boot_id": change.clock.boot_id,
                "base_s": change.clock.base_s,
            }
            connection.execute(upsert(clock_mark).values(row).on_conflict_do_nothing())
    for trial in change.trials:
        if trial.copied_from is not None and trial.revision == 1 and not trial.clock_synced:
            _copy(connection, str(trial.copied_from), str(trial.result_id))


def _made(change: Change) -> Iterator[tuple[str, str]]:
    """Yield what is new in a change; what is amended now was made by another clock."""
    for item in change.sessions:
        if not item.clock_synced and _is_now(item.started_at, change):
            yield str(item.session_id), str(item.session_id)
        if item.ended_at is not None and _is_now(item.ended_at, change):
            yield f"{item.session_id}{ENDED}", str(item.session_id)
    for trial in change.trials:
        if not trial.clock_synced and trial.copied_from is None and trial.revision == 1:
            yield str(trial.result_id), str(trial.session_id)


def _is_now(moment: datetime, change: Change) -> bool:
    return abs(change.at - moment) < NOW


def _copy(connection: Connection, source: str, copy: str) -> None:
    """Mark a copy as its source is: it was recorded with it."""
    query = select(clock_mark).where(clock_mark.c.record_id == source)
    row = connection.execute(query).mappings().first()
    if row is not None:
        connection.execute(insert(clock_mark), {**row, "record_id": copy})


def first_to_correct(connection: Connection, boot_id: str) -> SessionMarks | None:
    """Return the oldest ended session that was marked in a boot, or None."""
    query = (
        select(clock_mark.c.session_id)
        .join(session, session.c.session_id == clock_mark.c.session_id)
        .where(clock_mark.c.boot_id == boot_id, session.c.ended_at.is_not(None))
        .order_by(session.c.ordinal)
        .limit(1)
    )
    session_id = connection.scalar(query)
    if session_id is None:
        return None
    mine = select(clock_mark.c.record_id, clock_mark.c.base_s).where(
        clock_mark.c.session_id == session_id, clock_mark.c.boot_id == boot_id
    )
    return SessionMarks(
        UUID(session_id), {row.record_id: row.base_s for row in connection.execute(mine)}
    )


def forget(connection: Connection, session_id: UUID, at: str) -> None:
    """Drop the marks of a session whose times are corrected.

    What the station takes for the latest time comes back too, if the clock was ahead: certificates
    would have ended by it.
    """
    connection.execute(delete(clock_mark).where(clock_mark.c.session_id == str(session_id)))
    connection.execute(update(station).where(station.c.latest_time > at).values(latest_time=at))
