"""Calibration of a force gauge from plain points: numbers and loads, without runs or a zero.

Such points do not tell the scatter of a reading from the shape of the curve, nor anything of zero
return, mounting or reversibility. All that they leave over is taken for scatter, which no two
sides share; what they cannot tell is said in the notes.
"""

import math
from collections.abc import Sequence

import numpy as np

from dynod.core.calibration_fit import as_tuple, choose_fit, leverage, slope_at
from dynod.core.calibration_force import ForceSettings
from dynod.core.calibration_uncertainty import (
    budgets_at,
    enclosed,
    limit_term,
    stated_term,
    student_term,
)
from dynod.model.calibration_record import (
    Budget,
    CalibrationReport,
    Distribution,
    LoadPoint,
    PolynomialFit,
    StatedEffect,
    UncertaintyTerm,
)
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError
from dynod.model.samples import FloatArray

_SQRT2 = math.sqrt(2.0)
_FEW = 4.0
_NOTE = (
    "single points: scatter, zero return, mounting and reversibility are not known apart; "
    "all that the points leave over counts as scatter"
)


def calibrate_points(points: Sequence[LoadPoint], *, settings: ForceSettings) -> CalibrationReport:
    """Return the calibration of a force gauge from points in any order.

    The curve is that of least squares of the load over the device's number. The range is from the
    lowest load above zero to the highest. A result is the unit at a load less the unit at zero, so
    that the scatter of the points counts twice. Raises UsageError for points that no curve can be
    had from.
    """
    if not settings.resolution >= 0.0:
        raise UsageError("the resolution of the device is a number of its own, 0 or more")
    loads = np.array([point.load for point in points])
    readings = np.array([point.reading for point in points])
    own = np.array([point.load_uncertainty for point in points])
    positive = _positive(loads)
    fit = _fitted(readings, loads, own, settings)

    def terms(load: float) -> tuple[UncertaintyTerm, ...]:
        stated = (stated_term(effect, load) for effect in (*_reference(own), *settings.stated))
        return (*stated, *_device_terms(fit, load, loads, readings, settings.resolution))

    whole, part = enclosed(positive, terms)
    budgets = budgets_at((*as_tuple(positive), *settings.also_at), terms)
    return CalibrationReport(
        kind=Kind.FORCE,
        fit=fit,
        range_low=float(positive[0]),
        range_high=float(positive[-1]),
        budgets=budgets,
        uncertainty=whole,
        unshared=part,
        notes=(_NOTE, *_few(budgets)),
    )


def _positive(loads: FloatArray) -> FloatArray:
    """Return the loads above zero, each once and rising."""
    positive = np.unique(loads[loads > 0.0])
    if np.any(loads < 0.0):
        raise UsageError("a load is below zero: push counts as positive")
    if len(positive) < 2:
        raise UsageError("a calibration needs at least two different loads above zero")
    return positive


def _fitted(
    readings: FloatArray, loads: FloatArray, own: FloatArray, settings: ForceSettings
) -> PolynomialFit:
    chosen = choose_fit(
        readings,
        loads,
        highest_degree=settings.highest_degree,
        through_zero=settings.through_zero,
    )
    if not settings.weighted or chosen.standard_error == 0.0:
        return chosen
    return choose_fit(
        readings,
        loads,
        highest_degree=settings.highest_degree,
        through_zero=settings.through_zero,
        uncertainty=np.hypot(own, chosen.standard_error),
    )


def _reference(own: FloatArray) -> tuple[StatedEffect, ...]:
    """Return the loads' own uncertainty, its largest; none where the points do not state it."""
    largest = float(own.max())
    if largest == 0.0:
        return ()
    effect = StatedEffect(
        "reference", largest, 0.0, shared=True, source="stated with the points",
        distribution=Distribution.NORMAL,
    )  # fmt: skip
    return (effect,)


def _device_terms(
    fit: PolynomialFit,
    load: float,
    loads: FloatArray,
    readings: FloatArray,
    resolution: float,
) -> tuple[UncertaintyTerm, ...]:
    order = np.argsort(loads)
    x, lowest = (float(np.interp(at, loads[order], readings[order])) for at in (load, 0.0))
    # where no zero was taken, it is as far beyond the lowest load as the curve says
    zero = lowest - float(loads.min()) / slope_at(fit, lowest)
    spread = leverage(fit, x, zero)
    return (
        student_term(
            "residuals",
            fit.standard_error,
            math.sqrt(2.0 + spread),
            fit.degrees_of_freedom,
            source=f"residual standard deviation about the curve of degree {fit.degree}; "
            "counts for reading and zero",
        ),
        limit_term(
            "resolution",
            0.5 * resolution * abs(slope_at(fit, x)),
            sensitivity=_SQRT2,
            source="half a step of the device; counts for reading and zero",
        ),
    )


def _few(budgets: Sequence[Budget]) -> tuple[str, ...]:
    few = min(item.effective_degrees_of_freedom for item in budgets)
    factor = max(item.coverage_factor for item in budgets)
    if few >= _FEW:
        return ()
    return (f"only {few:.1f} degrees of freedom: k is up to {factor:.1f}",)
