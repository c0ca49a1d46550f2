"""A certificate that ends while a session runs, from outside: nothing reconnects, time passes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto

LASTS_S = 8.0
CERTIFICATE = """\
certificate_id = "C-1"
profile = "quick_gauge"
serial_number = "SN-1"
coefficients = [0.0, 1.0]
range_low = 10.0
range_high = 400.0
valid_from = 2019-01-01
valid_until = {until}
issued_by = "a laboratory"

[uncertainty]
floor = 4.0

[unshared]
floor = 3.0
"""


def station(folder: Path, broker: Mosquitto, until: datetime) -> Daemon:
    daemon = Daemon(
        folder,
        broker.port,
        battery=battery(force_test()),
        session="confirm_change = false",
        more='serial_number = "SN-1"',
    )
    (folder / "calibration.d").mkdir()
    text = CERTIFICATE.format(until=until.isoformat())
    (folder / "calibration.d" / "unit.toml").write_text(text)
    return daemon


def test_a_certificate_that_ends_during_a_session(tmp_path: Path) -> None:
    until = datetime.now(UTC) + timedelta(seconds=LASTS_S)
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        station(tmp_path, broker, until) as daemon,
    ):
        records.streaming("hhd-1")
        records.command("session.start", patient=PATIENT)
        gauge.trial(100.0)
        before = records.verdict(1)
        calibration = records.retained["devices/hhd-1/status"]["calibration"]
        records.wait(
            "the word that trials do not count",
            lambda: "do not count" in str(records.retained["session/state"].get("warnings")),
        )
        expired = records.retained["devices/hhd-1/status"]["calibration"]
        gauge.trial(100.0)
        after = records.verdict(2)
        records.command("session.end")
        right, left = records.result("trial", 2)
        (deficit,) = records.result("deficit")
        connects = len(daemon.lines("hhd-1: streaming from"))
    assert before["last_trial"]["valid"]
    assert "expires on" in before["warnings"][0]
    assert (calibration["status"], calibration["expires_in_days"] in {0, 1}) == ("certified", True)
    assert expired["status"] == "expired"
    assert "trials do not count" in expired["warning"]
    assert connects == 1
    assert after["last_trial"]["flags"] == ["calibration_expired"]
    assert (right["quality"]["valid"], right["calibration"]["status"]) == (True, "certified")
    assert (left["quality"]["valid"], left["calibration"]["status"]) == (False, "expired")
    assert (right["tare_n"], right["tare_origin"]) == (pytest.approx(gauge.rest_n), "preroll")
    assert (deficit["classification"], deficit["reason"]) == ("not_computable", "side_incomplete")
