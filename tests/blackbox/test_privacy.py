"""A whole session with names that nobody mistakes: who is it told to, and where does it remain?

The rules are those of docs/contract.md: no identifier of patient, encounter, order or operator in a
topic, a retained message, a log line, a client id, a file name or an error reply. The broker has
the rights of docs/mosquitto, so that the daemon is seen to live with them.
"""

import json
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dynod.daemon.control_client import ControlClient, DaemonNotRunningError
from tests.support.gauge import Gauge
from tests.support.mosquitto import MISSING, Mosquitto, find_program
from tests.support.station import ROOT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto

SHIPPED = Path(__file__).parents[2] / "docs" / "mosquitto" / "dynod.acl"
STATION, PASSWORD = "clinic/room", "PASS-6T1D-word"
PATIENT = {"system": "urn:sys-7Q4X", "id": "PID-7Q4X"}
OTHER = {"system": "urn:sys-2B8N", "id": "PID-2B8N", "sex": "female", "birth_year": 1953}
CONTEXT: dict[str, Any] = {
    "encounter": {"system": "urn:sys-8W2K", "id": "ENC-8W2K"},
    "order": {"system": "urn:sys-9R5T", "id": "ORD-9R5T"},
    "operator": {"system": "urn:sys-3Z6V", "id": "OPR-3Z6V"},
}
NOTE = "NOTE-5J1M: limped"
SECRETS = ("7Q4X", "2B8N", "8W2K", "9R5T", "3Z6V", "5J1M", "6T1D")


