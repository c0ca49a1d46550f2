"""Which check of a unit decides whether its trials count."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dynod.core.calibration import judge_calibration
from dynod.model.calibration import Calibration, CalibrationStatus, Certificate, Uncertainty
from dynod.model.calibration_record import Check, CheckLimits, CheckResult, Verification
from dynod.model.clinical import Kind

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OLD = Certificate(
    certificate_id="C-1",
    profile="gauge",
    serial_number="A7",
    coefficients=(0.0, 1.0),
    range_low=5.0,
    range_high=500.0,
    valid_from=NOW - timedelta(days=100),
    valid_until=NOW + timedelta(days=100),
    uncertainty=Uncertainty(0.5),
    unshared=Uncertainty(0.2),
    issued_by="a laboratory",
)
NEW = replace(OLD, certificate_id="C-2", valid_from=NOW - timedelta(days=1))


def made(
    passed: bool,
    *,
    certificate_id: str | None = "C-1",
    serial_number: str = "A7",
    days_ago: float = 1.0,
) -> Verification:
    check = Check(NOW - timedelta(days=days_ago), Kind.FORCE, 100.0, 100.0, 0.0)
    result = CheckResult(passed, 0.0, 1.0, 0.0, 1.0)
    limits = CheckLimits()
    return Verification("gauge", serial_number, certificate_id, check, result, limits, "me", "5 kg")


def judged(
    certificates: tuple[Certificate, ...],
    *verifications: Verification,
    serial_number: str | None = "A7",
    at: datetime = NOW,
) -> Calibration:
    return judge_calibration(
        certificates,
        profile="gauge",
        serial_number=serial_number,
        nominal_coefficients=(0.0, 1.0),
        at=at,
        allow_nominal=True,
        verifications=verifications,
    )


@pytest.mark.parametrize(
    ("verifications", "failed"),
    [
        ((), False),
        ((made(True),), False),
        ((made(False),), True),
        ((made(True), made(False)), True),
        ((made(False), made(True)), False),
        ((made(False, certificate_id=None),), False),  # before there was a certificate
        ((made(False, certificate_id="C-0"),), False),
        ((made(False), made(True, certificate_id="C-0")), True),
        ((made(False, serial_number="B8"),), False),
        ((made(False), made(True, serial_number="B8")), True),
    ],
)
def test_the_last_check_under_the_certificate_in_force_decides(
    verifications: tuple[Verification, ...], failed: bool
) -> None:
    found = judged((OLD,), *verifications)
    assert found.verification_failed is failed
    assert found.status is CalibrationStatus.CERTIFIED


def test_a_newer_certificate_ends_what_the_checks_before_it_said() -> None:
    failed = made(False)
    assert judged((OLD,), failed).verification_failed
    assert not judged((OLD, NEW), failed).verification_failed
    assert judged((OLD, NEW), failed, at=NOW - timedelta(days=2)).verification_failed


def test_of_checks_stamped_by_a_clock_that_was_set_back_the_one_stored_last_decides() -> None:
    passed, failed = made(True, days_ago=1), made(False, days_ago=2000)
    assert judged((OLD,), passed, failed).verification_failed
    assert not judged(
        (OLD,), made(False, days_ago=1), made(True, days_ago=2000)
    ).verification_failed


def test_a_nominal_scale_that_failed_its_check_does_not_count_either() -> None:
    assert judged((), made(False, certificate_id=None)).verification_failed
    assert not judged((), made(False)).verification_failed
    assert not judged((), made(False, certificate_id=None), serial_number=None).verification_failed
