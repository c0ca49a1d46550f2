"""What the workflow can be told, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from dynod.model.calibration import Calibration
from dynod.model.clinical import InvolvedSide, Movement, Side
from dynod.model.device import DeviceIdentity
from dynod.model.session import Identifier, Patient
from dynod.model.trial import Analysis, Recording, StartedBy


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment: monotonic seconds for durations, wall time as a label."""

    mono_s: float
    wall: datetime
    clock_synced: bool


@dataclass(frozen=True, slots=True)
class Toggle:
    """A short press of a device's button (action ``trial.toggle``)."""

    device_id: str


@dataclass(frozen=True, slots=True)
class StartSession:
    """``session.start``; ``battery`` None means the station's own."""

    patient: Patient | None = None
    encounter: Identifier | None = None
    order: Identifier | None = None
    operator: Identifier | None = None
    body_mass_kg: float | None = None
    involved_side: InvolvedSide | None = None
    lever_arms_m: Mapping[Movement, Mapping[Side, float]] = field(default_factory=dict)
    battery: str | None = None


@dataclass(frozen=True, slots=True)
class EndSession:
    """``session.end``, or 15 minutes without input."""


@dataclass(frozen=True, slots=True)
class StartTrial:
    """``trial.start``, or a recorder that found an onset (``started_by``)."""

    device_id: str | None = None
    started_by: StartedBy = StartedBy.COMMAND


@dataclass(frozen=True, slots=True)
class StopTrial:
    """``trial.stop``."""

    device_id: str | None = None


@dataclass(frozen=True, slots=True)
class DiscardTrial:
    """``trial.discard``, or a long press."""


@dataclass(frozen=True, slots=True)
class RedoTrial:
    """``trial.redo``."""

    result_id: UUID


@dataclass(frozen=True, slots=True)
class ConfirmChange:
    """``change.confirm``."""


@dataclass(frozen=True, slots=True)
class NextTest:
    """``test.next``."""


@dataclass(frozen=True, slots=True)
class SelectTest:
    """``test.select``."""

    movement: Movement
    side: Side


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """The recorder cut the recording; the analysis has begun."""


@dataclass(frozen=True, slots=True, eq=False)
class TrialAnalysed:
    """The core has spoken about the recording of the running trial."""

    recording: Recording
    analysis: Analysis
    calibration: Calibration
    device: DeviceIdentity


@dataclass(frozen=True, slots=True)
class AssignSession:
    """``session.assign``: whose session it is."""

    session_id: UUID
    patient: Patient


@dataclass(frozen=True, slots=True)
class RelabelTrial:
    """``trial.relabel``: the side that was really tested."""

    result_id: UUID
    side: Side


@dataclass(frozen=True, slots=True)
class AnnotateTrial:
    """``trial.annotate``; without ``result_id`` the running trial, else the last one.

    What is None stays as it is; an empty note takes a note away.
    """

    result_id: UUID | None = None
    pain_nrs: int | None = None
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class VoidResult:
    """``result.void``: a trial, deficit or session result was entered in error."""

    result_id: UUID
    reason: str = field(repr=False)
    by: str = field(repr=False)


SessionInput: TypeAlias = StartSession | EndSession | ConfirmChange | NextTest | SelectTest
Correction: TypeAlias = AssignSession | RelabelTrial | AnnotateTrial | VoidResult
PersonInput: TypeAlias = (
    SessionInput | Toggle | StartTrial | StopTrial | DiscardTrial | RedoTrial | Correction
)
Input: TypeAlias = PersonInput | RecordingEnded | TrialAnalysed
