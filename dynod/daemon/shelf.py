"""Certificates and checks on request: the operation ``calibration`` of the control socket.

``{"op": "calibration", "action": …}`` with the fields of the action; a running daemon answers it
from its store, and the command line answers it from the file when no daemon runs. Records are the
store's JSON; a certificate comes as the text of its TOML file.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dynod.config.certificate_text import content_sha256
from dynod.config.certificates import SITE_FOLDER, parse_certificate
from dynod.config.problems import unknown
from dynod.core.calibration import checks_under
from dynod.core.certificate_status import certificate_status
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import Verification
from dynod.model.clinical import Kind
from dynod.model.device import DeviceIdentity
from dynod.model.errors import StorageError, UsageError
from dynod.store.audit import AuditEntry
from dynod.store.certificates import merged
from dynod.store.codec import from_json, to_json
from dynod.store.store import Store

_FIELDS: Mapping[str, Mapping[str, type]] = {
    "list": {},
    "certificates": {},
    "verifications": {"profile": str, "serial_number": str},
    "add": {"certificate": str, "any_unit": bool, "who": str},
    "revoke": {"certificate_id": str, "reason": str, "who": str},
    "verify": {"verification": dict},
    "exported": {"certificate_id": str, "who": str},
}
CHANGES = frozenset({"add", "revoke", "verify", "exported"})
"""The actions that write."""

MOST_CHARACTERS = 1000
_FROM_REQUEST = Path("certificate")


@dataclass(frozen=True, slots=True)
class StoredShelf:
    """The shelf of a station.

    ``store`` is None where there is no database yet; ``devices`` are those of the config;
    ``beside`` are certificates of ``calibration.d`` that the store may not have yet.
    """

    store: Store | None
    devices: Sequence[DeviceIdentity]
    beside: Sequence[Certificate] = ()

    def answer(self, request: Mapping[str, object], at: datetime) -> object:
        """Carry out a request and return its answer as plain JSON data.

        Raises UsageError for a request that is wrong or asks for what is not there, ConfigError
        for a certificate that cannot be read, StorageError when it cannot be stored.
        """
        action = str(request.get("action"))
        given = {key: value for key, value in request.items() if key not in {"op", "action"}}
        _check_fields(action, given)
        match action:
            case "list":
                return self._list(at)
            case "certificates":
                return [json.loads(to_json(item)) for item in self.certificates()]
            case "verifications":
                checks = self._verifications(str(given["profile"]), str(given["serial_number"]))
                return [json.loads(to_json(item)) for item in checks]
            case _:
                return self._change(action, given, at)

    def certificates(self) -> tuple[Certificate, ...]:
        """Return every certificate, those of ``calibration.d`` included."""
        stored = () if self.store is None else self.store.certificates()
        return merged(stored, self.beside)

    def _verifications(
        self, profile: str | None = None, serial_number: str | None = None
    ) -> tuple[Verification, ...]:
        return () if self.store is None else self.store.verifications(profile, serial_number)

    def _list(self, at: datetime) -> list[dict[str, object]]:
        if self.store is not None:
            at = max(at, self.store.latest_time())
        return certificate_rows(self.certificates(), self._verifications(), self.devices, at)

    def _change(self, action: str, given: Mapping[str, object], at: datetime) -> object:
        if self.store is None:
            raise StorageError("there is no database to write to")
        self.store.add_certificates(self.beside, at, SITE_FOLDER)
        who, certificate_id = str(given.get("who")), str(given.get("certificate_id"))
        match action:
            case "add":
                return self._add(self.store, given, at)
            case "revoke":
                reason = str(given["reason"])
                self.store.revoke_certificate(certificate_id, reason, at, who)
            case "verify":
                record = json.dumps(given["verification"])
                self.store.add_verification(from_json(Verification, record))
            case _:
                find_certificate(self.certificates(), certificate_id)
                self.store.audit(AuditEntry(at, "certificate.export", certificate_id, who))
        return {}

    def _add(self, store: Store, given: Mapping[str, object], at: datetime) -> object:
        certificate = parse_certificate(str(given["certificate"]), _FROM_REQUEST)
        if not given["any_unit"]:
            check_unit(certificate, self.devices)
        added = store.add_certificates([certificate], at, str(given["who"]))
        return {"added": bool(added), "sha256": content_sha256(certificate)}


def find_certificate(certificates: Iterable[Certificate], certificate_id: str) -> Certificate:
    """Return the certificate of an id. Raises UsageError when there is none."""
    known = {item.certificate_id: item for item in certificates}
    if certificate_id not in known:
        if not known:
            raise UsageError(f"no certificate {certificate_id}: none is stored yet")
        raise UsageError(f"{certificate_id}: {unknown(certificate_id, known, 'certificate')}")
    return known[certificate_id]


def check_unit(certificate: Certificate, devices: Iterable[DeviceIdentity]) -> None:
    """Raise UsageError when a certificate is of no configured device, naming what there is."""
    fitting = [item for item in devices if item.profile == certificate.profile]
    if any(item.serial_number == certificate.serial_number for item in fitting):
        return
    raise UsageError(
        f"certificate {certificate.certificate_id} is of {certificate.profile} with serial number"
        f" {certificate.serial_number}, which is not configured: {_configured(fitting)};"
        " correct serial_number in the config, or give --any-unit to file it all the same"
    )


def _configured(devices: Sequence[DeviceIdentity]) -> str:
    if not devices:
        return "no device has this profile"
    return ", ".join(
        f"{item.device_id} has {item.serial_number or 'no serial_number'}" for item in devices
    )


def certificate_rows(
    certificates: Sequence[Certificate],
    verifications: Sequence[Verification],
    devices: Sequence[DeviceIdentity],
    at: datetime,
) -> list[dict[str, object]]:
    """Return a row for each certificate: its unit, how it stands at a time, the last check."""
    owners = {(item.profile, item.serial_number): item for item in devices}
    rows: list[dict[str, object]] = []
    for item in certificates:
        owner = owners.get((item.profile, item.serial_number))
        rows.append(
            {
                "certificate_id": item.certificate_id,
                "profile": item.profile,
                "serial_number": item.serial_number,
                "device": None if owner is None else owner.device_id,
                "status": certificate_status(item, certificates, verifications, at).value,
                "valid_from": item.valid_from.isoformat(),
                "valid_until": item.valid_until.isoformat(),
                "days_left": _days_left(item, at),
                "range_low": item.range_low,
                "range_high": item.range_high,
                "unit": _unit(item, owner),
                "issued_by": item.issued_by,
                "revoked_reason": item.revoked_reason,
                "last_check": _last_check(item, verifications),
            }
        )
    return rows


def _days_left(certificate: Certificate, at: datetime) -> int:
    """Count whole days by UTC, as the device's status does; 0 where none are left."""
    until = certificate.valid_until.astimezone(UTC).date()
    return max((until - at.astimezone(UTC).date()).days, 0)


