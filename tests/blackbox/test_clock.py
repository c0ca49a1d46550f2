"""A computer that starts in 1972 and learns the time later: results get their true time."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dynod.store.store import Store
from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto

OFF_S = 20_000 * 86_400 + 1234.5
NEAR_S = 2.0  # between the test's look at the clock and the press that it comes from

# Runs the program with a wall clock that is far behind until a file is there.
FAR_BEHIND = f"""
import sys
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from dynod.cli import daemon
from dynod.cli.main import run
from dynod.daemon import bundles, clock, clock_correction

mark = Path(sys.argv[-1]).with_name("the-clock-is-right")
off = timedelta(seconds={OFF_S})


def now(zone):
    return datetime.now(zone) - (timedelta(0) if mark.exists() else off)


clock.datetime = daemon.datetime = SimpleNamespace(now=now)
clock._clock_synced = lambda now_s: mark.exists()
bundles.LOOK_S = clock_correction.LOOK_S = 0.1
run()
"""


def seconds_of(result: dict[str, Any], key: str = "recorded_at") -> float:
    return datetime.fromisoformat(result[key]).timestamp()


class Clinic:
    def __init__(self, records: RecordSystem, gauge: Gauge, daemon: Daemon) -> None:
        self.records, self.gauge, self.daemon = records, gauge, daemon
        self.pressed: dict[str, float] = {}

    def begin(self) -> str:
        self.records.streaming("hhd-1")
        reply = self.records.command("session.start", patient=PATIENT)
        assert reply["ok"]
        self.records.state(phase="ready")
        session_id: str = reply["session_id"]
        return session_id

    def trial(self, peak_n: float) -> str:
        known = {item["result_id"] for item in self.records.results}
        at_s = time.time()
        self.gauge.trial(peak_n)
        result_id = self.records.next_trial(known)
        self.pressed[result_id] = at_s
        return result_id

    def of(self, session_id: str, revision: int) -> dict[str, dict[str, Any]]:
        """Return the results of a session in a revision, by their ids."""
        return {
            item["result_id"]: item
            for item in list(self.records.results)
            if item["session_id"] == session_id and item["revision"] == revision
        }

    def is_true(self, trial: dict[str, Any]) -> bool:
        return abs(seconds_of(trial) - self.pressed[trial["result_id"]]) < NEAR_S


def check_amendments(
    clinic: Clinic,
    before: dict[str, dict[str, Any]],
    after: dict[str, dict[str, Any]],
    one: str,
    two: str,
) -> None:
    """Every result of the session has its true time, its order, and its numbers."""
    then = datetime.fromtimestamp(time.time() - OFF_S, UTC).year
    assert {datetime.fromisoformat(item["recorded_at"]).year for item in before.values()} == {then}
    assert not any(item["clock_synced"] for item in before.values())
    assert set(after) == set(before)
    for item in after.values():
        assert (item["status"], item["clock_synced"]) == ("amended", True)
    for result_id in (one, two):
        assert clinic.is_true(after[result_id])
        assert after[result_id]["clock_correction_s"] == pytest.approx(OFF_S, abs=0.05)
        assert after[result_id]["metrics"] == before[result_id]["metrics"]
    apart_s = seconds_of(after[two]) - seconds_of(after[one])
    assert apart_s == pytest.approx(seconds_of(before[two]) - seconds_of(before[one]), abs=0.002)
    (ended,) = (item for item in after.values() if item["schema"] == "dynod.session/1")
    assert seconds_of(ended, "started_at") < seconds_of(after[one])
    assert seconds_of(ended, "ended_at") > seconds_of(after[two])


def test_what_was_measured_before_the_clock_was_set_is_amended(tmp_path: Path) -> None:
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
            fhir="later",
        )
        daemon.run_as("-c", FAR_BEHIND)
        clinic = Clinic(records, gauge, daemon)
        with daemon:
            # One session from begin to end, and one that runs on, all of it in 1972.
            first = clinic.begin()
            one, two = clinic.trial(100.0), clinic.trial(80.0)
            assert records.command("session.end")["ok"]
            records.wait("the session's result", lambda: len(clinic.of(first, 1)) == 4)
            before = clinic.of(first, 1)
            second = clinic.begin()
            three = clinic.trial(90.0)
            # The daemon dies; the computer does not.
            daemon.kill()
            gauge.replug()
            records.forget()
            daemon.start()
            records.streaming("hhd-1")
            assert records.bundles == []
            daemon.set_clock()
            records.wait("the amendments", lambda: len(clinic.of(first, 2)) == 4)
            records.wait("the Bundle", lambda: records.bundles)
            # The running session is set right when it has ended.
            assert clinic.of(second, 2) == {}
            records.state(phase="ready")
            four = clinic.trial(70.0)
            assert records.command("session.end")["ok"]
            records.wait("its amendments", lambda: len(clinic.of(second, 2)) == 3)
            records.wait("its Bundle", lambda: len(records.bundles) == 2)
            daemon.stop()
            daemon.start()  # nothing is left to be corrected
            daemon.stop()
    check_amendments(clinic, before, clinic.of(first, 2), one, two)
    later = clinic.of(second, 2)
    assert clinic.is_true(later[three])
    assert four not in later  # its clock was right
    assert clinic.is_true(clinic.of(second, 1)[four])
    assert not clinic.of(first, 3)
    assert not clinic.of(second, 3)
    with Store.open(tmp_path / "dynod.db", now=datetime.now(UTC), readonly=True) as store:
        done = [entry for entry in store.audit_entries() if entry.action == "clock.correct"]
    assert [(entry.subject, entry.detail["trials"]) for entry in done] == [(first, 2), (second, 1)]
    assert done[0].detail["offset_s"] == pytest.approx(OFF_S, abs=0.05)


def test_a_clock_that_jumps_in_a_trial_changes_nothing_of_it(tmp_path: Path) -> None:
    """Back by half a century while the patient pulls, and forward again in the next trial."""
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
    ):
        daemon = Daemon(
            tmp_path, broker.port, battery=battery(force_test()), session="confirm_change = false"
        )
        daemon.run_as("-c", FAR_BEHIND)
        daemon.set_clock()
        with daemon:
            clinic = Clinic(records, gauge, daemon)
            clinic.begin()
            for peak_n, jump in ((100.0, daemon.unset_clock), (80.0, daemon.set_clock)):
                gauge.hold(1.2, gauge.rest_n)
                gauge.press()
                records.state(phase="recording")
                jump()
                gauge.pull(peak_n)
                gauge.press()
                records.verdict(1 if peak_n == 100.0 else 2)
            (deficit,) = records.result("deficit")
            one, two = records.result("trial", 2)
    assert not daemon.lines("session ends after")
    for trial, peak_n in ((one, 100.0), (two, 80.0)):
        assert trial["quality"]["valid"]
        assert trial["metrics"]["peak_force_n"] == pytest.approx(peak_n, abs=0.5)
    # Each says what the clock was when it began.
    assert (one["clock_synced"], two["clock_synced"]) == (True, False)
    assert datetime.fromisoformat(one["recorded_at"]).year >= 2026
    assert datetime.fromisoformat(two["recorded_at"]).year < 1980
    assert deficit["clock_synced"]
    assert deficit["deficit_percent"] == pytest.approx(20.0, abs=1.0)
