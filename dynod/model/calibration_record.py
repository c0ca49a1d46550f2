"""What a calibration and its checks leave behind: readings, the fit, the budget, the verdicts.

A calibration is made of results as dynod gives them: the unit at the load less the unit at zero
(docs/design.md, rule 10; an angle is a hold less its zero). Its uncertainty is that of such a
difference. ``unit`` below is N or deg.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dynod.model.clinical import Kind


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Expanded uncertainty (k = 2) that grows with the load: ``floor + slope · |value|``."""

    floor: float = 0.0
    slope: float = 0.0

    def at(self, value: float) -> float:
        """Return U at a load, in the load's unit (N or deg)."""
        return self.floor + self.slope * abs(value)


class Branch(StrEnum):
    """Whether a load was reached from below or from above."""

    RISING = "rising"
    FALLING = "falling"


class Distribution(StrEnum):
    """What a figure of the budget is known of: a standard deviation, or limits."""

    NORMAL = "normal"
    STUDENT = "student"
    RECTANGULAR = "rectangular"


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """One reading at a known load.

    ``load`` in N; ``reading`` the device's own number, the mean of a quiet window;
    ``load_uncertainty`` the standard uncertainty of the load from its masses, in N.
    """

    load: float
    reading: float
    branch: Branch = Branch.RISING
    load_uncertainty: float = 0.0


@dataclass(frozen=True, slots=True)
class CalibrationRun:
    """Readings of one run: a zero, the loads rising and, where taken, falling to a zero again.

    ``mounting`` is the same number for runs between which the device was not taken out.
    """

    points: tuple[LoadPoint, ...]
    mounting: int = 1


@dataclass(frozen=True, slots=True)
class AnglePose:
    """One reading at a known angle; all angles in deg.

    ``reading`` is the device's own number, ``cross_deg`` the tilt about the axis that is not
    measured. The standard uncertainty of the angle is in two parts: ``own_deg`` differs from pose
    to pose and shows in the fit, ``common_deg`` is behind all of them and does not.
    """

    angle_deg: float
    reading: float
    cross_deg: float = 0.0
    own_deg: float = 0.0
    common_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Gravity:
    """Acceleration of free fall in m/s², its standard uncertainty, and what it was taken from."""

    value: float
    standard_uncertainty: float
    source: str


@dataclass(frozen=True, slots=True)
class Buoyancy:
    """What air leaves of a weight, as a factor, and its standard uncertainty."""

    factor: float
    standard_uncertainty: float


@dataclass(frozen=True, slots=True)
class DeadWeight:
    """The force of weights in N, and the standard uncertainty that their masses give it."""

    force_n: float
    mass_uncertainty_n: float


@dataclass(frozen=True, slots=True)
class ReferenceAngle:
    """A known angle with the two parts of its standard uncertainty (`AnglePose`), in deg."""

    angle_deg: float
    own_deg: float
    common_deg: float

    @property
    def uncertainty_deg(self) -> float:
        """The standard uncertainty of the angle in deg."""
        return math.hypot(self.own_deg, self.common_deg)


@dataclass(frozen=True, slots=True)
class Reversal:
    """Two opposite poses: the device's offset, the tilt of what it stood on, in deg.

    ``uncertainty_deg`` is the standard uncertainty of the offset; None of a single pair.
    """

    offset_deg: float
    tilt_deg: float
    uncertainty_deg: float | None = None


@dataclass(frozen=True, slots=True)
class DegreeTest:
    """An F-test of a higher degree; ``earned`` when ``f`` exceeds ``critical``."""

    degree: int
    against: int
    f: float
    critical: float

    @property
    def earned(self) -> bool:
        """Whether the higher degree is better by more than chance."""
        return self.f > self.critical


@dataclass(frozen=True, slots=True)
class PolynomialFit:
    """A load in N (or deg) as a polynomial of the device's own number x.

    ``coefficients`` c0, c1 … and ``covariance`` are of x itself. What was solved is the same in
    z = (x − ``centre``)/``scale``: ``scaled`` and ``scaled_covariance``; from those everything is
    computed, since powers of a number of counts lose digits. ``residuals`` are load − curve, one
    for each point; ``standard_error`` is their standard deviation with ``degrees_of_freedom``.
    """

    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    centre: float
    scale: float
    scaled: tuple[float, ...]
    scaled_covariance: tuple[tuple[float, ...], ...]
    residuals: tuple[float, ...]
    standard_error: float
    degrees_of_freedom: int
    through_zero: bool
    low: float
    high: float
    tests: tuple[DegreeTest, ...] = ()

    @property
    def degree(self) -> int:
        """The highest power."""
        return len(self.coefficients) - 1


@dataclass(frozen=True, slots=True)
class UncertaintyTerm:
    """One line of the budget at one load.

    ``value``/``divisor`` is a standard uncertainty, times ``sensitivity`` in N (or deg).
    ``shared``: two sides measured with this unit have it in common. ``source`` says in words
    where the figure is from.
    """

    name: str
    value: float
    distribution: Distribution
    divisor: float
    sensitivity: float
    degrees_of_freedom: float
    shared: bool
    source: str

    @property
    def standard(self) -> float:
        """The standard uncertainty in N (or deg)."""
        return abs(self.sensitivity) * self.value / self.divisor


