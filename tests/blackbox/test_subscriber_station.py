"""A real station with receipts required, and the subscriber; both meet only at the broker."""

from pathlib import Path

import pytest

from tests.support.fake_station import wait_until
from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test
from tests.support.subscribing import Rows, SubscriberProcess

pytestmark = pytest.mark.mosquitto


def pull(records: RecordSystem, gauge: Gauge, side: str, done: int) -> None:
    records.state(phase="confirm", side=side)
    gauge.hold(0.5, gauge.rest_n)
    gauge.press()
    records.state(phase="ready", side=side)
    gauge.trial(120.0)
    assert records.verdict(done)["last_trial"]["valid"]


def test_every_result_of_a_session_is_taken_over(tmp_path: Path) -> None:
    """The subscriber is dead for the second half, and the broker forgets what it kept for it."""
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        SubscriberProcess(tmp_path, broker.port) as subscriber,
        Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test()),
            broker_lines='receipts = "required"',
        ) as daemon,
        Rows(f"sqlite:///{tmp_path / 'subscriber.db'}") as rows,
    ):
        records.streaming("hhd-1")
        assert records.command("session.start", patient=PATIENT, involved_side="left")["ok"]
        pull(records, gauge, "right", 1)
        subscriber.wait("stored")
        subscriber.kill()
        pull(records, gauge, "left", 2)
        assert records.command("session.end")["ok"]
        records.result("session")
        broker.kill()
        broker.start()
        subscriber.start()
        # Two trials, the deficit, the session: all of them have their receipts now.
        received = {"pending": 0, "sent": 0, "received": 4}
        records.wait("the receipts", lambda: records.retained["status"]["outbox"] == received)
        found = dict(rows.query("SELECT sequence, payload FROM current_result"))
        published = {result["sequence"]: result for result in records.results}
        sent = {payload for topic, payload in records.raw if topic.split("/")[4] == "results"}
        assert sorted(found) == sorted(published) == [1, 2, 3, 4]
        assert {text.encode() for text in found.values()} == sent
        kinds = rows.query("SELECT kind, counts FROM current_result ORDER BY sequence")
        assert sorted(kinds) == [("deficit", 1), ("session", 1), ("trial", 1), ("trial", 1)]
        # Whether numbers are missing is looked into after the receipts.
        wait_until(
            "completeness",
            lambda: rows.query("SELECT complete_to, missing FROM stream") == [(4, 0)],
        )
        assert subscriber.stop() == 0
        assert daemon.stop() == 0
