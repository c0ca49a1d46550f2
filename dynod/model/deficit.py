"""The answer: how much weaker one side is, and whether that is more than measurement error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from dynod.model.clinical import Fixation, InvolvedSide, Movement, Side, TestSpec
from dynod.model.flags import Flag
from dynod.model.trial import ResultStatus


class Summary(StrEnum):
    """How the trials of a side become one value."""

    MEAN = "mean"
    BEST = "best"
    MEAN_BEST_TWO = "mean_best_two"


class Classification(StrEnum):
    """What may be said of the difference."""

    WITHIN_ERROR = "within_error"
    EXCEEDS_ERROR = "exceeds_error"
    EXCEEDS_ERROR_AND_THRESHOLD = "exceeds_error_and_threshold"
    NOT_COMPUTABLE = "not_computable"


class Reason(StrEnum):
    """Why a deficit is not computable."""

    SIDE_MISSING = "side_missing"
    SIDE_INCOMPLETE = "side_incomplete"
    REFERENCE_BELOW_NOISE = "reference_below_noise"
    DIFFERENT_POSITIONS = "different_positions"
    DIFFERENT_CONTRACTIONS = "different_contractions"
    DIFFERENT_FIXATIONS = "different_fixations"


class Consistency(StrEnum):
    """What may be said of the scatter of one side's trials."""

    ACCEPT = "accept"
    WARN = "warn"
    REPEAT = "repeat"


class IntervalKind(StrEnum):
    """Which numbers belong to an interval with the ends low and high."""

    BOUNDED = "bounded"
    UNBOUNDED_OUTSIDE = "unbounded_outside"
    WHOLE_LINE = "whole_line"


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval that need not be bounded.

    ``bounded``: from low to high. ``unbounded_outside``: up to low and from high on, low being the
    smaller, and an end that is None lacking its part. ``whole_line``: every number; both are None.
    """

    kind: IntervalKind
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class MeasurementError:
    """One row of the error table.

    ``sem_percent`` is the standard error of measurement of a side value, percent of itself, for
    strength; ``mdc95_deg`` the minimal detectable side difference for range of motion. None in a
    key field matches anything. ``source`` is published as ``mdc_source``; ``site`` marks the
    site's own figures, which come before all that are shipped.
    """

    source: str
    movement: Movement | None = None
    position: str | None = None
    fixation: Fixation | None = None
    summary: Summary | None = None
    sem_percent: float | None = None
    mdc95_deg: float | None = None
    fallback: bool = False
    site: bool = False


@dataclass(frozen=True, slots=True)
class SideResult:
    """One side's value in the deficit's quantity, over ``trials`` valid trials.

    ``cv_percent`` is None with one trial; ``sem_percent`` is the table's figure (None for
    range of motion).
    """

    value: float
    trials: int
    cv_percent: float | None
    sem_percent: float | None


@dataclass(frozen=True, slots=True)
class Contribution:
    """A result, named by id and revision."""

    result_id: UUID
    revision: int


@dataclass(frozen=True, slots=True)
class SideComparison:
    """The numbers of a side-to-side comparison (docs/contract.md, section 6), without envelope.

    For strength the ``*_percent`` fields are set, for range of motion the ``*_deg`` fields; the
    others are None. ``not_computable`` carries ``reason`` and leaves the numbers None.
    """

    quantity: str
    summary: Summary
    classification: Classification
    left: SideResult | None = None
    right: SideResult | None = None
    reference_side: Side | None = None
    weaker_side: Side | None = None
    deficit_percent: float | None = None
    lsi_percent: float | None = None
    log_ratio_percent: float | None = None
    ci95_percent: tuple[float, float] | None = None
    mdc95_percent: float | None = None
    threshold_percent: float | None = None
    deficit_deg: float | None = None
    ci95_deg: tuple[float, float] | None = None
    mdc95_deg: float | None = None
    threshold_deg: float | None = None
    mdc_source: str | None = None
    reason: Reason | None = None
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class SideInterpretation:
    """What more can be said of one side.

    ``z`` is in standard deviations of the norm that ``norm_source`` names; None where no norm
    fits. ``consistency`` is None for fewer than two trials and for range of motion.
    """

    consistency: Consistency | None = None
    z: float | None = None
    norm_source: str | None = None


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What helps to read a comparison and is no part of its arithmetic.

    ``fieller95_percent`` stands beside ``ci95_percent``, in the same unit and from the same
    errors. ``indices`` has every asymmetry index by name (`dynod.core.indices`), None where it has
    no value; it is empty for range of motion. ``flags`` come to those of the comparison.
    """

    left: SideInterpretation = SideInterpretation()
    right: SideInterpretation = SideInterpretation()
    fieller95_percent: Interval | None = None
    indices: Mapping[str, float | None] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Deficit:
    """A published side-to-side answer for one test of a session, in one of its patient bindings."""

    result_id: UUID
    revision: int
    status: ResultStatus
    session_id: UUID
    test: TestSpec
    involved_side: InvolvedSide | None
    comparison: SideComparison
    trials: tuple[Contribution, ...]
    recorded_at: datetime
    clock_synced: bool
    software: str
    interpretation: Interpretation | None = None
    binding: int = 0
