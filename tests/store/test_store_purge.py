"""Old sessions go when the record system has them, audited, and out of the file itself."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from dynod.model.deficit import Contribution
from dynod.model.errors import StorageError
from dynod.model.session import Identifier, Patient, Session
from dynod.store.bundles import BundleMark
from dynod.store.change import Change, ResendRange
from dynod.store.outbox import Held, OutboxCounts
from dynod.store.purge import Keep, OldSession, PurgeOrder
from dynod.store.store import Store
from tests.store.samples import NOW, at, deficit, draft, session, summary, trial

DAY_S = 86400.0
OLD = PurgeOrder(at(10 * DAY_S), raw_only=False, receipts_required=False)
RECEIVED_ONLY = PurgeOrder(at(10 * DAY_S), raw_only=False, receipts_required=True)
RAW = PurgeOrder(at(10 * DAY_S), raw_only=True, receipts_required=False)


def ended(store: Store, mark: str, day: float = 0.0, trials: int = 2) -> Session:
    """Store an ended session, whose patient is named ``mark`` everywhere that is possible."""
    of = session(
        patient=Patient(Identifier("urn:example:mrn", mark), "f", 1970),
        started_at=at(day * DAY_S),
        ended_at=at(day * DAY_S + 600),
    )
    made = tuple(trial(of, note=f"note on {mark}") for _ in range(trials))
    answer, result = deficit(of), summary(of)
    ids = [*(item.result_id for item in made), answer.result_id, result.result_id]
    drafts = (draft(item, render=lambda number: f"{mark} {number}".encode()) for item in ids)
    store.commit(
        Change(
            at=at(day * DAY_S + 600),
            sessions=(of,),
            trials=made,
            deficits=(answer,),
            summary=result,
            outbox=tuple(drafts),
        )
    )
    return of


def sent(store: Store) -> None:
    store.mark_sent(range(1, store.last_sequence + 1), NOW)


def purge(store: Store, of: Session | UUID, order: PurgeOrder = OLD) -> object:
    session_id = of if isinstance(of, UUID) else of.session_id
    return store.purge(session_id, order, at(20 * DAY_S), "mary")


def old_sessions(store: Store, order: PurgeOrder) -> tuple[OldSession, ...]:
    found = (store.old_session(item, order) for item in store.old_session_ids(order.before))
    return tuple(old for old in found if old is not None)


def bytes_of(path: Path) -> bytes:
    """Everything on the disk: the file and what lies beside it."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_a_purged_session_is_gone_and_its_numbers_are_named(store: Store) -> None:
    first, second = ended(store, "MRN-first"), ended(store, "MRN-second", day=1)
    sent(store)
    purge(store, first)
    assert store.session(first.session_id) is None
    assert store.trials(first.session_id) == ()
    assert store.deficits(first.session_id) == ()
    assert store.summaries(first.session_id) == ()
    assert store.held(1, 8) == Held(4, ((1, 4),))  # two trials, a deficit and a result a session
    assert store.last_sequence == 8
    assert store.outbox_counts() == OutboxCounts(sent=4)
    kept = store.session(second.session_id)
    assert kept is not None
    assert len(kept.trials) == 2
    for stored in kept.trials:
        assert store.recording(stored.result_id) is not None


def test_the_next_number_follows_a_purge(store: Store, path: Path) -> None:
    of = ended(store, "MRN-1")
    sent(store)
    purge(store, of)
    store.close()
    with Store.open(path, now=NOW) as again:
        assert again.commit(Change(at=NOW, outbox=(draft(),))) == (5,)


def test_the_audit_says_who_purged_what_and_no_patient(store: Store) -> None:
    of = ended(store, "MRN-1")
    sent(store)
    purge(store, of)
    (entry,) = store.audit_entries(str(of.session_id))
    assert (entry.action, entry.who, entry.at) == ("results.purge", "mary", at(20 * DAY_S))
    assert entry.detail == {
        "raw_only": False,
        "ended_before": "2026-03-12T09:00:00.000000+00:00",
        "trials": 2,
        "raw": 2,
        "messages": 4,
    }


@pytest.mark.parametrize("order", [OLD, RAW], ids=["all", "raw only"])
def test_what_was_not_sent_stays(store: Store, order: PurgeOrder) -> None:
    of = ended(store, "MRN-1")
    store.mark_sent([1, 2, 3], NOW)
    (old,) = old_sessions(store, order)
    assert old.keep is Keep.NOT_SENT
    assert purge(store, of, order) == old
    assert store.session(of.session_id) is not None
    assert store.held(1, 4) == Held(4, ())
    assert store.audit_entries() == ()


