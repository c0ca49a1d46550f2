"""A session's FHIR Bundle at the broker: its envelope, its place in the sequence, its amendment."""

import json
from pathlib import Path

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto


def test_a_bundle_follows_the_session_and_its_amendments(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test()),
            session="confirm_change = false",
            fhir=True,
        ),
    ):
        records.streaming("hhd-1")
        session_id = records.command("session.start", patient=PATIENT)["session_id"]
        records.state(phase="ready")
        for done, peak_n in enumerate((150.0, 120.0), 1):
            gauge.trial(peak_n)
            records.verdict(done)
            gauge.hold(1.0, gauge.rest_n)
        assert records.command("session.end")["ok"]
        records.wait("the Bundle", lambda: records.bundles)
        envelope, bundle = records.bundles[0]
        (session,) = records.result("session")
        assert envelope["schema"] == "dynod.fhir/1"
        assert (envelope["revision"], envelope["stream"]) == ("1", session["stream"])
        assert int(envelope["sequence"]) == session["sequence"] + 1 == 5
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
        assert session_id not in envelope.values()
        # A receipt for it counts as for any other result.
        receipt = {"result_id": envelope["result_id"], "revision": 1}
        records.publish("receipts", json.dumps({"receipts": [receipt]}).encode())
        records.wait("its receipt", lambda: records.retained["status"]["outbox"]["received"] == 1)
        trial = records.result("trial", 2)[0]["result_id"]
        void = records.command("result.void", result_id=trial, reason="r", by="b")
        assert void["ok"]
        records.wait("its next revision", lambda: len(records.bundles) == 2)
        again = records.bundles[1][0]
        assert (again["result_id"], again["revision"]) == (envelope["result_id"], "2")
        stream = session["stream"]
        asked = records.command("results.resend", stream=stream, from_sequence=5, to_sequence=5)
        assert asked["count"] == 1
        records.wait("the first once more", lambda: len(records.bundles) == 3)
        assert records.bundles[2] == records.bundles[0]
