"""What the warnings about a unit say, and from when on; the days are counted by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dynod.core.standing import drift_lines, standing
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.calibration_record import Check, CheckLimits, CheckResult, Verification
from dynod.model.calibration_standing import LastCheck, Standing
from dynod.model.clinical import Kind

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
UNTIL = datetime(2026, 12, 3, 23, 59, 59, 999999, tzinfo=UTC)
CERTIFIED = Calibration(
    CalibrationStatus.CERTIFIED, (0.0, 1.0), certificate_id="C-1", valid_until=UNTIL
)


def check(
    day: int, *, reading: float = 100.0, passed: bool = True, reference: float = 100.0
) -> Verification:
    made = Check(datetime(2026, 11, day, 8, 0, tzinfo=UTC), Kind.FORCE, reference, reading, 0.0)
    result = CheckResult(passed, made.error, 1.0, 0.0, 1.0)
    return Verification("gauge", "A7", "C-1", made, result, CheckLimits(), "me", "10 kg")


def stands(
    calibration: Calibration = CERTIFIED,
    checks: Sequence[Verification] = (),
    *,
    at: datetime = NOW,
    has_serial_number: bool = True,
) -> Standing:
    return standing(
        calibration,
        checks,
        at=at,
        drifting=drift_lines(checks),
        has_serial_number=has_serial_number,
    )


@pytest.mark.parametrize(
    ("at", "days", "warnings"),
    [
        (UNTIL - timedelta(days=30, microseconds=1), 30, ()),
        (
            UNTIL - timedelta(days=30),
            30,
            ("its certificate expires on 2026-12-03, in 30 days; calibrate it",),
        ),
        (NOW, 8, ("its certificate expires on 2026-12-03, in 8 days; calibrate it",)),
        (
            datetime(2026, 12, 2, 23, 0, tzinfo=UTC),
            1,
            ("its certificate expires on 2026-12-03, tomorrow; calibrate it",),
        ),
        (UNTIL, 0, ("its certificate expires on 2026-12-03, today; calibrate it",)),
    ],
)
def test_a_certificate_warns_from_thirty_days_before_its_end(
    at: datetime, days: int, warnings: tuple[str, ...]
) -> None:
    found = stands(at=at)
    assert (found.expires_in_days, found.warnings) == (days, warnings)


@pytest.mark.parametrize(
    ("status", "warning"),
    [
        (
            CalibrationStatus.EXPIRED,
            "its certificate expired on 2026-12-03: trials do not count; calibrate it",
        ),
        (
            CalibrationStatus.REVOKED,
            "its certificate was revoked: trials do not count; calibrate it",
        ),
        (CalibrationStatus.NONE, "no certificate: trials do not count; calibrate it"),
        (CalibrationStatus.NOMINAL, "no certificate: results are nominal; calibrate it"),
    ],
)
def test_what_does_not_count_says_why_and_what_to_do(
    status: CalibrationStatus, warning: str
) -> None:
    found = stands(replace(CERTIFIED, status=status))
    assert found.warnings == (warning,)
    assert found.expires_in_days is None


def test_a_unit_without_a_serial_number_is_told_that_it_needs_one() -> None:
    nothing = Calibration(CalibrationStatus.NONE, (0.0, 1.0))
    assert stands(nothing, has_serial_number=False).warnings == (
        "no certificate: trials do not count; give it a serial_number and calibrate it",
    )


def test_a_failed_check_warns_until_one_is_passed() -> None:
    later = replace(CERTIFIED, valid_until=UNTIL + timedelta(days=300))
    failed, passed = check(20, passed=False), check(21)
    found = stands(later, [failed])
    assert found.last_check == LastCheck(failed.check.at, passed=False)
    assert found.warnings == (
        "its last check was failed on 2026-11-20: trials do not count until a check is passed",
    )
    assert stands(later, [failed, passed]).warnings == ()


def test_three_moves_one_way_warn_before_a_check_fails() -> None:
    """100.0, 100.2, 100.4, 100.6 N at 100 N: +0.2 % of the load each, 0.6 % in all, within 1 %."""
    later = replace(CERTIFIED, valid_until=UNTIL + timedelta(days=300))
    drifting = [check(day, reading=100.0 + 0.2 * day) for day in range(1, 5)]
    assert stands(later, drifting[:3]).warnings == ()
    (warning,) = stands(later, drifting).warnings
    assert warning == (
        "the reading went up in 3 checks in a row, by 0.60 % of the load in all;"
        " look at mount and zero, and calibrate it soon"
    )
    assert stands(later, [*drifting, check(5, reading=100.1)]).warnings == ()


def test_a_force_check_without_a_load_says_nothing_of_a_drift() -> None:
    assert (
        drift_lines([check(day, reference=0.0, reading=float(day)) for day in (1, 2, 3, 4)]) == ()
    )
