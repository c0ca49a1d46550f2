"""Copies of a database in use: whole, of one moment, ready to be put back; few are kept."""

import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dynod.model.errors import StorageError
from dynod.store import backup
from dynod.store.backup import backup_folder, backups, make_backup
from dynod.store.change import Change
from dynod.store.restored import SKIPPED_NUMBERS
from dynod.store.store import Store
from tests.store.samples import NOW, at, draft, session, trial

NIGHT = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "dynod.db", now=NOW) as made:
        yield made


def record(store: Store, number: int) -> str:
    """Store a session with one trial and its message; return the trial's id."""
    of = session(ended_at=at(600 + number))
    result = trial(of)
    messages = (draft(result.result_id),)
    store.commit(Change(at=NOW, sessions=(of,), trials=(result,), outbox=messages))
    return str(result.result_id)


def test_a_copy_is_whole_private_and_named_by_its_day(store: Store, tmp_path: Path) -> None:
    known = [record(store, number) for number in range(5)]
    made = make_backup(tmp_path / "dynod.db", backup_folder(tmp_path / "dynod.db"), NIGHT, keep=7)
    assert made == tmp_path / "backups" / "dynod-20260309.db"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    assert [path.name for path in made.parent.iterdir()] == [made.name]
    with Store.open(made, now=NOW, readonly=True) as copy:
        assert copy.stream == store.stream
        for result_id in known:
            (found,) = [
                item
                for of in copy.sessions(None)
                for item in copy.trials(of.session_id)
                if str(item.result_id) == result_id
            ]
            assert copy.recording(found.result_id) is not None


