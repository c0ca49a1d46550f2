"""How the calibration of a running station changes with time, with certificates and with checks.

The clock is scripted where the daemon reads it; store, recorders and analysis are real.
"""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dynod.daemon.calibration_watch import CalibrationWatch
from dynod.daemon.device import DeviceRunner
from dynod.daemon.displays import Displays
from dynod.model.calibration import CalibrationStatus, Certificate, Uncertainty
from dynod.model.calibration_record import Check, CheckLimits, CheckResult, Verification
from dynod.model.clinical import Kind
from dynod.model.flags import Flag
from dynod.session.inputs import EndSession, Instant
from dynod.store.outbox import OutboxCounts
from tests.daemon.test_station import SETTLED, Bench, bench
from tests.support.builders import battery, force_test, rules

MIDNIGHT = datetime(2026, 12, 4, tzinfo=UTC)
CERTIFICATE = Certificate(
    certificate_id="C-1",
    profile="chronojump_force_sensor",
    serial_number="SN-1",
    coefficients=(0.0, 1.0),
    range_low=10.0,
    range_high=400.0,
    valid_from=MIDNIGHT - timedelta(days=365),
    valid_until=MIDNIGHT - timedelta(microseconds=1),
    uncertainty=Uncertainty(1.0, 0.01),
    unshared=Uncertainty(0.5),
    issued_by="a laboratory",
)
EXPIRED = "hhd-1: its certificate expired on 2026-12-03: trials do not count; calibrate it"


@dataclass
class Room:
    """A station with one certified unit, its displays, and a clock that the test sets."""

    station: Bench
    displays: Displays
    wall: datetime
    devices_shown: list[dict[str, Any]] = field(default_factory=list)
    sessions_shown: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._watch = CalibrationWatch(self.station.devices, self._show_device, self._show_session)

    def now(self) -> Instant:
        return Instant(time.monotonic(), self.wall, clock_synced=True)

    def look(self) -> None:
        self._watch.look(self.now())

    def status(self) -> CalibrationStatus:
        return self.station.devices.calibration("hhd-1", self.now()).status

    def session(self) -> dict[str, Any]:
        return dict(json.loads(self.displays.session_state().payload))

    def _show_device(self, runner: DeviceRunner) -> None:
        self.devices_shown.append(json.loads(self.displays.device(runner).payload))

    def _show_session(self) -> None:
        self.sessions_shown.append(self.session())


@asynccontextmanager
async def room(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *certificates: Certificate
) -> AsyncIterator[Room]:
    chosen = rules(battery(force_test(repetitions=1)), confirm_change=False)
    async with bench(folder, chosen) as station:
        station.runner.identity = replace(station.runner.identity, serial_number="SN-1")
        station.devices.use_shelf(certificates or (CERTIFICATE,), ())
        displays = Displays(
            station.station,
            station.devices,
            station.letterhead,
            "dynod test",
            OutboxCounts(0, 0, 0),
            0,
        )
        made = Room(station, displays, MIDNIGHT - timedelta(hours=1))
        monkeypatch.setattr("dynod.daemon.station.instant", made.now)
        monkeypatch.setattr("dynod.daemon.displays.instant", made.now)
        yield made


def made_check(at: datetime, *, passed: bool, certificate_id: str = "C-1") -> Verification:
    check = Check(at, Kind.FORCE, 100.0, 100.0 if passed else 103.0, 0.0)
    result = CheckResult(passed, check.error, 1.0, 0.0, 1.0)
    limits = CheckLimits()
    return Verification(
        CERTIFICATE.profile, "SN-1", certificate_id, check, result, limits, "me", "10 kg"
    )


async def test_a_session_across_the_expiry_of_its_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(tmp_path, monkeypatch) as place:
        place.look()
        await place.station.start()
        await place.station.trial()
        before = place.session()
        assert before["last_trial"]["valid"]
        assert before["warnings"] == [
            "hhd-1: its certificate expires on 2026-12-03, today; calibrate it"
        ]
        place.wall = MIDNIGHT
        place.look()
        assert place.devices_shown[-1]["calibration"]["status"] == "expired"
        assert place.sessions_shown[-1]["warnings"] == [EXPIRED]
        await place.station.trial()
        after = place.session()
        assert after["last_trial"]["flags"] == ["calibration_expired"]
        assert not after["last_trial"]["valid"]
        assert after["next"]["side"] == "left"  # its slot is still open
        await place.station.station.give(EndSession())
        right, left = await place.station.stored()
        results = [message for _, message in await place.station.outbox()]
    assert (right.valid, left.valid) == (True, False)
    assert right.calibration.status is CalibrationStatus.CERTIFIED
    assert left.calibration.status is CalibrationStatus.EXPIRED
    assert left.calibration.certificate_id == "C-1"
    (deficit,) = [item for item in results if item["schema"] == "dynod.deficit/1"]
    assert deficit["classification"] == "not_computable"
    assert deficit["reason"] == "side_incomplete"


async def test_a_trial_that_began_before_midnight_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(tmp_path, monkeypatch) as place:
        await place.station.start()
        await place.station.hold(1.5)
        await place.station.press()
        place.wall = MIDNIGHT + timedelta(seconds=2)
        place.look()
        await place.station.hold(3.0, 100.0)
        await place.station.press()
        await place.station.until(*SETTLED)
        (trial,) = await place.station.stored()
    assert trial.valid
    assert trial.calibration.status is CalibrationStatus.CERTIFIED


