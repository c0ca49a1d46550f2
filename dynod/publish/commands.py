"""Requests from outside: strict models, and their parsing (docs/contract.md, section 4).

The same models serve MQTT and the control socket. Judged in this order: size, JSON, command name,
keys, values; what needs the phase of the session is judged by the workflow.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias, TypeVar
from uuid import UUID

from pydantic import Field, ValidationError

from dynod.model.clinical import InvolvedSide, Movement, Side
from dynod.model.deficit import Contribution
from dynod.model.session import Patient
from dynod.publish.fields import (
    IdentifierPart,
    Message,
    Name,
    OptionalKey,
    SchemaKey,
    Uuid,
)
from dynod.publish.messages import ErrorPart, OkReply, ReceiptsMessage, RefusedReply
from dynod.publish.refusals import CommandRefused, read_object, refusal_of, request_id_of
from dynod.publish.results import PatientPart

COMMAND_LIMIT_BYTES = 16 * 1024
RECEIPTS_LIMIT_BYTES = 128 * 1024

LeverArm: TypeAlias = Annotated[float, Field(ge=0.05, le=1.0)]
BodyMass: TypeAlias = Annotated[float, Field(ge=2.0, le=400.0)]

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
        given = self.patient
        if given is None:
            return None
        return Patient(given.to_model(), given.sex, given.birth_year)

    def lever_arms(self) -> Mapping[Movement, Mapping[Side, float]]:
        """Return the lever arms that are known, in metres."""
        return self.lever_arms_m.to_model() if self.lever_arms_m else {}


class EndSession(Command):
    """End the session; its results are published."""

    name = "session.end"
    schema_id: SchemaKey[Literal["dynod.command.session.end/1"]] = None


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
        StartTrial,
        StopTrial,
        DiscardTrial,
        RedoTrial,
        ConfirmChange,
        NextTest,
        SelectTest,
        Tare,
        GetStatus,
    )
}


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
