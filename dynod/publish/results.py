"""Results as they are published: trial, deficit, session (docs/contract.md, section 6)."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, WithJsonSchema

from dynod.model.calibration import CalibrationStatus
from dynod.model.clinical import Contraction, Fixation, InvolvedSide, Movement, Side
from dynod.model.deficit import Classification, Consistency, IntervalKind, Reason, Summary
from dynod.model.flags import Flag
from dynod.model.trial import ResultStatus, TareOrigin
from dynod.publish.fields import (
    TEXT_LENGTH,
    IdentifierPart,
    Message,
    Name,
    Number,
    OptionalKey,
    ResultRef,
    ShortText,
    StationPart,
    Timestamp,
    Uuid,
)

Sex: TypeAlias = Literal["male", "female", "other", "unknown"]
BirthYear: TypeAlias = Annotated[int, Field(ge=1850, le=2100)]
MetricName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]

# Low first. Written out, because pydantic's own schema of a pair is not one that AsyncAPI takes.
Interval: TypeAlias = Annotated[
    tuple[float, float],
    WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
]


class PatientPart(IdentifierPart):
    """Whom a result is about, as the record system names them."""

    sex: OptionalKey[Sex] = None
    """Administrative sex, in the codes of FHIR R4."""
    birth_year: OptionalKey[BirthYear] = None


class ResultMessage(Message):
    """The envelope that every result carries."""

    schema_id: str = Field(alias="schema")
    result_id: Uuid
    """Stays the same over all revisions."""
    revision: Number
    """A receiver drops a lower one than it has."""
    sequence: Number
    """One counter per stream over all results; a hole means a lost message."""
    stream: Uuid
    """Identity of the station's database."""
    status: ResultStatus
    station: StationPart
    session_id: Uuid
    patient: PatientPart
    recorded_at: Timestamp
    clock_synced: bool
    """False when the station's wall clock had not been set from the network."""
    software: ShortText


class TestPart(Message):
    """What was tested."""

    __test__ = False  # not a pytest class

    movement: Movement
    position: str
    side: Side
    contraction: Contraction
    fixation: Fixation


class MetricsPart(Message):
    """Numbers of a trial. Absent: does not apply, or see metric_notes. Null: not computable.

    Forces are less the tare, and free of lone spikes, unless it says otherwise.
    """

    peak_force_n: float | None = None
    """Maximum of the low-pass filtered force, less the tare."""
    raw_peak_force_n: float | None = None
    """Largest sample, neither filtered nor tared."""
    mean_force_n: float | None = None
    """Mean over the best one second."""
    mean_force_500ms_n: float | None = None
    """Mean over the best half second."""
    mean_force_3s_n: float | None = None
    """Mean over the best three seconds."""
    time_to_peak_s: float | None = None
    """From the onset to the peak force."""
    rfd_0_50_n_per_s: float | None = None
    """Rate of force development over the first 50 ms from onset."""
    rfd_0_100_n_per_s: float | None = None
    """Rate of force development over the first 100 ms from onset."""
    rfd_0_150_n_per_s: float | None = None
    """Rate of force development over the first 150 ms from onset."""
    rfd_0_200_n_per_s: float | None = None
    """Rate of force development over the first 200 ms from onset."""
    peak_rfd_20ms_n_per_s: float | None = None
    """Peak rate of force development: the steepest 20 ms between onset and peak."""
    peak_rfd_200ms_n_per_s: float | None = None
    """Peak rate of force development: the steepest 200 ms between onset and peak."""
    fit_rfd_n_per_s: float | None = None
    """Rate of force development by model: Fmax*k of Fmax*(1 - exp(-k*(t - t0))), from onset."""
    fit_error_percent: float | None = None
    """Error of the model fit: its mean absolute residual in percent of the mean force."""
    impulse_n_s: float | None = None
    """Integral of the force from the onset to the end of the contraction."""
    fatigue_percent: float | None = None
    """How much lower the last half second of the hold is than its first."""
    steadiness_cv_percent: float | None = None
    """Coefficient of variation of the force over the best second."""
    peak_torque_nm: float | None = None
    """Peak force times the lever arm, where that is known."""
    peak_force_n_per_kg: float | None = None
    """Peak force per body mass, where that is known."""
    angle_deg: float | None = None
    """Range of motion from neutral to end range."""


class QualityPart(Message):
    """Whether a trial counts, and every reason to doubt it."""

    valid: bool
    flags: tuple[Flag, ...]


class DevicePart(Message):
    """Which unit measured."""

    id: Name
    profile: str
    serial_number: OptionalKey[str] = None


class TrialCalibrationPart(Message):
    """On what ground the numbers are called newtons or degrees."""

    status: CalibrationStatus
    certificate_id: OptionalKey[str] = None
    valid_until: OptionalKey[Timestamp] = None
    expanded_uncertainty_n: float | None = None
    """Expanded uncertainty (k = 2) at the peak force."""
    expanded_uncertainty_deg: float | None = None
    """Expanded uncertainty (k = 2) at the angle, for range of motion."""


