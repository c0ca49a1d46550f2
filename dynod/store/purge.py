"""Removes sessions that are old and that the record system has: audited, and gone from the file.

The numbers of their messages stay given: a number that was given and has no row is a purged one
(`dynod.store.outbox.held`). Content goes with ``PRAGMA secure_delete``, which `dynod.store.engine`
sets, and with a truncated write-ahead log.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, Table, and_, delete, exists, func, or_, select, union_all

from dynod.model.errors import StorageError
from dynod.store import audit
from dynod.store.audit import AuditEntry
from dynod.store.codec import time_of, time_text
from dynod.store.outbox import OutboxState
from dynod.store.tables import (
    clock_mark,
    metadata,
    outbox,
    resend,
    session,
    trial,
    trial_metric,
    trial_raw,
)


class Keep(StrEnum):
    """Why an old session stays."""

    NOT_SENT = "not_sent"
    NO_RECEIPT = "no_receipt"
    NO_PATIENT = "no_patient"


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """What is to go: sessions that ended before ``before``, aware, or only their raw samples.

    With ``receipts_required`` a session goes only when every message of it was received; with
    ``bundles`` only when its FHIR Bundles are made.
    """

    before: datetime
    raw_only: bool
    receipts_required: bool
    bundles: bool = True


@dataclass(frozen=True, slots=True)
class OldSession:
    """What the store has of an old session; ``keep`` tells why it stays, None when it may go.

    ``raw`` counts trials with raw samples, ``raw_bytes`` their size.
    """

    session_id: UUID
    started_at: datetime
    ended_at: datetime
    trials: int
    raw: int
    raw_bytes: int
    messages: int
    keep: Keep | None


# Every table whose rows are results of a session: one that is added later cannot be forgotten.
_RESULTS: tuple[Table, ...] = tuple(
    table for table in metadata.sorted_tables if {"session_id", "result_id"} <= {*table.c.keys()}
)
_BLOBS = [column for column in trial_raw.columns if str(column.type) == "BLOB"]


def old_session_ids(connection: Connection, before: datetime) -> tuple[UUID, ...]:
    """Return the sessions that ended before a moment, oldest first."""
    query = select(session.c.session_id).where(session.c.ended_at < time_text(before))
    return tuple(map(UUID, connection.scalars(query.order_by(session.c.ordinal))))


def old_session(connection: Connection, session_id: UUID, order: PurgeOrder) -> OldSession | None:
    """Return what there is of a session; None when the order does not mean it, or no longer."""
    ended = select(session.c.ended_at).where(session.c.session_id == str(session_id))
    ended_at = connection.scalar(ended)
    if ended_at is None or ended_at >= time_text(order.before):
        return None
    old = _look(connection, str(session_id), order)
    return old if old.raw or not order.raw_only else None


def purge(
    connection: Connection, session_id: UUID, order: PurgeOrder, at: datetime, who: str
) -> OldSession | None:
    """Remove a session, or its raw samples, and say so in the audit; return what there was.

    What has to stay does, with its ``keep``. None when the order does not mean the session.
    """
    old = old_session(connection, session_id, order)
    if old is None or old.keep is not None:
        return old
    _remove(connection, str(session_id), raw_only=order.raw_only)
    detail = {
        "raw_only": order.raw_only,
        "ended_before": time_text(order.before),
        "trials": old.trials,
        "raw": old.raw,
        "messages": 0 if order.raw_only else old.messages,
    }
    audit.write(connection, AuditEntry(at, "results.purge", str(session_id), who, detail))
    return old


def _look(connection: Connection, session_id: str, order: PurgeOrder) -> OldSession:
    row = connection.execute(select(session).where(session.c.session_id == session_id)).one()
    trials = _count(connection, trial, trial.c.session_id == session_id)
    mine = outbox.c.result_id.in_(_result_ids(session_id))
    messages = _count(connection, outbox, mine)
    size = sum(func.coalesce(func.length(column), 0) for column in _BLOBS)
    of_trials = trial_raw.c.result_id.in_(_trial_ids(session_id))
    raw = connection.execute(
        select(func.count(), func.coalesce(func.sum(size), 0)).where(of_trials)
    ).one()
    raw_count, raw_bytes = (int(number) for number in raw)
    return OldSession(
        UUID(session_id),
        time_of(row.started_at),
        time_of(row.ended_at),
        trials,
        raw_count,
        raw_bytes,
        messages,
        _keep(connection, session_id, mine, order) or _unpublished(trials, messages),
    )


def _keep(connection: Connection, session_id: str, mine: Any, order: PurgeOrder) -> Keep | None:
    """Return what the record system would miss."""
    asked_again = exists().where(
        outbox.c.sequence.between(resend.c.next_sequence, resend.c.last_sequence)
    )
    if _count(
        connection, outbox, and_(mine, or_(outbox.c.state == OutboxState.PENDING, asked_again))
    ):
        return Keep.NOT_SENT
    for table in _RESULTS if order.bundles else ():
        # A Bundle that waits to be made has no message yet.
        if "due" in table.c and _count(
            connection, table, and_(table.c.session_id == session_id, table.c.due == 1)
        ):
            return Keep.NOT_SENT
    without = and_(mine, outbox.c.state != OutboxState.RECEIVED)
    if order.receipts_required and _count(connection, outbox, without):
        return Keep.NO_RECEIPT
    return None


def _unpublished(trials: int, messages: int) -> Keep | None:
    """Tell whether a session was never published: it waits for its patient."""
    return Keep.NO_PATIENT if trials and not messages else None


def _count(connection: Connection, table: Table, where: Any) -> int:
    return int(connection.scalar(select(func.count()).select_from(table).where(where)) or 0)


def _trial_ids(session_id: str) -> Select[Any]:
    return select(trial.c.result_id).where(trial.c.session_id == session_id)


def _result_ids(session_id: str) -> Any:
    return union_all(
        *(select(table.c.result_id).where(table.c.session_id == session_id) for table in _RESULTS)
    )


def _remove(connection: Connection, session_id: str, *, raw_only: bool) -> None:
    of_trials = _trial_ids(session_id)
    connection.execute(delete(trial_raw).where(trial_raw.c.result_id.in_(of_trials)))
    if raw_only:
        return
    connection.execute(delete(outbox).where(outbox.c.result_id.in_(_result_ids(session_id))))
    connection.execute(delete(trial_metric).where(trial_metric.c.result_id.in_(of_trials)))
    _remove_rows(connection, session_id, (*_RESULTS, clock_mark, session))


def _remove_rows(connection: Connection, session_id: str, tables: Iterable[Table]) -> None:
    for table in tables:
        connection.execute(delete(table).where(table.c.session_id == session_id))


def scrub(driver: Any, path: Path) -> None:
    """Move everything out of the write-ahead log and empty it; no transaction may be open.

    ``driver`` is the driver's own connection. Raises StorageError when that cannot be done.
    """
    try:
        (busy, _pages, _moved) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise StorageError(f"{path}: {error}; what was purged may remain in {path}-wal") from error
    if busy:
        raise StorageError(
            f"{path}: another program reads it; end that, and purge again to empty {path}-wal"
        )
