"""Works on a store as a station does, and says what is kept: run under the recorder of writes.

``python -m tests.store.power_cut_workload DATABASE COMMITS [SYNCHRONOUS]``; it says so on its
standard output. Another ``PRAGMA synchronous`` than the product's shows what that would lose.
"""

import os
import sqlite3
import sys
from datetime import timedelta
from pathlib import Path

from dynod.model.deficit import Contribution
from dynod.store import engine
from dynod.store.change import Change
from dynod.store.purge import PurgeOrder
from dynod.store.store import Store
from tests.store.samples import NOW, at, draft, session, trial
from tests.support.power_cut_judge import ALL_TOLD


def work(path: Path, commits: int) -> None:
    """Open, commit, note receipts, end a session, purge it, close."""
    opened = session()
    with Store.open(path, now=NOW, check=True) as store:
        store.commit(Change(at=NOW, sessions=(opened,)))
        for number in range(commits):
            made = trial(opened)
            message = draft(made.result_id, render=lambda number: b"message %d" % number * 200)
            change = Change(at=at(number), trials=(made,), outbox=(message, draft()))
            sequences = store.commit(change)
            os.write(1, f"{made.result_id}\n".encode())
            store.mark_sent(sequences, at(number))
            if number % 2:
                store.mark_received([Contribution(made.result_id, 1)], at(number))
                os.write(1, ALL_TOLD)


def purge(path: Path) -> None:
    """Remove a session and empty the log."""
    ended = session(ended_at=at(9))
    later = NOW + timedelta(days=1)
    order = PurgeOrder(later, raw_only=False, receipts_required=False)
    with Store.open(path, now=NOW, check=True) as store:
        made = trial(ended)
        store.commit(
            Change(at=at(10), sessions=(ended,), trials=(made,), outbox=(draft(made.result_id),))
        )
        store.mark_sent([store.last_sequence], at(11))
        os.write(1, ALL_TOLD)
        store.purge(ended.session_id, order, later, "a test")
        store.scrub()
        os.write(1, ALL_TOLD)
        after = session()
        store.commit(Change(at=at(20), sessions=(after,)))
        os.write(1, ALL_TOLD)


def weaken(synchronous: str) -> None:
    """Have every connection wait less for the disk."""
    configure = engine._configure

    def weak(connection: sqlite3.Connection, *, readonly: bool) -> None:
        configure(connection, readonly=readonly)
        connection.execute(f"PRAGMA synchronous = {synchronous}")

    engine._configure = weak


if __name__ == "__main__":
    database, count = Path(sys.argv[1]), int(sys.argv[2])
    if len(sys.argv) > 3:
        weaken(sys.argv[3])
    work(database, count)
    purge(database)
