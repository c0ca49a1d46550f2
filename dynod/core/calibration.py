"""Which calibration holds for a trial."""

from collections.abc import Sequence
from datetime import datetime

from dynod.model.calibration import Calibration, CalibrationStatus, Certificate


def judge_calibration(
    certificates: Sequence[Certificate],
    *,
    profile: str,
    serial_number: str | None,
    nominal_coefficients: tuple[float, ...],
    at: datetime,
    allow_nominal: bool,
) -> Calibration:
    """Return the calibration of a unit at a moment.

    The unit's newest certificate that had begun by ``at`` counts: certified, expired or revoked.
    Without one the profile's nominal scale is applied, as ``nominal`` where the station allows
    it, else as ``none``. An expired or revoked certificate never falls back to nominal.
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
        return Calibration(status, nominal_coefficients)
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
    )


def _status(certificate: Certificate, at: datetime) -> CalibrationStatus:
    if certificate.revoked_reason is not None:
        return CalibrationStatus.REVOKED
    return (
        CalibrationStatus.EXPIRED if at > certificate.valid_until else CalibrationStatus.CERTIFIED
    )
