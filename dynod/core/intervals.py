"""Intervals for the ratio of two sides: the contract's, on the log scale, and Fieller's.

Both rest on two independent means with their own standard errors. The log-delta interval takes
ln R as normal, which is good while both means are many standard errors from zero, and is always
bounded. Fieller's is exact for normal means with known standard errors; where the reference is not
clearly apart from zero it is unbounded, and says so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dynod.core.quantiles import t_quantile
from dynod.model.deficit import Interval, IntervalKind

_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its standard error, in the same unit; ``df`` may be infinite (error known)."""

    value: float
    se: float
    df: float


def estimate(values: Sequence[float]) -> Estimate:
    """Return mean, SD/√n and n − 1 of at least two values. Raises ValueError for fewer."""
    count = len(values)
    if count < 2:
        raise ValueError("one value has no standard error")
    mean = math.fsum(values) / count
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Estimate(mean, math.sqrt(squares / (count - 1) / count), count - 1.0)


def welch_df(compared: Estimate, reference: Estimate) -> float:
    """Return the degrees of freedom for the ratio R of two means whose SDs are their own.

    Welch and Satterthwaite's, for the difference compared − R·reference, with the ratio found in
    the place of the true one (Tamhane and Logan 2004). Two sides without any scatter have
    infinitely many.
    """
    variances = (
        (compared.se**2, compared.df),
        ((compared.value / reference.value * reference.se) ** 2, reference.df),
    )
    spread = math.fsum(variance**2 / df for variance, df in variances)
    return math.inf if spread == 0.0 else math.fsum(pair[0] for pair in variances) ** 2 / spread


def log_delta(ratio: float, half_width_percent: float) -> tuple[float, float]:
    """Return the ends of the interval of a ratio above 0: R·exp(∓h/100), low first.

    h is the half-width of 100·ln R (contract, section 6).
    """
    reach = min(half_width_percent / 100.0, _LARGEST_EXPONENT)
    return ratio * math.exp(-reach), ratio * math.exp(reach)


def log_delta_interval(
    compared: Estimate, reference: Estimate, *, confidence: float = 0.95
) -> Interval:
    """Return the log-delta interval of compared/reference, from the scatter of both sides alone.

    ln R ± t·√(se_c²/c² + se_r²/r²) with t at the degrees of freedom of `welch_df`. Raises
    ValueError unless both values are above 0.
    """
    if compared.value <= 0.0 or reference.value <= 0.0:
        raise ValueError("a logarithm needs values above 0")
    relative = math.hypot(compared.se / compared.value, reference.se / reference.value)
    t = _two_sided(confidence, welch_df(compared, reference))
    low, high = log_delta(compared.value / reference.value, 100.0 * t * relative)
    return Interval(IntervalKind.BOUNDED, low, high)


def fieller_interval(
    compared: Estimate, reference: Estimate, *, confidence: float = 0.95
) -> Interval:
    """Return Fieller's interval of compared/reference, from the scatter of both sides alone.

    t is at the degrees of freedom of `welch_df`. Raises ValueError when the reference is 0.
    """
    if reference.value == 0.0:
        raise ValueError("a ratio needs a reference other than 0")
    t = _two_sided(confidence, welch_df(compared, reference))
    return fieller(compared.value, t * compared.se, reference.value, t * reference.se)


def fieller(
    compared: float, compared_margin: float, reference: float, reference_margin: float
) -> Interval:
    """Return every ratio R with |compared − R·reference| ≤ √(margin_c² + R²·margin_r²).

    A margin is t·se, in the unit of its value; the sides are independent. The set lies between
    the roots of (r² − m_r²)·R² − 2·c·r·R + (c² − m_c²) when m_r < |r| (Fieller's g below 1), else
    outside of them, or is the whole line when there are none. Source: Fieller 1954, J R Stat Soc B
    16:175-185.
    """
    a = (reference - reference_margin) * (reference + reference_margin)
    half_b = compared * reference
    c = (compared - compared_margin) * (compared + compared_margin)
    discriminant = compared_margin**2 * a + (compared * reference_margin) ** 2  # half_b² − a·c
    if a == 0.0:
        return _half_line(half_b, c)
    if a < 0.0 and discriminant <= 0.0:
        return Interval(IntervalKind.WHOLE_LINE)
    q = half_b + math.copysign(math.sqrt(discriminant), half_b)
    roots = sorted((q / a, c / q)) if q != 0.0 else [0.0, 0.0]
    kind = IntervalKind.BOUNDED if a > 0.0 else IntervalKind.UNBOUNDED_OUTSIDE
    return Interval(kind, *roots)


def _half_line(half_b: float, c: float) -> Interval:
    """Return the R with c ≤ 2·half_b·R, where the square has gone."""
    if half_b == 0.0:
        return Interval(IntervalKind.WHOLE_LINE)
    end = c / (2.0 * half_b)
    outside = IntervalKind.UNBOUNDED_OUTSIDE
    return Interval(outside, high=end) if half_b > 0.0 else Interval(outside, low=end)


def mirrored_percent(interval: Interval) -> Interval:
    """Return the interval of 100·(1 − R) from that of R."""
    low = None if interval.high is None else 100.0 * (1.0 - interval.high)
    high = None if interval.low is None else 100.0 * (1.0 - interval.low)
    return Interval(interval.kind, low, high)


def _two_sided(confidence: float, df: float) -> float:
    return t_quantile(0.5 + 0.5 * confidence, df)
