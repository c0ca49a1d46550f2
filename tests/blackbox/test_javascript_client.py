"""A record system in another language: MQTT.js and ajv, with the published documents alone.

The schemas are those of docs/schemas; nothing of dynod runs on that side (tests/node).
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.node import NodeProgram
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def results(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in told if "/results/" in line.get("topic", "")]


def test_it_receives_a_session_and_every_payload_is_as_published(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        NodeProgram("receive_results.js", str(broker.port), str(SCHEMAS)) as client,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
    ):
        client.wait("the subscription", lambda told: {"ready": True} in told)
        with Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test()),
            session="confirm_change = false",
            fhir=True,
        ):
            records.streaming("hhd-1")
            assert records.command("session.start", patient=PATIENT)["ok"]
            records.state(phase="ready")
            # the first was let go at once: invalid, and published like all others
            for done, peak_n in enumerate((5.0, 150.0, 120.0), 1):
                gauge.trial(peak_n)
                records.verdict(done)
                gauge.hold(1.0, gauge.rest_n)
            assert records.command("session.end")["ok"]
            client.wait("the Bundle", lambda told: any("fhir" in r["topic"] for r in results(told)))
            # what it says it received, the station takes for received
            records.wait("receipts", lambda: records.retained["status"]["outbox"]["received"] == 6)
        offline = "dynod/v1/clinic/room/status"
        client.wait("the goodbye", lambda told: told[-1].get("topic") == offline)
        told = client.told[1:]
        assert [line for line in told if line["wrong"]] == []
        found = results(told)
        assert Counter(line["schema"] for line in found) == {
            "dynod.trial/1": 3,
            "dynod.deficit/1": 1,
            "dynod.session/1": 1,
            "dynod.fhir/1": 1,
        }
        assert [line["sequence"] for line in found] == [1, 2, 3, 4, 5, 6]
        assert {(line["qos"], line["retain"]) for line in found} == {(1, False)}
        kinds = ("status", "device_status", "session_state", "live")
        assert {f"dynod.{kind}/1" for kind in kinds} <= {line["schema"] for line in told}
        records.publish("results/trial", b'{"schema": "dynod.trial/1", "revision": 0}')
        last = client.wait("it", lambda told: results(told)[-1] if len(results(told)) > 6 else None)
        assert any("revision" in problem for problem in last["wrong"])  # it can say no
