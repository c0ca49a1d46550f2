"""The append-only shelf of calibration certificates."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from dynod.model.calibration import Certificate
from dynod.model.errors import StorageError
from dynod.store.codec import from_json, time_text, to_json
from dynod.store.tables import certificate


def stored(connection: Connection) -> tuple[Certificate, ...]:
    """Return every certificate, in the order of adding, revocations included."""
    query = select(certificate.c.record, certificate.c.revoked_reason)
    return tuple(
        replace(from_json(Certificate, record), revoked_reason=reason)
        for record, reason in connection.execute(query.order_by(certificate.c.ordinal))
    )


def add(connection: Connection, certificates: Iterable[Certificate], at: datetime) -> None:
    """Add certificates; those already there are left, or revoked when the given one is.

    A revocation is never taken back. Raises StorageError when an id comes with other content.
    """
    known = {item.certificate_id: item for item in stored(connection)}
    for given in certificates:
        present = known.get(given.certificate_id)
        if present is None:
            _insert(connection, given, at)
        elif replace(present, revoked_reason=None) != replace(given, revoked_reason=None):
            raise StorageError(
                f"certificate {given.certificate_id} is already stored with other content;"
                " certificates never change: give the new calibration a new certificate_id"
            )
        elif given.revoked_reason is not None and present.revoked_reason is None:
            _revoke(connection, given.certificate_id, given.revoked_reason)
        known[given.certificate_id] = given


def _insert(connection: Connection, given: Certificate, at: datetime) -> None:
    row = {
        "certificate_id": given.certificate_id,
        "record": to_json(replace(given, revoked_reason=None)),
        "added_at": time_text(at),
        "revoked_reason": given.revoked_reason,
    }
    connection.execute(insert(certificate), row)


def _revoke(connection: Connection, certificate_id: str, reason: str) -> None:
    statement = update(certificate).where(certificate.c.certificate_id == certificate_id)
    connection.execute(statement.values(revoked_reason=reason))
