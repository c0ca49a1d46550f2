"""The queue of Bundles for the FHIR server: which one is next, and what became of it.

Within a stream Bundles go in the order of their numbers, so that an amendment never comes before
what it amends. Subscribers that share the database take turns by a lease, which ends by itself
when its holder dies; a Bundle that is then posted twice changes nothing (conditional PUT).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, update

from dynod.subscribe.envelope import Place
from dynod.subscribe.tables import bundle, message

WAITING, DELIVERED, REFUSED = "waiting", "delivered", "refused"


@dataclass(frozen=True, slots=True)
class Due:
    """A Bundle whose turn it is. ``attempts`` counts this one too."""

    result_id: UUID
    revision: int
    place: Place
    sequence: int
    attempts: int
    payload: str = field(repr=False)


def take_next(connection: Connection, now: datetime, lease_s: float) -> Due | None:
    """Take the next Bundle that is due for ``lease_s``; None when there is none."""
    earlier = bundle.alias()
    unfinished = exists().where(
        earlier.c.state == WAITING,
        earlier.c.site == bundle.c.site,
        earlier.c.station == bundle.c.station,
        earlier.c.stream == bundle.c.stream,
        earlier.c.sequence < bundle.c.sequence,
    )
    found = connection.execute(
        select(bundle, message.c.payload)
        .join(
            message,
            and_(
                message.c.result_id == bundle.c.result_id,
                message.c.revision == bundle.c.revision,
            ),
        )
        .where(bundle.c.state == WAITING, bundle.c.next_attempt_at <= now, ~unfinished)
        .order_by(bundle.c.next_attempt_at, bundle.c.sequence)
        .limit(1)
        .with_for_update(of=bundle, skip_locked=True)
    ).one_or_none()
    if found is None:
        return None
    connection.execute(
        update(bundle)
        .where(bundle.c.result_id == found.result_id, bundle.c.revision == found.revision)
        .values(attempts=found.attempts + 1, next_attempt_at=now + timedelta(seconds=lease_s))
    )
    return Due(
        found.result_id,
        found.revision,
        Place(found.site, found.station),
        found.sequence,
        found.attempts + 1,
        found.payload,
    )


def settle(connection: Connection, due: Due, state: str, at: datetime, error: str | None) -> None:
    """Note how posting a Bundle ended: delivered, or refused with the server's words."""
    delivered = at if state == DELIVERED else None
    connection.execute(
        update(bundle).where(_is(due)).values(state=state, last_error=error, delivered_at=delivered)
    )


def postpone(connection: Connection, due: Due, until: datetime, error: str) -> None:
    """Note that a Bundle could not be posted now."""
    connection.execute(
        update(bundle).where(_is(due)).values(next_attempt_at=until, last_error=error)
    )


def requeue_refused(connection: Connection, now: datetime) -> int:
    """Let the refused Bundles be posted again; return how many there are."""
    refused = update(bundle).where(bundle.c.state == REFUSED)
    again = refused.values(state=WAITING, attempts=0, next_attempt_at=now)
    return connection.execute(again).rowcount


def count_bundles(connection: Connection) -> dict[str, int]:
    """Count the Bundles by state."""
    query = select(bundle.c.state, func.count()).group_by(bundle.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}


def _is(due: Due) -> ColumnElement[bool]:
    return and_(bundle.c.result_id == due.result_id, bundle.c.revision == due.revision)
