"""Requests from outside: strict models, and their parsing (docs/contract.md, section 4).

The same models serve MQTT and the control socket. Judged in this order: size, JSON, command name,
keys, values; what needs the phase of the session is judged by the workflow.
"""

import unicodedata
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, TypeAlias, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from dynod.model.clinical import InvolvedSide, Movement, Side
from dynod.model.deficit import Contribution
from dynod.model.session import Patient
from dynod.publish.fields import (
    IdentifierPart,
    Message,
    Name,
    Number,
    OptionalKey,
    SchemaKey,
    ShortText,
    Uuid,
)
from dynod.publish.messages import ErrorPart, OkReply, ReceiptsMessage, RefusedReply
from dynod.publish.refusals import CommandRefused, read_object, refusal_of, request_id_of
from dynod.publish.results import PatientPart

COMMAND_LIMIT_BYTES = 16 * 1024
RECEIPTS_LIMIT_BYTES = 128 * 1024

LeverArm: TypeAlias = Annotated[float, Field(ge=0.05, le=1.0)]
BodyMass: TypeAlias = Annotated[float, Field(ge=2.0, le=400.0)]
PainNrs: TypeAlias = Annotated[int, Field(ge=0, le=10)]

NOTE_LENGTH = 1000
_UNSHOWN = {"Cc", "Cs", "Zl", "Zp"}  # control characters, halves of one, ends of a line


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in _UNSHOWN for character in text):
        raise ValueError("must not hold control characters or line breaks")
    return text


Note: TypeAlias = Annotated[
    str, StringConstraints(max_length=NOTE_LENGTH), AfterValidator(_one_line)
]
Reason: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=NOTE_LENGTH), AfterValidator(_one_line)
]

M = TypeVar("M", bound=Message)


class Command(Message):
    """What every request carries. A repeat of ``request_id`` gets the first reply again."""

    name: ClassVar[str]

    schema_id: SchemaKey[str] = None
    request_id: Uuid


class SidesPart(Message):
    """A length per side, in metres."""

    left: OptionalKey[LeverArm] = None
    right: OptionalKey[LeverArm] = None


class LeverArmsPart(Message):
    """Lever arms per movement: from the joint's axis to the dynamometer, in metres."""

    hip_abduction: OptionalKey[SidesPart] = None
    hip_extension: OptionalKey[SidesPart] = None
    hip_flexion: OptionalKey[SidesPart] = None
    hip_external_rotation: OptionalKey[SidesPart] = None
    hip_internal_rotation: OptionalKey[SidesPart] = None
    hip_adduction: OptionalKey[SidesPart] = None

    def to_model(self) -> Mapping[Movement, Mapping[Side, float]]:
        """Return the lengths that were given."""
        return {
            Movement(movement): {Side(side): length for side, length in lengths.items()}
            for movement, lengths in self.model_dump().items()
        }


class StartSession(Command):
    """Begin a session; a patient that is null is assigned later."""

    name = "session.start"
    schema_id: SchemaKey[Literal["dynod.command.session.start/1"]] = None
    patient: PatientPart | None
    encounter: OptionalKey[IdentifierPart] = None
    order: OptionalKey[IdentifierPart] = None
    operator: OptionalKey[IdentifierPart] = None
    body_mass_kg: OptionalKey[BodyMass] = None
    involved_side: OptionalKey[InvolvedSide] = None
    lever_arms_m: OptionalKey[LeverArmsPart] = None
    battery: OptionalKey[Name] = None

    def patient_record(self) -> Patient | None:
        """Return whom the session is about."""
        return patient_record(self.patient) if self.patient is not None else None

    def lever_arms(self) -> Mapping[Movement, Mapping[Side, float]]:
        """Return the lever arms that are known, in metres."""
        return self.lever_arms_m.to_model() if self.lever_arms_m else {}


class EndSession(Command):
    """End the session; its results are published."""

    name = "session.end"
    schema_id: SchemaKey[Literal["dynod.command.session.end/1"]] = None


class AssignSession(Command):
    """Say whose session it is, or that it is somebody else's; running or ended."""

    name = "session.assign"
    schema_id: SchemaKey[Literal["dynod.command.session.assign/1"]] = None
    session_id: Uuid
    patient: PatientPart


class StartTrial(Command):
    """Begin recording the next trial; while recording it changes nothing."""

    name = "trial.start"
    schema_id: SchemaKey[Literal["dynod.command.trial.start/1"]] = None
    device: OptionalKey[Name] = None


class StopTrial(Command):
    """End the recording; in phase ready it changes nothing."""

    name = "trial.stop"
    schema_id: SchemaKey[Literal["dynod.command.trial.stop/1"]] = None
    device: OptionalKey[Name] = None


class DiscardTrial(Command):
    """Discard the running trial, else take back the last one."""

    name = "trial.discard"
    schema_id: SchemaKey[Literal["dynod.command.trial.discard/1"]] = None


class RedoTrial(Command):
    """Take back a trial; its slot opens again."""

    name = "trial.redo"
    schema_id: SchemaKey[Literal["dynod.command.trial.redo/1"]] = None
    result_id: Uuid


