"""Everything that is published but no result: states, live values, replies; and receipts."""

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from dynod.model.calibration import CalibrationStatus
from dynod.model.clinical import Contraction, Kind, Movement, Side
from dynod.model.device import DeviceState
from dynod.model.flags import Flag
from dynod.model.session import Phase
from dynod.publish.fields import (
    Count,
    Message,
    Name,
    Number,
    OptionalKey,
    ResultRef,
    SchemaKey,
    ShortText,
    Timestamp,
    Uuid,
)

ReasonName: TypeAlias = Annotated[str, Field(pattern="^[a-z0-9_]{1,64}$")]


class StationState(StrEnum):
    """Whether a station answers."""

    ONLINE = "online"
    OFFLINE = "offline"


class ErrorCode(StrEnum):
    """Why a command was refused; nothing changed."""

    MALFORMED = "malformed"
    UNKNOWN_COMMAND = "unknown_command"
    UNKNOWN_KEY = "unknown_key"
    INVALID_VALUE = "invalid_value"
    TOO_LARGE = "too_large"
    RETAINED = "retained"
    RESPONSE_TOPIC = "response_topic"
    SESSION_RUNNING = "session_running"
    NO_SESSION = "no_session"
    WRONG_PHASE = "wrong_phase"
    NOT_FOUND = "not_found"
    AMBIGUOUS_DEVICE = "ambiguous_device"
    DEVICE_UNAVAILABLE = "device_unavailable"
    STORAGE = "storage"


class StateMessage(Message):
    """What every retained state carries."""

    schema_id: str = Field(alias="schema")
    at: Timestamp
    """When it was said; in a last will, the time of connecting."""
    stream: Uuid
    """Identity of the station's database."""


class OutboxPart(Message):
    """How many results wait, rest at the broker, and were taken over."""

    pending: Count
    sent: Count
    received: Count


class StatusMessage(StateMessage):
    """Whether the station is online. The last will has no counts."""

    schema_id: Literal["dynod.status/1"] = Field(alias="schema")
    state: StationState
    software: ShortText
    outbox: OptionalKey[OutboxPart] = None
    last_sequence: OptionalKey[Count] = None
    """Sequence of the last result of this stream, 0 before the first."""
    refused: OptionalKey[dict[ReasonName, Count]] = None
    """How often input was refused since the start, by reason."""
    warnings: OptionalKey[tuple[str, ...]] = None
    """What somebody has to look after, a line each; absent when there is nothing."""


class VerificationPart(Message):
    """A check of a unit with a known weight or angle. Not passed: its trials do not count."""

    at: Timestamp
    passed: bool


class CalibrationPart(Message):
    """On what ground a device's number would be believed now."""

    status: CalibrationStatus
    valid_until: OptionalKey[Timestamp] = None
    expires_in_days: OptionalKey[Count] = None
    """Days by UTC to the last one of a certificate in force."""
    verification: OptionalKey[VerificationPart] = None
    """The last check of the unit on this ground."""
    warning: OptionalKey[str] = None
    """What is or soon will be in the way of valid trials, and what to do about it."""


class DeviceStatusMessage(StateMessage):
    """Where a device is in its life-cycle."""

    schema_id: Literal["dynod.device_status/1"] = Field(alias="schema")
    state: DeviceState
    profile: str
    calibration: CalibrationPart
    fault: OptionalKey[str] = None
    """What is wrong, in words for the technician."""


class NextPart(Message):
    """The slot that is being filled, or will be next."""

    movement: Movement
    position: str
    contraction: Contraction
    kind: Kind
    side: Side
    trial_number: Number
    familiarisation: bool
    rest_until: OptionalKey[Timestamp] = None
    """Advice: let the patient rest until then."""


class LastTrialPart(Message):
    """The verdict on the last trial."""

    result_id: Uuid
    valid: bool
    flags: tuple[Flag, ...]
    quantity: Literal["peak_force_n", "angle_deg"]
    value: float | None


class SessionStateMessage(StateMessage):
    """Where the session stands: enough to follow it without knowing the battery."""

    schema_id: Literal["dynod.session_state/1"] = Field(alias="schema")
    session_id: Uuid | None
    """Null when idle."""
    session_code: str | None
    """Four characters that the therapist compares with the record system; null when idle."""
    assigned: bool
    """Whether the session has a patient."""
    phase: Phase
    next: NextPart | None
    last_trial: LastTrialPart | None
    problem: OptionalKey[str] = None
    """What went wrong last, in words for the therapist."""
    warnings: OptionalKey[tuple[str, ...]] = None
    """What somebody has to look after, a line each; that of a device begins with its name."""


class LiveMessage(Message):
    """One live value; may be lost. Null while the device reports that it cannot measure."""

    schema_id: Literal["dynod.live/1"] = Field(alias="schema")
    at: Timestamp
    phase: Phase
    force_n: float | None = None
    angle_deg: float | None = None


class ErrorPart(Message):
    """Why a request was refused."""

    code: ErrorCode
    message: str
    """For people; never quotes the request."""
    field: OptionalKey[str] = None
    """Path of the key that is wrong."""


class RefusedReply(Message):
    """The answer to a request that changed nothing."""

    schema_id: Literal["dynod.reply/1"] = Field(alias="schema")
    request_id: OptionalKey[Uuid] = None
    """Absent when the request had none that could be read."""
    ok: Literal[False]
    error: ErrorPart


class SequenceRange(Message):
    """Consecutive sequence numbers, both ends included."""

    from_sequence: Number
    to_sequence: Number


class OkReply(Message):
    """The answer to a request that was carried out; the keys depend on the command."""

    schema_id: Literal["dynod.reply/1"] = Field(alias="schema")
    request_id: Uuid
    ok: Literal[True]
    session_id: OptionalKey[Uuid] = None
    """Of session.start, session.end, session.assign."""
    session_code: OptionalKey[str] = None
    """Of session.start."""
    result_id: OptionalKey[Uuid] = None
    """Of trial.start, trial.stop, trial.relabel, trial.annotate, result.void."""
    tare_n: OptionalKey[float] = None
    """Of tare."""
    count: OptionalKey[Count] = None
    """Of results.resend: how many results of the range are on their way."""
    purged: OptionalKey[tuple[SequenceRange, ...]] = None
    """Of results.resend: numbers of the range whose results were removed at the station."""
    status: OptionalKey[StatusMessage] = None
    """Of status.get."""
    session_state: OptionalKey[SessionStateMessage] = None
    """Of status.get."""
    devices: OptionalKey[dict[Name, DeviceStatusMessage]] = None
    """Of status.get, by device id."""


class ReceiptsMessage(Message):
    """What the system of record has taken over."""

    schema_id: SchemaKey[Literal["dynod.receipts/1"]] = None
    receipts: tuple[ResultRef, ...]
