"""The uncertainty of a calibrated unit in use, by the GUM (JCGM 100:2008).

What is uncertain is one result in use: the unit at a load less the unit at zero, after it was put
on anew. Terms after EURAMET cg-4 as remembered: reference force, repeatability, reproducibility,
interpolation, resolution, zero, reversibility and what is stated besides (creep, temperature).

A term from few readings may be far too small, and twice the standard uncertainty then covers less
than it says: in simulated calibrations (tests/core/test_calibration_coverage.py) 85 to 95 % of
results with three mountings, down to 76 % with two. So the factor is not 2 but Student's t for
95.45 % at the effective degrees of freedom (GUM G.4, G.6.4; EA-4/02 annex E), which is 2 when there
are many. That covers 94 to 98 % with three mountings; with two, of which one difference is all that
is known, 90 to 94 %. (Each term by its own t instead would cover up to 99.6 %, with a U that is a
half to twice larger.) Whoever halves U gets at least the standard uncertainty.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from dynod.core.calibration_fit import as_tuple
from dynod.core.quantiles import t_quantile
from dynod.model.calibration import Uncertainty
from dynod.model.calibration_record import (
    Budget,
    Distribution,
    StatedEffect,
    UncertaintyTerm,
)
from dynod.model.samples import FloatArray

_SQRT3 = math.sqrt(3.0)
_TWO_SIGMA = NormalDist().cdf(2.0)
_DIGITS = 3


def student_term(
    name: str,
    deviation: float,
    sensitivity: float,
    degrees_of_freedom: float,
    *,
    source: str,
    shared: bool = False,
) -> UncertaintyTerm:
    """Return the term of a standard deviation that was measured."""
    return UncertaintyTerm(
        name, deviation, Distribution.STUDENT, 1.0, sensitivity, degrees_of_freedom, shared, source
    )


def limit_term(
    name: str, limit: float, *, source: str, sensitivity: float = 1.0, shared: bool = False
) -> UncertaintyTerm:
    """Return the term of an error that lies evenly within ± ``limit``."""
    return UncertaintyTerm(
        name, limit, Distribution.RECTANGULAR, _SQRT3, sensitivity, math.inf, shared, source
    )


def stated_term(effect: StatedEffect, load: float) -> UncertaintyTerm:
    """Return the term of an effect that is stated, at a load in N (or deg)."""
    rectangular = effect.distribution is Distribution.RECTANGULAR
    return UncertaintyTerm(
        name=effect.name,
        value=effect.floor + effect.slope * abs(load),
        distribution=effect.distribution,
        divisor=_SQRT3 if rectangular else 1.0,
        sensitivity=1.0,
        degrees_of_freedom=math.inf,
        shared=effect.shared,
        source=effect.source,
    )


def creep_effect(percent: float) -> StatedEffect:
    """Return creep under load, ±percent of it: both sides are held alike, so it is shared."""
    return StatedEffect("creep", 0.0, abs(percent) / 100.0, shared=True, source="creep test")


def temperature_effect(percent_per_k: float, reach_k: float) -> StatedEffect:
    """Return what the room may be off the temperature of the calibration, ± ``reach_k``."""
    return StatedEffect(
        "temperature",
        0.0,
        abs(percent_per_k) * reach_k / 100.0,
        shared=True,
        source=f"{percent_per_k:g} % per K over ±{reach_k:g} K",
    )


def effective_degrees_of_freedom(terms: Sequence[UncertaintyTerm]) -> float:
    """Return u⁴/Σ(uᵢ⁴/νᵢ), Welch and Satterthwaite (GUM G.4.1, equation G.2b); not rounded."""
    total = math.fsum(term.standard**2 for term in terms)
    below = math.fsum(
        (term.standard**2) ** 2 / term.degrees_of_freedom
        for term in terms
        if term.degrees_of_freedom > 0
    )
    return total * total / below if below > 0.0 else math.inf


def coverage_factor(degrees_of_freedom: float) -> float:
    """Return Student's t for 95.45 %, which is 2 for infinitely many degrees of freedom."""
    return 2.0 if math.isinf(degrees_of_freedom) else t_quantile(_TWO_SIGMA, degrees_of_freedom)


def budget(load: float, terms: Sequence[UncertaintyTerm]) -> Budget:
    """Return the combined and expanded uncertainty of terms at one load in N (or deg)."""
    standard = math.sqrt(math.fsum(term.standard**2 for term in terms))
    common = math.sqrt(math.fsum(term.standard**2 for term in terms if term.shared))
    own = math.sqrt(math.fsum(term.standard**2 for term in terms if not term.shared))
    freedom = effective_degrees_of_freedom(terms)
    factor = coverage_factor(freedom)
    return Budget(
        load=load,
        terms=tuple(terms),
        standard=standard,
        effective_degrees_of_freedom=freedom,
        coverage_factor=factor,
        expanded=factor * standard,
        shared=factor * common,
        unshared=factor * own,
    )


