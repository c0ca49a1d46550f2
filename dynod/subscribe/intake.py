"""Results into the database: each once, the newest revision on top."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Table, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from dynod.publish.broker import Inbound
from dynod.subscribe.envelope import FHIR, Result, Stream
from dynod.subscribe.tables import bundle, message, purged, result, set_aside, station, stream


class Outcome(StrEnum):
    """What became of a result. All but ``DIFFERS`` get a receipt."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    OLDER = "older"
    """A lower revision than we have: kept, and never shown."""
    DIFFERS = "differs"
    """The same id and revision as one that we have, with other bytes: the first one stays."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A message that could not be read, and why."""

    inbound: Inbound
    reason: str


def store_results(
    connection: Connection, results: Sequence[Result], at: datetime, *, queue_bundles: bool
) -> list[Outcome]:
    """Store results and return what became of each, in their order.

    With ``queue_bundles`` a Bundle that is the newest of its kind also joins the queue for the
    FHIR server, in the same transaction.
    """
    outcomes: dict[int, Outcome] = {}
    # All subscribers lock rows in the same order, so that none waits for another in a circle.
    order = sorted(range(len(results)), key=lambda i: _order(results[i]))
    for index in order:
        outcomes[index] = _store_message(connection, results[index], at)
    for index in order:
        if outcomes[index] is Outcome.STORED:
            outcomes[index] = _store_current(connection, results[index])
    if queue_bundles:
        _queue_bundles(
            connection,
            [r for i, r in enumerate(results) if outcomes[i] is Outcome.STORED and r.kind == FHIR],
            at,
        )
    return [outcomes[index] for index in range(len(results))]


def note_streams(connection: Connection, results: Iterable[Result]) -> None:
    """Make sure that the streams of results are known, so that their gaps are judged."""
    for of in sorted({item.stream for item in results}):
        add_stream(connection, of)


def add_stream(connection: Connection, of: Stream) -> None:
    """Begin to judge the gaps of a stream, unless that is done already."""
    insert_new(
        connection,
        stream,
        site=of.place.site,
        station=of.place.station,
        stream=of.stream,
        **dict.fromkeys(("complete_to", "announced", "missing", "asks", "waited_to"), 0),
    )


def store_aside(connection: Connection, asides: Sequence[Aside], at: datetime) -> None:
    """Keep messages that could not be read; a repeat is counted."""
    by_digest = {_digest(aside.inbound): aside for aside in asides}
    times = Counter(_digest(aside.inbound) for aside in asides)
    for digest, aside in sorted(by_digest.items()):
        statement = _insert(connection, set_aside).values(
            digest=digest,
            topic=aside.inbound.topic,
            reason=aside.reason,
            payload=aside.inbound.payload,
            times=times[digest],
            first_at=at,
            last_at=at,
        )
        again = {
            "times": set_aside.c.times + times[digest],
            "last_at": at,
            "reason": aside.reason,
        }
        connection.execute(statement.on_conflict_do_update(index_elements=["digest"], set_=again))


def insert_new(connection: Connection, table: Table, **values: object) -> bool:
    """Insert a row unless its primary key is there; return whether it was new."""
    return _took(connection, _insert(connection, table).values(**values).on_conflict_do_nothing())


def upsert_station(connection: Connection, key: dict[str, str], said: dict[str, Any]) -> None:
    """Keep what a station said of itself last."""
    statement = _insert(connection, station).values(**key, **said)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["site", "station"], set_=said)
    )


def upsert_range(connection: Connection, key: dict[str, object], first: int, last: int) -> bool:
    """Keep a range of purged numbers; return whether it is new, or longer than it was."""
    statement = _insert(connection, purged).values(**key, from_sequence=first, to_sequence=last)
    return _took(
        connection,
        statement.on_conflict_do_update(
            index_elements=["site", "station", "stream", "from_sequence"],
            set_={"to_sequence": last},
            where=purged.c.to_sequence < last,
        ),
    )


def _insert(connection: Connection, table: Table) -> Any:
    """Return an INSERT of the dialect: both have ON CONFLICT, and write it alike."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _took(connection: Connection, statement: Any) -> bool:
    """Execute an INSERT; return whether it wrote a row. Not all drivers count rows of one."""
    return connection.execute(statement.returning(literal(1))).first() is not None


def _digest(inbound: Inbound) -> str:
    return sha256(inbound.topic.encode() + b"\0" + inbound.payload).hexdigest()


def _order(item: Result) -> tuple[object, int]:
    return item.result_id, item.revision


def _store_message(connection: Connection, item: Result, at: datetime) -> Outcome:
    new = insert_new(
        connection,
        message,
        result_id=item.result_id,
        revision=item.revision,
        **_where(item),
        schema=item.schema,
        status=item.status,
        payload=item.payload,
        received_at=at,
    )
    if new:
        return Outcome.STORED
    known = connection.execute(
        select(message.c.payload)
        .where(message.c.result_id == item.result_id)
        .where(message.c.revision == item.revision)
    ).scalar()
    return Outcome.DUPLICATE if known == item.payload else Outcome.DIFFERS


def _store_current(connection: Connection, item: Result) -> Outcome:
    """Let a result point at this revision, unless it points at a higher one."""
    newest = {
        "revision": item.revision,
        "kind": item.kind,
        "status": item.status,
        "counts": item.counts,
        "session_id": item.session_id,
    }
    statement = _insert(connection, result).values(result_id=item.result_id, **newest)
    highest = _took(
        connection,
        statement.on_conflict_do_update(
            index_elements=["result_id"],
            set_=newest,
            where=result.c.revision < item.revision,
        ),
    )
    return Outcome.STORED if highest else Outcome.OLDER


def _queue_bundles(connection: Connection, bundles: Iterable[Result], at: datetime) -> None:
    for item in sorted(bundles, key=_order):
        insert_new(
            connection,
            bundle,
            result_id=item.result_id,
            revision=item.revision,
            **_where(item),
            state="waiting",
            attempts=0,
            next_attempt_at=at,
        )


def _where(item: Result) -> dict[str, object]:
    place = item.stream.place
    return {
        "site": place.site,
        "station": place.station,
        "stream": item.stream.stream,
        "sequence": item.sequence,
    }
