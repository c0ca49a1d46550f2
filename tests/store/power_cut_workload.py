"""Works on a store as a station does, and says what is kept: run under the recorder of writes.

``python -m tests.store.power_cut_workload JOB DATABASE [NUMBER] [SYNCHRONOUS]``; it says so on its
standard output. Another ``PRAGMA synchronous`` than the product's shows what that would lose.
"""

import os
import sqlite3
import sys
from datetime import timedelta
from pathlib import Path

from dynod.daemon.opening import open_database
from dynod.model.deficit import Contribution
from dynod.store import engine
from dynod.store.audit import AuditEntry
from dynod.store.backup import backup_folder, make_backup
from dynod.store.change import Change
from dynod.store.purge import PurgeOrder
from dynod.store.store import Store
from tests.store.samples import NOW, at, draft, session, trial
from tests.support.power_cut_judge import ALL_TOLD

TRIAL_BYTES = 200  # of a message, times the bytes of its text


def work(path: Path, trials: int) -> None:
    """Open, commit trials one by one, note what was sent and received, close."""
    opened = session()
    with open_database(path, NOW) as store:
        store.commit(Change(at=NOW, sessions=(opened,)))
        for number in range(trials):
            made = trial(opened)
            message = draft(
                made.result_id, render=lambda sequence: b"message %d" % sequence * TRIAL_BYTES
            )
            change = Change(at=at(number), trials=(made,), outbox=(message, draft()))
            sequences = store.commit(change)
            say(f"{made.result_id}\n".encode())
            store.mark_sent(sequences, at(number))
            if number % 2:
                store.mark_received([Contribution(made.result_id, 1)], at(number))
                say(ALL_TOLD)
        purge(store)


def purge(store: Store) -> None:
    """Remove a session and empty the log; then go on."""
    ended = session(ended_at=at(9))
    later = NOW + timedelta(days=1)
    made = trial(ended)
    store.commit(
        Change(at=at(10), sessions=(ended,), trials=(made,), outbox=(draft(made.result_id),))
    )
    store.mark_sent([store.last_sequence], at(11))
    say(ALL_TOLD)
    order = PurgeOrder(later, raw_only=False, receipts_required=False)
    store.purge(ended.session_id, order, later, "a test")
    store.scrub()
    say(ALL_TOLD)
    note(store, 1)


def note(store: Store, count: int) -> None:
    """Make small commits."""
    for number in range(count):
        store.audit(AuditEntry(at(number), "test.note", str(number), "a test", {}))
        say(ALL_TOLD)


def go_on(path: Path, count: int) -> None:
    """Open what is there, and make small commits."""
    with open_database(path, NOW) as store:
        say(ALL_TOLD)
        note(store, count)


def back_up(path: Path, count: int) -> None:
    """Make a copy every night, and keep one."""
    with open_database(path, NOW) as store:
        for night in range(count):
            note(store, 1)
            make_backup(path, backup_folder(path), NOW + timedelta(days=night), keep=1)
            say(ALL_TOLD)


def say(told: bytes) -> None:
    """Let it be seen from outside."""
    os.write(1, told)


def weaken(synchronous: str) -> None:
    """Have every connection wait less for the disk."""
    configure = engine._configure

    def weak(connection: sqlite3.Connection, *, readonly: bool) -> None:
        configure(connection, readonly=readonly)
        connection.execute(f"PRAGMA synchronous = {synchronous}")

    engine._configure = weak


JOBS = {"work": work, "go_on": go_on, "back_up": back_up}

if __name__ == "__main__":
    for setting in sys.argv[4:]:
        weaken(setting)
    JOBS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
