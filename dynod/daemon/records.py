"""What a step of the workflow changed, as records and message bytes for one transaction."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from dynod.model.deficit import Deficit
from dynod.model.session import Session, SessionSummary
from dynod.model.trial import Trial
from dynod.publish.render import Envelope, render_deficit, render_session, render_trial
from dynod.publish.topics import Topics
from dynod.session.answers import result_uuid
from dynod.session.steps import RecordChange, Result, Withdrawal
from dynod.store.audit import AuditEntry
from dynod.store.bundles import BundleMark
from dynod.store.change import Change, ClockBase, OutboxDraft, StoredReply
from dynod.store.outbox import OutboxRow, OutboxState

CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every result of this station carries; ``bundles`` tells whether it makes Bundles."""

    topics: Topics
    site: str
    name: str
    stream: str
    bundles: bool = True

    def envelope(self, sequence: int) -> Envelope:
        """Return the envelope of the result with a sequence number."""
        return Envelope(
            stream=self.stream,
            station_site=self.site,
            station_name=self.name,
            sequence=sequence,
        )


@dataclass(frozen=True, slots=True)
class OutgoingResult:
    """A revision of a result, and where it goes."""

    result_id: UUID
    revision: int
    topic: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction, and the messages that it seals; they count once it is committed."""

    change: Change
    sealed: list[OutboxRow]


def prepare_change(
    change: RecordChange,
    session: Session | None,
    letterhead: Letterhead,
    at: datetime,
    reply: StoredReply | None,
    audit: AuditEntry | None = None,
    *,
    clock: ClockBase | None = None,
    corrected: UUID | None = None,
) -> Prepared:
    """Return the transaction of a step: ``session`` is the one its trials belong to.

    ``clock`` is what the clock is while it is not set; ``corrected`` is a session whose times this
    change sets right.

    A session without a patient is stored and not published (docs/contract.md, section 3).
    """
    owner = change.summary.session if change.summary else session
    sealed: list[OutboxRow] = []
    withdrawn = change.withdrawn
    drafts: list[OutboxDraft] = []
    if withdrawn is not None:
        drafts += _drafts(_results(withdrawn), withdrawn.session, letterhead, sealed)
    if owner is not None and owner.patient is not None:
        announced = _results(change) if change.announced is None else change.announced
        drafts += _drafts(announced, owner, letterhead, sealed)
    return Prepared(
        Change(
            sessions=change.sessions,
            trials=(*(withdrawn.trials if withdrawn else ()), *change.trials),
            deficits=(*(withdrawn.deficits if withdrawn else ()), *change.deficits),
            withdrawn=withdrawn.summary if withdrawn else None,
            summary=change.summary,
            bound=change.bound,
            outbox=tuple(drafts),
            reply=reply,
            audit=audit,
            bundles=tuple(_bundles(change, owner)) if letterhead.bundles else (),
            clock=clock,
            corrected=corrected,
            at=at,
        ),
        sealed,
    )


def _bundles(change: RecordChange, owner: Session | None) -> Iterator[BundleMark]:
    """Yield the Bundles that a change makes due: those of sessions that ended, with a patient."""
    taken = change.withdrawn
    if taken is not None and taken.summary is not None:
        yield _mark(taken.session)
    says_something = change or change.bound is not None
    if says_something and owner is not None and owner.patient and owner.ended_at:
        yield _mark(owner)


def _mark(session: Session) -> BundleMark:
    return BundleMark(result_uuid(session, "fhir"), session.session_id, session.binding)


def _results(of: RecordChange | Withdrawal) -> tuple[Result, ...]:
    return (*of.trials, *of.deficits, *(() if of.summary is None else (of.summary,)))


def sealing(
    message: OutgoingResult, render: Callable[[int], bytes], sealed: list[OutboxRow]
) -> OutboxDraft:
    """Return the draft of a message, which stands in ``sealed`` once it has its number."""

    def seal(sequence: int) -> bytes:
        payload = render(sequence)
        row = OutboxRow(
            sequence=sequence,
            result_id=message.result_id,
            revision=message.revision,
            topic=message.topic,
            content_type=message.content_type,
            payload=payload,
            state=OutboxState.PENDING,
            attempts=0,
        )
        sealed.append(row)
        return payload

    return OutboxDraft(
        message.result_id, message.revision, message.topic, message.content_type, seal
    )


def _drafts(
    results: Iterable[Result], session: Session, letterhead: Letterhead, sealed: list[OutboxRow]
) -> Iterator[OutboxDraft]:
    topics = letterhead.topics

    def draft(result: Result, topic: str, render: Callable[[Envelope], bytes]) -> OutboxDraft:
        message = OutgoingResult(result.result_id, result.revision, topic, CONTENT_TYPE)
        return sealing(message, lambda number: render(letterhead.envelope(number)), sealed)

    for result in results:
        match result:
            case Trial():
                yield draft(result, topics.trial, partial(render_trial, result, session))
            case Deficit():
                yield draft(result, topics.deficit, partial(render_deficit, result, session))
            case SessionSummary():
                yield draft(result, topics.session, partial(render_session, result))
