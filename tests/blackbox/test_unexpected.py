"""What nobody foresaw ends the process with a traceback; the service manager starts it again.

Each part in turn meets a defect in a real ``dynod run``; a part that swallowed it would leave a
station that looks well and is not.
"""

from pathlib import Path

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, ROOT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto

# What breaks, by the part of the daemon that it belongs to.
PARTS = {
    "reader": "dynod.daemon.stream.Stream.feed",
    "analysis": "dynod.daemon.station.analyse",
    "writer": "dynod.store.store.Store.commit",
    "outbox": "dynod.store.store.Store.mark_sent",
    "commands": "dynod.daemon.commands.CommandService.handle",
    "idle": "dynod.daemon.station.Station.end_if_idle",
    "flight recorder": "dynod.daemon.flight.FlightRing.flush",
    "calibrations": "dynod.daemon.calibration_watch.CalibrationWatch.look",
}

BROKEN = """
import sys
from pkgutil import resolve_name
from pathlib import Path
from dynod.cli.main import run

mark = Path(sys.argv[-1]).with_name("broken")
place, _, name = "{part}".rpartition(".")
owner = resolve_name(place)
whole = getattr(owner, name)


def broken(*given, **named):
    if mark.exists():
        raise ZeroDivisionError("a defect of the test's")
    return whole(*given, **named)


setattr(owner, name, broken)
run()
"""


def test_a_bundle_that_cannot_be_made_holds_up_nothing_else(tmp_path: Path) -> None:
    """It would end the process at every start: results and measuring are more than one message."""
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
    ):
        daemon = Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test()),
            session="confirm_change = false",
            fhir=True,
        )
        program = BROKEN.format(part="dynod.daemon.bundle_maker.BundleMaker.render")
        daemon.run_as("-c", program.replace("owner =", f"{SYNCHRONISED}owner ="))
        (tmp_path / "broken").touch()
        with daemon:
            records.streaming("hhd-1")
            assert records.command("session.start", patient=PATIENT)["ok"]
            records.state(phase="ready")
            gauge.trial(100.0)
            records.verdict(1)
            assert records.command("session.end")["ok"]
            records.wait(
                "the notice",
                lambda: "1 FHIR Bundle could not be made" in str(records.retained["status"]),
            )
            assert daemon.lines("ZeroDivisionError: a defect of the test's")
            assert records.command("session.start", patient=PATIENT)["ok"]
            records.state(phase="ready")
            gauge.trial(80.0)
            assert records.verdict(2)["last_trial"]["valid"]
            assert records.bundles == []
            (tmp_path / "broken").unlink()
            daemon.stop()
            gauge.replug()
            daemon.start()  # a version without the defect
            records.wait("the Bundle", lambda: len(records.bundles) == 1)


SYNCHRONISED = """
from dynod.daemon import clock
clock._clock_synced = lambda now_s: True
"""


@pytest.mark.parametrize("part", PARTS)
def test_a_defect_ends_the_process_loudly_and_a_restart_goes_on(tmp_path: Path, part: str) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
    ):
        daemon = Daemon(
            tmp_path, broker.port, battery=battery(force_test()), session="confirm_change = false"
        )
        daemon.run_as("-c", BROKEN.format(part=PARTS[part]))
        with daemon:
            records.streaming("hhd-1")
            assert records.command("session.start", patient=PATIENT)["ok"]
            records.state(phase="ready")
            (tmp_path / "broken").touch()
            gauge.trial(100.0)
            if part == "commands":
                records.publish("commands/status.get", b"{}", reply_to=f"{ROOT}/replies/here")
            assert daemon.wait() == 1
            assert daemon.lines("ZeroDivisionError: a defect of the test's")
            records.wait("last will", lambda: records.retained["status"]["state"] == "offline")
            (tmp_path / "broken").unlink()
            gauge.unplug()
            gauge.plug()
            records.forget()
            daemon.start()
            records.streaming("hhd-1")
            records.state(phase="ready")
            gauge.trial(120.0)
            records.wait("a result", lambda: records.results)
