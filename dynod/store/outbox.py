"""Outgoing messages: pending → sent (PUBACK) → received (the record system's receipt)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from dynod.model.deficit import Contribution
from dynod.store.codec import time_text
from dynod.store.tables import outbox, resend, station

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
    rows = connection.execute(_ROWS.where(wanted).order_by(outbox.c.sequence).limit(limit))
    return tuple(map(_row, rows))


_ROWS: Select[Any] = select(
    outbox.c.sequence,
    outbox.c.result_id,
    outbox.c.revision,
    outbox.c.topic,
    outbox.c.content_type,
    outbox.c.payload,
    outbox.c.state,
    outbox.c.attempts,
)


def _row(row: Row[Any]) -> OutboxRow:
    return OutboxRow(
        sequence=row.sequence,
        result_id=UUID(row.result_id),
        revision=row.revision,
        topic=row.topic,
        content_type=row.content_type,
        payload=row.payload,
        state=OutboxState(row.state),
        attempts=row.attempts,
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


def newest(connection: Connection, limit: int, state: OutboxState | None) -> tuple[OutboxRow, ...]:
    """Return messages, newest first, of one state or all."""
    query = _ROWS if state is None else _ROWS.where(outbox.c.state == state)
    return tuple(
        map(_row, connection.execute(query.order_by(outbox.c.sequence.desc()).limit(limit)))
    )


# -- what was asked for again ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """What the outbox has of a range: how many messages, and which numbers it no longer has.

    ``purged`` are ranges of numbers that were given, both ends included, in order.
    """

    count: int
    purged: tuple[tuple[int, int], ...]


def held(connection: Connection, first: int, last: int) -> Held:
    """Return what there is of a range of numbers; a number not yet given is neither."""
    given = connection.execute(select(station.c.next_sequence)).scalar_one() - 1
    last = min(last, given)
    query = select(outbox.c.sequence).where(outbox.c.sequence.between(first, last))
    count, purged, expected = 0, [], first
    for sequence in connection.scalars(query.order_by(outbox.c.sequence)):
        if sequence > expected:
            purged.append((expected, sequence - 1))
        count, expected = count + 1, sequence + 1
    if expected <= last:
        purged.append((expected, last))
    return Held(count, tuple(purged))


def ask_again(connection: Connection, first: int, last: int) -> None:
    """Let a range of numbers go out once more, after whatever was asked for before."""
    connection.execute(insert(resend).values(next_sequence=first, last_sequence=last))


def asked_again(connection: Connection, limit: int) -> tuple[OutboxRow, ...]:
    """Return what goes out again next, in order; messages that never went out are left out.

    Ranges that hold nothing more are forgotten.
    """
    while (range_ := connection.execute(_FIRST_RANGE).first()) is not None:
        wanted = outbox.c.sequence.between(range_.next_sequence, range_.last_sequence)
        query = _ROWS.where(wanted, outbox.c.state != OutboxState.PENDING)
        rows = connection.execute(query.order_by(outbox.c.sequence).limit(limit)).all()
        if rows:
            return tuple(map(_row, rows))
        connection.execute(delete(resend).where(resend.c.ordinal == range_.ordinal))
    return ()


def note_again(connection: Connection, sequence: int) -> None:
    """Note that what was asked for first went out up to a number. The messages stay as they are."""
    first = connection.execute(_FIRST_RANGE).first()
    if first is None:
        return
    this = resend.c.ordinal == first.ordinal
    if sequence >= first.last_sequence:
        connection.execute(delete(resend).where(this))
    else:
        connection.execute(update(resend).where(this).values(next_sequence=sequence + 1))


_FIRST_RANGE = select(resend).order_by(resend.c.ordinal).limit(1)