def budgets_at(
    loads: Sequence[float], terms: Callable[[float], Sequence[UncertaintyTerm]]
) -> tuple[Budget, ...]:
    """Return the budgets at loads in N (or deg), in rising order."""
    return tuple(budget(load, terms(load)) for load in sorted(set(loads)))


def enclosed(
    loads: FloatArray, terms: Callable[[float], Sequence[UncertaintyTerm]]
) -> tuple[Uncertainty, Uncertainty]:
    """Return the lines that enclose U and its unshared part at loads (n,), rounded up."""
    found = [budget(load, terms(load)) for load in as_tuple(loads)]
    whole = np.array([item.expanded for item in found])
    part = np.array([item.unshared for item in found])
    lines = enclosing_pair(np.abs(loads), whole, part)
    return rounded_up(lines[0]), rounded_up(lines[1])


def enclosing_line(loads: FloatArray, expanded: FloatArray) -> Uncertainty:
    """Return floor + slope·load, smallest in the mean over the range and nowhere below U.

    ``loads`` (n,) >= 0, ``expanded`` (n,). A linear program in two variables: the mean is that at
    the middle of the range, and the best line there lies on the highest chord across it.
    """
    centre = 0.5 * (float(loads.min()) + float(loads.max()))
    left, right = loads < centre, loads > centre
    slope = 0.0
    if np.any(left) and np.any(right):
        x1, y1 = loads[left][:, None], expanded[left][:, None]
        slopes = (expanded[right] - y1) / (loads[right] - x1)
        heights = y1 + slopes * (centre - x1)
        slope = float(slopes.flat[int(np.argmax(heights))])
    if slope * loads.max() < 1e-9 * expanded.max():  # falling, or level but for rounding
        slope = 0.0
    floor = _floor(loads, expanded, slope)
    if floor >= 0.0:
        return Uncertainty(floor, slope)
    return Uncertainty(0.0, _slope(loads, expanded, 0.0))


def enclosing_pair(
    loads: FloatArray, whole: FloatArray, part: FloatArray
) -> tuple[Uncertainty, Uncertainty]:
    """Return the enclosing lines of U and of a part of it, neither number of it beyond U's.

    The best lines by themselves may have a floor of the part above that of the whole, where the
    whole is all slope; the two then get the floor (or the slope) in common that costs least.
    ``whole`` >= ``part``, all (n,).
    """
    of_whole, of_part = enclosing_line(loads, whole), enclosing_line(loads, part)
    centre = 0.5 * (float(loads.min()) + float(loads.max()))
    if of_part.floor > of_whole.floor:

        def by_floor(floor: float) -> tuple[Uncertainty, Uncertainty]:
            return (
                Uncertainty(floor, _slope(loads, whole, floor)),
                Uncertainty(floor, _slope(loads, part, floor)),
            )

        return _cheapest(by_floor, of_whole.floor, of_part.floor, centre)
    if of_part.slope > of_whole.slope:

        def by_slope(slope: float) -> tuple[Uncertainty, Uncertainty]:
            return (
                Uncertainty(max(_floor(loads, whole, slope), 0.0), slope),
                Uncertainty(max(_floor(loads, part, slope), 0.0), slope),
            )

        return _cheapest(by_slope, of_whole.slope, of_part.slope, centre)
    return of_whole, of_part


def rounded_up(line: Uncertainty, digits: int = _DIGITS) -> Uncertainty:
    """Return the line with so many significant digits, neither number smaller."""
    return Uncertainty(_up(line.floor, digits), _up(line.slope, digits))


def _floor(loads: FloatArray, expanded: FloatArray, slope: float) -> float:
    return float(np.max(expanded - slope * loads))


def _slope(loads: FloatArray, expanded: FloatArray, floor: float) -> float:
    above = loads > 0.0
    slope = float(np.max((expanded[above] - floor) / loads[above], initial=0.0))
    return slope if slope * loads.max() > 1e-12 * floor else 0.0


def _cheapest(
    pair: Callable[[float], tuple[Uncertainty, Uncertainty]],
    low: float,
    high: float,
    centre: float,
) -> tuple[Uncertainty, Uncertainty]:
    """Return the pair that is lowest at the centre; its cost is convex, so thirds close in."""

    def cost(at: float) -> float:
        return math.fsum(line.at(centre) for line in pair(at))

    for _ in range(60):
        first, second = low + (high - low) / 3.0, high - (high - low) / 3.0
        if cost(first) <= cost(second):
            high = second
        else:
            low = first
    return pair(high)


def _up(value: float, digits: int) -> float:
    if value == 0.0:
        return 0.0
    unit = 10.0 ** (digits - 1 - math.floor(math.log10(value)))
    # a number that has the digits already is not lifted by the rounding of the product
    return math.ceil(value * unit * (1.0 - 1e-12)) / unit
