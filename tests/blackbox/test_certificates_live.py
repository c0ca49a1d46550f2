"""Certificates and checks that reach a running daemon count from the next trial on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dynod.cli.shelf import open_shelf
from dynod.daemon.control_client import ControlClient
from dynod.model.calibration_record import Check, CheckLimits, CheckResult, Verification
from dynod.model.clinical import Kind
from tests.blackbox.test_certificates import CERTIFICATE, station
from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem

pytestmark = pytest.mark.mosquitto


def import_file(daemon: Daemon, folder: Path, text: str) -> str:
    path = folder / "given.toml"
    path.write_text(text)
    done = daemon.command_line("calibrate", "import", str(path))
    return done.stdout if done.returncode == 0 else done.stderr


def check(passed: bool) -> Verification:
    made = Check(datetime.now(UTC), Kind.FORCE, 100.0, 100.0 if passed else 105.0, 0.0)
    result = CheckResult(passed, made.error, 1.0, 0.0, 1.0)
    return Verification("quick_gauge", "SN-1", "C-1", made, result, CheckLimits(), "anna", "10 kg")


def test_a_running_daemon_goes_by_every_change_at_once(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        station(tmp_path, broker) as daemon,
    ):

        def wait_for(status: str, check_passed: bool | None = None) -> None:
            def stands() -> bool:
                shown = records.retained["devices/hhd-1/status"]["calibration"]
                last = shown.get("verification", {}).get("passed")
                return bool(shown["status"] == status and last is check_passed)

            records.wait(f"{status}, {check_passed}", stands)

        records.streaming("hhd-1")
        wait_for("none")
        text = CERTIFICATE.format(name="C-1", until="2099-12-31")
        refused = import_file(daemon, tmp_path, text.replace("SN-1", "SN-9"))
        assert "hhd-1 has SN-1" in refused
        assert "C-1 is on the shelf now: device hhd-1, in force" in import_file(
            daemon, tmp_path, text
        )
        assert "already there" in import_file(daemon, tmp_path, text)
        other = import_file(daemon, tmp_path, text.replace("0.0, 2.0", "0.0, 3.0"))
        assert "already stored with other content" in other
        wait_for("certified")
        records.command("session.start", patient=PATIENT)
        gauge.trial(75.0)
        records.verdict(1)
        with open_shelf(daemon.config) as shelf:
            shelf.add_verification(check(passed=False))
            wait_for("certified", check_passed=False)
            shelf.add_verification(check(passed=True))
            wait_for("certified", check_passed=True)
            assert len(shelf.verifications("quick_gauge", "SN-1")) == 2
            assert [item.certificate_id for item in shelf.certificates()] == ["C-1"]
        done = daemon.command_line("calibrate", "revoke", "C-1", "--reason", "dropped")
        assert done.returncode == 0, done.stderr
        wait_for("revoked", check_passed=True)
        again = daemon.command_line("calibrate", "revoke", "C-1", "--reason", "dropped")
        assert (again.returncode, "already revoked" in again.stderr) == (2, True)
        gauge.trial(75.0)
        records.verdict(2)
        first, second = records.result("trial", 2)
    assert first["calibration"]["certificate_id"] == "C-1"
    assert first["metrics"]["peak_force_n"] == pytest.approx(150.0, abs=0.1)  # twice as shown
    assert first["quality"]["valid"]
    assert second["quality"] == {"valid": False, "flags": ["calibration_revoked"]}


def test_a_request_that_is_wrong_is_refused_and_the_daemon_goes_on(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        station(tmp_path, broker),
        ControlClient(tmp_path / "control.sock") as client,
    ):

        def refusal(**fields: object) -> object:
            reply = client.ask({"op": "calibration", **fields})
            assert reply["ok"] is False
            error = reply["error"]
            assert isinstance(error, dict)
            return error["message"]

        assert refusal(action="lst") == 'action lst: unknown action; did you mean "list"?'
        assert refusal(action="revoke", reason="x", who="y") == (
            "calibration revoke: certificate_id: missing"
        )
        assert refusal(action="list", all=True) == (
            "calibration list: all: unknown key; known here: "
        )
        assert "no valid TOML" in str(
            refusal(action="add", certificate="[", any_unit=False, who="x")
        )
        assert "cannot be read" in str(refusal(action="verify", verification={"x": 1}))
        assert client.ask({"op": "calibration", "action": "list"}) == {
            "ok": True,
            "answer": [],
        }
