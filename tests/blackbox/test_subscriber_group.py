"""Several subscribers share one PostgreSQL database and the load of many stations."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.fake_station import FakeStation, wait_until
from tests.support.mosquitto import Mosquitto
from tests.support.postgresql import PostgreSQL
from tests.support.subscribing import Rows, SubscriberProcess, count_once

pytestmark = [pytest.mark.mosquitto, pytest.mark.postgresql, pytest.mark.timeout(180)]

STATIONS = 50
EACH = 8


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


def member(folder: Path, port: int, server: PostgreSQL, number: int) -> SubscriberProcess:
    return SubscriberProcess(
        folder,
        port,
        database=f'url = "{server.url}"',
        subscriber='group = "record"',
        name=f"member-{number}",
        options=("--client-id", f"record-{number}"),
    )


def test_two_share_fifty_stations(
    tmp_path: Path, mosquitto: Mosquitto, postgresql: PostgreSQL
) -> None:
    """Each station loses two of its results on the way; they are asked for."""
    with ExitStack() as stack:
        members = [
            stack.enter_context(member(tmp_path, mosquitto.port, postgresql, number))
            for number in (1, 2)
        ]
        stations = [
            stack.enter_context(FakeStation(mosquitto.port, f"room-{number}"))
            for number in range(STATIONS)
        ]
        for number in range(EACH):
            for station in stations:
                station.trial(sent=number not in {3, EACH - 1})
        for station in stations:
            station.wait_receipts()
        rows = stack.enter_context(Rows(postgresql.driver_url))
        sent = [row for station in stations for row in station.rows.values()]
        count_once(rows, sent)
        wait_until(
            "completeness",
            lambda: rows.query("SELECT complete_to FROM stream") == [(EACH,)] * STATIONS,
        )
        shares = [len(each.events("stored")) for each in members]
        assert sum(shares) == STATIONS * EACH
        assert min(shares) > STATIONS * EACH / 5
        # One of the two asked for each gap.
        asked = [station.requests.qsize() for station in stations]
        assert sum(asked) == sum(len(each.events("gap")) for each in members)
        assert [each.stop() for each in members] == [0, 0]


def test_one_of_two_is_killed(tmp_path: Path, mosquitto: Mosquitto, postgresql: PostgreSQL) -> None:
    """What the broker still gives the dead one, the other asks for."""
    with (
        member(tmp_path, mosquitto.port, postgresql, 1) as first,
        member(tmp_path, mosquitto.port, postgresql, 2) as second,
        FakeStation(mosquitto.port) as station,
        Rows(postgresql.driver_url) as rows,
    ):
        for _ in range(20):
            station.trial()
        first.kill()
        for _ in range(20):
            station.trial()
        station.wait_receipts()
        count_once(rows, list(station.rows.values()))
        assert second.stop() == 0


def test_the_database_goes_and_comes_back(
    tmp_path: Path, mosquitto: Mosquitto, postgresql: PostgreSQL
) -> None:
    with (
        member(tmp_path, mosquitto.port, postgresql, 1) as only,
        FakeStation(mosquitto.port) as station,
        Rows(postgresql.driver_url) as rows,
    ):
        station.trial()
        station.wait_receipts()
        postgresql.stop()
        late = [station.trial() for _ in range(5)]
        wait_until("the warning", lambda: "nothing is acknowledged" in only.log.read_text())
        assert not any(row.receipted for row in late)
        postgresql.start()
        station.wait_receipts()
        assert rows.one("SELECT count(*) FROM result") == 6
        assert only.stop() == 0


def test_two_begin_on_an_empty_database_at_once(
    tmp_path: Path, mosquitto: Mosquitto, postgresql: PostgreSQL
) -> None:
    with ExitStack() as stack:
        members = [member(tmp_path, mosquitto.port, postgresql, number) for number in range(4)]
        for each in members:
            stack.callback(each.kill)
            each.start(connected=False)
        for each in members:
            each.wait("connected")
        rows = stack.enter_context(Rows(postgresql.driver_url))
        assert rows.query("SELECT version FROM database_version") == [(1,)]
        assert [each.stop() for each in members] == [0, 0, 0, 0]
