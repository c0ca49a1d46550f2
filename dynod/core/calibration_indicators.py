"""Relative errors of a force calibration after the patterns of ISO 376 and ASTM E74.

dynod's procedure is not that of either standard (its forces come from weights of a clinic), so
that nothing here says a device conforms: it meets the limits of a class in the quantities named.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from dynod.core.calibration_fit import RunTable, load_at, middle
from dynod.model.calibration_record import Indicators, LoadIndicators, PolynomialFit
from dynod.model.samples import FloatArray

LOWER_LIMIT_FACTOR = 2.4
"""ASTM E74: the band of about 99 %, in standard deviations (mhforce.com, on E74-18, 7.1.2)."""

REPEATABILITY = "repeatability"
REPRODUCIBILITY = "reproducibility"
INTERPOLATION = "interpolation"
REVERSIBILITY = "reversibility"
ZERO = "zero"

Errors: TypeAlias = Mapping[str, float | None]
Column: TypeAlias = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class ClassLimits:
    """The largest relative errors of one class, in percent; interpolation and zero either way."""

    name: str
    reproducibility: float
    repeatability: float
    interpolation: float
    zero: float
    reversibility: float

    def of(self, quantity: str) -> float:
        """Return the limit of a quantity in percent."""
        return {
            REPRODUCIBILITY: self.reproducibility,
            REPEATABILITY: self.repeatability,
            INTERPOLATION: self.interpolation,
            ZERO: self.zero,
            REVERSIBILITY: self.reversibility,
        }[quantity]


DEFAULT_CLASSES = (
    ClassLimits("00", 0.05, 0.025, 0.025, 0.012, 0.07),
    ClassLimits("0.5", 0.10, 0.05, 0.05, 0.025, 0.15),
    ClassLimits("1", 0.20, 0.10, 0.10, 0.05, 0.30),
    ClassLimits("2", 0.40, 0.20, 0.20, 0.10, 0.50),
)
"""The classes of ISO 376:2011 as remembered: a default, not read in the standard."""


def indicators(
    table: RunTable,
    fit: PolynomialFit,
    *,
    resolution: float = 0.0,
    classes: Sequence[ClassLimits] = DEFAULT_CLASSES,
) -> Indicators:
    """Return the relative errors at each load above zero, and the classes they fall into.

    Deflections X are readings less the zero of their run, device numbers. Repeatability b' is
    (max − min)/mean of the runs of one mounting, reproducibility b that of the first runs of the
    mountings, reversibility the mean of (falling − rising)/rising, zero the largest zero return
    over the deflection at the highest load, interpolation (curve − load)/load. ``resolution`` in
    device numbers is the least that the limit factor of ASTM E74 can be. ``classes`` from the best
    to the worst.
    """
    deflections = table.rising[:, 1:] - table.rising[:, :1]
    curve = load_at(fit, middle(table))
    interpolated = 100.0 * (curve[1:] - curve[0] - table.loads[1:]) / table.loads[1:]
    columns: dict[str, Column] = {
        REPEATABILITY: _repeatability(table, deflections),
        REPRODUCIBILITY: _reproducibility(table, deflections),
        INTERPOLATION: [float(value) for value in interpolated],
        REVERSIBILITY: _reversibility(table, deflections),
    }
    loads = tuple(
        _at_load(float(load), {name: column[at] for name, column in columns.items()}, classes)
        for at, load in enumerate(table.loads[1:])
    )
    zero = _zero_return(table, deflections)
    met = _classes_met({**columns, ZERO: [zero]}, classes)
    deviation = _standard_deviation(table, fit)
    step = resolution * abs(float(curve[-1] - curve[0]) / float(np.ptp(middle(table))))
    return Indicators(
        loads=loads,
        zero=zero,
        classes=met,
        standard_deviation=deviation,
        lower_limit_factor=max(LOWER_LIMIT_FACTOR * deviation, step),
        statements=_statements(met),
    )


def best_class(errors: Errors, classes: Sequence[ClassLimits] = DEFAULT_CLASSES) -> str | None:
    """Return the best class whose limits all measured errors (percent) meet; None for none."""
    for limits in classes:
        if all(
            value is None or abs(value) <= limits.of(quantity) for quantity, value in errors.items()
        ):
            return limits.name
    return None


def creep_percent(deflection: float, first: float, later: float) -> float:
    """Return (later − first)/deflection in percent: readings 30 s and 300 s after loading."""
    return 100.0 * (later - first) / deflection


def _at_load(load: float, errors: Errors, classes: Sequence[ClassLimits]) -> LoadIndicators:
    return LoadIndicators(
        load=load,
        repeatability=errors[REPEATABILITY],
        reproducibility=errors[REPRODUCIBILITY],
        interpolation=errors[INTERPOLATION],
        reversibility=errors[REVERSIBILITY],
        class_limit=best_class(errors, classes),
    )


def _span_percent(deflections: FloatArray) -> FloatArray:
    """Return (max − min)/|mean| of runs (R, J) in percent, (J,)."""
    span = deflections.max(axis=0) - deflections.min(axis=0)
    return np.asarray(100.0 * span / np.abs(deflections.mean(axis=0)), dtype=np.float64)


def _repeatability(table: RunTable, deflections: FloatArray) -> Column:
    """Return b' at each load, the largest of the mountings with more than one run."""
    groups = [
        np.array([number == mounting for number in table.mountings])
        for mounting in sorted(set(table.mountings))
    ]
    spans = [_span_percent(deflections[group]) for group in groups if group.sum() > 1]
    if not spans:
        return [None] * deflections.shape[1]
    return [float(value) for value in np.max(spans, axis=0)]


