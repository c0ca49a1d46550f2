"""Calibration of a force gauge by dead weights: the curve, its uncertainty, what the runs show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynod.core.calibration_fit import (
    RunTable,
    Scatter,
    as_tuple,
    choose_fit,
    device_number,
    hysteresis,
    leverage,
    load_at,
    measure_scatter,
    middle,
    slope_at,
    tabulate,
)
from dynod.core.calibration_indicators import indicators
from dynod.core.calibration_uncertainty import (
    budgets_at,
    enclosed,
    limit_term,
    stated_term,
    student_term,
)
from dynod.model.calibration_record import (
    Budget,
    Buoyancy,
    CalibrationReport,
    CalibrationRun,
    Distribution,
    Gravity,
    PolynomialFit,
    StatedEffect,
    UncertaintyTerm,
)
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError
from dynod.model.samples import FloatArray

_SQRT2 = math.sqrt(2.0)
_FEW = 4.0
_PER_INTERVAL = 2


@dataclass(frozen=True, slots=True)
class ForceSettings:
    """How a force calibration is evaluated.

    ``resolution`` is the smallest step of the device's number. ``weighted`` weights each load by
    its own uncertainty together with the scatter of the readings. The report has a budget for each
    calibrated load, and for those of ``also_at``.
    """

    resolution: float
    highest_degree: int = 2
    through_zero: bool = False
    weighted: bool = False
    stated: tuple[StatedEffect, ...] = ()
    also_at: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Force:
    """What the terms at a load are made of. ``loads``, ``half_loop``: (J,) N."""

    loads: FloatArray
    fit: PolynomialFit
    scatter: Scatter
    half_loop: FloatArray | None
    zero: float
    resolution: float


def calibrate_force(
    runs: Sequence[CalibrationRun],
    *,
    gravity: Gravity | None,
    air: Buoyancy | None,
    settings: ForceSettings,
) -> CalibrationReport:
    """Return the calibration of a force gauge by dead weights.

    The loads of the runs are to be those that ``gravity`` and ``air`` give
    (`dynod.core.gravity.dead_weight`); both are None for loads that another gauge told, which hold
    all that is uncertain of them. The range is from the lowest load above zero to the
    highest. Raises UsageError with one line for readings that no curve can be had from.
    """
    if not settings.resolution >= 0.0:
        raise UsageError("the resolution of the device is a number of its own, 0 or more")
    table = tabulate(runs)
    force = _evaluated(table, _fitted(table, settings), settings.resolution)
    weights = _reference_effects(table, gravity, air)

    def terms(load: float) -> tuple[UncertaintyTerm, ...]:
        stated = (stated_term(effect, load) for effect in (*weights, *settings.stated))
        return (*stated, *_device_terms(force, load))

    whole, part = enclosed(_grid(table.loads[1:]), terms)
    budgets = budgets_at((*as_tuple(table.loads[1:]), *settings.also_at), terms)
    return CalibrationReport(
        kind=Kind.FORCE,
        fit=force.fit,
        range_low=float(table.loads[1]),
        range_high=float(table.loads[-1]),
        budgets=budgets,
        uncertainty=whole,
        unshared=part,
        indicators=indicators(table, force.fit, resolution=settings.resolution),
        notes=_notes(force, budgets),
    )


def _fitted(table: RunTable, settings: ForceSettings) -> PolynomialFit:
    x = middle(table)
    chosen = choose_fit(
        x,
        table.loads,
        highest_degree=settings.highest_degree,
        through_zero=settings.through_zero,
    )
    if not settings.weighted or chosen.standard_error == 0.0:
        return chosen
    return choose_fit(
        x,
        table.loads,
        highest_degree=settings.highest_degree,
        through_zero=settings.through_zero,
        uncertainty=np.hypot(table.load_uncertainties, chosen.standard_error),
    )


def _evaluated(table: RunTable, fit: PolynomialFit, resolution: float) -> _Force:
    loop, x = hysteresis(table), middle(table)
    half = None if loop is None else load_at(fit, x + 0.5 * loop) - load_at(fit, x - 0.5 * loop)
    return _Force(
        loads=table.loads,
        fit=fit,
        scatter=measure_scatter(table, fit),
        half_loop=None if half is None else 0.5 * np.abs(half),
        zero=device_number(fit, 0.0),
        resolution=resolution,
    )


def _reference_effects(
    table: RunTable, gravity: Gravity | None, air: Buoyancy | None
) -> tuple[StatedEffect, ...]:
    """Return what the loads bring: each a part of the load, and common to all loads."""
    loads = float(np.max(table.load_uncertainties[1:] / table.loads[1:]))
    if gravity is None or air is None:
        parts = [("reference", loads, "stated with the loads")]
    else:
        parts = [
            ("mass set", loads, "certificate of the mass set"),
            ("gravity", gravity.standard_uncertainty / gravity.value, gravity.source),
            ("buoyancy", air.standard_uncertainty / air.factor, "densities of air and weights"),
        ]
    return tuple(
        StatedEffect(name, 0.0, part, shared=True, source=source, distribution=Distribution.NORMAL)
        for name, part, source in parts
    )


def _device_terms(force: _Force, load: float) -> tuple[UncertaintyTerm, ...]:
    """Return the terms that the runs themselves show, at a load in N."""
    x = device_number(force.fit, load)
    scatter = force.scatter
    terms = [
        student_term(
            "repeatability",
            scatter.reading,
            _SQRT2,
            scatter.reading_df,
            source="scatter of one reading; counts for reading and zero",
        ),
        _interpolation(force, leverage(force.fit, x, force.zero)),
        limit_term(
            "resolution",
            0.5 * force.resolution * abs(slope_at(force.fit, x)),
            sensitivity=_SQRT2,
            source="half a step of the device; counts for reading and zero",
        ),
    ]
    if scatter.mounting is not None:
        between = "mountings" if scatter.reseated else "runs of one mounting"
        terms.append(
            student_term(
                "reproducibility",
                scatter.mounting,
                scatter.fresh * load,
                scatter.mounting_df,
                source=f"sensitivity between {between}",
            )
        )
    if scatter.zero is not None:
        source = "zero return of the runs, beyond the scatter of a reading"
        terms.append(limit_term("zero drift", scatter.zero, source=source))
    if force.half_loop is not None:
        half = float(np.interp(load, force.loads, force.half_loop))
        terms.append(limit_term("reversibility", half, source="half of falling − rising"))
    return tuple(terms)


def _interpolation(force: _Force, leverage_at: float) -> UncertaintyTerm:
    """Return the term of the curve: how well it is known, and how far the device is from it.

    The residual variance s² of the run means holds the scatter of readings (σ²/R, or half of it
    where falling readings count too) and the lack of fit. The curve between load and zero has the
    variance s²·h; the lack of fit counts at the load and at zero. Of a single run all of s² is
    called scatter, and counts twice as that.
    """
    fit, scatter = force.fit, force.scatter
    means = scatter.runs * (1 if force.half_loop is None else 2)
    variance = fit.standard_error**2
    chance = scatter.reading**2 / means if scatter.runs > 1 else variance
    beyond = max(0.0, 1.0 - chance / variance) if variance > 0.0 else 0.0
    return student_term(
        "interpolation",
        fit.standard_error,
        math.sqrt(2.0 * beyond + leverage_at),
        fit.degrees_of_freedom,
        shared=True,
        source=f"residual standard deviation about the curve of degree {fit.degree}",
    )


def _grid(loads: FloatArray) -> FloatArray:
    """Return the loads and places between them, where U may bend."""
    steps = np.arange(_PER_INTERVAL) / _PER_INTERVAL
    between = loads[:-1, None] + np.diff(loads)[:, None] * steps
    return np.append(between.ravel(), loads[-1])


def _notes(force: _Force, budgets: Sequence[Budget]) -> tuple[str, ...]:
    """Return what the reader of the report should know, one line each."""
    scatter = force.scatter
    few = min(item.effective_degrees_of_freedom for item in budgets)
    factor = max(item.coverage_factor for item in budgets)
    one, never = scatter.runs == 1, scatter.runs > 1 and not scatter.reseated
    twice = scatter.reseated and scatter.mounting_df == 1
    said = (
        (one, "a single run: nothing is known of how runs and mountings differ"),
        (never, "the device was never taken out: where it is, results will differ by more"),
        (force.half_loop is None, "no falling loads: a falling force may read differently"),
        (scatter.zero is None, "no zero after a run: the drift of the zero is not known"),
        (twice, "two mountings tell little: where they rule, 95 % may be 90 %; take three or more"),
        (few < _FEW, f"only {few:.1f} degrees of freedom: k is up to {factor:.1f}"),
    )
    return tuple(line for holds, line in said if holds)
