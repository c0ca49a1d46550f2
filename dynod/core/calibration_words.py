"""What a calibration found, in plain words, for those who use the unit."""

import math
from collections.abc import Iterator

import numpy as np

from dynod.core.calibration_fit import device_number, load_at, slope_at
from dynod.model.calibration_record import CalibrationReport, LoadPoint, PolynomialFit

USUAL_N = 150.0
"""A usual hip force; side-to-side differences are told in percent of it. A default of ours."""

_GOOD_PERCENT = 5.0
_DEGREES = {1: "a straight line", 2: "a curve of degree 2", 3: "a curve of degree 3"}


def force_statements(report: CalibrationReport, points: tuple[LoadPoint, ...]) -> tuple[str, ...]:
    """Return what a force calibration found, one sentence each.

    ``points`` are those behind the residuals of the fit, in its order. Two sides of one patient
    that were measured with this unit differ by chance by √2 times what they do not share.
    """
    return tuple(_statements(report, points))


def _statements(report: CalibrationReport, points: tuple[LoadPoint, ...]) -> Iterator[str]:
    fit = report.fit
    yield f"{_curve(fit)}, with no load at {_no_load(fit):.8g}"
    yield from _tests(fit)
    sizes = [abs(left) for left in fit.residuals]
    worst = sizes.index(max(sizes))
    at = f" (at {points[worst].load:.4g} N)" if points else ""
    yield (
        f"the points lie up to {max(sizes):.3g} N off the curve{at}, "
        f"with a standard deviation of {fit.standard_error:.3g} N"
    )
    low, high = report.range_low, report.range_high
    yield (
        f"from {low:.4g} to {high:.4g} N a single result is uncertain by "
        f"{report.uncertainty.at(low):.2g} to {report.uncertainty.at(high):.2g} N "
        "(expanded, about 95 %)"
    )
    yield _sides(report)
    if report.indicators is not None:
        for line in report.indicators.statements:
            yield f"{line} (pattern of ISO 376; no claim of conformity)"
        factor = report.indicators.lower_limit_factor
        if math.isfinite(factor):
            yield f"lower limit factor after the pattern of ASTM E74: {factor:.3g} N"
    yield from report.notes


def _no_load(fit: PolynomialFit) -> float:
    """Return the device number of no load, which may lie beyond the fitted points."""
    near = device_number(fit, 0.0)
    return near - float(load_at(fit, np.array([near]))[0]) / slope_at(fit, near)


def _curve(fit: PolynomialFit) -> str:
    forced = ", forced through zero" if fit.through_zero else ""
    if fit.degree == 1:
        return f"a straight line{forced}: {fit.coefficients[1]:.7g} N for each device number"
    return f"{_DEGREES[fit.degree]}{forced}"


def _tests(fit: PolynomialFit) -> Iterator[str]:
    for test in fit.tests:
        found = f"F = {test.f:.3g}, {test.critical:.3g} would be needed"
        if test.earned:
            found = f"F = {test.f:.3g}, more than {test.critical:.3g}"
        verdict = "is better by more than chance" if test.earned else "is no better than chance"
        yield f"degree {test.degree} {verdict} ({found})"


def _sides(report: CalibrationReport) -> str:
    """Say which side-to-side differences the unit can tell, at a usual force within its range."""
    force_n = min(max(USUAL_N, report.range_low), report.range_high)
    least_n = math.sqrt(2.0) * report.unshared.at(force_n)
    percent = 100.0 * least_n / force_n
    told = f"{least_n:.2g} N ({percent:.2g} % of {force_n:.4g} N)"
    if percent > _GOOD_PERCENT:
        return (
            f"NOT FIT for side-to-side differences under {told}: two equal sides may read that "
            "far apart by the device alone"
        )
    return f"two sides that differ by less than {told} cannot be told apart by this device"
