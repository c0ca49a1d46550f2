"""Who may open a database, how it is made, and what is no database of ours."""

import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dynod.model.errors import StorageError
from dynod.store.change import Change
from dynod.store.schema import HEAD
from dynod.store.store import Store
from tests.store.samples import NOW, at, session

ROOT = Path(__file__).parents[2]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_folder_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "dynod.db"
    with Store.open(path, now=NOW) as store:
        store.commit(Change(at=NOW))
        files = {found.name: mode(found) for found in path.parent.iterdir()}
    assert mode(path.parent) == 0o700
    assert files == {
        "dynod.db": 0o600,
        "dynod.db-wal": 0o600,
        "dynod.db-shm": 0o600,
        "dynod.db.lock": 0o600,
    }


def test_commits_are_durable_and_keys_are_checked(store: Store) -> None:
    with store._connection.begin():
        found = {
            name: store._connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    # SQLite numbers synchronous = FULL as 2 (its documentation of the pragma).
    assert found == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000
    }  # fmt: skip


def test_the_stream_is_made_once(path: Path) -> None:
    with Store.open(path, now=NOW) as store:
        stream = store.stream
    with Store.open(path, now=at(100)) as again:
        assert again.stream == stream
        assert again.latest_time() == NOW
    with Store.open(path.with_name("other.db"), now=NOW) as other:
        assert other.stream != stream


def test_a_second_owner_is_refused(store: Store, path: Path) -> None:
    message = (
        f"{path} is in use by another dynod process; stop it (systemctl stop dynod),"
        " or give the command to the running daemon"
    )
    for readonly in (False, True):
        with pytest.raises(StorageError) as caught:
            Store.open(path, now=NOW, readonly=readonly)
        assert str(caught.value) == message
    store.close()
    Store.open(path, now=NOW).close()


HOLDER = """
import sys
from pathlib import Path
from dynod.store.store import Store
from tests.store.samples import NOW

with Store.open(Path(sys.argv[1]), now=NOW):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_another_process_is_kept_out_until_it_dies(
    holder: subprocess.Popen[str], path: Path
) -> None:
    with pytest.raises(StorageError, match="in use by another dynod process"):
        Store.open(path, now=NOW)
    holder.kill()
    holder.wait()
    Store.open(path, now=NOW).close()


def test_readers_share_and_keep_the_owner_out(store: Store, path: Path) -> None:
    owner = session()
    store.commit(Change(at=NOW, sessions=(owner,)))
    store.close()
    with (
        Store.open(path, now=NOW, readonly=True) as first,
        Store.open(path, now=NOW, readonly=True) as second,
    ):
        assert first.sessions() == second.sessions() == (owner,)
        with pytest.raises(StorageError, match="in use"):
            Store.open(path, now=NOW)
        with pytest.raises(StorageError, match="readonly"):
            first.commit(Change(at=NOW))


def test_a_reader_makes_no_database(path: Path) -> None:
    with pytest.raises(StorageError, match=r"dynod\.db does not exist; `dynod run` makes it"):
        Store.open(path, now=NOW, readonly=True)
    assert list(path.parent.iterdir()) == []


def test_a_reader_does_not_migrate(path: Path) -> None:
    path.touch()
    with pytest.raises(StorageError, match="older schema; start `dynod run` once to migrate it"):
        Store.open(path, now=NOW, readonly=True)


def test_a_newer_schema_is_left_alone(store: Store, path: Path) -> None:
    store.close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE alembic_version SET version_num = '0999'")
        other.commit()
    with pytest.raises(StorageError) as caught:
        Store.open(path, now=NOW)
    assert str(caught.value) == (
        f"{path} has schema 0999, newer than this dynod knows ({HEAD});"
        " install the dynod that wrote it, or a newer one"
    )


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url)")
    with pytest.raises(StorageError, match="database of another program; name another file"):
        Store.open(path, now=NOW)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"my diary, not to be overwritten. " * 100)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="file is not a database; the file is damaged or not"):
        Store.open(path, now=NOW)
    assert path.read_bytes() == before
    with pytest.raises(StorageError, match="not a database"):  # and the lock was given back
        Store.open(path, now=NOW)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file/dynod\.db: .*; check who owns the file"):
        Store.open(tmp_path / "file" / "dynod.db", now=NOW)


def test_the_path_may_have_any_characters(tmp_path: Path) -> None:
    path = tmp_path / "räume?mode=memory#1 %41.db"
    with Store.open(path, now=NOW) as store:
        assert store.last_sequence == 0
    assert path.stat().st_size > 0


IMPORTS = """
import json, sys
from pathlib import Path
from dynod.store.store import Store
from tests.store.samples import NOW

Store.open(Path(sys.argv[1]), now=NOW).close()
print(json.dumps([name for name in ("alembic", "sqlalchemy.orm") if name in sys.modules]))
"""


def test_alembic_is_imported_only_for_a_schema_that_is_behind(path: Path) -> None:
    def imported() -> list[str]:
        command = [sys.executable, "-c", IMPORTS, str(path)]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        found: list[str] = json.loads(done.stdout)
        return found

    assert "alembic" in imported()
    assert imported() == []
