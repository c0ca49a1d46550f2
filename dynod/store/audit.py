"""The append-only book of who did what to the records: certificates, exports, corrections."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, insert, select

from dynod.store.codec import time_of, time_text
from dynod.store.tables import audit


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act.

    ``action`` is a dotted name (``certificate.add``), ``subject`` the id of what it was done to,
    ``who`` as the operating system or the caller names them; ``detail`` is plain JSON and holds
    no patient.
    """

    at: datetime
    action: str
    subject: str
    who: str
    detail: Mapping[str, object] = field(default_factory=dict)


def write(connection: Connection, entry: AuditEntry) -> None:
    """Add an entry. Raises ValueError for a detail that JSON cannot say."""
    row = {
        "at": time_text(entry.at),
        "action": entry.action,
        "subject": entry.subject,
        "who": entry.who,
        "detail": json.dumps(dict(entry.detail), allow_nan=False, ensure_ascii=False),
    }
    connection.execute(insert(audit), row)


def entries(connection: Connection, subject: str | None) -> tuple[AuditEntry, ...]:
    """Return the entries in the order of writing, of one subject or all."""
    query = select(audit).order_by(audit.c.ordinal)
    if subject is not None:
        query = query.where(audit.c.subject == subject)
    return tuple(
        AuditEntry(time_of(row.at), row.action, row.subject, row.who, json.loads(row.detail))
        for row in connection.execute(query)
    )
