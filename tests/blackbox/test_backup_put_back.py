"""A backup that is put back: the record system takes what comes after it for new, and knows why
numbers are missing."""

import shutil
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from dynod.store.backup import make_backup
from dynod.store.restored import SKIPPED_NUMBERS
from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, TIMEOUT_S, Daemon, RecordSystem, battery, force_test
from tests.support.subscribing import Rows, SubscriberProcess

pytestmark = pytest.mark.mosquitto


def record(records: RecordSystem, gauge: Gauge, peak_n: float) -> str:
    """Record a trial; return its id once it was published."""
    known = {item["result_id"] for item in records.results}
    gauge.trial(peak_n)
    result_id = records.next_trial(known)
    records.state(phase="ready")
    return result_id


def test_nothing_that_comes_after_it_is_taken_for_a_duplicate(tmp_path: Path) -> None:
    database = tmp_path / "dynod.db"
    with (
        Mosquitto(tmp_path) as broker,
        SubscriberProcess(tmp_path, broker.port),
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test(repetitions=9)),
            broker_lines='receipts = "required"',
            session="confirm_change = false",
        ) as daemon,
    ):
        records.streaming("hhd-1")
        assert records.command("session.start", patient=PATIENT)["ok"]
        records.state(phase="ready")
        measured = [record(records, gauge, 60.0), record(records, gauge, 70.0)]
        copy = make_backup(database, tmp_path / "backups", datetime.now(UTC), keep=7)
        measured += [record(records, gauge, 80.0)]
        daemon.kill()
        for part in tmp_path.glob("dynod.db*"):
            part.unlink()
        shutil.copy(copy, database)
        records.forget()
        gauge.replug()
        daemon.start()
        records.streaming("hhd-1")
        assert records.state(phase="ready")["next"]["trial_number"] == 3
        measured += [record(records, gauge, 90.0)]
        with Rows(f"sqlite:///{tmp_path / 'subscriber.db'}") as rows:
            deadline_s = time.monotonic() + TIMEOUT_S
            while rows.one("SELECT count(*) FROM message") < 4 or not rows.query(
                "SELECT * FROM purged WHERE from_sequence > 4"
            ):
                assert time.monotonic() < deadline_s, rows.query("SELECT * FROM message")
                time.sleep(0.05)
            found = rows.query("SELECT sequence FROM message ORDER BY sequence")
            gone = rows.query(
                "SELECT from_sequence, to_sequence FROM purged ORDER BY from_sequence"
            )
            stored = rows.query("SELECT result_id FROM result")
    # The third number was given before the disaster. Of what the station lost the subscriber
    # asks in portions, and each is told to be gone.
    numbers = [number for (number,) in found]
    assert numbers[:3] == [1, 2, 3]
    # On top come the seconds since the copy was made.
    assert 0 <= numbers[3] - (3 + SKIPPED_NUMBERS) <= TIMEOUT_S
    assert gone[0][0] == 4
    assert all(after[0] == before[1] + 1 for before, after in pairwise(gone))
    assert {str(key).replace("-", "") for (key,) in stored} == {
        item.replace("-", "") for item in measured
    }
