"""The subscriber's database: made once, refused when it is not ours, and what is kept in it."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from dynod.config.subscriber import DatabaseConfig
from dynod.model.errors import ConfigError, StorageError
from dynod.subscribe.bundles import count_bundles, postpone, requeue_refused, settle, take_next
from dynod.subscribe.database import Database
from dynod.subscribe.envelope import Place, Result, Stream
from dynod.subscribe.intake import Outcome, store_results
from dynod.subscribe.tables import message

AT = datetime(2026, 3, 2, 10, tzinfo=timezone(timedelta(hours=1)))
STREAM = Stream(Place("clinic", "room"), UUID("6f1d0c52-3a51-4e0c-9a53-2f8f6a3d5b10"))
LEASE_S = 90.0


def opened(folder: Path) -> Database:
    return Database.open(DatabaseConfig(path=folder / "deep" / "own.db"))


def result(number: int, revision: int = 1, *, kind: str = "fhir", of: int | None = None) -> Result:
    result_id = UUID(int=number if of is None else of)
    schema = f"dynod.{kind}/1"
    return Result(STREAM, number, result_id, revision, kind, schema, None, None, None, "{}")


def store(database: Database, *results: Result) -> list[Outcome]:
    with database.transaction() as connection:
        return store_results(connection, results, AT, queue_bundles=True)


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    opened(tmp_path).close()
    assert (tmp_path / "deep").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "deep" / "own.db").stat().st_mode & 0o777 == 0o600
    opened(tmp_path).close()  # and it opens again


def test_another_version(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "deep" / "own.db") as direct:
        direct.execute("UPDATE database_version SET version = 99")
    direct.close()
    with pytest.raises(StorageError, match="made by another version of dynod"):
        opened(tmp_path)


def test_tables_of_another_program(tmp_path: Path) -> None:
    direct = sqlite3.connect(tmp_path / "own.db")
    direct.execute("CREATE TABLE message (text)")
    direct.close()
    with pytest.raises(StorageError, match="holds tables of another program"):
        Database.open(DatabaseConfig(path=tmp_path / "own.db"))


def test_no_database_at_all(tmp_path: Path) -> None:
    (tmp_path / "own.db").write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(StorageError, match=r"own\.db: DatabaseError: is damaged"):
        Database.open(DatabaseConfig(path=tmp_path / "own.db"))


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(StorageError, match="check that the server runs"):
        Database.open(DatabaseConfig(url="postgresql://dynod@127.0.0.1:1/results"))


def test_a_missing_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynod.subscribe.database.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'dynod\[postgresql\]'"):
        Database.open(DatabaseConfig(url="postgresql://dynod@127.0.0.1:1/results"))


def test_times_keep_their_zone(tmp_path: Path) -> None:
    database = opened(tmp_path)
    store(database, result(1))
    with database.transaction() as connection:
        found = connection.execute(select(message.c.received_at)).scalar()
    database.close()
    assert found == AT
    assert found.tzinfo is UTC


def test_revisions_in_any_order_and_in_one_batch(tmp_path: Path) -> None:
    database = opened(tmp_path)
    two, one = result(2, 2, of=7), result(1, 1, of=7)
    assert store(database, two, one, two) == [Outcome.STORED, Outcome.STORED, Outcome.DUPLICATE]
    assert store(database, one) == [Outcome.DUPLICATE]
    assert store(database, result(4, 4, of=7)) == [Outcome.STORED]
    assert store(database, result(3, 3, of=7)) == [Outcome.OLDER]
    database.close()


def test_bundles_go_in_order_and_by_turns(tmp_path: Path) -> None:
    database = opened(tmp_path)
    store(database, result(1), result(2), result(3, kind="trial"))
    with database.transaction() as connection:
        first = take_next(connection, AT, LEASE_S)
        assert first is not None
        assert (first.sequence, first.attempts) == (1, 1)
        assert take_next(connection, AT, LEASE_S) is None  # another subscriber's turn is not yet
        after = AT + timedelta(seconds=LEASE_S)
        again = take_next(connection, after, LEASE_S)  # the first one died
        assert again is not None
        assert (again.sequence, again.attempts) == (1, 2)
        postpone(connection, again, after + timedelta(seconds=5), "HTTP 503")
        assert take_next(connection, after, LEASE_S) is None
        last = take_next(connection, after + timedelta(seconds=5), LEASE_S)
        assert last is not None
        settle(connection, last, "refused", after, "HTTP 422")
        second = take_next(connection, after, LEASE_S)
        assert second is not None
        assert second.sequence == 2
        settle(connection, second, "delivered", after, None)
        assert count_bundles(connection) == {"refused": 1, "delivered": 1}
        assert requeue_refused(connection, after) == 1
        assert count_bundles(connection) == {"waiting": 1, "delivered": 1}
    database.close()


def test_a_defect_is_not_taken_for_a_fault_of_the_disk(tmp_path: Path) -> None:
    database = opened(tmp_path)
    with pytest.raises(IntegrityError), database.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO message (result_id) VALUES ('x')")
    assert store(database, result(1)) == [Outcome.STORED]
    database.close()
