"""A session: one patient, one battery, from the first press to the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from dynod.model.clinical import Battery, InvolvedSide, Movement, Side
from dynod.model.deficit import Contribution
from dynod.model.trial import ResultStatus


class Phase(StrEnum):
    """Where the workflow stands."""

    IDLE = "idle"
    CONFIRM = "confirm"
    READY = "ready"
    RECORDING = "recording"
    ANALYSING = "analysing"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A business identifier of the record system. Never logged."""

    system: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient as the record system names them. Never logged."""

    identifier: Identifier = field(repr=False)
    sex: str | None = field(default=None, repr=False)
    birth_year: int | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SkippedSlot:
    """A slot that will not be filled, and why (``skipped``, ``attempts``)."""

    test_index: int
    side: Side
    familiarisation: bool
    trial_number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is stored. ``binding`` counts the patients it was bound to (0 first).

    ``clock_correction_s`` was added to ``started_at`` once it was known by how much the clock had
    been off.
    """

    session_id: UUID
    session_code: str
    battery: Battery
    started_at: datetime
    clock_synced: bool
    patient: Patient | None = None
    encounter: Identifier | None = None
    order: Identifier | None = None
    operator: Identifier | None = None
    body_mass_kg: float | None = None
    involved_side: InvolvedSide | None = None
    lever_arms_m: Mapping[Movement, Mapping[Side, float]] = field(default_factory=dict)
    skipped: tuple[SkippedSlot, ...] = ()
    binding: int = 0
    ended_at: datetime | None = None
    clock_correction_s: float | None = None

    def lever_arm_m(self, movement: Movement, side: Side) -> float | None:
        """Return the lever arm for a movement and side, or None when it is not known."""
        return self.lever_arms_m.get(movement, {}).get(side)


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """The session's own result, made when it ends."""

    result_id: UUID
    revision: int
    status: ResultStatus
    session: Session
    trials: tuple[Contribution, ...]
    deficits: tuple[Contribution, ...]
    recorded_at: datetime
    clock_synced: bool
    software: str
