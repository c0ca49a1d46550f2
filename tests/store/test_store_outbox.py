"""Messages: pending → sent → received, resent with the same bytes until their receipt."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from dynod.model.deficit import Contribution
from dynod.store.outbox import OutboxCounts, OutboxState, resend_delay_s
from dynod.store.store import Store
from tests.store.samples import NOW, at, draft, messages


def due(store: Store, when: datetime, *, resend: bool = True, limit: int = 100) -> list[int]:
    return [row.sequence for row in store.due(when, limit, resend_unreceipted=resend)]


def receipt(store: Store, sequence: int) -> Contribution:
    query = "SELECT result_id, revision FROM outbox WHERE sequence = ?"
    with store._connection.begin():
        row = store._connection.exec_driver_sql(query, (sequence,)).one()
    return Contribution(result_id=row[0], revision=row[1])


def test_a_pending_message_is_due_whole_and_in_order(store: Store) -> None:
    given = draft(revision=3)
    store.commit(messages(given, draft()))
    first, second = store.due(NOW, 10, resend_unreceipted=False)
    assert first.sequence == 1
    assert (first.result_id, first.revision) == (given.result_id, 3)
    assert (first.topic, first.content_type) == (given.topic, given.content_type)
    assert first.payload == b"message 1"
    assert (first.state, first.attempts) == (OutboxState.PENDING, 0)
    assert second.sequence == 2
    assert due(store, NOW, limit=1) == [1]


# 30 s growing to one hour (docs/contract.md, section 4), by doubling:
# 30·2^6 = 1920, 30·2^7 = 3840 > 3600.
DELAYS_S = [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_the_wait_doubles_from_half_a_minute_to_an_hour() -> None:
    assert [resend_delay_s(attempt) for attempt in range(1, 10)] == DELAYS_S
    assert resend_delay_s(10_000) == 3600


def test_an_unreceipted_message_falls_due_again_with_the_same_bytes(store: Store) -> None:
    store.commit(messages(draft()))
    sent_at = NOW
    for attempt, delay_s in enumerate(DELAYS_S, 1):
        store.mark_sent([1], sent_at)
        assert due(store, sent_at + timedelta(seconds=delay_s - 1)) == []
        sent_at += timedelta(seconds=delay_s)
        (row,) = store.due(sent_at, 10, resend_unreceipted=True)
        assert (row.payload, row.attempts) == (b"message 1", attempt)
        assert row.state is OutboxState.SENT


def test_where_receipts_are_optional_a_sent_message_rests(store: Store) -> None:
    store.commit(messages(draft(), draft()))
    store.mark_sent([1], NOW)
    assert due(store, at(10**6), resend=False) == [2]
    assert store.outbox_counts() == OutboxCounts(pending=1, sent=1)


def test_a_receipt_ends_it_however_often_it_comes(store: Store) -> None:
    store.commit(messages(draft(), draft()))
    store.mark_sent([1, 2], NOW)
    assert store.mark_received([receipt(store, 1)], at(1)) == 0
    assert store.mark_received([receipt(store, 1)] * 2, at(2)) == 0
    assert due(store, at(10**4)) == [2]
    assert store.outbox_counts() == OutboxCounts(sent=1, received=1)
    with store._connection.begin():
        query = "SELECT received_at FROM outbox WHERE sequence = 1"
        first = store._connection.exec_driver_sql(query).scalar_one()
    assert first == "2026-03-02T09:00:01.000000+00:00"


def test_a_receipt_may_overtake_the_acknowledgement(store: Store) -> None:
    store.commit(messages(draft()))
    assert store.mark_received([receipt(store, 1)], NOW) == 0
    store.mark_sent([1], at(1))
    assert store.outbox_counts() == OutboxCounts(received=1)
    assert due(store, at(10**6)) == []


def test_unknown_receipts_are_counted(store: Store) -> None:
    given = draft(revision=2)
    store.commit(messages(given))
    unknown = [Contribution(uuid4(), 1), Contribution(given.result_id, 1)]
    known = Contribution(given.result_id, 2)
    assert store.mark_received([*unknown, known], NOW) == 2
    assert store.outbox_counts() == OutboxCounts(received=1)
    assert store.mark_received([], NOW) == 0


def test_on_reconnect_everything_unreceipted_is_due_at_once(store: Store) -> None:
    store.commit(messages(*(draft() for _ in range(4))))
    store.mark_sent([1, 2, 3], NOW)
    store.mark_received([receipt(store, 2)], NOW)
    assert due(store, at(1)) == [4]
    assert store.resend_all_sent(at(1)) == 2
    assert due(store, at(1)) == [1, 3, 4]


def test_a_clock_that_was_put_back_does_not_hold_messages_up(store: Store) -> None:
    store.commit(messages(draft()))
    store.mark_sent([1], NOW + timedelta(days=400))  # the clock was wrong then
    assert due(store, NOW) == [1]


@pytest.mark.parametrize("sequences", [[], [77]])
def test_marking_nothing_is_harmless(store: Store, sequences: list[int]) -> None:
    store.commit(messages(draft()))
    store.mark_sent(sequences, NOW)
    assert store.outbox_counts() == OutboxCounts(pending=1)
