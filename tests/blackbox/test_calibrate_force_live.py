"""From weights to a certified trial: a gauge is calibrated while the daemon runs."""

from pathlib import Path

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test
from tests.support.terminal import Terminal
from tests.support.weights import Technician, short_procedure

pytestmark = pytest.mark.mosquitto


def station(folder: Path, broker: Mosquitto) -> Daemon:
    """A station whose gauge has no certificate yet, where the nominal scale does not count."""
    daemon = Daemon(
        folder,
        broker.port,
        battery=battery(force_test()),
        session="confirm_change = false",
        more='serial_number = "SN-1"',
    )
    text = daemon.config.read_text(encoding="utf-8")
    text = text.replace("allow_nominal = true", "allow_nominal = false")
    text = text.replace('name = "room"', 'name = "room"\nlatitude = 51.5\naltitude_m = 25')
    daemon.config.write_text(text, encoding="utf-8")
    short_procedure(folder)
    return daemon


def test_a_gauge_is_leased_and_calibrated_and_its_next_trial_is_certified(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge", rest_n=3.0) as gauge,
        station(tmp_path, broker),
    ):
        records.streaming("hhd-1")
        assert records.retained["devices/hhd-1/status"]["calibration"]["status"] == "none"
        command = ("calibrate", "force", "--config", "dynod.toml", "--device", "hhd-1")
        options = ("--procedure", "two", "--yes", "--certificate-id", "C-1")
        with Terminal(tmp_path, *command, *options) as terminal:
            technician = Technician(terminal, gauge)
            technician.preload()
            technician.run()
            terminal.expect("stored: trials with this unit carry certificate C-1")
            assert terminal.end() == 0
        records.streaming("hhd-1")
        records.wait(
            "the certificate",
            lambda: (
                records.retained["devices/hhd-1/status"]["calibration"]["status"] == "certified"
            ),
        )
        records.command("session.start", patient=PATIENT)
        gauge.trial(100.0)
        assert records.verdict(1)["last_trial"]["valid"]
        (trial,) = records.result("trial")
    # the gauge was calibrated as one that shows 3 + 1.25·F: 100 more on it are 80 N
    assert trial["metrics"]["peak_force_n"] == pytest.approx(80.0, abs=0.1)
    assert trial["calibration"]["status"] == "certified"
    assert trial["calibration"]["certificate_id"] == "C-1"
