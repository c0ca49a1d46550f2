"""The strict model of a certificate file."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated, Self, TypeAlias, cast

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, model_validator

from dynod.config.certificate_text import content_sha256
from dynod.config.fields import Part
from dynod.model.calibration import Certificate, Uncertainty
from dynod.model.calibration_record import (
    AnglePose,
    Branch,
    Budget,
    CalibrationRun,
    CertificateDetail,
    Distribution,
    LoadPoint,
    UncertaintyTerm,
)
from dynod.model.clinical import Kind

NOT_STATED = "not stated"


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("should be one line of printable text")
    return text


def _day(value: object) -> date:
    zoned = value.tzinfo is not None if isinstance(value, datetime) else isinstance(value, date)
    if not zoned:
        raise ValueError("should be a day, or a time with its zone, without quotes")
    return cast("date", value)


# A day without a time means the whole of it, by UTC.
Day: TypeAlias = Annotated[date, PlainValidator(_day)]
Name: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=256), AfterValidator(_printable)
]
Line: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=4000), AfterValidator(_printable)
]
DegreesOfFreedom: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=True)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0)]


class UncertaintyTable(Part):
    """Expanded uncertainty (k = 2): ``floor + slope · |load|``, in the certificate's unit."""

    floor: NotNegative
    slope: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def record(self) -> Uncertainty:
        """Return it as a record."""
        return Uncertainty(self.floor, self.slope)


class PointTable(Part):
    """One reading at a known load."""

    load: float
    reading: float
    branch: Annotated[Branch, Field(strict=False)] = Branch.RISING
    load_uncertainty: NotNegative = 0.0

    def record(self) -> LoadPoint:
        """Return it as a record."""
        return LoadPoint(self.load, self.reading, self.branch, self.load_uncertainty)


class RunTable(Part):
    """The readings of one run."""

    points: Annotated[tuple[PointTable, ...], Field(min_length=1, strict=False)]
    mounting: int = 1

    def record(self) -> CalibrationRun:
        """Return it as a record."""
        return CalibrationRun(tuple(point.record() for point in self.points), self.mounting)


class PoseTable(Part):
    """One reading at a known angle."""

    angle_deg: float
    reading: float
    cross_deg: float = 0.0
    own_deg: NotNegative = 0.0
    common_deg: NotNegative = 0.0

    def record(self) -> AnglePose:
        """Return it as a record."""
        return AnglePose(
            self.angle_deg, self.reading, self.cross_deg, self.own_deg, self.common_deg
        )


class TermTable(Part):
    """One line of a budget."""

    name: Name
    value: NotNegative
    distribution: Annotated[Distribution, Field(strict=False)]
    divisor: Annotated[float, Field(gt=0)]
    sensitivity: float
    degrees_of_freedom: DegreesOfFreedom
    shared: bool
    source: Line

    def record(self) -> UncertaintyTerm:
        """Return it as a record."""
        return UncertaintyTerm(
            name=self.name,
            value=self.value,
            distribution=self.distribution,
            divisor=self.divisor,
            sensitivity=self.sensitivity,
            degrees_of_freedom=self.degrees_of_freedom,
            shared=self.shared,
            source=self.source,
        )


class BudgetTable(Part):
    """The uncertainty at one load."""

    load: float
    terms: Annotated[tuple[TermTable, ...], Field(strict=False)] = ()
    standard: NotNegative
    effective_degrees_of_freedom: DegreesOfFreedom
    coverage_factor: Annotated[float, Field(gt=0)]
    expanded: NotNegative
    shared: NotNegative
    unshared: NotNegative

    def record(self) -> Budget:
        """Return it as a record."""
        return Budget(
            load=self.load,
            terms=tuple(term.record() for term in self.terms),
            standard=self.standard,
            effective_degrees_of_freedom=self.effective_degrees_of_freedom,
            coverage_factor=self.coverage_factor,
            expanded=self.expanded,
            shared=self.shared,
            unshared=self.unshared,
        )