class TrialMessage(ResultMessage):
    """One recording, valid or not."""

    schema_id: Literal["dynod.trial/1"] = Field(alias="schema")
    test: TestPart
    clock_correction_s: OptionalKey[float] = None
    """What was added to recorded_at once it was known by how much the clock had been off."""
    familiarisation: bool
    """True for practice trials, which are never averaged."""
    trial_number: Number
    """The slot's number within movement, position, contraction, side and familiarisation."""
    metrics: MetricsPart
    metric_notes: OptionalKey[dict[MetricName, ShortText]] = None
    """By metric, a word on why it is absent or doubtful: times_from_arrival, poor_fit and so on."""
    quality: QualityPart
    device: DevicePart
    calibration: TrialCalibrationPart
    sample_rate_hz: float | None
    """Measured rate."""
    tare_n: float | None = None
    """What was subtracted from the force; null when there was no baseline, absent for an angle."""
    tare_origin: OptionalKey[TareOrigin] = None
    """Where the tare of a force came from; ``gauge``: 0 N, the gauge was zeroed on itself."""
    zero_deg: float | None = None
    """The neutral position that the angle was measured from; absent for a force."""
    pain_nrs: OptionalKey[Annotated[int, Field(ge=0, le=10)]] = None
    """Pain during the trial, numeric rating scale."""
    note: OptionalKey[Annotated[str, Field(max_length=TEXT_LENGTH)]] = None


class SidePart(Message):
    """One side's value, in the unit of the deficit's quantity."""

    value: float
    trials: Number
    """How many valid trials it rests on."""
    cv_percent: float | None
    """Coefficient of variation; null with one trial."""
    sem_percent: float | None = None
    """Standard error of measurement from the error table; absent for range of motion."""
    consistency: OptionalKey[Consistency] = None
    """What the coefficient of variation says: accept, warn or repeat."""
    z: OptionalKey[float] = None
    """Standard deviations off a norm that fits; absent where none does."""
    norm_source: OptionalKey[ShortText] = None
    """Where that norm comes from, with device and position."""


class FiellerPart(Message):
    """An interval that need not have two ends.

    ``bounded``: from low to high. ``unbounded_outside``: up to low and from high on; an end that is
    null lacks its part. ``whole_line``: every number; both are null.
    """

    kind: IntervalKind
    low: float | None
    high: float | None


class DeficitMessage(ResultMessage):
    """A side-to-side answer; the numbers are null when it is not computable."""

    schema_id: Literal["dynod.deficit/1"] = Field(alias="schema")
    movement: Movement
    muscle_group: str
    quantity: str
    summary: Summary
    left: SidePart | None
    right: SidePart | None
    involved_side: InvolvedSide | None
    reference_side: Side | None
    weaker_side: Side | None
    """Null when both are equal."""
    mdc_source: str | None
    """Where the minimal detectable change comes from."""
    classification: Classification
    reason: OptionalKey[Reason] = None
    """Why it is not computable."""
    trials: tuple[ResultRef, ...]
    flags: tuple[Flag, ...]


class StrengthDeficitMessage(DeficitMessage):
    """A side-to-side answer about strength."""

    quantity: Literal["peak_force_n", "peak_torque_nm"]
    deficit_percent: float | None
    """100·(1 − compared / reference); positive when the involved or weaker side is weaker."""
    lsi_percent: float | None
    """Limb symmetry index, 100·compared / reference."""
    log_ratio_percent: float | None
    """100·ln(left / right)."""
    ci95_percent: Interval | None
    """95 % interval of the deficit, low first."""
    mdc95_percent: float | None
    """Minimal detectable change between the sides, 95 %."""
    threshold_percent: float | None
    fieller95_percent: OptionalKey[FiellerPart] = None
    """Fieller's 95 % interval of the deficit, from the same errors."""
    indices: OptionalKey[dict[MetricName, float | None]] = None
    """The same two values by every asymmetry index of the literature, by name."""


class AngleDeficitMessage(DeficitMessage):
    """A side-to-side answer about range of motion."""

    quantity: Literal["angle_deg"]
    deficit_deg: float | None
    """Reference less compared side."""
    ci95_deg: Interval | None
    mdc95_deg: float | None
    threshold_deg: float | None


AnyDeficit: TypeAlias = Annotated[
    StrengthDeficitMessage | AngleDeficitMessage, Field(discriminator="quantity")
]


class SkippedPart(Message):
    """A movement and side that was not, or not wholly, tested."""

    movement: Movement
    side: Side
    reason: ShortText


class SessionMessage(ResultMessage):
    """What a session consisted of, at its end."""

    schema_id: Literal["dynod.session/1"] = Field(alias="schema")
    started_at: Timestamp
    ended_at: Timestamp
    clock_correction_s: OptionalKey[float] = None
    """What was added to started_at once it was known by how much the clock had been off."""
    battery: str
    operator: OptionalKey[IdentifierPart] = None
    encounter: OptionalKey[IdentifierPart] = None
    order: OptionalKey[IdentifierPart] = None
    involved_side: InvolvedSide | None
    trials: tuple[ResultRef, ...]
    deficits: tuple[ResultRef, ...]
    skipped: tuple[SkippedPart, ...]
