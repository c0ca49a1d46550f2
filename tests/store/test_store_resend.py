"""Asked for again: the same numbers and bytes, in order, over restarts; holes are named."""

from pathlib import Path

import pytest

from dynod.model.deficit import Contribution
from dynod.store.change import Change, ResendRange
from dynod.store.outbox import Held, OutboxCounts, OutboxState
from dynod.store.store import Store
from tests.store.samples import NOW, at, draft, messages


def ask(store: Store, first: int, last: int) -> None:
    store.commit(Change(at=NOW, resend=ResendRange(first, last)))


def again(store: Store, limit: int = 100) -> list[int]:
    return [row.sequence for row in store.asked_again(limit)]


@pytest.fixture
def sent(store: Store) -> Store:
    """Return a store with the messages 1 to 6, all sent."""
    store.commit(messages(*(draft() for _ in range(6))))
    store.mark_sent(range(1, 7), NOW)
    return store


def purge(store: Store, *sequences: int) -> None:
    with store._connection.begin():
        for sequence in sequences:
            store._connection.exec_driver_sql("DELETE FROM outbox WHERE sequence = ?", (sequence,))


def test_what_was_asked_for_goes_again_in_portions_and_then_rests(sent: Store) -> None:
    first = sent.due(at(10**6), 100, resend_unreceipted=True)
    ask(sent, 2, 5)
    portions = []
    while rows := sent.asked_again(3):
        portions.append(rows)
        sent.note_again(rows[-1].sequence)
    assert [[row.sequence for row in rows] for rows in portions] == [[2, 3, 4], [5]]
    bytes_of = {row.sequence: row.payload for row in first}
    assert all(row.payload == bytes_of[row.sequence] for rows in portions for row in rows)
    assert sent.due(at(1), 100, resend_unreceipted=True) == ()  # no other wait was cut short


def test_it_changes_no_state(sent: Store) -> None:
    (row, *_) = sent.due(at(10**6), 1, resend_unreceipted=True)
    assert sent.mark_received([Contribution(row.result_id, 1)], NOW) == 0
    ask(sent, 1, 6)
    assert again(sent) == [1, 2, 3, 4, 5, 6]
    sent.note_again(6)
    assert sent.outbox_counts() == OutboxCounts(sent=5, received=1)


def test_requests_are_met_one_after_the_other_and_survive_a_restart(
    sent: Store, path: Path
) -> None:
    ask(sent, 4, 6)
    ask(sent, 1, 2)
    assert again(sent, 2) == [4, 5]
    sent.note_again(5)
    sent.close()
    with Store.open(path, now=NOW) as store:
        assert again(store) == [6]
        store.note_again(6)
        assert again(store) == [1, 2]
        store.note_again(2)
        assert again(store) == []
        store.note_again(2)  # nothing is asked for: harmless


def test_what_waits_for_its_first_sending_is_still_to_come(sent: Store) -> None:
    sent.commit(messages(draft(), draft()))
    assert sent.held(5, 99) == Held(4, ())
    ask(sent, 5, 99)
    assert again(sent) == [5, 6]


def test_purged_numbers_are_named_as_ranges(sent: Store) -> None:
    """2, 3 and 6 are gone, 7 and more were never given."""
    purge(sent, 2, 3, 6)
    assert sent.held(1, 6) == Held(3, ((2, 3), (6, 6)))
    assert sent.held(3, 5) == Held(2, ((3, 3),))
    assert sent.held(7, 50) == Held(0, ())
    ask(sent, 2, 3)
    ask(sent, 5, 6)
    assert again(sent) == [5]


def test_the_newest_messages_can_be_listed_by_state(sent: Store) -> None:
    sent.commit(messages(draft()))
    assert [row.sequence for row in sent.outbox_rows(3)] == [7, 6, 5]
    assert [row.sequence for row in sent.outbox_rows(3, OutboxState.PENDING)] == [7]
