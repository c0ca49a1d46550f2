"""The append-only shelf of calibration certificates."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from dynod.model.calibration import Certificate
from dynod.model.errors import StorageError, UsageError
from dynod.store import audit
from dynod.store.audit import AuditEntry
from dynod.store.codec import from_json, time_text, to_json
from dynod.store.tables import certificate


@dataclass(frozen=True, slots=True)
class Merged:
    """What certificates do to a shelf: the new ones, and those that they revoke, with reasons."""

    added: tuple[Certificate, ...]
    revoked: tuple[tuple[str, str], ...]


def stored(connection: Connection) -> tuple[Certificate, ...]:
    """Return every certificate, in the order of adding, revocations included."""
    query = select(certificate.c.record, certificate.c.revoked_reason)
    return tuple(
        replace(from_json(Certificate, record), revoked_reason=reason)
        for record, reason in connection.execute(query.order_by(certificate.c.ordinal))
    )


def merge(present: Iterable[Certificate], given: Iterable[Certificate]) -> Merged:
    """Return what is new in ``given``; a revocation is never taken back.

    Raises StorageError when an id comes with other content.
    """
    known = {item.certificate_id: item for item in present}
    added: list[str] = []
    revoked: dict[str, str] = {}
    for item in given:
        before = known.setdefault(item.certificate_id, item)
        if before is item:
            added.append(item.certificate_id)
        elif replace(before, revoked_reason=None) != replace(item, revoked_reason=None):
            raise StorageError(
                f"certificate {item.certificate_id} is already stored with other content;"
                " certificates never change: give the new calibration a new certificate_id"
            )
        elif item.revoked_reason is not None and before.revoked_reason is None:
            known[item.certificate_id] = replace(before, revoked_reason=item.revoked_reason)
            if item.certificate_id not in added:
                revoked[item.certificate_id] = item.revoked_reason
    return Merged(tuple(known[name] for name in added), tuple(revoked.items()))


def merged(present: Iterable[Certificate], given: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Return a shelf as it is once ``given`` are added. Raises StorageError as `merge` does."""
    present = tuple(present)
    change = merge(present, given)
    reasons = dict(change.revoked)
    kept = (
        replace(item, revoked_reason=reasons.get(item.certificate_id, item.revoked_reason))
        for item in present
    )
    return (*kept, *change.added)


def add(
    connection: Connection, given: Iterable[Certificate], at: datetime, who: str
) -> tuple[str, ...]:
    """Add certificates and return the ids of the new ones.

    Those already there are left, or revoked when the given one is. Raises StorageError when an id
    comes with other content.
    """
    merged = merge(stored(connection), given)
    for item in merged.added:
        _insert(connection, item, at, who)
    for certificate_id, reason in merged.revoked:
        _revoke(connection, certificate_id, reason, at, who)
    return tuple(item.certificate_id for item in merged.added)


def revoke(
    connection: Connection, certificate_id: str, reason: str, at: datetime, who: str
) -> None:
    """Revoke a certificate. Raises UsageError when there is none or when it is revoked already."""
    query = select(certificate.c.revoked_reason).where(
        certificate.c.certificate_id == certificate_id
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UsageError(f"no certificate {certificate_id}; `dynod calibrate list` shows them")
    if row.revoked_reason is not None:
        raise UsageError(
            f"certificate {certificate_id} is already revoked: {row.revoked_reason};"
            " a revocation is never changed"
        )
    _revoke(connection, certificate_id, reason, at, who)


def _insert(connection: Connection, given: Certificate, at: datetime, who: str) -> None:
    row = {
        "certificate_id": given.certificate_id,
        "record": to_json(replace(given, revoked_reason=None)),
        "added_at": time_text(at),
        "revoked_reason": given.revoked_reason,
    }
    connection.execute(insert(certificate), row)
    unit = {"profile": given.profile, "serial_number": given.serial_number}
    audit.write(connection, AuditEntry(at, "certificate.add", given.certificate_id, who, unit))


def _revoke(
    connection: Connection, certificate_id: str, reason: str, at: datetime, who: str
) -> None:
    statement = update(certificate).where(certificate.c.certificate_id == certificate_id)
    connection.execute(statement.values(revoked_reason=reason))
    entry = AuditEntry(at, "certificate.revoke", certificate_id, who, {"reason": reason})
    audit.write(connection, entry)