def _reproducibility(table: RunTable, deflections: FloatArray) -> Column:
    firsts = sorted(table.mountings.index(mounting) for mounting in set(table.mountings))
    if len(firsts) < 2:
        return [None] * deflections.shape[1]
    return [float(value) for value in _span_percent(deflections[firsts])]


def _reversibility(table: RunTable, deflections: FloatArray) -> Column:
    """Return v at each load with its sign; None where none was taken falling."""
    relative = 100.0 * (table.falling[:, 1:] - table.rising[:, 1:]) / deflections
    at_loads = [column[np.isfinite(column)] for column in relative.T]
    return [float(column.mean()) if len(column) else None for column in at_loads]


def _zero_return(table: RunTable, deflections: FloatArray) -> float | None:
    returns = (table.falling[:, 0] - table.rising[:, 0]) / deflections[:, -1]
    taken = returns[np.isfinite(returns)]
    return 100.0 * float(taken[np.argmax(np.abs(taken))]) if len(taken) else None


def _classes_met(
    columns: Mapping[str, Column], classes: Sequence[ClassLimits]
) -> tuple[tuple[str, str | None], ...]:
    """Return each measured quantity with the class that it meets at every load."""
    worst = {
        quantity: max((abs(value) for value in values if value is not None), default=None)
        for quantity, values in columns.items()
    }
    return tuple(
        (quantity, best_class({quantity: value}, classes))
        for quantity, value in worst.items()
        if value is not None
    )


def _statements(met: Sequence[tuple[str, str | None]]) -> tuple[str, ...]:
    """Return one sentence for each class that is met, and one for what meets none."""
    lines = [
        f"meets the limits of class {name} in {_listed(met, name)}"
        for name in dict.fromkeys(name for _, name in met)
        if name is not None
    ]
    beyond = _listed(met, None)
    return (*lines, f"meets the limits of no class in {beyond}") if beyond else tuple(lines)


def _listed(met: Sequence[tuple[str, str | None]], name: str | None) -> str:
    return ", ".join(quantity for quantity, found in met if found == name)


def _standard_deviation(table: RunTable, fit: PolynomialFit) -> float:
    """Return s = √(Σd²/(n − m − 1)) in N, of all rising readings against the curve (ASTM E74).

    n readings without the zeros, m the degree; remembered. Nothing to divide by is an infinite s.
    """
    shifted = table.rising - table.rising[:, :1] + float(table.rising[:, 0].mean())
    curve = load_at(fit, shifted)
    deviations = curve[:, 1:] - curve[:, :1] - table.loads[1:]
    freedom = deviations.size - fit.degree - 1
    return math.sqrt(float(np.sum(deviations**2)) / freedom) if freedom > 0 else math.inf
