"""What a certificate, or the lack of one, makes of a result, from outside."""

import math
from pathlib import Path

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto

CERTIFICATE = """\
certificate_id = "{name}"
profile = "quick_gauge"
serial_number = "SN-1"
coefficients = [0.0, 2.0]
range_low = 10.0
range_high = 400.0
valid_from = 2019-01-01
valid_until = {until}
issued_by = "a laboratory"

[uncertainty]
floor = 4.0
slope = 0.01

[unshared]
floor = 3.0
slope = 0.0
"""


def station(folder: Path, broker: Mosquitto, *certificates: str) -> Daemon:
    """A station whose gauge has serial number SN-1 and where no nominal scale is allowed."""
    daemon = Daemon(
        folder,
        broker.port,
        battery=battery(force_test()),
        session="confirm_change = false",
        more='serial_number = "SN-1"',
    )
    text = daemon.config.read_text().replace("allow_nominal = true", "allow_nominal = false")
    daemon.config.write_text(text)
    shelf = folder / "calibration.d"
    shelf.mkdir()
    for number, certificate in enumerate(certificates):
        (shelf / f"{number}.toml").write_text(certificate)
    return daemon


def test_a_certificate_scales_the_numbers_and_widens_the_interval(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        station(tmp_path, broker, CERTIFICATE.format(name="C-1", until="2099-12-31")),
    ):
        records.streaming("hhd-1")
        assert records.retained["devices/hhd-1/status"]["calibration"]["status"] == "certified"
        records.command("session.start", patient=PATIENT, involved_side="left")
        for done, shown_n in enumerate((75.0, 60.0), 1):  # right, then left; twice that is true
            gauge.trial(shown_n)
            assert records.verdict(done)["last_trial"]["valid"]
        right, left = records.result("trial", 2)
        (deficit,) = records.result("deficit")
    assert right["metrics"]["peak_force_n"] == pytest.approx(150.0, abs=0.1)
    assert left["metrics"]["peak_force_n"] == pytest.approx(120.0, abs=0.1)
    assert right["tare_n"] == pytest.approx(8.0)
    assert left["quality"]["flags"] == []
    calibration = left["calibration"]
    assert (calibration["status"], calibration["certificate_id"]) == ("certified", "C-1")
    assert calibration["expanded_uncertainty_n"] == pytest.approx(4.0 + 0.01 * 120.0, abs=0.01)
    # One trial a side: the table's 1.96·6.2 % alone; the same certificate on both sides, so only
    # the unshared 3 N count: 2.5 % of 120 N and 2 % of 150 N.
    h_left, h_right = math.hypot(12.152, 2.5), math.hypot(12.152, 2.0)
    assert deficit["mdc95_percent"] == pytest.approx(math.hypot(h_left, h_right), abs=0.01)
    assert deficit["deficit_percent"] == pytest.approx(20.0, abs=0.1)


@pytest.mark.parametrize(
    ("certificates", "status", "flag"),
    [
        ((), "none", "no_calibration"),
        (
            (CERTIFICATE.format(name="C-2", until="2020-01-01"),),
            "expired",
            "calibration_expired",
        ),
        (
            (
                CERTIFICATE.format(name="C-3", until="2099-12-31").replace(
                    'issued_by = "a laboratory"',
                    'issued_by = "a laboratory"\nrevoked_reason = "dropped on the floor"',
                ),
            ),
            "revoked",
            "calibration_revoked",
        ),
    ],
)
def test_without_a_valid_certificate_a_trial_never_counts(
    tmp_path: Path, certificates: tuple[str, ...], status: str, flag: str
) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        station(tmp_path, broker, *certificates),
    ):
        records.streaming("hhd-1")
        records.command("session.start", patient=PATIENT)
        gauge.trial(100.0)
        (trial,) = records.result("trial")
        records.verdict(1)
        assert records.retained["devices/hhd-1/status"]["calibration"]["status"] == status
    assert trial["calibration"]["status"] == status
    assert trial["quality"] == {"valid": False, "flags": [flag]}
