"""What an export of a session is made of."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, select

from dynod.store import bundles, read
from dynod.store.bundles import BundleMaterial
from dynod.store.records import StoredSession
from dynod.store.tables import outbox


@dataclass(frozen=True, slots=True)
class ExportMaterial:
    """A session in its present patient binding.

    ``payloads`` are the newest revisions of its trials, deficits and own result as they were
    published, in the order of publishing, without those that were purged. ``bundle`` is None where
    no FHIR Bundle of it was ever due.
    """

    stored: StoredSession
    bundle: BundleMaterial | None
    payloads: tuple[bytes, ...] = field(repr=False)


def of_session(connection: Connection, session_id: UUID) -> ExportMaterial | None:
    """Return what an export of a session is made of, or None."""
    stored = read.session(connection, session_id)
    if stored is None:
        return None
    ids = [item.result_id for item in stored.trials]
    ids += [item.result_id for item in stored.deficits]
    ids += [] if stored.summary is None else [stored.summary.result_id]
    return ExportMaterial(
        stored,
        bundles.of_session(connection, session_id, stored.session.binding),
        tuple(_newest(connection, ids))[::-1],
    )


def _newest(connection: Connection, ids: list[UUID]) -> Iterator[bytes]:
    """Yield the newest message of each result, newest first."""
    query = select(outbox.c.result_id, outbox.c.payload).where(
        outbox.c.result_id.in_([str(item) for item in ids])
    )
    seen = set()
    for result_id, payload in connection.execute(query.order_by(outbox.c.sequence.desc())):
        if result_id not in seen:
            seen.add(result_id)
            yield payload