def test_commits_neither_wait_for_a_copy_nor_begin_it_anew(store: Store, tmp_path: Path) -> None:
    """A hundred commits are made meanwhile, and the copy is of the moment when it began."""
    for number in range(200):
        record(store, number)
    rests = 0
    waits: list[float] = []
    plain = threading.Event.wait

    class Counting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal rests
            rests += 1
            begun_s = time.perf_counter()
            record(store, 1000 + rests)
            waits.append(time.perf_counter() - begun_s)
            return plain(self, 0.0 * (timeout or 0.0))

    made = make_backup(
        tmp_path / "dynod.db", tmp_path / "backups", NIGHT, keep=7, enough=Counting()
    )
    pages = (made.stat().st_size // 4096) / backup.PAGES_A_STEP
    assert pages <= rests <= pages + 2
    assert len(store.sessions(None)) == 200 + rests
    with Store.open(made, now=NOW, readonly=True) as copy:
        assert len(copy.sessions(None)) == 200


def test_a_copy_that_is_put_back_gives_no_number_twice(store: Store, tmp_path: Path) -> None:
    """After the copy three more numbers went out; those given later are none of these."""
    record(store, 1)
    made = make_backup(tmp_path / "dynod.db", tmp_path / "backups", NIGHT, keep=7)
    for number in range(2, 5):
        record(store, number)
    assert store.last_sequence == 4
    restored = tmp_path / "again" / "dynod.db"
    restored.parent.mkdir()
    shutil.copy(made, restored)
    later = NIGHT + timedelta(hours=1)
    skipped = SKIPPED_NUMBERS + 3600
    with Store.open(restored, now=later, check=True) as again:
        assert again.stream == store.stream
        assert again.last_sequence == 1 + skipped
        record(again, 9)
        numbers = [row.sequence for row in again.outbox_rows(10, None)]
        assert numbers == [2 + skipped, 1]
        held = again.held(1, 1 + skipped)
        assert (held.count, held.purged) == (1, ((2, 1 + skipped),))
        entries = again.audit_entries()
        assert [entry.action for entry in entries] == ["backup.made", "backup.restored"]
        assert entries[1].at == later
        assert entries[1].detail["skipped"] == skipped
    with Store.open(restored, now=later + timedelta(days=1)) as again:
        assert again.last_sequence == 2 + skipped  # not moved on a second time


def test_a_copy_that_is_put_back_twice_goes_on_elsewhere_each_time(
    store: Store, tmp_path: Path
) -> None:
    """An hour with 50 trials, the same copy again, and after that one of a night before."""
    folder, path = tmp_path / "backups", tmp_path / "dynod.db"
    first = make_backup(path, folder, NIGHT, keep=7)
    for number in range(10):
        record(store, number)
    second = make_backup(path, folder, NIGHT + timedelta(days=1), keep=7)
    given: list[int] = [row.sequence for row in store.outbox_rows(100, None)]
    for hours, copy in ((30, second), (31, second), (32, first)):
        restored = tmp_path / f"after-{hours}" / "dynod.db"
        restored.parent.mkdir()
        shutil.copy(copy, restored)
        with Store.open(restored, now=NIGHT + timedelta(hours=hours)) as again:
            known = {row.sequence for row in again.outbox_rows(100, None)}
            for number in range(50):
                record(again, 100 * hours + number)
            new = {row.sequence for row in again.outbox_rows(100, None)} - known
        assert len(new) == 50
        given += new
    assert len(given) == len(set(given)) == 160


def test_a_look_at_a_copy_changes_nothing(store: Store, tmp_path: Path) -> None:
    made = make_backup(tmp_path / "dynod.db", tmp_path / "backups", NIGHT, keep=7)
    before = made.read_bytes()
    with Store.open(made, now=NIGHT, readonly=True) as copy:
        assert copy.sessions(None) == ()
    assert made.read_bytes() == before


def test_seven_are_kept_and_foreign_files_left_alone(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "dynod-20260101.db.part").write_bytes(b"half a copy")
    (folder / "dynod-before-the-move.db").write_bytes(b"somebody's own")
    for day in range(10):
        make_backup(tmp_path / "dynod.db", folder, NIGHT + timedelta(days=day), keep=7)
    assert [item.path.name for item in backups(folder)] == [
        f"dynod-202603{day}.db" for day in range(12, 19)
    ]
    assert (folder / "dynod-before-the-move.db").read_bytes() == b"somebody's own"
    assert not list(folder.glob("*.part"))


def test_one_that_was_just_made_is_never_the_one_to_go(store: Store, tmp_path: Path) -> None:
    """Also where the clock names it before all others."""
    folder = tmp_path / "backups"
    for day in range(3):
        make_backup(tmp_path / "dynod.db", folder, NIGHT + timedelta(days=day), keep=3)
    early = make_backup(tmp_path / "dynod.db", folder, NIGHT - timedelta(days=30), keep=2)
    assert early in {item.path for item in backups(folder)}
    assert len(backups(folder)) == 2


def test_a_damaged_database_makes_no_copy_and_takes_none(store: Store, tmp_path: Path) -> None:
    """Its pages can be copied; that they do not fit together shows in the copy."""
    for number in range(50):
        record(store, number)
    folder, path = tmp_path / "backups", tmp_path / "dynod.db"
    good = make_backup(path, folder, NIGHT, keep=1)
    before = good.read_bytes()
    store.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xa5" * 20_000)
    with pytest.raises(StorageError, match=r"dynod-20260310\.db.*(not whole|malformed)"):
        make_backup(path, folder, NIGHT + timedelta(days=1), keep=1)
    assert [item.path for item in backups(folder)] == [good]
    assert good.read_bytes() == before
    assert len(list(folder.iterdir())) == 1


def test_a_full_disk_leaves_nothing_half(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own limit of pages stands for the end of the disk."""
    for number in range(50):
        record(store, number)
    connect = sqlite3.connect

    def small(database: object, **named: object) -> sqlite3.Connection:
        made = connect(database, **named)  # type: ignore[call-overload]
        if str(database).endswith(".part"):
            made.execute("PRAGMA page_size = 4096")
            made.execute("PRAGMA max_page_count = 20")
        return made  # type: ignore[no-any-return]

    monkeypatch.setattr("dynod.store.backup.sqlite3.connect", small)
    with pytest.raises(StorageError, match="full"):
        make_backup(tmp_path / "dynod.db", tmp_path / "backups", NIGHT, keep=7)
    assert list((tmp_path / "backups").iterdir()) == []


def test_enough_ends_it(store: Store, tmp_path: Path) -> None:
    for number in range(50):
        record(store, number)
    enough = threading.Event()
    enough.set()
    with pytest.raises(StorageError, match="given up"):
        make_backup(tmp_path / "dynod.db", tmp_path / "backups", NIGHT, keep=7, enough=enough)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.write_text("in the way")
    with pytest.raises(StorageError, match=r"dynod-20260309\.db: no backup was made: File exists"):
        make_backup(tmp_path / "dynod.db", folder, NIGHT, keep=7)


def test_the_copy_has_its_own_journal_mode(store: Store, tmp_path: Path) -> None:
    """One file is the whole copy: nothing of it stands in a log beside it."""
    record(store, 1)
    made = make_backup(tmp_path / "dynod.db", tmp_path / "backups", NIGHT, keep=7)
    with closing(sqlite3.connect(f"file:{made}?immutable=1", uri=True)) as copy:
        assert copy.execute("SELECT count(*) FROM trial").fetchone() == (1,)
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