def _unit(certificate: Certificate, owner: DeviceIdentity | None) -> str | None:
    """Return N or deg; None where neither the certificate nor the config says which."""
    said_by = certificate.detail or owner
    if said_by is None:
        return None
    return "N" if said_by.kind is Kind.FORCE else "deg"


def _last_check(
    certificate: Certificate, verifications: Sequence[Verification]
) -> dict[str, object] | None:
    checks = checks_under(
        verifications,
        profile=certificate.profile,
        serial_number=certificate.serial_number,
        certificate_id=certificate.certificate_id,
    )
    if not checks:
        return None
    last = checks[-1]
    return {
        "at": last.check.at.isoformat(),
        "passed": last.result.passed,
        "error": last.result.error,
        "limit": last.result.limit,
    }


def _check_fields(action: str, given: Mapping[str, object]) -> None:
    if action not in _FIELDS:
        raise UsageError(f"action {action}: {unknown(action, _FIELDS, 'action')}")
    wanted = _FIELDS[action]
    for key in given.keys() - wanted.keys():
        raise UsageError(f"calibration {action}: {key}: {unknown(key, wanted)}")
    for key, kind in wanted.items():
        if key not in given:
            raise UsageError(f"calibration {action}: {key}: missing")
        if type(given[key]) is not kind:
            raise UsageError(f"calibration {action}: {key}: should be {kind.__name__}")
        if key != "certificate" and isinstance(given[key], str):
            _check_line(action, key, str(given[key]))


def _check_line(action: str, key: str, text: str) -> None:
    if not (text.isprintable() and 0 < len(text) <= MOST_CHARACTERS):
        raise UsageError(
            f"calibration {action}: {key}: should be one line of 1 to {MOST_CHARACTERS} characters"
        )
