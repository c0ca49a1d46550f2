"""A log that lost what was durable is told from one that a power cut tore at its end.

The judge is SQLite itself: what it plays back of a damaged log says which commits are lost.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dynod.store.log_damage import lost_commits

COMMITS = 30
FRAME_BYTES = 24 + 4096
HEADER_BYTES = 32


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database whose thirty commits of several pages each stand in its log, one row each."""
    path = tmp_path_factory.mktemp("written") / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("PRAGMA journal_mode = WAL")
        owner.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY, filling BLOB)")
        owner.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for number in range(COMMITS):
            owner.execute("INSERT INTO kept VALUES (?, zeroblob(9000))", (number,))
        yield path


def copied(written: Path, folder: Path, log: bytes) -> Path:
    """Lay the database and another log of its into a folder, as a restart would find them."""
    target = folder / "a.db"
    target.write_bytes(written.read_bytes())
    target.with_name("a.db-wal").write_bytes(log)
    return target


def played_back(path: Path) -> int:
    """Return how many of the commits SQLite still knows."""
    with closing(sqlite3.connect(path)) as other:
        return int(other.execute("SELECT count(*) FROM kept").fetchone()[0])


@pytest.mark.parametrize("offset", [0, 9, 17, 24, 4000])
def test_each_frame_damaged_in_turn(written: Path, tmp_path: Path, offset: int) -> None:
    """By the salt, the checksum, the page's number or its content: at most the last may go."""
    log = written.with_name("a.db-wal").read_bytes()
    frames = (len(log) - HEADER_BYTES) // FRAME_BYTES
    assert frames > COMMITS
    for frame in range(frames):
        damaged = bytearray(log)
        damaged[HEADER_BYTES + frame * FRAME_BYTES + offset] ^= 0x10
        path = copied(written, tmp_path, bytes(damaged))
        told = lost_commits(path.with_name("a.db-wal"))
        kept = played_back(path)
        assert kept < COMMITS
        assert told == (kept < COMMITS - 1), frame


def test_torn_at_any_length(written: Path, tmp_path: Path) -> None:
    """What was never written is no damage: a power cut leaves any beginning of a log."""
    log = written.with_name("a.db-wal").read_bytes()
    torn = tmp_path / "torn-wal"
    for length in range(0, len(log), 1000):
        torn.write_bytes(log[:length])
        assert not lost_commits(torn), length


def test_behind_the_present_use_lies_an_earlier_one(tmp_path: Path) -> None:
    """After a checkpoint the log is written anew from its front; what is behind is no damage."""
    path = tmp_path / "a.db"
    log = path.with_name("a.db-wal")
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("PRAGMA journal_mode = WAL")
        owner.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY, filling BLOB)")
        for number in range(COMMITS):
            owner.execute("INSERT INTO kept VALUES (?, zeroblob(9000))", (number,))
            if number == COMMITS - 5:
                owner.execute("PRAGMA wal_checkpoint(RESTART)")
        size = log.stat().st_size
        assert not lost_commits(log)
        damaged = bytearray(log.read_bytes())
        damaged[HEADER_BYTES + 100] ^= 0x10
        other = tmp_path / "other-wal"
        other.write_bytes(damaged)
        assert lost_commits(other)
    assert size > 10 * FRAME_BYTES


def test_a_torn_commit_lets_an_earlier_use_show_through(tmp_path: Path) -> None:
    """Nobody was told of the commit that was torn; what lies in its holes was checkpointed."""
    path, torn = tmp_path / "a.db", tmp_path / "torn-wal"
    log = path.with_name("a.db-wal")
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("PRAGMA journal_mode = WAL")
        owner.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY, filling BLOB)")
        for number in range(COMMITS):
            owner.execute("INSERT INTO kept VALUES (?, 'short')", (number,))
        owner.execute("PRAGMA wal_checkpoint(RESTART)")
        before = log.read_bytes()
        owner.execute("INSERT INTO kept VALUES (?, zeroblob(20000))", (COMMITS,))
        after = log.read_bytes()
    frames = sum(after[at : at + 512] != before[at : at + 512] for at in places(after))
    assert frames > 4
    for lost in range(1, 2**frames):
        data = bytearray(after)
        for frame, at in enumerate(places(after)):
            if lost >> frame & 1:
                data[at : at + FRAME_BYTES] = before[at : at + FRAME_BYTES]
        torn.write_bytes(data)
        assert not lost_commits(torn), f"{lost:b}"


def places(log: bytes) -> range:
    return range(HEADER_BYTES, len(log), FRAME_BYTES)


def test_a_damaged_header_with_frames_behind_it(written: Path, tmp_path: Path) -> None:
    log = bytearray(written.with_name("a.db-wal").read_bytes())
    log[18] ^= 0x10
    path = copied(written, tmp_path, bytes(log))
    assert lost_commits(path.with_name("a.db-wal"))
    assert played_back(path) == 0


@pytest.mark.parametrize("log", [None, b"", bytes(HEADER_BYTES), bytes(10_000)])
def test_nothing_written_is_nothing_lost(tmp_path: Path, log: bytes | None) -> None:
    path = tmp_path / "a.db-wal"
    if log is not None:
        path.write_bytes(log)
    assert not lost_commits(path)
