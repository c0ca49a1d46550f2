"""Writes a change on an open transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Table,
    Text,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from dynod.model.errors import StorageError
from dynod.model.session import SessionSummary
from dynod.model.trial import Recording, Trial
from dynod.store import audit, bundles, clock_marks, outbox, tables
from dynod.store.change import Change, OutboxDraft, StoredReply
from dynod.store.codec import time_text
from dynod.store.raw import raw_row
from dynod.store.records import deficit_row, metric_rows, session_row, summary_row, trial_row

REPLIES_KEPT = 1000


def _upsert(table: Table, key: str) -> Any:
    """Return an insert that replaces the row with the same key, but only by a newer revision."""
    statement = upsert(table)
    new = statement.excluded
    values = {
        column.name: new[column.name]
        for column in table.columns
        if column.name not in {key, "ordinal"}
    }
    newer = table.c.revision < new.revision if "revision" in table.c else None
    return statement.on_conflict_do_update(index_elements=[key], set_=values, where=newer)


# Built once: SQLAlchemy then finds their compiled form by identity instead of walking them.
_UPSERT_SESSION = _upsert(tables.session, "session_id")
_UPSERT_TRIAL = _upsert(tables.trial, "result_id")
_UPSERT_DEFICIT = _upsert(tables.deficit, "result_id")
_UPSERT_SUMMARY = _upsert(tables.session_summary, "result_id")
_BIND_SUMMARY = (
    update(tables.session_summary)
    .where(tables.session_summary.c.result_id == bindparam("of_result_id"))
    .where(tables.session_summary.c.revision == bindparam("of_revision"))
    .values(record=bindparam("with_record"))
)
_INSERT_METRIC = insert(tables.trial_metric)
_DELETE_METRICS = delete(tables.trial_metric).where(
    tables.trial_metric.c.result_id == bindparam("of_result_id")
)
_INSERT_RAW = insert(tables.trial_raw)
_COPIED = ("result_id", *(c.name for c in tables.trial_raw.columns if c.name != "result_id"))
_COPY_RAW = insert(tables.trial_raw).from_select(
    list(_COPIED),
    select(
        bindparam("to_result_id", type_=Text).label("result_id"),
        *(tables.trial_raw.c[name] for name in _COPIED[1:]),
    ).where(tables.trial_raw.c.result_id == bindparam("from_result_id")),
)
_RAW_HASH = select(tables.trial_raw.c.sha256).where(
    tables.trial_raw.c.result_id == bindparam("of_result_id")
)
_INSERT_OUTBOX = insert(tables.outbox)
_INSERT_REPLY = insert(tables.reply)
_FORGET_REPLIES = delete(tables.reply).where(
    tables.reply.c.ordinal
    <= select(func.max(tables.reply.c.ordinal)).scalar_subquery() - REPLIES_KEPT
)
_TAKE_SEQUENCES = (
    update(tables.station)
    .values(
        next_sequence=tables.station.c.next_sequence + bindparam("count"),
        latest_time=case(
            (tables.station.c.latest_time < bindparam("at"), bindparam("at")),
            else_=tables.station.c.latest_time,
        ),
    )
    .returning(tables.station.c.next_sequence)
)


def write_change(connection: Connection, change: Change) -> tuple[int, ...]:
    """Write everything of a change and return the sequence numbers given to its messages.

    Raises StorageError when a record is older than what is stored; the caller rolls back.
    """
    # The ended session first, so that at no time two are open.
    for session in sorted(change.sessions, key=lambda session: session.ended_at is None):
        connection.execute(_UPSERT_SESSION, session_row(session))
    for trial in change.trials:
        _write_trial(connection, trial)
    for deficit in change.deficits:
        _replace(connection, _UPSERT_DEFICIT, deficit_row(deficit))
    for summary in (change.withdrawn, change.summary):
        if summary is not None:
            _replace(connection, _UPSERT_SUMMARY, summary_row(summary))
    if change.bound is not None:
        _bind(connection, change.bound)
    _write_errands(connection, change)
    if change.reply is not None:
        _write_reply(connection, change.reply)
    return _write_outbox(connection, change.outbox, time_text(change.at))


def _write_errands(connection: Connection, change: Change) -> None:
    """Write what is to be done on account of a change, and who wanted it."""
    if change.resend is not None:
        outbox.ask_again(connection, change.resend.from_sequence, change.resend.to_sequence)
    for mark in change.bundles:
        bundles.mark_due(connection, mark)
    if change.bundle_made is not None:
        bundles.note_made(connection, *change.bundle_made)
    if change.audit is not None:
        audit.write(connection, change.audit)
    clock_marks.write(connection, change)
    if change.corrected is not None:
        clock_marks.forget(connection, change.corrected, time_text(change.at))


def _replace(connection: Connection, statement: Any, row: dict[str, Any]) -> None:
    if connection.execute(statement, row).rowcount != 1:
        raise StorageError(
            f"result {row['result_id']} revision {row['revision']} is not newer than what is"
            " stored; nothing was changed"
        )


def _write_trial(connection: Connection, trial: Trial) -> None:
    row = trial_row(trial)
    _replace(connection, _UPSERT_TRIAL, row)
    result_id = {"of_result_id": row["result_id"]}
    if trial.revision > 1:
        connection.execute(_DELETE_METRICS, result_id)
    if metrics := metric_rows(trial):
        connection.execute(_INSERT_METRIC, metrics)
    if trial.recording is not None:
        _write_raw(connection, trial, trial.recording)
    elif trial.copied_from is not None and trial.revision == 1:
        ends = {"from_result_id": str(trial.copied_from), "to_result_id": row["result_id"]}
        connection.execute(_COPY_RAW, ends)


def _bind(connection: Connection, summary: SessionSummary) -> None:
    row = summary_row(summary)
    values = {
        "of_result_id": row["result_id"],
        "of_revision": row["revision"],
        "with_record": row["record"],
    }
    if connection.execute(_BIND_SUMMARY, values).rowcount != 1:
        raise StorageError(
            f"result {row['result_id']} revision {row['revision']} is not what is stored;"
            " nothing was changed"
        )


def _write_raw(connection: Connection, trial: Trial, recording: Recording) -> None:
    row, result_id = raw_row(recording), str(trial.result_id)
    # A first revision was inserted a moment ago: it cannot have raw samples yet.
    known = trial.revision > 1
    stored = connection.scalar(_RAW_HASH, {"of_result_id": result_id}) if known else None
    if stored is None:
        connection.execute(_INSERT_RAW, {"result_id": result_id, **row})
    elif stored != row["sha256"]:
        raise StorageError(f"raw samples of trial {result_id} never change; nothing was changed")


def _write_reply(connection: Connection, reply: StoredReply) -> None:
    connection.execute(_INSERT_REPLY, {"request_id": reply.request_id, "payload": reply.payload})
    connection.execute(_FORGET_REPLIES)


def _write_outbox(
    connection: Connection, drafts: Sequence[OutboxDraft], at: str
) -> tuple[int, ...]:
    following = connection.execute(_TAKE_SEQUENCES, {"count": len(drafts), "at": at}).scalar_one()
    sequences = range(following - len(drafts), following)
    if drafts:
        pairs = zip(drafts, sequences, strict=True)
        connection.execute(_INSERT_OUTBOX, [_outbox_row(*pair, at) for pair in pairs])
    return tuple(sequences)


def _outbox_row(draft: OutboxDraft, sequence: int, at: str) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "result_id": str(draft.result_id),
        "revision": draft.revision,
        "topic": draft.topic,
        "content_type": draft.content_type,
        "payload": draft.render(sequence),
        "state": "pending",
        "created_at": at,
        "attempts": 0,
    }
