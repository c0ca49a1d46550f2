"""What the workflow works with and gives back: rules, context, steps and their effects."""

import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from uuid import UUID

from dynod.model.clinical import Battery
from dynod.model.deficit import Deficit
from dynod.model.session import Phase, Session, SessionSummary
from dynod.model.trial import StartedBy, Trial
from dynod.session.answers import Judge, deficits_due, with_deficits
from dynod.session.inputs import Instant
from dynod.session.replies import ErrorCode, Refused
from dynod.session.roster import StationDevice
from dynod.session.state import State, settled

Result: TypeAlias = Trial | Deficit | SessionSummary

# Letters and digits that nobody reads as another one.
CODE_ALPHABET = "ACDEFGHJKLMNPQRTUVWXY34679"


def new_code() -> str:
    """Return four random characters for the display."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(4))


@dataclass(frozen=True, slots=True)
class Rules:
    """What the station's config decides about the workflow."""

    batteries: Mapping[str, Battery]
    default_battery: str
    confirm_change: bool
    judge: Judge
    new_id: Callable[[], UUID] = uuid.uuid4
    new_code: Callable[[], str] = new_code


@dataclass(frozen=True, slots=True)
class BeginRecording:
    """The recorder of a device shall begin the recording of the running trial."""

    device_id: str
    started_by: StartedBy


@dataclass(frozen=True, slots=True)
class EndRecording:
    """The recorder of a device shall end the running recording."""

    device_id: str
    discarded: bool = False


@dataclass(frozen=True, slots=True)
class TakeReading:
    """The one reading that a device sent at this moment is the recording of the running trial."""

    device_id: str


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What is taken back from the patient of ``session``, the session as it was bound before."""

    session: Session
    trials: tuple[Trial, ...] = ()
    deficits: tuple[Deficit, ...] = ()
    summary: SessionSummary | None = None


@dataclass(frozen=True, slots=True)
class RecordChange:
    """Records that must be committed, in one transaction, before the state counts.

    What is withdrawn is published first. ``announced`` is what is published then, in this order;
    None means the trials, deficits and summary of this change. ``bound`` is a summary that is
    stored and has got its patient since.
    """

    sessions: tuple[Session, ...] = ()
    trials: tuple[Trial, ...] = ()
    deficits: tuple[Deficit, ...] = ()
    summary: SessionSummary | None = None
    withdrawn: Withdrawal | None = None
    announced: tuple[Result, ...] | None = None
    bound: SessionSummary | None = None

    def __bool__(self) -> bool:
        return bool(self.sessions or self.trials or self.deficits or self.summary)


@dataclass(frozen=True, slots=True)
class Step:
    """What an input leads to. ``reply`` holds the fields of an ``ok`` reply."""

    state: State
    change: RecordChange = field(default_factory=RecordChange)
    effect: BeginRecording | EndRecording | TakeReading | None = None
    reply: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What an input meets: the moment, the station's rules, its devices at this moment."""

    now: Instant
    rules: Rules
    devices: Sequence[StationDevice]


def require(state: State, *phases: Phase) -> None:
    """Raise Refused when the state is in none of the phases."""
    if state.phase in phases:
        return
    if state.phase is Phase.IDLE:
        raise Refused(ErrorCode.NO_SESSION, "no session is running")
    raise Refused(ErrorCode.WRONG_PHASE, f"not possible in phase {state.phase}")


def session_of(state: State) -> Session:
    """Return the running session; raises Refused when there is none."""
    if state.session is None:
        raise Refused(ErrorCode.NO_SESSION, "no session is running")
    return state.session


def advance(state: State, change: RecordChange, context: Context) -> Step:
    """Publish the deficits that fell due and go to the next open slot, if no trial runs."""
    due = deficits_due(state, context.rules.judge, context.now, at_end=False)
    after = with_deficits(state, due)
    if state.running is None:
        after = settled(after, confirm_change=context.rules.confirm_change)
    return Step(after, replace(change, deficits=(*change.deficits, *due)))