class RelabelTrial(Command):
    """Say on which side a trial was really done."""

    name = "trial.relabel"
    schema_id: SchemaKey[Literal["dynod.command.trial.relabel/1"]] = None
    result_id: Uuid
    side: Side


class AnnotateTrial(Command):
    """Say how much a trial hurt, or a note on it; what is not given stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["pain_nrs"]}, {"required": ["note"]}]}
    )

    name = "trial.annotate"
    schema_id: SchemaKey[Literal["dynod.command.trial.annotate/1"]] = None
    result_id: OptionalKey[Uuid] = None
    """Without it, the trial that is being recorded, else the last one."""
    pain_nrs: OptionalKey[PainNrs] = None
    """Pain on the numeric rating scale: 0 is none, 10 the worst imaginable."""
    note: OptionalKey[Note] = Field(default=None, repr=False)
    """One line, published with the trial; an empty one takes the note away."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.pain_nrs is None and self.note is None:
            raise ValueError("needs pain_nrs, note or both")
        return self


class VoidResult(Command):
    """Take a trial, deficit or session result back as entered in error; the audit keeps why."""

    name = "result.void"
    schema_id: SchemaKey[Literal["dynod.command.result.void/1"]] = None
    result_id: Uuid
    reason: Reason = Field(repr=False)
    """Why, in words; kept at the station and never published."""
    by: ShortText = Field(repr=False)
    """Who says so; kept at the station and never published."""


class ResendResults(Command):
    """Ask for results again by their numbers: the same numbers and the same bytes."""

    name = "results.resend"
    schema_id: SchemaKey[Literal["dynod.command.results.resend/1"]] = None
    stream: Uuid
    from_sequence: Number
    to_sequence: Number
    """The last one that is wanted; at most 100,000 numbers at once."""


class ConfirmChange(Command):
    """Acknowledge the announced movement and side."""

    name = "change.confirm"
    schema_id: SchemaKey[Literal["dynod.command.change.confirm/1"]] = None


class NextTest(Command):
    """Skip the current movement and side."""

    name = "test.next"
    schema_id: SchemaKey[Literal["dynod.command.test.next/1"]] = None


class SelectTest(Command):
    """Go to a movement and side."""

    name = "test.select"
    schema_id: SchemaKey[Literal["dynod.command.test.select/1"]] = None
    movement: Movement
    side: Side


class Tare(Command):
    """Take one quiet second as the fallback tare."""

    name = "tare"
    schema_id: SchemaKey[Literal["dynod.command.tare/1"]] = None
    device: OptionalKey[Name] = None


class GetStatus(Command):
    """Ask for the station's status, its devices and the session's state."""

    name = "status.get"
    schema_id: SchemaKey[Literal["dynod.command.status.get/1"]] = None


COMMANDS: Mapping[str, type[Command]] = {
    command.name: command
    for command in (
        StartSession,
        EndSession,
        AssignSession,
        StartTrial,
        StopTrial,
        DiscardTrial,
        RedoTrial,
        RelabelTrial,
        AnnotateTrial,
        ConfirmChange,
        NextTest,
        SelectTest,
        Tare,
        ResendResults,
        VoidResult,
        GetStatus,
    )
}


def patient_record(given: PatientPart) -> Patient:
    """Return the patient whom a request names."""
    return Patient(given.to_model(), given.sex, given.birth_year)


def parse_command(name: str, payload: bytes) -> Command:
    """Return the request in a payload; raises CommandRefused."""
    request_id = request_id_of(payload)
    _check_size(payload, COMMAND_LIMIT_BYTES, request_id)
    read_object(payload)
    model = COMMANDS.get(name)
    if model is None:
        raise CommandRefused("unknown_command", "no such command", request_id=request_id)
    return _validated(model, payload, request_id)


def parse_receipts(payload: bytes) -> tuple[Contribution, ...]:
    """Return the results that the system of record has taken over; raises CommandRefused."""
    _check_size(payload, RECEIPTS_LIMIT_BYTES, None)
    read_object(payload)
    message = _validated(ReceiptsMessage, payload, None)
    return tuple(Contribution(item.result_id, item.revision) for item in message.receipts)


def reply_ok(request_id: str, **fields: object) -> bytes:
    """Return the answer to a request that was carried out.

    ``fields`` are those of OkReply; anything else raises pydantic's ValidationError.
    """
    head = {"schema": "dynod.reply/1", "request_id": request_id, "ok": True}
    return OkReply.model_validate({**head, **fields}, strict=False).to_json()


def reply_error(refusal: CommandRefused) -> bytes:
    """Return the answer to a request that was refused."""
    return RefusedReply(
        schema="dynod.reply/1",
        request_id=UUID(refusal.request_id) if refusal.request_id else None,
        ok=False,
        error=ErrorPart(code=refusal.code, message=refusal.message, field=refusal.field),
    ).to_json()


def _check_size(payload: bytes, limit: int, request_id: str | None) -> None:
    if len(payload) > limit:
        raise CommandRefused("too_large", f"more than {limit} bytes", request_id=request_id)


def _validated(model: type[M], payload: bytes, request_id: str | None) -> M:
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        raise refusal_of(error, model, request_id) from None
