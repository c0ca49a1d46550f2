"""When gaps are asked for, and by whom; the times follow from the config of the test."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from dynod.config.subscriber import DatabaseConfig, ResendConfig
from dynod.subscribe.database import Database
from dynod.subscribe.envelope import Place, Result, Status, Stream
from dynod.subscribe.gaps import close_stream, due_streams, judge, note_purged, note_statuses
from dynod.subscribe.holes import Numbers
from dynod.subscribe.intake import note_streams, store_results
from tests.support.postgresql import PostgreSQL

CONFIG = ResendConfig(wait_s=5, first_s=30, longest_s=3600)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
STREAM = Stream(Place("clinic", "room"), UUID("6f1d0c52-3a51-4e0c-9a53-2f8f6a3d5b10"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(DatabaseConfig(path=tmp_path / "own.db"))
    yield opened
    opened.close()


def arrive(database: Database, *numbers: int) -> None:
    results = [
        Result(STREAM, n, uuid4(), 1, "trial", "dynod.trial/1", "final", True, None, "{}")
        for n in numbers
    ]
    with database.transaction() as connection:
        note_streams(connection, results)
        store_results(connection, results, START, queue_bundles=False)


def asked(database: Database, after_s: float, config: ResendConfig = CONFIG) -> list[Numbers]:
    """Judge at a time after the start; return what to ask for."""
    with database.transaction() as connection:
        return list(judge(connection, STREAM, START + timedelta(seconds=after_s), config).ask)


def say(database: Database, state: str, last: int | None, after_s: float = 0.0) -> bool:
    at = START + timedelta(seconds=after_s)
    with database.transaction() as connection:
        said = Status(STREAM, state, "dynod 0.1.0", last)
        return note_statuses(connection, [said], at) == [said]


def test_a_gap_may_close_by_itself_first(database: Database) -> None:
    arrive(database, 1, 3)
    assert asked(database, 0) == []
    assert asked(database, 4.9) == []
    arrive(database, 2)
    assert asked(database, 6) == []
    arrive(database, 5)
    assert asked(database, 6) == []
    assert asked(database, 11.1) == [Numbers(4, 4)]


def test_a_younger_gap_waits_for_its_own_turn(database: Database) -> None:
    arrive(database, 1, 3)
    asked(database, 0)
    arrive(database, 6)
    assert asked(database, 5) == [Numbers(2, 2)]
    assert asked(database, 35) == [Numbers(2, 2), Numbers(4, 5)]


def test_the_waits_double_up_to_an_hour(database: Database) -> None:
    """30 s, 60 s, 120 s … 1,920 s, then 3,600 s."""
    arrive(database, 2)
    assert asked(database, 0) == []
    at_s, waits_s = 5.0, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    for wait_s in waits_s:
        assert asked(database, at_s) == [Numbers(1, 1)]
        assert asked(database, at_s + wait_s - 0.1) == []
        at_s += wait_s


def test_progress_begins_anew(database: Database) -> None:
    arrive(database, 5)
    asked(database, 0)
    assert asked(database, 5) == [Numbers(1, 4)]
    assert asked(database, 35) == [Numbers(1, 4)]
    arrive(database, 1)
    assert asked(database, 40) == []
    assert asked(database, 45) == [Numbers(2, 4)]


def test_one_of_several_asks(database: Database) -> None:
    arrive(database, 2)
    asked(database, 0)
    assert asked(database, 5) == [Numbers(1, 1)]
    assert asked(database, 5) == []
    with database.transaction() as connection:
        assert due_streams(connection, START + timedelta(seconds=6), 3600) == []
        assert due_streams(connection, START + timedelta(seconds=36), 3600) == [STREAM]


def test_a_clock_that_was_put_back_does_not_stop_the_asking(database: Database) -> None:
    arrive(database, 2)
    asked(database, 86400.0)
    with database.transaction() as connection:
        assert due_streams(connection, START, 3600) == [STREAM]
    assert asked(database, 0) == [Numbers(1, 1)]


def test_a_station_that_is_away_is_asked_when_it_comes_back(database: Database) -> None:
    arrive(database, 2)
    assert say(database, "online", 2)
    asked(database, 0)
    assert say(database, "offline", None)
    assert asked(database, 5) == []
    assert not say(database, "offline", None)
    assert say(database, "online", 2, after_s=60)
    assert asked(database, 60) == [Numbers(1, 1)]


def test_a_lost_last_message_shows_by_the_status(database: Database) -> None:
    arrive(database, 1, 2)
    say(database, "online", 4)
    asked(database, 0)
    assert asked(database, 5) == [Numbers(3, 4)]
    say(database, "online", 2)  # a retained status from before
    assert asked(database, 36) == [Numbers(3, 4)]


def test_purged_numbers_are_missing_no_longer(database: Database) -> None:
    arrive(database, 6)
    asked(database, 0)
    with database.transaction() as connection:
        assert note_purged(connection, STREAM, [Numbers(1, 2), Numbers(4, 4)]) == 2
        assert note_purged(connection, STREAM, [Numbers(1, 2)]) == 0
        assert note_purged(connection, STREAM, [Numbers(1, 3)]) == 1
    asked(database, 1)
    assert asked(database, 6) == [Numbers(5, 5)]


def test_a_closed_stream_is_left_alone(database: Database) -> None:
    arrive(database, 2)
    asked(database, 0)
    with database.transaction() as connection:
        close_stream(connection, STREAM, "not_found")
    assert asked(database, 5) == []


@pytest.mark.postgresql
def test_in_postgresql_the_same_and_only_one_takes_the_turn() -> None:
    with PostgreSQL() as server:
        first = Database.open(DatabaseConfig(url=server.url))
        second = Database.open(DatabaseConfig(url=server.url))
        try:
            arrive(first, 1, 3)
            assert asked(second, 0) == []
            at = START + timedelta(seconds=5)
            with first.transaction() as one, second.transaction() as other:
                assert judge(one, STREAM, at, CONFIG).ask == (Numbers(2, 2),)
                # The other one neither asks nor waits while the first is at it.
                assert judge(other, STREAM, at, CONFIG).ask == ()
            assert asked(second, 5) == []
            assert asked(second, 35) == [Numbers(2, 2)]
        finally:
            first.close()
            second.close()