async def test_what_time_alone_changes_is_shown_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(tmp_path, monkeypatch) as place:
        end = CERTIFICATE.valid_until
        place.wall = end - timedelta(days=30, seconds=1)
        for _ in range(3):
            place.look()
        assert [item["calibration"].get("warning") for item in place.devices_shown] == [None]
        assert "warnings" not in place.sessions_shown[-1]
        place.wall = end - timedelta(days=30)
        for _ in range(3):
            place.look()
        assert len(place.devices_shown) == len(place.sessions_shown) == 2
        shown = place.devices_shown[-1]["calibration"]
        assert shown["expires_in_days"] == 30
        assert shown["warning"].startswith("its certificate expires on 2026-12-03, in 30 days")
        place.wall = end + timedelta(microseconds=1)
        for _ in range(3):
            place.look()
        assert len(place.devices_shown) == len(place.sessions_shown) == 3
        assert "expires_in_days" not in place.devices_shown[-1]["calibration"]


async def test_a_clock_that_is_set_back_revives_no_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(tmp_path, monkeypatch) as place:
        place.wall = MIDNIGHT + timedelta(days=1)
        await place.station.start()  # stored at this time
        place.wall = MIDNIGHT - timedelta(days=100)
        assert place.status() is CalibrationStatus.EXPIRED
        assert place.session()["warnings"] == [EXPIRED]


async def test_a_wrong_time_at_which_nothing_was_stored_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(tmp_path, monkeypatch) as place:
        place.wall = MIDNIGHT + timedelta(days=4000)
        assert place.status() is CalibrationStatus.EXPIRED
        place.wall = MIDNIGHT - timedelta(days=1)
        assert place.status() is CalibrationStatus.CERTIFIED


async def test_a_wrong_time_at_which_something_was_stored_is_forgotten_once_the_clock_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(tmp_path, monkeypatch) as place:
        place.wall = MIDNIGHT + timedelta(days=4000)
        await place.station.start()  # stored at this time
        place.wall = MIDNIGHT - timedelta(days=1)
        assert place.status() is CalibrationStatus.EXPIRED
        place.station.devices.time_is(place.wall)  # as a correction of times says
        assert place.status() is CalibrationStatus.CERTIFIED


async def test_a_failed_check_locks_a_unit_until_one_is_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(tmp_path, monkeypatch) as place:
        place.wall = CERTIFICATE.valid_until - timedelta(days=100)
        at = place.wall - timedelta(days=1)
        devices = place.station.devices
        await place.station.start()
        foreign = made_check(at, passed=False, certificate_id="C-0")
        failed = made_check(at, passed=False)
        passed = made_check(place.wall, passed=True)
        devices.use_shelf([CERTIFICATE], [foreign])
        place.look()
        assert "verification" not in place.devices_shown[-1]["calibration"]
        devices.use_shelf([CERTIFICATE], [foreign, failed])
        place.look()
        shown = place.devices_shown[-1]["calibration"]
        assert (shown["status"], shown["verification"]["passed"]) == ("certified", False)
        await place.station.trial()
        assert place.session()["last_trial"]["flags"] == ["verification_failed"]
        devices.use_shelf([CERTIFICATE], [foreign, failed, passed])
        place.look()
        assert place.devices_shown[-1]["calibration"]["verification"]["passed"]
        assert "warnings" not in place.sessions_shown[-1]
        await place.station.trial()
        first, second = await place.station.stored()
    assert (first.valid, first.analysis.flags) == (False, (Flag.VERIFICATION_FAILED,))
    assert first.calibration.verification_failed
    assert second.valid
    assert not second.calibration.verification_failed


async def test_the_certificate_of_another_unit_never_applies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(CERTIFICATE, serial_number="SN-2")
    async with room(tmp_path, monkeypatch, other) as place:
        assert place.status() is CalibrationStatus.NOMINAL  # which this station allows
        assert place.session()["warnings"] == [
            "hhd-1: no certificate: results are nominal; calibrate it"
        ]
        await place.station.start()
        await place.station.trial()
        assert place.session()["last_trial"]["flags"] == ["uncalibrated"]
        assert place.session()["last_trial"]["valid"]


async def test_a_revoked_certificate_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(tmp_path, monkeypatch) as place:
        place.look()
        revoked = replace(CERTIFICATE, revoked_reason="dropped on the floor")
        place.station.devices.use_shelf([revoked], ())
        place.look()
        assert place.devices_shown[-1]["calibration"]["status"] == "revoked"
        await place.station.start()
        await place.station.trial()
        assert place.session()["last_trial"]["flags"] == ["calibration_revoked"]


async def test_detectors_go_by_a_new_certificate_from_the_next_look_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubled = replace(
        CERTIFICATE,
        certificate_id="C-2",
        coefficients=(0.0, 2.0),
        valid_from=CERTIFICATE.valid_from + timedelta(days=1),
    )
    async with room(tmp_path, monkeypatch) as place:
        place.look()
        await place.station.hold(1.0, 50.0)
        assert place.station.stream.recorder.latest == pytest.approx(50.0, abs=0.5)
        place.station.devices.use_shelf([CERTIFICATE, doubled], ())
        place.look()
        await place.station.hold(1.0, 50.0)
        assert place.station.stream.recorder.latest == pytest.approx(100.0, abs=0.5)
