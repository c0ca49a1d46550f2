"""Reads records back on an open transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, bindparam, select

from dynod.model.deficit import Deficit
from dynod.model.session import Session, SessionSummary
from dynod.model.trial import Recording, Trial, TrialMetrics
from dynod.store import tables
from dynod.store.codec import from_json
from dynod.store.raw import recording_of
from dynod.store.records import StoredSession, trial_of

_METRICS = select(
    tables.trial_metric.c.result_id, tables.trial_metric.c.name, tables.trial_metric.c.value
).where(tables.trial_metric.c.result_id.in_(bindparam("result_ids", expanding=True)))
_RAW = select(tables.trial_raw).where(tables.trial_raw.c.result_id == bindparam("of_result_id"))


def open_session(connection: Connection) -> StoredSession | None:
    """Return the newest session that has not ended, or None."""
    table = tables.session
    query = select(table.c.record).where(table.c.ended_at.is_(None))
    record = connection.scalar(query.order_by(table.c.ordinal.desc()).limit(1))
    return None if record is None else _whole(connection, from_json(Session, record))


def session(connection: Connection, session_id: UUID) -> StoredSession | None:
    """Return a session with its trials and deficits, or None."""
    query = select(tables.session.c.record).where(tables.session.c.session_id == str(session_id))
    record = connection.scalar(query)
    return None if record is None else _whole(connection, from_json(Session, record))


def _whole(connection: Connection, found: Session) -> StoredSession:
    newest_first = trials(connection, found.session_id, None)
    answers = deficits(connection, found.session_id, None)
    own = summaries(connection, found.session_id, None)
    return StoredSession(
        session=found,
        trials=tuple(item for item in newest_first[::-1] if item.binding == found.binding),
        deficits=tuple(item for item in answers[::-1] if item.binding == found.binding),
        summary=next((item for item in own if item.session.binding == found.binding), None),
    )


def sessions(connection: Connection, limit: int | None) -> tuple[Session, ...]:
    """Return sessions, newest first."""
    query = select(tables.session.c.record).order_by(tables.session.c.ordinal.desc())
    return tuple(from_json(Session, text) for text in connection.scalars(query.limit(limit)))


def trials(connection: Connection, session_id: UUID | None, limit: int | None) -> tuple[Trial, ...]:
    """Return trials without raw, newest first."""
    query = _newest_first(select(tables.trial), tables.trial, session_id, limit)
    rows = connection.execute(query).mappings().all()
    metrics = _metrics(connection, [row["result_id"] for row in rows])
    return tuple(trial_of(dict(row), metrics[row["result_id"]]) for row in rows)


def session_of_result(connection: Connection, result_id: UUID) -> StoredSession | None:
    """Return the session of a trial, deficit or session result; None where it is no such id."""
    for table in (tables.trial, tables.deficit, tables.session_summary):
        query = select(table.c.session_id).where(table.c.result_id == str(result_id))
        if found := connection.scalar(query):
            return session(connection, UUID(found))
    return None


def trial(connection: Connection, result_id: UUID, *, with_raw: bool) -> Trial | None:
    """Return one trial, or None."""
    query = select(tables.trial).where(tables.trial.c.result_id == str(result_id))
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    metrics = _metrics(connection, [row["result_id"]])[row["result_id"]]
    return trial_of(dict(row), metrics, recording(connection, result_id) if with_raw else None)


def recording(connection: Connection, result_id: UUID) -> Recording | None:
    """Return the raw samples of a trial, or None where it has none."""
    found = connection.execute(_RAW, {"of_result_id": str(result_id)}).mappings().one_or_none()
    return None if found is None else recording_of(dict(found))


def _metrics(connection: Connection, result_ids: Sequence[str]) -> dict[str, TrialMetrics]:
    """Return the metrics of trials, in chunks that stay below SQLite's limit of parameters."""
    found: dict[str, dict[str, float | None]] = {result_id: {} for result_id in result_ids}
    for start in range(0, len(result_ids), 500):
        part = {"result_ids": result_ids[start : start + 500]}
        for result_id, name, value in connection.execute(_METRICS, part):
            found[result_id][name] = value
    return dict(found)


def deficits(
    connection: Connection, session_id: UUID | None, limit: int | None
) -> tuple[Deficit, ...]:
    """Return the latest revision of deficits, newest first."""
    query = _newest_first(select(tables.deficit.c.record), tables.deficit, session_id, limit)
    return tuple(from_json(Deficit, text) for text in connection.scalars(query))


def summaries(
    connection: Connection, session_id: UUID | None, limit: int | None
) -> tuple[SessionSummary, ...]:
    """Return the latest revision of session results, newest first."""
    table = tables.session_summary
    query = _newest_first(select(table.c.record), table, session_id, limit)
    return tuple(from_json(SessionSummary, text) for text in connection.scalars(query))


def _newest_first(
    query: Select[Any], table: Any, session_id: UUID | None, limit: int | None
) -> Select[Any]:
    if session_id is not None:
        query = query.where(table.c.session_id == str(session_id))
    return query.order_by(table.c.ordinal.desc()).limit(limit)


def reply(connection: Connection, request_id: str) -> bytes | None:
    """Return the reply that a command got, or None when it is not remembered."""
    query = select(tables.reply.c.payload).where(tables.reply.c.request_id == request_id)
    return connection.scalar(query)


def station(connection: Connection) -> RowMapping:
    """Return the one row that describes this database."""
    return connection.execute(select(tables.station)).mappings().one()
