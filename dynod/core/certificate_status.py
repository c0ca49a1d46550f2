"""How a certificate stands at a moment, among the others of its unit."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from dynod.core.calibration import judge_calibration
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import Verification


class CertificateStatus(StrEnum):
    """What becomes of trials under a certificate; ``superseded``: a newer one counts."""

    IN_FORCE = "in_force"
    CHECK_FAILED = "check_failed"
    EXPIRED = "expired"
    REVOKED = "revoked"
    NOT_YET_VALID = "not_yet_valid"
    SUPERSEDED = "superseded"


def certificate_status(
    certificate: Certificate,
    certificates: Sequence[Certificate],
    verifications: Sequence[Verification],
    at: datetime,
) -> CertificateStatus:
    """Return how one of ``certificates`` stands at a moment.

    ``verifications`` are checks of any units in the order in which they were stored.
    """
    if certificate.revoked_reason is not None:
        return CertificateStatus.REVOKED
    if at > certificate.valid_until:
        return CertificateStatus.EXPIRED
    if at < certificate.valid_from:
        return CertificateStatus.NOT_YET_VALID
    calibration = judge_calibration(
        certificates,
        profile=certificate.profile,
        serial_number=certificate.serial_number,
        nominal_coefficients=(),
        at=at,
        allow_nominal=False,
        verifications=verifications,
    )
    if calibration.certificate_id != certificate.certificate_id:
        return CertificateStatus.SUPERSEDED
    if calibration.verification_failed:
        return CertificateStatus.CHECK_FAILED
    return CertificateStatus.IN_FORCE
