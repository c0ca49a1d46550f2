"""The append-only history of checks."""

import math

from sqlalchemy import Connection, insert, select

from dynod.model.calibration_record import Verification
from dynod.model.errors import UsageError
from dynod.store.codec import from_json, time_text, to_json
from dynod.store.tables import verification


def add(connection: Connection, given: Verification) -> None:
    """Add a check. Raises UsageError for one whose readings are no numbers."""
    check = given.check
    if not all(math.isfinite(value) for value in (check.reference, check.reading, check.zero)):
        raise UsageError("a check without a reading cannot be kept; take it again")
    row = {
        "profile": given.profile,
        "serial_number": given.serial_number,
        "certificate_id": given.certificate_id,
        "at": time_text(check.at),
        "passed": int(given.result.passed),
        "record": to_json(given),
    }
    connection.execute(insert(verification), row)


def stored(
    connection: Connection, profile: str | None, serial_number: str | None
) -> tuple[Verification, ...]:
    """Return the checks of a unit, the last stored one last; of every unit where None is given.

    The order is that of storing, which also holds where a clock was set back.
    """
    query = select(verification.c.record)
    if profile is not None:
        query = query.where(verification.c.profile == profile)
    if serial_number is not None:
        query = query.where(verification.c.serial_number == serial_number)
    query = query.order_by(verification.c.ordinal)
    return tuple(from_json(Verification, record) for record in connection.scalars(query))
