"""Subscriber and broker are killed while results arrive; each result stands once all the same."""

import random
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.fake_station import FakeStation, Row
from tests.support.mosquitto import Mosquitto
from tests.support.subscribing import Rows, SubscriberProcess, count_once

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(180)]

RESULTS = 1000
AHEAD = 25  # results without a receipt, before the station waits
SEED = 20260302


def give(station: FakeStation, number: int, rng: random.Random, sent: list[Row]) -> None:
    """Put a result into the outbox: a new trial, or now and then a revision of an earlier one."""
    if number % 10 == 9:
        of = rng.choice([row for row in sent if row.revision == 1])
        revision = 1 + sum(row.result_id == of.result_id for row in sent)
        sent.append(station.trial(of.result_id, revision, status="amended"))
    else:
        sent.append(station.trial(uuid4(), sent=rng.random() > 0.1))


def test_each_result_once_whatever_is_killed(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    deaths = dict.fromkeys(rng.sample(range(10, 990), 6), "subscriber")
    deaths |= dict.fromkeys(rng.sample(range(20, 980), 3), "broker")
    sent: list[Row] = []
    with (
        Mosquitto(tmp_path) as broker,
        FakeStation(broker.port, resend_s=0.3) as station,
        SubscriberProcess(tmp_path, broker.port) as subscriber,
    ):
        for number in range(RESULTS):
            give(station, number, rng, sent)
            match deaths.get(number):
                case "subscriber":
                    subscriber.kill()
                    subscriber.start(connected=False)
                case "broker":
                    broker.kill()
                    broker.start()
            station.wait("room", lambda: len(sent) - station.receipted() < AHEAD, 60)
        station.wait_receipts()
        assert subscriber.stop() == 0
    with Rows(f"sqlite:///{tmp_path / 'subscriber.db'}") as rows:
        count_once(rows, sent)
    assert len(deaths) == 9
