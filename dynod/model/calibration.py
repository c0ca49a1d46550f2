"""What turns a device's number into newtons or degrees, and how far that is to be believed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dynod.model.calibration_record import CertificateDetail, Uncertainty
from dynod.model.samples import FloatArray

__all__ = ["Calibration", "CalibrationStatus", "Certificate", "Uncertainty"]


class CalibrationStatus(StrEnum):
    """On what ground a number is called newtons."""

    CERTIFIED = "certified"
    NOMINAL = "nominal"
    EXPIRED = "expired"
    REVOKED = "revoked"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A calibration of one unit, append-only once stored.

    ``coefficients`` c0, c1, c2 … give N (or deg) = Σ c_k·x^k for the device's own number x.
    ``range_low``, ``range_high`` bound the calibrated loads in N (or deg). ``unshared`` is the
    part of the uncertainty that two sides measured with this unit do not have in common
    (repeatability, zero, resolution, reversibility). ``detail`` is all that the calibration found,
    where it is known.
    """

    certificate_id: str
    profile: str
    serial_number: str
    coefficients: tuple[float, ...]
    range_low: float
    range_high: float
    valid_from: datetime
    valid_until: datetime
    uncertainty: Uncertainty
    unshared: Uncertainty
    issued_by: str
    revoked_reason: str | None = None
    detail: CertificateDetail | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is applied to one trial: a certificate, or the profile's nominal scale.

    ``verification_failed``: the last check of the unit under this certificate was not passed.
    """

    status: CalibrationStatus
    coefficients: tuple[float, ...]
    certificate_id: str | None = None
    valid_until: datetime | None = None
    range_low: float | None = None
    range_high: float | None = None
    uncertainty: Uncertainty | None = None
    unshared: Uncertainty | None = None
    verification_failed: bool = False

    def apply(self, device_values: FloatArray) -> FloatArray:
        """Return N (or deg) for an array of device numbers, of the same shape."""
        result = device_values * 0.0
        for coefficient in reversed(self.coefficients):
            result = result * device_values + coefficient
        return result
