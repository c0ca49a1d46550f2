"""What a calibration becomes: a certificate; and which one holds for a trial."""

from collections.abc import Sequence
from datetime import datetime

from dynod.model.calibration import Calibration, CalibrationStatus, Certificate
from dynod.model.calibration_record import CalibrationReport, CertificateDetail, Verification
from dynod.model.errors import UsageError


def certificate(
    report: CalibrationReport,
    *,
    certificate_id: str,
    profile: str,
    serial_number: str,
    valid_from: datetime,
    valid_until: datetime,
    issued_by: str,
    detail: CertificateDetail | None = None,
) -> Certificate:
    """Return the certificate of a report, for one unit and a time.

    Raises UsageError for an uncertainty as large as the load: such readings calibrate nothing.
    """
    if report.uncertainty.slope >= 1.0:
        raise UsageError("the uncertainty is as large as the load: this calibrates nothing")
    return Certificate(
        certificate_id=certificate_id,
        profile=profile,
        serial_number=serial_number,
        coefficients=report.fit.coefficients,
        range_low=report.range_low,
        range_high=report.range_high,
        valid_from=valid_from,
        valid_until=valid_until,
        uncertainty=report.uncertainty,
        unshared=report.unshared,
        issued_by=issued_by,
        detail=detail,
    )


def judge_calibration(
    certificates: Sequence[Certificate],
    *,
    profile: str,
    serial_number: str | None,
    nominal_coefficients: tuple[float, ...],
    at: datetime,
    allow_nominal: bool,
    verifications: Sequence[Verification] = (),
) -> Calibration:
    """Return the calibration of a unit at a moment.

    The unit's newest certificate that had begun by ``at`` counts: certified, expired or revoked.
    Without one the profile's nominal scale is applied, as ``nominal`` where the station allows
    it, else as ``none``. An expired or revoked certificate never falls back to nominal.
    ``verifications`` are checks of any units, those that count most last.
    """
    own = [
        item
        for item in certificates
        if serial_number is not None
        and (item.profile, item.serial_number) == (profile, serial_number)
        and item.valid_from <= at
    ]
    if not own:
        status = CalibrationStatus.NOMINAL if allow_nominal else CalibrationStatus.NONE
        failed = _failed(verifications, profile, serial_number, None)
        return Calibration(status, nominal_coefficients, verification_failed=failed)
    newest = max(own, key=lambda item: (item.valid_from, item.valid_until))
    return Calibration(
        _status(newest, at),
        newest.coefficients,
        certificate_id=newest.certificate_id,
        valid_until=newest.valid_until,
        range_low=newest.range_low,
        range_high=newest.range_high,
        uncertainty=newest.uncertainty,
        unshared=newest.unshared,
        verification_failed=_failed(verifications, profile, serial_number, newest.certificate_id),
    )


def checks_under(
    verifications: Sequence[Verification],
    *,
    profile: str,
    serial_number: str | None,
    certificate_id: str | None,
) -> tuple[Verification, ...]:
    """Return the checks of a unit that were made under a certificate (None: the nominal scale).

    They keep their order.
    """
    wanted = (profile, serial_number, certificate_id)
    return tuple(
        item
        for item in verifications
        if (item.profile, item.serial_number, item.certificate_id) == wanted
    )


def _failed(
    verifications: Sequence[Verification],
    profile: str,
    serial_number: str | None,
    certificate_id: str | None,
) -> bool:
    own = checks_under(
        verifications,
        profile=profile,
        serial_number=serial_number,
        certificate_id=certificate_id,
    )
    return bool(own) and not own[-1].result.passed


def _status(certificate: Certificate, at: datetime) -> CalibrationStatus:
    if certificate.revoked_reason is not None:
        return CalibrationStatus.REVOKED
    return (
        CalibrationStatus.EXPIRED if at > certificate.valid_until else CalibrationStatus.CERTIFIED
    )
