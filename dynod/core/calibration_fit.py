"""The curve of a calibration: device number to load, by least squares.

Readings are gathered into a table of runs × loads; the curve is fitted to the means of the runs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dynod.core.quantiles import f_quantile
from dynod.model.calibration_record import Branch, CalibrationRun, DegreeTest, PolynomialFit
from dynod.model.errors import UsageError
from dynod.model.samples import FloatArray

HIGHEST_DEGREE = 3
_CONFIDENCE = 0.95
_INVERSE_POINTS = 513


@dataclass(frozen=True, slots=True, eq=False)
class RunTable:
    """Readings of R runs at J loads in rising order, the first of them 0; device's own numbers.

    ``loads``, ``load_uncertainties``: (J,) N. ``rising``: (R, J). ``falling``: (R, J), NaN where
    there is none; at 0 it is the zero after the run. ``mountings``: (R,).
    """

    loads: FloatArray
    load_uncertainties: FloatArray
    rising: FloatArray
    falling: FloatArray
    mountings: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scatter:
    """How readings differ that should not: all standard deviations.

    ``reading``: of one reading, N. ``mounting``: of the sensitivity from one mounting (or, where
    there was but one, from one run) to the next, N per N; None of a single run. ``fresh`` turns it
    into that of a result in use, with a mounting of its own, against the mean of the calibration.
    ``zero``: root mean square zero return of a run beyond the scatter of readings, N; None where
    no zero was taken after a run. ``runs`` is how many there are.
    """

    reading: float
    reading_df: int
    mounting: float | None
    mounting_df: int
    fresh: float
    reseated: bool
    zero: float | None
    runs: int


def tabulate(runs: Sequence[CalibrationRun]) -> RunTable:
    """Return the readings as a table.

    Raises UsageError where there is no run, or fewer than two loads above zero; where a run lacks
    a zero or a rising load that another has, has one twice, or holds a number that is not finite;
    and where a load does not move the number the way that the highest load does.
    """
    if not runs:
        raise UsageError("there is no run to calibrate from")
    rising = [_by_load(run, number, Branch.RISING) for number, run in enumerate(runs, 1)]
    falling = [_by_load(run, number, Branch.FALLING) for number, run in enumerate(runs, 1)]
    loads = sorted({load for run in (*rising, *falling) for load in run})
    if not loads or loads[0] != 0.0:
        raise UsageError("run 1 has no zero, or a load below zero: begin each run without load")
    if len(loads) < 3:
        raise UsageError("a calibration needs a zero and at least two loads")
    for number, run in enumerate(rising, 1):
        missing = [load for load in loads if load not in run]
        if missing:
            raise UsageError(f"run {number} has no rising reading at {missing[0]:g} N")
    table = RunTable(
        loads=np.array(loads),
        load_uncertainties=np.array([_load_uncertainty(runs, load) for load in loads]),
        rising=np.array([[run[load] for load in loads] for run in rising]),
        falling=np.array([[run.get(load, math.nan) for load in loads] for run in falling]),
        mountings=tuple(run.mounting for run in runs),
    )
    _check_direction(table)
    return table


def _check_direction(table: RunTable) -> None:
    deflections = table.rising[:, 1:] - table.rising[:, :1]
    way = np.sign(deflections[:, -1].mean())
    wrong = np.argwhere(deflections * way <= 0.0)
    if len(wrong):
        run, at = wrong[0]
        raise UsageError(
            f"run {run + 1} does not show {table.loads[at + 1]:g} N as more than no load: "
            "look for a wrong reading, or leave this load out"
        )


def _by_load(run: CalibrationRun, number: int, branch: Branch) -> dict[float, float]:
    found: dict[float, float] = {}
    for point in run.points:
        numbers = (point.load, point.reading, point.load_uncertainty)
        if not all(math.isfinite(value) for value in numbers) or point.load_uncertainty < 0.0:
            raise UsageError(f"run {number} has a reading that is no number at {point.load:g} N")
        if point.branch is branch:
            load = round(point.load, 6)
            if load in found:
                raise UsageError(f"run {number} has two {branch} readings at {load:g} N")
            found[load] = point.reading
    return found


def _load_uncertainty(runs: Sequence[CalibrationRun], load: float) -> float:
    return max(
        point.load_uncertainty
        for run in runs
        for point in run.points
        if round(point.load, 6) == load
    )


def hysteresis(table: RunTable) -> FloatArray | None:
    """Return falling − rising at each load, (J,), the mean of the runs; None without falling loads.

    Interpolated where a load was not taken falling. It is 0 at load 0, whose return is zero drift,
    and at the highest, where the run turns round on one reading unless a second was taken.
    """
    between = table.falling - table.rising
    taken = np.isfinite(between)
    if not np.any(taken[:, 1:-1]):
        return None
    taken[:, 0] = False
    ends = np.zeros(len(table.loads), dtype=bool)
    ends[[0, -1]] = True
    counts = taken.sum(axis=0)
    means = np.where(taken, between, 0.0).sum(axis=0) / np.maximum(counts, 1)
    known = ends | (counts > 0)
    return np.asarray(np.interp(table.loads, table.loads[known], means[known]), dtype=np.float64)


def middle(table: RunTable) -> FloatArray:
    """Return the device number at each load, (J,): halfway between rising and falling."""
    loop = hysteresis(table)
    rising = np.asarray(table.rising.mean(axis=0), dtype=np.float64)
    return rising if loop is None else rising + 0.5 * loop


def fit_polynomial(
    x: FloatArray,
    load: FloatArray,
    degree: int,
    *,
    uncertainty: FloatArray | None = None,
    through_zero: bool = False,
) -> PolynomialFit:
    """Return the least-squares polynomial of a degree from 1 to 3, load (n,) over x (n,).

    ``uncertainty`` (n,) of the loads weights the points by 1/u²; only their ratios count, since
    the covariance is taken from the residuals (ISO/TS 28037:2010, annex E). ``through_zero`` lets
    the device number 0 be no load. Raises UsageError for too few points, numbers that are not
    finite, no spread, or a curve that turns back within the points.
    """
    return _checked(_solved(x, load, degree, uncertainty, through_zero=through_zero))


def choose_fit(
    x: FloatArray,
    load: FloatArray,
    *,
    highest_degree: int = 2,
    uncertainty: FloatArray | None = None,
    through_zero: bool = False,
) -> PolynomialFit:
    """Return a straight line, or the higher degree that an F-test at 5 % earns.

    F = (S₁ − S₂)/(d₂ − d₁) / (S₂/ν₂), of the weighted sums of squares of the degrees d₁ < d₂
    (Draper and Smith 1998, 6.1). Degree 3 is tried when ``highest_degree`` asks for it; none is
    without points enough. Raises UsageError as `fit_polynomial` does.
    """
    if not 1 <= highest_degree <= HIGHEST_DEGREE:
        raise UsageError(f"the degree of a calibration is from 1 to 3, not {highest_degree}")
    best = _solved(x, load, 1, uncertainty, through_zero=through_zero)
    tests: list[DegreeTest] = []
    for degree in range(2, highest_degree + 1):
        if len(np.unique(x)) < _points_needed(degree, through_zero=through_zero):
            break
        higher = _solved(x, load, degree, uncertainty, through_zero=through_zero)
        test = _degree_test(best, higher, float(np.abs(load).max()))
        tests.append(test)
        best = higher if test.earned else best
    return replace(_checked(best), tests=tuple(tests))


def _solved(
    x: FloatArray,
    load: FloatArray,
    degree: int,
    uncertainty: FloatArray | None,
    *,
    through_zero: bool,
) -> PolynomialFit:
    """Return the least-squares polynomial, solved by QR in centred and scaled numbers."""
    weights = _weights(x, load, uncertainty)
    _check_points(x, load, degree, through_zero=through_zero)
    centre = 0.0 if through_zero else float(x.mean())
    scale = float(np.abs(x - centre).max())
    powers = np.arange(1 if through_zero else 0, degree + 1)
    design = ((x - centre) / scale)[:, None] ** powers
    root = np.sqrt(weights)
    q, r = np.linalg.qr(design * root[:, None])
    solved = np.linalg.solve(r, q.T @ (load * root))
    residuals = load - design @ solved
    freedom = len(x) - len(powers)
    variance = float(weights @ residuals**2) / freedom
    inverse = np.linalg.inv(r)
    covariance = variance * inverse @ inverse.T
    if through_zero:
        solved = np.concatenate(([0.0], solved))
        covariance = np.pad(covariance, ((1, 0), (1, 0)))
    change = _to_raw(degree, centre, scale)
    return PolynomialFit(
        coefficients=as_tuple(change @ solved),
        covariance=as_rows(change @ covariance @ change.T),
        centre=centre,
        scale=scale,
        scaled=as_tuple(solved),
        scaled_covariance=as_rows(covariance),
        residuals=as_tuple(residuals),
        standard_error=math.sqrt(variance),
        degrees_of_freedom=freedom,
        through_zero=through_zero,
        low=float(x.min()),
        high=float(x.max()),
    )


def _checked(fit: PolynomialFit) -> PolynomialFit:
    if not _monotonic(fit):
        raise UsageError(
            f"the curve of degree {fit.degree} turns back within the range: "
            "look for a wrong reading, or fit a straight line"
        )
    return fit


def load_at(fit: PolynomialFit, x: FloatArray) -> FloatArray:
    """Return the load in N (or deg) at device numbers x, of the same shape."""
    z = (x - fit.centre) / fit.scale
    return np.asarray(np.polynomial.polynomial.polyval(z, fit.scaled), dtype=np.float64)


def device_number(fit: PolynomialFit, load: float) -> float:
    """Return the device number at a load in N (or deg), to a ten-thousandth of the range.

    Beyond the fitted points it is that of their end.
    """
    x = np.linspace(fit.low, fit.high, _INVERSE_POINTS)
    loads = load_at(fit, x)
    rising = loads[-1] > loads[0]
    return float(np.interp(load, loads if rising else loads[::-1], x if rising else x[::-1]))


def slope_at(fit: PolynomialFit, x: float) -> float:
    """Return N (or deg) per device number at x."""
    derivative = np.polynomial.polynomial.polyder(fit.scaled)
    z = (x - fit.centre) / fit.scale
    return float(np.polynomial.polynomial.polyval(z, derivative)) / fit.scale


def leverage(fit: PolynomialFit, x: float, zero: float) -> float:
    """Return the variance of load(x) − load(zero), in units of the residual variance.

    The constant drops out of a difference, and its variance with it.
    """
    if fit.standard_error == 0.0:
        return 0.0
    powers = np.arange(fit.degree + 1)
    at, base = ((number - fit.centre) / fit.scale for number in (x, zero))
    difference = at**powers - base**powers
    spread = difference @ np.array(fit.scaled_covariance) @ difference
    return float(spread) / fit.standard_error**2


def as_tuple(values: FloatArray) -> tuple[float, ...]:
    """Return an array (n,) as a record holds it."""
    return tuple(float(value) for value in values)


def as_rows(matrix: FloatArray) -> tuple[tuple[float, ...], ...]:
    """Return a matrix as a record holds it, row by row."""
    return tuple(as_tuple(row) for row in matrix)


def measure_scatter(table: RunTable, fit: PolynomialFit) -> Scatter:
    """Return the scatter of the rising readings about the curve.

    A reading of run r at load L is taken to be the curve, a zero of that run, a sensitivity of
    its mounting and chance: E = α(L) + a(r) + b(mounting)·L + ε, solved by least squares. ε is
    ``reading``, the scatter of the b is ``mounting``. A single run has no scatter but that about
    the curve.
    """
    in_newtons = load_at(fit, table.rising)
    count = len(in_newtons)
    returns = load_at(fit, table.falling[:, 0]) - in_newtons[:, 0]
    returns = returns[np.isfinite(returns)]
    reseated = len(set(table.mountings)) > 1
    if count == 1:
        # the curve is fitted to means of rising and falling, which scatter less than a reading
        reading = fit.standard_error * (1.0 if hysteresis(table) is None else math.sqrt(2.0))
        zero = _zero_beyond(returns, reading)
        return Scatter(reading, fit.degrees_of_freedom, None, 0, 0.0, reseated, zero, count)
    groups = np.array(table.mountings if reseated else range(count))
    apart = in_newtons - in_newtons.mean(axis=0)
    apart -= apart.mean(axis=1, keepdims=True)
    arm = table.loads - table.loads.mean()
    run_slopes = apart @ arm / float(arm @ arm)
    names, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    slopes = np.bincount(members, weights=run_slopes) / sizes
    left = apart - slopes[members][:, None] * arm
    freedom = (count - 1) * (len(arm) - 1) - (len(names) - 1)
    reading = math.sqrt(float(np.sum(left**2)) / freedom)
    return Scatter(
        reading=reading,
        reading_df=freedom,
        mounting=float(np.std(slopes, ddof=1)),
        mounting_df=len(names) - 1,
        fresh=math.sqrt(1.0 + float(np.sum((sizes / count) ** 2))),
        reseated=reseated,
        zero=_zero_beyond(returns, reading),
        runs=count,
    )


def _zero_beyond(returns: FloatArray, reading: float) -> float | None:
    """Return the root mean square of zero returns, less that of two readings without drift."""
    if not len(returns):
        return None
    return math.sqrt(max(0.0, float(np.mean(returns**2)) - 2.0 * reading**2))


def _weights(x: FloatArray, load: FloatArray, uncertainty: FloatArray | None) -> FloatArray:
    """Return 1/u² of mean 1, (n,)."""
    if x.ndim != 1 or x.shape != load.shape:
        raise ValueError("needs as many loads as device numbers")
    if uncertainty is None:
        return np.ones(len(x))
    if uncertainty.shape != x.shape or not np.all(np.isfinite(uncertainty)):
        raise UsageError("every load needs an uncertainty to be weighted by")
    if np.any(uncertainty <= 0.0):
        raise UsageError("a load without uncertainty would outweigh all others; state one")
    weights: FloatArray = 1.0 / uncertainty**2
    return weights / float(weights.mean())


def _check_points(x: FloatArray, load: FloatArray, degree: int, *, through_zero: bool) -> None:
    if not 1 <= degree <= HIGHEST_DEGREE:
        raise UsageError(f"the degree of a calibration is from 1 to 3, not {degree}")
    if not np.all(np.isfinite(x)) or not np.all(np.isfinite(load)):
        raise UsageError("a load or a reading is not a finite number")
    if len(x) and (np.ptp(x) == 0.0 or np.ptp(load) == 0.0):
        raise UsageError("all readings, or all loads, are the same: is the device connected?")
    needed = _points_needed(degree, through_zero=through_zero)
    distinct = len(np.unique(x))
    if distinct < needed:
        raise UsageError(
            f"{distinct} different readings are too few for degree {degree}: needs {needed}"
        )


def _points_needed(degree: int, *, through_zero: bool) -> int:
    """Return how many different points leave one degree of freedom."""
    return degree + (1 if through_zero else 2)


def _degree_test(lower: PolynomialFit, higher: PolynomialFit, largest: float) -> DegreeTest:
    added = higher.degree - lower.degree
    squares = [fit.standard_error**2 * fit.degrees_of_freedom for fit in (lower, higher)]
    # what is left of an exact fit is rounding, and no curvature
    floor = (len(lower.residuals) * 16.0 * math.ulp(largest)) ** 2
    if squares[0] <= floor:
        f = 0.0
    elif squares[1] <= floor:
        f = math.inf
    else:
        f = (squares[0] - squares[1]) / added / higher.standard_error**2
    critical = f_quantile(_CONFIDENCE, added, higher.degrees_of_freedom)
    return DegreeTest(higher.degree, lower.degree, f, critical)


def _to_raw(degree: int, centre: float, scale: float) -> FloatArray:
    """Return the matrix that turns coefficients of z = (x − centre)/scale into those of x."""
    change = np.zeros((degree + 1, degree + 1))
    for power in range(degree + 1):
        for raw in range(power + 1):
            change[raw, power] = math.comb(power, raw) * (-centre) ** (power - raw) / scale**power
    return change


def _monotonic(fit: PolynomialFit) -> bool:
    """Return whether the slope keeps its sign, which it can only lose at an end or its vertex."""
    derivative = np.polynomial.polynomial.polyder(fit.scaled)
    low, high = ((end - fit.centre) / fit.scale for end in (fit.low, fit.high))
    places = [low, high]
    if fit.degree == HIGHEST_DEGREE and derivative[2] != 0.0:
        places.append(min(max(-derivative[1] / (2.0 * derivative[2]), low), high))
    slopes = np.polynomial.polynomial.polyval(np.array(places), derivative)
    return bool(np.all(slopes > 0.0) or np.all(slopes < 0.0))