class Watcher:
    """Keeps every line that the control socket tells to ``watch``."""

    def __init__(self, path: Path) -> None:
        self.lines: list[str] = []
        self._client = ControlClient(path)
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        with self._client:
            try:
                for line in self._client.watch():
                    self.lines.append(json.dumps(line))
            except DaemonNotRunningError:
                pass

    def join(self) -> None:
        """Wait for the end of the daemon."""
        self._thread.join(10.0)
        assert not self._thread.is_alive()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Start a broker with the shipped rights, whose log has every topic and client id.

    Who comes without a name may do everything: that is the test, which must see all.
    """
    passwords, rights = tmp_path / "passwords", tmp_path / "rights"
    program = find_program("mosquitto_passwd", MISSING)
    subprocess.run([program, "-b", "-c", str(passwords), STATION, PASSWORD], check=True)
    rights.write_text("topic readwrite #\n" + SHIPPED.read_text())
    lines = (
        "allow_anonymous true",
        f"password_file {passwords}",
        f"acl_file {rights}",
        "log_type all",
    )
    with Mosquitto(tmp_path, lines) as broker:
        yield broker


def measure(gauge: Gauge, records: RecordSystem, *peaks_n: float) -> None:
    for done, peak_n in enumerate(peaks_n, 1):
        gauge.trial(peak_n)
        records.verdict(done)
        gauge.hold(1.0, gauge.rest_n)


def wrong_requests(records: RecordSystem) -> None:
    """Say names where they do not belong; what comes back must not repeat them."""
    for fields in (
        {"patient": {**PATIENT, "sex": PATIENT["id"]}},
        {"patient": {**PATIENT, "system": 7}},
        {"patient": PATIENT["id"]},
        {"patient": PATIENT, "battery": PATIENT["id"]},
        {"patient": PATIENT, "involved_side": PATIENT["id"]},
        {"patient": PATIENT, "order": {"system": CONTEXT["order"]["id"]}},
    ):
        assert records.command("session.start", **fields)["ok"] is False
    assert records.command("session.assign", session_id=PATIENT["id"], patient=OTHER)["ok"] is False
    assert records.command("result.void", result_id=NOTE, reason=NOTE, by="x")["ok"] is False
    assert records.command("trial.annotate", note=NOTE * 1000)["ok"] is False
    broken = json.dumps({"request_id": str(uuid4()), "patient": PATIENT})[:-1].encode()
    assert records.ask("session.start", broken)["ok"] is False
    records.publish("receipts", json.dumps({"receipts": [PATIENT]}).encode())


def test_names_reach_the_record_system_and_nobody_else(tmp_path: Path, broker: Mosquitto) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    login = f'username = "{STATION}"\npassword_file = "password"'
    with RecordSystem(broker.port) as records, Gauge(tmp_path / "gauge") as gauge:
        daemon = Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test()),
            session="confirm_change = false",
            fhir=True,
            broker_lines=login,
        )
        with daemon:
            records.streaming("hhd-1")
            watcher = Watcher(tmp_path / "control.sock")
            outputs = whole_session(daemon, gauge, records)
        watcher.join()
    told = [payload for topic, payload in records.raw if "/results/" in topic]
    for name in ("7Q4X", "2B8N", "8W2K", "9R5T", "3Z6V", "5J1M"):
        assert any(name.encode() in payload for payload in told), f"{name} was never in a result"
    where = {
        "a topic": [topic for topic, _ in records.raw],
        "a message that is no result": [
            payload.decode()
            for topic, payload in records.raw
            if not topic.startswith((f"{ROOT}/results/", f"{ROOT}/commands/", f"{ROOT}/receipts"))
        ],
        "an envelope": [json.dumps(envelope) for envelope, _ in records.bundles],
        "the log": daemon.log.read_text().splitlines(),
        "the broker's log, with client ids": broker.log.read_text().splitlines(),
        "what watch tells": watcher.lines,
        "a file name": [str(path) for path in tmp_path.rglob("*")],
        "the command line": outputs,
    }
    assert len(watcher.lines) > 10
    for place, texts in where.items():
        for text in texts:
            assert not [name for name in SECRETS if name in text], (place, text)
    assert "dynod-clinic-room" in broker.log.read_text()  # the client id is there to be seen
    modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("dynod.db*")}
    assert set(modes.values()) == {0}, modes


def whole_session(daemon: Daemon, gauge: Gauge, records: RecordSystem) -> list[str]:
    """Measure, mend, move, void, purge; return what the command line said meanwhile."""
    wrong_requests(records)
    began = records.command("session.start", patient=PATIENT, **CONTEXT)
    records.state(phase="ready")
    measure(gauge, records, 150.0, 120.0)
    assert records.command("trial.discard")["ok"]
    records.state(phase="ready")
    gauge.trial(121.0)
    records.verdict(3)
    first, _, _, second = (item["result_id"] for item in records.result("trial", 4))
    assert records.command("trial.annotate", result_id=second, note=NOTE)["ok"]
    assert records.command("trial.relabel", result_id=first, side="left")["ok"]
    wrong_requests(records)
    assert records.command("session.end")["ok"]
    session_id = began["session_id"]
    assert records.command("session.assign", session_id=session_id, patient=OTHER)["ok"]
    moved = records.wait(
        "the copies", lambda: [item for item in records.results if item["patient"] == OTHER]
    )
    void = {"reason": "the wrong leg", "by": "a nurse"}
    assert records.command("result.void", result_id=moved[0]["result_id"], **void)["ok"]
    records.wait("all at rest", lambda: at_rest(records) and nothing_kept(daemon))
    assert len({envelope["result_id"] for envelope, _ in records.bundles}) == 2
    said = [
        daemon.command_line(*words)
        for words in (
            ("results", "list"),
            ("session", "list", "--json"),
            ("outbox", "--json"),
            ("results", "purge", "--older-than", "0", "--dry-run"),
            ("results", "purge", "--older-than", "0", "--yes", "--json"),
            ("results", "audit", "--json"),
            ("check", "--json"),
        )
    ]
    assert [done.returncode for done in said] == [0] * len(said), said
    purged(json.loads(said[4].stdout), json.loads(said[5].stdout), records, session_id)
    return [text for done in said for text in (done.stdout, done.stderr)]


def at_rest(records: RecordSystem) -> bool:
    status = records.retained["status"]
    return bool(status["outbox"]["pending"] == 0 and status["last_sequence"] == numbers(records))


def nothing_kept(daemon: Daemon) -> bool:
    """Tell whether all was sent, Bundles that wait to be made included."""
    asked = {"op": "purge", "before": datetime.now(UTC).isoformat(), "dry_run": True}
    with ControlClient(daemon.folder / "control.sock") as client:
        lines: Iterator[dict[str, Any]] = client.follow(asked)
        totals: dict[str, int] = next(line["end"] for line in lines if "end" in line)
    return totals["kept"] == 0


def numbers(records: RecordSystem) -> int:
    results: list[int] = [item["sequence"] for item in records.results]
    return max(results + [int(envelope["sequence"]) for envelope, _ in records.bundles])


def purged(
    told: dict[str, Any], audit: list[dict[str, Any]], records: RecordSystem, session_id: str
) -> None:
    """The daemon removed the session; its numbers are named when they are asked for."""
    assert [(row["session_id"], row["keep"]) for row in told["sessions"]] == [(session_id, None)]
    stream, last = records.results[0]["stream"], numbers(records)
    reply = records.command("results.resend", stream=stream, from_sequence=1, to_sequence=last)
    assert reply["count"] == 0
    assert reply["purged"] == [{"from_sequence": 1, "to_sequence": last}]
    assert [row["action"] for row in audit] == [
        "results.purge",
        "result.void",
        "session.assign",
        "trial.relabel",
        "trial.annotate",
        "trial.discard",
    ]
