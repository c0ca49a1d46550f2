"""A weekly check beside a running daemon: the device is lent, and its trials follow the verdict."""

import json
from pathlib import Path

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test
from tests.support.terminal import Terminal

pytestmark = pytest.mark.mosquitto

CHECK = ("calibrate", "verify", "-c", "dynod.toml", "--device", "hhd-1", "--window-s", "0.3")


def check(folder: Path, gauge: Gauge, shown_n: float) -> int:
    """Check with 100 N, of which the gauge shows so much."""
    with Terminal(folder, *CHECK, "--load-n", "100") as terminal:
        terminal.expect("take everything off it")
        gauge.hold(0.1, 0.0)
        terminal.type()
        terminal.expect("Put on 100 N")
        gauge.hold(0.1, shown_n)
        terminal.type()
        code = terminal.end()
    gauge.hold(0.1, gauge.rest_n)
    return code


def station(folder: Path, broker: Mosquitto) -> Daemon:
    return Daemon(
        folder,
        broker.port,
        battery=battery(force_test()),
        session="confirm_change = false",
        more='serial_number = "SN-1"',
    )


def test_trials_do_not_count_from_a_failed_check_to_a_passed_one(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        station(tmp_path, broker),
    ):
        records.streaming("hhd-1")
        assert check(tmp_path, gauge, 105.0) == 1
        assert "leased" in device_states(records)
        records.streaming("hhd-1")
        records.command("session.start", patient=PATIENT)
        gauge.trial(100.0)
        failed = records.verdict(1)["last_trial"]
        assert check(tmp_path, gauge, 100.3) == 0
        records.streaming("hhd-1")
        gauge.trial(100.0)
        passed = records.verdict(2)["last_trial"]
    assert not failed["valid"]
    assert "verification_failed" in failed["flags"]
    assert "verification_failed" not in passed["flags"]


def device_states(records: RecordSystem) -> list[str]:
    """Every state of the device, oldest first."""
    told = [payload for topic, payload in records.raw if topic.endswith("devices/hhd-1/status")]
    return [json.loads(payload)["state"] for payload in told]
