"""Calibration from plain points, against numpy's polyfit and by hand; and what is said of it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dynod.core.calibration_force import ForceSettings
from dynod.core.calibration_points import calibrate_points
from dynod.core.calibration_words import force_statements
from dynod.model.calibration_record import LoadPoint
from dynod.model.errors import UsageError

# a made-up cell of 250 counts a newton with its zero at 80,000, and errors of some newtons
LOADS = np.array([50.0, 100.0, 150.0, 200.0, 250.0, 300.0])
ERRORS = np.array([2.0, -3.0, 1.0, 4.0, -5.0, 1.0])
COUNTS = 80_000.0 + 250.0 * (LOADS + ERRORS)
SETTINGS = ForceSettings(resolution=1.0)


def made_up(uncertainty: float = 0.0) -> tuple[LoadPoint, ...]:
    return tuple(
        LoadPoint(float(load), float(count), load_uncertainty=uncertainty)
        for load, count in zip(LOADS, COUNTS, strict=True)
    )


def test_the_curve_is_that_of_polyfit_without_a_zero_among_the_points() -> None:
    report = calibrate_points(made_up(), settings=SETTINGS)
    slope, constant = np.polyfit(COUNTS, LOADS, 1)
    assert report.fit.coefficients == pytest.approx((constant, slope), rel=1e-9)
    left = LOADS - (slope * COUNTS + constant)
    assert report.fit.residuals == pytest.approx(left)
    assert (report.range_low, report.range_high) == (50.0, 300.0)
    assert report.indicators is None


def test_what_the_points_leave_over_counts_for_reading_and_zero() -> None:
    report = calibrate_points(made_up(), settings=SETTINGS)
    slope, constant = np.polyfit(COUNTS, LOADS, 1)
    s = math.sqrt(np.sum((LOADS - (slope * COUNTS + constant)) ** 2) / 4)
    # at 300 N: 2s² of reading and zero, and (Δx)²·var(slope), with Δx from where the line comes to
    # no load below the lowest point; resolution half a step of 1/250 N over √3, twice
    reach = COUNTS[-1] - (COUNTS[0] - 50.0 / slope)
    spread = reach**2 / np.sum((COUNTS - COUNTS.mean()) ** 2)
    step = 2.0 * (0.5 * slope) ** 2 / 3.0
    standard = math.sqrt(s**2 * (2.0 + spread) + step)
    found = report.budgets[-1]
    assert found.standard == pytest.approx(standard, rel=1e-6)
    # all but six parts in a million have 4 degrees of freedom
    assert found.coverage_factor == pytest.approx(stats.t.ppf(stats.norm.cdf(2.0), 4), rel=1e-3)
    assert found.unshared == pytest.approx(found.expanded)


def test_the_uncertainty_of_the_loads_is_shared_by_the_sides() -> None:
    report = calibrate_points(made_up(uncertainty=0.7), settings=SETTINGS)
    budget = report.budgets[0]
    assert [term.name for term in budget.terms] == ["reference", "residuals", "resolution"]
    assert budget.shared == pytest.approx(0.7 * budget.coverage_factor)


def test_points_of_a_straight_line_have_no_residuals() -> None:
    points = tuple(LoadPoint(load, 1000.0 + 10.0 * load) for load in (0.0, 10.0, 20.0, 40.0))
    report = calibrate_points(points, settings=replace(SETTINGS, resolution=0.0))
    assert report.fit.coefficients == pytest.approx((-100.0, 0.1))
    assert report.uncertainty.at(40.0) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("points", "what"),
    [
        ([(0.0, 0.0), (10.0, 1.0)], "at least two different loads"),
        ([(0.0, 0.0), (10.0, 1.0), (20.0, 2.0), (-5.0, -0.5)], "below zero"),
        ([(10.0, 5.0), (20.0, 5.0), (30.0, 5.0)], "the same: is the device connected"),
        ([(10.0, 1.0), (20.0, 2.0)], "too few"),
        ([(10.0, 1.0), (20.0, math.inf), (30.0, 3.0)], "not a finite number"),
    ],
)
def test_what_calibrates_nothing_is_refused(points: list[tuple[float, float]], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        calibrate_points([LoadPoint(*point) for point in points], settings=SETTINGS)


def test_a_poor_cell_is_called_unfit_in_plain_words() -> None:
    report = calibrate_points(made_up(), settings=SETTINGS)
    words = force_statements(report, made_up())
    slope, constant = np.polyfit(COUNTS, LOADS, 1)
    assert f"with no load at {-constant / slope:.8g}" in words[0]  # below all points
    worst = np.abs(LOADS - np.polyval(np.polyfit(COUNTS, LOADS, 1), COUNTS))
    where = LOADS[int(np.argmax(worst))]
    assert any(f"up to {worst.max():.3g} N off the curve (at {where:.4g} N)" in w for w in words)
    assert any(line.startswith("NOT FIT for side-to-side differences under") for line in words)
    assert any("no better than chance" in line for line in words)


def test_a_good_cell_is_not_called_unfit() -> None:
    points = tuple(
        LoadPoint(float(load), float(80_000.0 + 250.0 * (load + 0.01 * error)))
        for load, error in zip(LOADS, ERRORS, strict=True)
    )
    words = force_statements(calibrate_points(points, settings=SETTINGS), points)
    assert any("cannot be told apart by this device" in line for line in words)
    assert not any("NOT FIT" in line for line in words)
