"""Devices in FHIR: the unit, and its channel under one calibration."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from dynod.model.calibration import CalibrationStatus, Certificate
from dynod.model.clinical import Kind
from dynod.model.device import DeviceIdentity
from dynod.model.trial import Trial
from dynod.publish.code_map import CodeMap
from dynod.publish.fhir_parts import UCUM, Resource, identifiers, urn
from dynod.publish.fields import rfc3339

# What the ids of devices are derived from; any UUID would do, it must never change.
_NAMESPACE = UUID("0a3a8c0e-7c58-4b5e-9a8c-3f9de0c7a6f2")

_STATES = {
    CalibrationStatus.CERTIFIED: "calibrated",
    CalibrationStatus.NOMINAL: "not-calibrated",
    CalibrationStatus.NONE: "not-calibrated",
    CalibrationStatus.EXPIRED: "calibration-required",
    CalibrationStatus.REVOKED: "calibration-required",
}
_UNITS = {Kind.FORCE: ("N", "N"), Kind.ANGLE: ("deg", "°")}


def device_id(device: DeviceIdentity, stream: str) -> UUID:
    """Return the id of a unit.

    The same at every station when its serial number is known, else of this station alone
    (``stream``).
    """
    if device.serial_number is not None:
        return uuid5(_NAMESPACE, f"unit/{device.profile}/{device.serial_number}")
    return uuid5(_NAMESPACE, f"place/{stream}/{device.device_id}/{device.profile}")


def metric_id(trial: Trial, stream: str) -> UUID:
    """Return the id of a unit's channel under the calibration that a trial was measured with.

    A new certificate is a new channel: what an old result was measured with stays as it was.
    """
    calibration = trial.calibration
    under = calibration.certificate_id or ""
    return uuid5(device_id(trial.device, stream), f"{calibration.status}/{under}")


def device_resource(device: DeviceIdentity, stream: str, codes: CodeMap) -> Resource:
    """Return the Device of a unit."""
    made: Resource = {
        "resourceType": "Device",
        "identifier": identifiers(device_id(device, stream)),
        "status": "active",
    }
    if device.serial_number is not None:
        made["serialNumber"] = device.serial_number
    return {
        **made,
        "deviceName": [{"name": device.profile, "type": "model-name"}],
        "type": codes.codeable("device", device.kind),
    }


def metric_resource(
    trial: Trial, stream: str, codes: CodeMap, certificates: Mapping[str, Certificate]
) -> Resource:
    """Return the DeviceMetric of a trial's device, with its calibration."""
    kind = trial.device.kind
    unit, shown = _UNITS[kind]
    return {
        "resourceType": "DeviceMetric",
        "identifier": identifiers(metric_id(trial, stream)),
        "type": codes.codeable("device", f"{kind}_channel"),
        "unit": {"coding": [{"system": UCUM, "code": unit, "display": shown}], "text": shown},
        "source": {"reference": urn(device_id(trial.device, stream)), "type": "Device"},
        "category": "measurement",
        "calibration": [_calibration(trial, certificates)],
    }


def _calibration(trial: Trial, certificates: Mapping[str, Certificate]) -> dict[str, Any]:
    calibration = trial.calibration
    made = {"type": "unspecified", "state": _STATES[calibration.status]}
    certificate = certificates.get(calibration.certificate_id or "")
    if certificate is None:
        return made
    detail = certificate.detail
    when = certificate.valid_from if detail is None else detail.issued_at
    return {**made, "time": rfc3339(when)}
