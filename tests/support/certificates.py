"""Certificates and checks of units that do not exist, with numbers that can be done by hand."""

from datetime import UTC, datetime, timedelta

from dynod.model.calibration import Certificate, Uncertainty
from dynod.model.calibration_record import (
    AnglePose,
    CalibrationRun,
    CertificateDetail,
    Check,
    CheckLimits,
    CheckResult,
    Verification,
)
from dynod.model.clinical import Kind

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def made_certificate(
    kind: Kind,
    *,
    coefficients: tuple[float, ...] = (0.0, 1.0),
    span: tuple[float, float] = (20.0, 200.0),
    runs: tuple[CalibrationRun, ...] = (),
    poses: tuple[AnglePose, ...] = (),
    valid: tuple[datetime, datetime] = (BEGIN, BEGIN + timedelta(days=365)),
    certificate_id: str = "CERT-1",
    unit: tuple[str, str] | None = None,
) -> Certificate:
    """A certificate with U = 1 + 0.01·load, of which 0.5 is not shared."""
    force = kind is Kind.FORCE
    profile, serial_number = unit or (
        ("chronojump_force_sensor", "SN-1") if force else ("witmotion_wt901", "SN-2")
    )
    return Certificate(
        certificate_id=certificate_id,
        profile=profile,
        serial_number=serial_number,
        coefficients=coefficients,
        range_low=span[0],
        range_high=span[1],
        valid_from=valid[0],
        valid_until=valid[1],
        uncertainty=Uncertainty(1.0, 0.01),
        unshared=Uncertainty(0.5),
        issued_by="Test laboratory",
        detail=CertificateDetail(
            kind=kind,
            issued_at=valid[0],
            operator="A. Technician",
            procedure="by hand",
            reference="made up",
            software="dynod test",
            environment={},
            runs=runs,
            poses=poses,
            standard_error=0.1,
        ),
    )


def made_check(
    day: float,
    error: float,
    *,
    zero: float = 0.0,
    passed: bool = True,
    certificate_id: str | None = "CERT-1",
) -> Verification:
    """A check with 100 N, ``day`` days after the begin, that read ``error`` N too much."""
    limits = CheckLimits()
    check = Check(BEGIN + timedelta(days=day), Kind.FORCE, 100.0, 100.0 + error + zero, zero)
    return Verification(
        profile="chronojump_force_sensor",
        serial_number="SN-1",
        certificate_id=certificate_id,
        check=check,
        result=CheckResult(passed, error, 1.0, zero, 1.0),
        limits=limits,
        operator="A. Technician",
        reference="A1",
    )
