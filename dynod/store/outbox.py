"""Outgoing messages: pending → sent (PUBACK) → received (the record system's receipt)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, func, or_, select, update

from dynod.model.deficit import Contribution
from dynod.store.codec import time_text
from dynod.store.tables import outbox

FIRST_RESEND_S = 30.0
LONGEST_RESEND_S = 3600.0
_LONGEST = timedelta(seconds=LONGEST_RESEND_S)


class OutboxState(StrEnum):
    """Who is known to have a message."""

    PENDING = "pending"
    SENT = "sent"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message as it goes out, the same bytes every time."""

    sequence: int
    result_id: UUID
    revision: int
    topic: str
    content_type: str
    payload: bytes = field(repr=False)
    state: OutboxState
    attempts: int


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How many messages are in each state."""

    pending: int = 0
    sent: int = 0
    received: int = 0


def resend_delay_s(attempts: int) -> float:
    """Return how long a message rests after its ``attempts``-th sending: 30 s to one hour."""
    doublings = min(max(attempts, 1) - 1, 16)
    return min(FIRST_RESEND_S * 2.0**doublings, LONGEST_RESEND_S)


def due(
    connection: Connection, now: datetime, limit: int, *, resend_unreceipted: bool
) -> tuple[OutboxRow, ...]:
    """Return the messages to send now, by sequence.

    With ``resend_unreceipted`` also those sent before whose time has come again; a time further
    off than the longest delay was set by a clock that has since been put back, and counts as come.
    """
    wanted = outbox.c.state == OutboxState.PENDING
    if resend_unreceipted:
        come = or_(
            outbox.c.next_attempt_at <= time_text(now),
            outbox.c.next_attempt_at > time_text(now + _LONGEST),
        )
        wanted = or_(wanted, and_(outbox.c.state == OutboxState.SENT, come))
    query = select(
        outbox.c.sequence,
        outbox.c.result_id,
        outbox.c.revision,
        outbox.c.topic,
        outbox.c.content_type,
        outbox.c.payload,
        outbox.c.state,
        outbox.c.attempts,
    )
    rows = connection.execute(query.where(wanted).order_by(outbox.c.sequence).limit(limit))
    return tuple(
        OutboxRow(
            sequence=row.sequence,
            result_id=UUID(row.result_id),
            revision=row.revision,
            topic=row.topic,
            content_type=row.content_type,
            payload=row.payload,
            state=OutboxState(row.state),
            attempts=row.attempts,
        )
        for row in rows
    )


def mark_sent(connection: Connection, sequences: Sequence[int], at: datetime) -> None:
    """Note that the broker acknowledged messages; one with a receipt stays ``received``."""
    counted = select(outbox.c.sequence, outbox.c.attempts).where(outbox.c.sequence.in_(sequences))
    rows = [
        {
            "of_sequence": sequence,
            "sent": time_text(at),
            "next": time_text(at + timedelta(seconds=resend_delay_s(attempts + 1))),
        }
        for sequence, attempts in connection.execute(counted)
    ]
    if rows:
        connection.execute(_MARK_SENT, rows)


_MARK_SENT = (
    update(outbox)
    .where(outbox.c.sequence == bindparam("of_sequence"))
    .where(outbox.c.state != OutboxState.RECEIVED)
    .values(
        state=OutboxState.SENT,
        sent_at=func.coalesce(outbox.c.sent_at, bindparam("sent")),
        attempts=outbox.c.attempts + 1,
        next_attempt_at=bindparam("next"),
    )
)

_MARK_RECEIVED = (
    update(outbox)
    .where(outbox.c.result_id == bindparam("of_result_id"))
    .where(outbox.c.revision == bindparam("of_revision"))
    .values(
        state=OutboxState.RECEIVED,
        received_at=func.coalesce(outbox.c.received_at, bindparam("at")),
        next_attempt_at=None,
    )
)


def mark_received(connection: Connection, receipts: Iterable[Contribution], at: datetime) -> int:
    """Note receipts, however often they come; return how many name no message of ours."""
    unknown = 0
    for receipt in receipts:
        row = {
            "of_result_id": str(receipt.result_id),
            "of_revision": receipt.revision,
            "at": time_text(at),
        }
        unknown += connection.execute(_MARK_RECEIVED, row).rowcount == 0
    return unknown


def resend_all_sent(connection: Connection, at: datetime) -> int:
    """Let every message without a receipt fall due at ``at``; return how many there are."""
    statement = update(outbox).where(outbox.c.state == OutboxState.SENT)
    return connection.execute(statement.values(next_attempt_at=time_text(at))).rowcount


def counts(connection: Connection) -> OutboxCounts:
    """Count the messages by state."""
    query = select(outbox.c.state, func.count()).group_by(outbox.c.state)
    return OutboxCounts(**{row[0]: row[1] for row in connection.execute(query)})