class DetailTable(Part):
    """How the certificate came about."""

    kind: Annotated[Kind, Field(strict=False)]
    issued_at: Day
    operator: Line = NOT_STATED
    procedure: Line
    reference: Line
    software: Line = NOT_STATED
    environment: Mapping[Name, Line] = Field(default_factory=dict)
    statements: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    runs: Annotated[tuple[RunTable, ...], Field(strict=False)] = ()
    poses: Annotated[tuple[PoseTable, ...], Field(strict=False)] = ()
    budgets: Annotated[tuple[BudgetTable, ...], Field(strict=False)] = ()
    standard_error: NotNegative | None = None
    cross_axis: float | None = None

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if self.kind is Kind.FORCE and self.poses:
            raise ValueError('poses belong to kind = "angle"')
        if self.kind is Kind.ANGLE and self.runs:
            raise ValueError('runs belong to kind = "force"')
        return self

    def record(self) -> CertificateDetail:
        """Return it as a record."""
        return CertificateDetail(
            kind=self.kind,
            issued_at=_moment(self.issued_at, time.min),
            operator=self.operator,
            procedure=self.procedure,
            reference=self.reference,
            software=self.software,
            environment=dict(self.environment),
            statements=self.statements,
            runs=tuple(run.record() for run in self.runs),
            poses=tuple(pose.record() for pose in self.poses),
            budgets=tuple(budget.record() for budget in self.budgets),
            standard_error=self.standard_error,
            cross_axis=self.cross_axis,
        )


class CertificateFile(Part):
    """A certificate file: the fields of `dynod.model.calibration.Certificate`, and a hash.

    The hash may be missing: a certificate that was typed in from paper has none.
    """

    certificate_id: Name
    profile: Name
    serial_number: Name
    coefficients: Annotated[tuple[float, ...], Field(min_length=2, max_length=4, strict=False)]
    range_low: float
    range_high: float
    valid_from: Day
    valid_until: Day
    uncertainty: UncertaintyTable
    unshared: UncertaintyTable
    issued_by: Name
    revoked_reason: Line | None = None
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None
    detail: DetailTable | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.range_low >= self.range_high:
            raise ValueError("range_low should be below range_high")
        if _moment(self.valid_from, time.min) >= _moment(self.valid_until, time.max):
            raise ValueError("valid_from should be before valid_until")
        if not any(self.coefficients[1:]):
            raise ValueError("coefficients should depend on the device's number")
        if not _contains(self.uncertainty, self.unshared):
            raise ValueError("unshared is a part of uncertainty and cannot exceed it")
        return self

    @model_validator(mode="after")
    def _undamaged(self) -> Self:
        if self.sha256 is not None and self.sha256 != content_sha256(self.record()):
            raise ValueError(
                "the content does not match its sha256: the file was changed or damaged;"
                " export it again or ask the issuer"
            )
        return self

    def record(self) -> Certificate:
        """Return the certificate."""
        return Certificate(
            certificate_id=self.certificate_id,
            profile=self.profile,
            serial_number=self.serial_number,
            coefficients=self.coefficients,
            range_low=self.range_low,
            range_high=self.range_high,
            valid_from=_moment(self.valid_from, time.min),
            valid_until=_moment(self.valid_until, time.max),
            uncertainty=self.uncertainty.record(),
            unshared=self.unshared.record(),
            issued_by=self.issued_by,
            revoked_reason=self.revoked_reason,
            detail=None if self.detail is None else self.detail.record(),
        )


def _moment(day: date, of_day: time) -> datetime:
    return day if isinstance(day, datetime) else datetime.combine(day, of_day, UTC)


def _contains(whole: UncertaintyTable, part: UncertaintyTable) -> bool:
    return part.floor <= whole.floor and part.slope <= whole.slope
