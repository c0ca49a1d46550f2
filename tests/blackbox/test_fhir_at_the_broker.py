"""A session's FHIR Bundle at the broker: its envelope, its place in the sequence, its amendment.

And before readers that are not ours: two validators, and a server with conditional updates.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from tests.support.fhir_server import FhirServer
from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.node import run_node
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto


def record_session(records: RecordSystem, gauge: Gauge) -> str:
    """Record a trial of each side and end the session; return its id."""
    records.streaming("hhd-1")
    session_id: str = records.command("session.start", patient=PATIENT)["session_id"]
    records.state(phase="ready")
    for done, peak_n in enumerate((150.0, 120.0), 1):
        gauge.trial(peak_n)
        records.verdict(done)
        gauge.hold(1.0, gauge.rest_n)
    assert records.command("session.end")["ok"]
    return session_id


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
        ) as station,
    ):
        session_id = record_session(records, gauge)
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
        validated([bundle for _, bundle in records.bundles])
        posted_twice([bundle for _, bundle in records.bundles[:2]])
        exported(station, session_id, records.bundles[1][1])


def validated(bundles: list[dict[str, Any]]) -> None:
    """Have each Bundle and each resource of it pass fhir.resources and npm's fhir with UCUM."""
    given = [*bundles, *(entry["resource"] for bundle in bundles for entry in bundle["entry"])]
    for bundle in bundles:
        Bundle.model_validate(bundle)
    told = json.loads(run_node("validate_fhir.js", json.dumps(given).encode()))
    assert [found for found in told["messages"] if found] == []
    assert all(told["units"].values())


def posted_twice(bundles: list[dict[str, Any]]) -> None:
    server = FhirServer()
    identifier = [{"system": PATIENT["system"], "value": PATIENT["id"]}]
    server.resources["Patient/1"] = {"resourceType": "Patient", "identifier": identifier}
    server.post(bundles[0])
    before = dict(server.resources)
    kinds = ("Observation", "Device", "DeviceMetric")
    assert [len(server.of(kind)) for kind in kinds] == [3, 1, 1]  # two sides and their deficit
    server.post(bundles[0])
    assert server.resources == before
    for _ in range(2):
        server.post(bundles[1])
    assert server.resources.keys() == before.keys()


def exported(station: Daemon, session_id: str, newest: dict[str, Any]) -> None:
    """Have the running daemon export what it published last, to the byte, and write that down."""
    path = station.folder / "out.json"
    words = ("results", "export", "--format", "fhir", "--session", session_id[:8])
    done = station.command_line(*words, "--out", str(path))
    assert done.returncode == 0, done.stderr
    assert json.loads(path.read_bytes()) == newest
    refused = station.command_line(*words[:-1], "ffffffff-none", "--out", str(path), "--force")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("dynod: no session begins with")
    assert json.loads(path.read_bytes()) == newest


def test_no_bundle_before_the_clock_is_right(tmp_path: Path) -> None:
    """Not even over a power cut; and it takes its number only when it is made."""
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test()),
            session="confirm_change = false",
            fhir="later",
        ) as station,
    ):
        record_session(records, gauge)
        records.result("session")
        station.kill()
        records.forget()
        station.start()
        records.streaming("hhd-1")
        status = records.command("status.get")["status"]
        assert (status["last_sequence"], records.bundles) == (4, [])
        station.set_clock()
        records.wait("the Bundle", lambda: records.bundles)
        # The two trials, the deficit and the session got their true times first.
        assert records.bundles[0][0]["sequence"] == "9"