def test_what_waits_for_its_receipt_stays_where_receipts_are_required(store: Store) -> None:
    of = ended(store, "MRN-1")
    sent(store)
    rows = store.outbox_rows()
    store.mark_received([Contribution(row.result_id, 1) for row in rows[1:]], NOW)
    assert [old.keep for old in old_sessions(store, RECEIVED_ONLY)] == [Keep.NO_RECEIPT]
    purge(store, of, RECEIVED_ONLY)
    assert store.session(of.session_id) is not None
    store.mark_received([Contribution(rows[0].result_id, 1)], NOW)
    purge(store, of, RECEIVED_ONLY)
    assert store.session(of.session_id) is None


def test_what_was_asked_for_again_goes_out_first(store: Store) -> None:
    of = ended(store, "MRN-1")
    sent(store)
    store.commit(Change(at=NOW, resend=ResendRange(4, 4)))
    assert [old.keep for old in old_sessions(store, OLD)] == [Keep.NOT_SENT]
    assert [row.sequence for row in store.asked_again(9)] == [4]
    store.note_again(4)
    purge(store, of)
    assert store.session(of.session_id) is None


def test_a_bundle_that_waits_for_the_clock_is_waited_for(store: Store) -> None:
    of = ended(store, "MRN-1")
    sent(store)
    mark = BundleMark(uuid4(), of.session_id, 0)
    store.commit(Change(at=NOW, bundles=(mark,)))
    assert [old.keep for old in old_sessions(store, OLD)] == [Keep.NOT_SENT]
    purge(store, of)
    assert store.session(of.session_id) is not None
    # It is made, and its message goes with the session.
    made = (draft(mark.result_id),)
    store.commit(Change(at=NOW, outbox=made, bundle_made=(mark.result_id, 1)))
    store.mark_sent([5], NOW)
    purge(store, of)
    assert store.session(of.session_id) is None
    assert store.held(1, 5) == Held(0, ((1, 5),))


def test_a_bundle_that_nobody_makes_is_not_waited_for(store: Store) -> None:
    of = ended(store, "MRN-1")
    sent(store)
    store.commit(Change(at=NOW, bundles=(BundleMark(uuid4(), of.session_id, 0),)))
    purge(store, of, replace(OLD, bundles=False))
    assert store.session(of.session_id) is None


def test_what_waits_for_its_patient_stays(store: Store) -> None:
    of = session(patient=None, ended_at=at(600))
    store.commit(Change(at=NOW, sessions=(of,), trials=(trial(of),)))
    assert [old.keep for old in old_sessions(store, OLD)] == [Keep.NO_PATIENT]
    purge(store, of)
    assert len(store.trials(of.session_id)) == 1


def test_neither_young_nor_running_nor_unknown_sessions_are_touched(store: Store) -> None:
    young = ended(store, "MRN-1", day=10)  # ends ten minutes after the limit
    running = session(started_at=at(0))
    store.commit(Change(at=NOW, sessions=(running,), trials=(trial(running),)))
    sent(store)
    assert old_sessions(store, OLD) == ()
    for item in (young, running, uuid4()):
        assert purge(store, item) is None
    assert store.session(young.session_id) is not None
    assert store.session(running.session_id) is not None


def test_only_the_raw_samples(store: Store) -> None:
    of = ended(store, "MRN-1")
    sent(store)
    (old,) = old_sessions(store, RAW)
    # 410 samples of a time and a value (8 bytes each) and a status (1 byte), two trials
    assert (old.raw, old.raw_bytes, old.keep) == (2, 2 * 410 * 17, None)
    purge(store, of, RAW)
    stored = store.session(of.session_id)
    assert stored is not None
    assert [store.recording(item.result_id) for item in stored.trials] == [None, None]
    assert store.held(1, 4) == Held(4, ())
    assert old_sessions(store, RAW) == ()  # nothing more to do
    assert len(old_sessions(store, OLD)) == 1
    assert store.audit_entries()[0].detail["raw_only"] is True


def test_nothing_of_a_patient_remains_in_the_files(store: Store, path: Path) -> None:
    """Two dozen sessions of many sizes, so that pages split and merge; every other one goes."""
    names = [f"MRN-{number:03}-purged" for number in range(0, 24, 2)]
    sessions = []
    for number in range(24):
        mark = f"MRN-{number:03}-{'kept' if number % 2 else 'purged'}"
        sessions.append(ended(store, mark, day=number / 10, trials=1 + number % 5))
    sent(store)
    assert all(name.encode() in bytes_of(path) for name in names)
    for of in sessions[::2]:
        purge(store, of)
    store.scrub()
    everything = bytes_of(path)
    assert [name for name in names if name.encode() in everything] == []
    assert b"MRN-001-kept" in everything


def test_a_log_that_another_program_holds_open_is_said(store: Store, path: Path) -> None:
    of = ended(store, "MRN-1")
    sent(store)
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM session").fetchone()
        purge(store, of)
        store._connection.connection.driver_connection.execute("PRAGMA busy_timeout = 1")  # type: ignore[union-attr]
        with pytest.raises(StorageError, match="another program reads it"):
            store.scrub()
    finally:
        other.close()
    store.scrub()
    assert b"MRN-1" not in bytes_of(path)
