"""What is committed together: records, the messages they cause, the reply they deserve."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dynod.model.deficit import Deficit
from dynod.model.session import Session, SessionSummary
from dynod.model.trial import Trial
from dynod.store.audit import AuditEntry
from dynod.store.bundles import BundleMark


@dataclass(frozen=True, slots=True)
class OutboxDraft:
    """A message that waits for its sequence number.

    ``render`` is called once, inside the transaction, with the number that the message gets; what
    it returns is stored and sent as it stands, however often. What it raises rolls back everything.
    """

    result_id: UUID
    revision: int
    topic: str
    content_type: str
    render: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class StoredReply:
    """The reply to a command, kept for a repeat of the same ``request_id``."""

    request_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ResendRange:
    """Sequence numbers, both ends included, whose messages shall go out once more."""

    from_sequence: int
    to_sequence: int


@dataclass(frozen=True, slots=True)
class ClockBase:
    """A wall clock that is not set: what it is ahead of the monotonic clock of this boot, in s."""

    boot_id: str
    base_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One transaction. ``at`` is the wall time, aware.

    Sessions are written before the trials and deficits that belong to them. A trial, deficit or
    summary that is already stored must come with a higher revision. ``withdrawn`` is the summary of
    a patient whom the session no longer belongs to; ``bound`` one that is stored already and has
    got its patient, at the same revision. ``bundles`` are due from now on; ``bundle_made`` is the
    revision of one that is not due any more. ``clock`` is what the clock was when it was not set;
    ``corrected`` is a session whose times are set right by this change.
    """

    at: datetime
    sessions: tuple[Session, ...] = ()
    trials: tuple[Trial, ...] = ()
    deficits: tuple[Deficit, ...] = ()
    summary: SessionSummary | None = None
    withdrawn: SessionSummary | None = None
    bound: SessionSummary | None = None
    outbox: tuple[OutboxDraft, ...] = ()
    resend: ResendRange | None = None
    audit: AuditEntry | None = None
    bundles: tuple[BundleMark, ...] = ()
    bundle_made: tuple[UUID, int] | None = None
    reply: StoredReply | None = None
    clock: ClockBase | None = None
    corrected: UUID | None = None
