"""Relative errors after ISO 376 and ASTM E74, by hand."""

import math
from itertools import pairwise

import pytest

from dynod.core.calibration_fit import choose_fit, middle, tabulate
from dynod.core.calibration_indicators import (
    DEFAULT_CLASSES,
    ClassLimits,
    best_class,
    creep_percent,
    indicators,
)
from dynod.model.calibration_record import Branch, CalibrationRun, Indicators, LoadPoint


def run(rising: list[float], falling: dict[float, float], mounting: int) -> CalibrationRun:
    """Return a run at 0, 100 and 200 N, and falling where it says."""
    points = [
        LoadPoint(load, reading) for load, reading in zip([0.0, 100.0, 200.0], rising, strict=True)
    ]
    points += [LoadPoint(load, reading, Branch.FALLING) for load, reading in falling.items()]
    return CalibrationRun(tuple(points), mounting)


# Deflections 1000, 1001 and 1003 at 100 N, 2000, 2002 and 2001 at 200 N; zeros 50, 60 and 55.
RUNS = [
    run([50.0, 1050.0, 2050.0], {100.0: 1053.0, 0.0: 51.0}, 1),
    run([60.0, 1061.0, 2062.0], {100.0: 1062.0, 0.0: 58.0}, 1),
    run([55.0, 1058.0, 2056.0], {}, 2),
]


def found(runs: list[CalibrationRun], resolution: float = 0.0) -> Indicators:
    table = tabulate(runs)
    return indicators(table, choose_fit(middle(table), table.loads), resolution=resolution)


def test_the_relative_errors_by_hand() -> None:
    """At 100 N: b' (1001 − 1000)/1000.5; b, of the first runs of both mountings, (1003 −
    1000)/1001.5; v the mean of 3/1000 and 1/1001. At 200 N: 2/2001, 1/2000.5, nothing falling."""
    low, high = found(RUNS).loads
    assert low.repeatability == pytest.approx(100 / 1000.5)
    assert low.reproducibility == pytest.approx(300 / 1001.5)
    assert low.reversibility == pytest.approx(50 * (3 / 1000 + 1 / 1001))
    assert high.repeatability == pytest.approx(200 / 2001)
    assert high.reproducibility == pytest.approx(100 / 2000.5)
    assert high.reversibility is None


def test_the_zero_return_is_the_largest_of_the_highest_deflection() -> None:
    """Of +1 over 2000 and −2 over 2002 the second."""
    assert found(RUNS).zero == pytest.approx(-200 / 2002)
    assert found([run([50.0, 1050.0, 2050.0], {}, 1)]).zero is None


def test_interpolation_is_the_curve_at_the_mean_reading_against_the_load() -> None:
    """Three points with readings 0, 101, 200: the line through (100.33, 100) with the slope
    20000/20000.667 gives 100 + (−100.33, 0.667, 99.67)·0.99997; less its zero 100.997 and 199.993.
    """
    low, high = found([run([0.0, 101.0, 200.0], {}, 1)]).loads
    mean = 301 / 3
    slope = (100 * 200) / ((mean**2) + (101 - mean) ** 2 + (200 - mean) ** 2)
    assert low.interpolation == pytest.approx(101 * slope - 100)
    assert high.interpolation == pytest.approx(50 * (200 * slope - 200) / 100)
    assert low.interpolation == pytest.approx(0.997, abs=1e-3)


def test_the_standard_deviation_and_the_limit_factor_of_e74_by_hand() -> None:
    """Readings 101 and 200 in one run, as above: d 0.9967 and −0.0067, but n − m − 1 = 0 leaves
    nothing to divide by; twice the same run gives √(2·(0.9967² + 0.0067²)/(4 − 1 − 1))."""
    one = [0.0, 101.0, 200.0]
    assert found([run(one, {}, 1)]).standard_deviation == math.inf
    twice = found([run(one, {}, 1), run(one, {}, 1)])
    low, high = (item.interpolation for item in twice.loads)
    assert low is not None
    assert high is not None
    by_hand = math.sqrt((low**2 + (2 * high) ** 2) * 2 / 2)
    assert twice.standard_deviation == pytest.approx(by_hand)
    assert twice.lower_limit_factor == pytest.approx(2.4 * by_hand)


def test_the_limit_factor_is_at_least_the_resolution() -> None:
    """0.1 N per number; a step of 50 is 5 N (E74-18, 8.5, as mhforce.com tells it)."""
    assert found(RUNS, resolution=50.0).lower_limit_factor == pytest.approx(5.0, rel=2e-3)


@pytest.mark.parametrize(
    ("reproducibility", "expected"),
    [(0.05, "00"), (0.051, "0.5"), (0.1, "0.5"), (0.2, "1"), (0.4, "2"), (0.41, None)],
)
def test_the_class_of_one_error(reproducibility: float, expected: str | None) -> None:
    assert best_class({"reproducibility": reproducibility}) == expected


def test_the_class_of_several_is_that_of_the_worst() -> None:
    """Interpolation counts either way; what was not measured does not count."""
    errors = {"repeatability": 0.02, "interpolation": -0.15, "reversibility": None}
    assert best_class(errors) == "2"
    assert best_class({**errors, "interpolation": math.nan}) is None


def test_the_default_classes_widen() -> None:
    for better, worse in pairwise(DEFAULT_CLASSES):
        for quantity in ("reproducibility", "repeatability", "interpolation", "zero"):
            assert better.of(quantity) < worse.of(quantity)
        assert better.reversibility < worse.reversibility


def test_what_is_said_names_quantities_and_claims_no_conformity() -> None:
    """Worst of both loads: b' 0.09995 (class 1), b 0.2996 (2), v 0.2 (1), zero −0.0999 (2). The
    deflections halfway round the loop are 1002.33 and 2001: at 100 N a line that is right at
    200 N is 0.183 % off (2)."""
    result = found(RUNS)
    assert dict(result.classes) == {
        "repeatability": "1",
        "reproducibility": "2",
        "interpolation": "2",
        "reversibility": "1",
        "zero": "2",
    }
    assert result.statements == (
        "meets the limits of class 1 in repeatability, reversibility",
        "meets the limits of class 2 in reproducibility, interpolation, zero",
    )
    assert "conform" not in " ".join(result.statements)


def test_what_meets_no_class_is_said_too() -> None:
    strict = (ClassLimits("A", 0.1, 0.1, 0.1, 0.1, 0.1),)
    table = tabulate(RUNS)
    fit = choose_fit(middle(table), table.loads)
    result = indicators(table, fit, classes=strict)
    beyond = "reproducibility, interpolation, reversibility"
    assert result.statements[-1] == f"meets the limits of no class in {beyond}"
    assert result.loads[0].class_limit is None
    assert result.loads[1].class_limit == "A"


def test_a_single_run_says_nothing_of_the_others() -> None:
    (low, _) = found([run([50.0, 1050.0, 2050.0], {}, 1)]).loads
    assert (low.repeatability, low.reproducibility, low.reversibility) == (None, None, None)


def test_creep_is_what_is_added_under_load() -> None:
    assert creep_percent(2000.0, 2050.0, 2052.0) == pytest.approx(0.1)