@dataclass(frozen=True, slots=True)
class StatedEffect:
    """An effect that was not measured in the runs but is stated: creep, temperature, reseating.

    Its limits are ± (``floor`` + ``slope``·|load|), rectangular; or, where ``distribution`` is
    normal, that is its standard uncertainty.
    """

    name: str
    floor: float
    slope: float
    shared: bool
    source: str
    distribution: Distribution = Distribution.RECTANGULAR


@dataclass(frozen=True, slots=True)
class Budget:
    """The uncertainty at one load.

    ``expanded`` = ``coverage_factor``·``standard``; ``shared`` and ``unshared`` are its two parts
    at the same factor, so that their squares add up to its square.
    """

    load: float
    terms: tuple[UncertaintyTerm, ...]
    standard: float
    effective_degrees_of_freedom: float
    coverage_factor: float
    expanded: float
    shared: float
    unshared: float


@dataclass(frozen=True, slots=True)
class LoadIndicators:
    """Relative errors at one load in percent, after the pattern of ISO 376; None: not measured.

    ``interpolation`` carries its sign; ``class_limit`` names the best class whose limits all the
    measured ones meet, None when there is none.
    """

    load: float
    repeatability: float | None
    reproducibility: float | None
    interpolation: float | None
    reversibility: float | None
    class_limit: str | None


@dataclass(frozen=True, slots=True)
class Indicators:
    """Relative errors of a calibration, and the classes whose limits they meet.

    ``zero`` is the largest zero return in percent of the highest load. ``classes`` holds for each
    quantity that was measured the best class whose limits it meets at every load, or None.
    ``standard_deviation`` and ``lower_limit_factor`` are those of ASTM E74, in N.
    """

    loads: tuple[LoadIndicators, ...]
    zero: float | None
    classes: tuple[tuple[str, str | None], ...]
    standard_deviation: float
    lower_limit_factor: float
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """All that a calibration found; what a certificate is made of.

    ``uncertainty`` and ``unshared`` enclose ``expanded`` and ``unshared`` of the budgets over the
    whole range. ``cross_axis`` is deg of error per deg of cross tilt, of an inclinometer.
    """

    kind: Kind
    fit: PolynomialFit
    range_low: float
    range_high: float
    budgets: tuple[Budget, ...]
    uncertainty: Uncertainty
    unshared: Uncertainty
    indicators: Indicators | None = None
    cross_axis: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One verification: what was shown at a known load or angle, in N (or deg).

    ``reading`` and ``zero`` are the certificate's answer with and without the load; the result
    that is judged is their difference.
    """

    at: datetime
    kind: Kind
    reference: float
    reading: float
    zero: float

    @property
    def error(self) -> float:
        """The result less the reference, in N (or deg)."""
        return self.reading - self.zero - self.reference


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """How far a check may be off. All defaults of ours, of remembered practice.

    ``relative`` ±1 % of the load and ``zero_n`` ±1 N hold for force, ``angle_deg`` ±0.5° for the
    angle and for its zero alike.
    """

    relative: float = 0.01
    zero_n: float = 1.0
    angle_deg: float = 0.5


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A verdict: ``problems`` has one line for each limit that is not met."""

    passed: bool
    error: float
    limit: float
    zero: float
    zero_limit: float
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """Where the checks of one unit are going.

    ``per_week`` is the least-squares slope of the error (for force in percent of the load, for
    angle in deg) and ``zero_per_week`` that of the zero; None without two different times.
    ``warnings`` has a line for each of the two that moved one way in a row.
    """

    checks: int
    per_week: float | None
    zero_per_week: float | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateDetail:
    """How a certificate came about: enough to judge it, and to compute it again.

    ``reference`` names the masses or angles and their own certificate; ``environment`` is in the
    technician's words (``temperature_c``, ``place`` …). ``runs`` are the points of a force,
    ``poses`` those of an angle; both are empty on a certificate that was typed in from paper.
    ``standard_error`` is the standard deviation of the residuals in N (or deg), ``cross_axis``
    deg of error per deg of cross tilt. ``statements`` say in words what was found.
    """

    kind: Kind
    issued_at: datetime
    operator: str
    procedure: str
    reference: str
    software: str
    environment: Mapping[str, str]
    statements: tuple[str, ...] = ()
    runs: tuple[CalibrationRun, ...] = ()
    poses: tuple[AnglePose, ...] = ()
    budgets: tuple[Budget, ...] = ()
    standard_error: float | None = None
    cross_axis: float | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """A check of one unit, and its verdict, as it is stored.

    ``certificate_id`` is the certificate that the check was made under, None on a nominal scale;
    ``reference`` names the weight or the angle in words.
    """

    profile: str
    serial_number: str
    certificate_id: str | None
    check: Check
    result: CheckResult
    limits: CheckLimits
    operator: str
    reference: str
    note: str | None = None
