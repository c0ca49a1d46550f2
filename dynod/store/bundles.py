"""FHIR Bundles: which are due, what they are made of, which revision went out."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.sqlite import insert

from dynod.model.deficit import Deficit
from dynod.model.session import Session, SessionSummary
from dynod.model.trial import Trial
from dynod.store import read
from dynod.store.codec import from_json
from dynod.store.tables import bundle, clock_mark, outbox, session_summary
from dynod.store.tables import session as session_table


@dataclass(frozen=True, slots=True)
class BundleMark:
    """A session in one of its patient bindings, whose Bundle has the id ``result_id``."""

    result_id: UUID
    session_id: UUID
    binding: int


@dataclass(frozen=True, slots=True)
class BundleMaterial:
    """What a due Bundle is made of.

    ``session`` is as it was bound then, ``withdrawn`` tells that it moved to somebody else since.
    ``revision`` is the one that went out last, 0 for none, and ``previous`` its bytes, None where
    they are gone. ``due`` tells that there is more to say than those bytes do.
    """

    mark: BundleMark
    revision: int
    session: Session
    withdrawn: bool
    trials: tuple[Trial, ...]
    deficits: tuple[Deficit, ...]
    previous: bytes | None = field(repr=False)
    due: bool = True


def mark_due(connection: Connection, mark: BundleMark) -> None:
    """Note that the Bundle of a session has to be made, or made again."""
    statement = insert(bundle).values(
        result_id=str(mark.result_id),
        session_id=str(mark.session_id),
        binding=mark.binding,
        revision=0,
        due=1,
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=["result_id"], set_={"due": 1})
    )


def note_made(connection: Connection, result_id: UUID, revision: int) -> None:
    """Note which revision of a Bundle is the newest; nothing is due of it any more."""
    this = bundle.c.result_id == str(result_id)
    connection.execute(update(bundle).where(this).values(revision=revision, due=0))


def forget_due(connection: Connection) -> int:
    """Let no Bundle be due any more; return how many were."""
    return connection.execute(update(bundle).where(bundle.c.due == 1).values(due=0)).rowcount


def first_due(
    connection: Connection, boot_id: str, without: Collection[UUID] = ()
) -> BundleMaterial | None:
    """Return what the Bundle is made of that is due for longest, or None.

    One whose session has times that were marked in this boot waits until they are corrected, and
    those of ``without`` are left alone.
    """
    marked = select(clock_mark.c.session_id).where(clock_mark.c.boot_id == boot_id)
    due = select(bundle).where(bundle.c.due == 1, bundle.c.session_id.not_in(marked))
    due = due.where(bundle.c.result_id.not_in([str(item) for item in without]))
    row = connection.execute(due.order_by(bundle.c.ordinal).limit(1)).first()
    if row is None:
        return None
    return _material(connection, row)


def of_session(connection: Connection, session_id: UUID, binding: int) -> BundleMaterial | None:
    """Return what the Bundle of a session in a binding is made of; None where it was never due."""
    query = select(bundle).where(
        bundle.c.session_id == str(session_id), bundle.c.binding == binding
    )
    row = connection.execute(query).first()
    return None if row is None else _material(connection, row)


def _material(connection: Connection, row: Row[Any]) -> BundleMaterial:
    mark = BundleMark(UUID(row.result_id), UUID(row.session_id), row.binding)
    session = _session(connection, mark)
    trials = read.trials(connection, mark.session_id, None)[::-1]
    deficits = read.deficits(connection, mark.session_id, None)[::-1]
    return BundleMaterial(
        mark,
        row.revision,
        session,
        withdrawn=_latest(connection, mark.session_id).binding != mark.binding,
        trials=tuple(item for item in trials if item.binding == mark.binding),
        deficits=tuple(item for item in deficits if item.binding == mark.binding),
        previous=_previous(connection, mark.result_id, row.revision),
        due=bool(row.due),
    )


def _latest(connection: Connection, session_id: UUID) -> Session:
    query = select(session_table.c.record).where(session_table.c.session_id == str(session_id))
    return from_json(Session, connection.execute(query).scalar_one())


def _session(connection: Connection, mark: BundleMark) -> Session:
    """Return a session as it was in a binding: its own results of then remember it."""
    now = _latest(connection, mark.session_id)
    if now.binding == mark.binding:
        return now
    of_session = session_summary.c.session_id == str(mark.session_id)
    for record in connection.scalars(select(session_summary.c.record).where(of_session)):
        then = from_json(SessionSummary, record).session
        if then.binding == mark.binding:
            return then
    return now


def _previous(connection: Connection, result_id: UUID, revision: int) -> bytes | None:
    query = select(outbox.c.payload).where(
        outbox.c.result_id == str(result_id), outbox.c.revision == revision
    )
    payload: bytes | None = connection.scalar(query)
    return payload
