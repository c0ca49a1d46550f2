"""The curve: published worked examples, NIST's certified values, numpy, and derivations."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dynod.core.calibration_fit import (
    choose_fit,
    device_number,
    fit_polynomial,
    hysteresis,
    leverage,
    load_at,
    measure_scatter,
    middle,
    slope_at,
    tabulate,
)
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.calibration_record import Branch, CalibrationRun, LoadPoint
from dynod.model.errors import UsageError

# GUM (JCGM 100:2008), table H.6: thermometer readings less 20 °C, and corrections.
THERMOMETER = np.array(
    [1.521, 2.012, 2.512, 3.003, 3.507, 3.999, 4.513, 5.002, 5.503, 6.010, 6.511]
)
CORRECTION = -0.001 * np.array([171, 169, 166, 159, 164, 165, 156, 157, 159, 161, 160.0])
# NIST StRD, Pontius: deflection of a load cell under forty loads.
CELL_LOAD = np.tile(150000.0 * np.arange(1, 21), 2)
DEFLECTION = np.array(
    [
        [0.11019, 0.21956, 0.32949, 0.43899, 0.54803, 0.65694, 0.76562, 0.87487, 0.98292, 1.09146],
        [1.20001, 1.30822, 1.41599, 1.52399, 1.63194, 1.73947, 1.84646, 1.95392, 2.06128, 2.16844],
        [0.11052, 0.22018, 0.32939, 0.43886, 0.54798, 0.65739, 0.76596, 0.87474, 0.98300, 1.09150],
        [1.20004, 1.30818, 1.41613, 1.52408, 1.63159, 1.73965, 1.84696, 1.95445, 2.06177, 2.16829],
    ]
).ravel()
# ISO/TS 28037:2010, 6.3, page 15: a straight line with unequal uncertainties.
SIX = np.arange(1.0, 7.0)
UNEQUAL_Y = np.array([3.2, 4.3, 7.6, 8.6, 11.7, 12.8])
UNEQUAL_U = np.array([0.5, 0.5, 0.5, 1.0, 1.0, 1.0])


def test_the_thermometer_of_the_gum() -> None:
    """H.3.3: y1 −0.1712, s 0.0029; y2 0.00218, s 0.00067; r −0.930; s 0.0035; at 30 °C −0.1494,
    u 0.0041, with 9 degrees of freedom."""
    fit = fit_polynomial(THERMOMETER, CORRECTION, 1)
    covariance = np.array(fit.covariance)
    deviations = np.sqrt(np.diag(covariance))
    assert fit.coefficients == pytest.approx((-0.1712, 0.00218), abs=5e-5)
    assert deviations == pytest.approx((0.0029, 0.00067), rel=0.02)
    assert covariance[0, 1] / deviations.prod() == pytest.approx(-0.930, abs=5e-4)
    assert fit.standard_error == pytest.approx(0.0035, abs=5e-5)
    assert fit.degrees_of_freedom == 9
    at_30 = np.array([1.0, 10.0])
    assert at_30 @ fit.coefficients == pytest.approx(-0.1494, abs=5e-5)
    assert math.sqrt(at_30 @ covariance @ at_30) == pytest.approx(0.0041, abs=5e-5)


def test_the_load_cell_of_nist() -> None:
    """Pontius, certified: coefficients, their standard deviations, residual standard deviation."""
    fit = fit_polynomial(CELL_LOAD, DEFLECTION, 2)
    certified = (0.673565789473684e-03, 0.732059160401003e-06, -0.316081871345029e-14)
    deviations = (0.107938612033077e-03, 0.157817399981659e-09, 0.486652849992036e-16)
    assert fit.coefficients == pytest.approx(certified, rel=1e-10)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(deviations, rel=1e-9)
    assert fit.standard_error == pytest.approx(0.205177424076185e-03, rel=1e-10)
    assert fit.degrees_of_freedom == 37


def test_the_load_cell_of_nist_earns_its_curvature() -> None:
    """The line alone: 6.150e-03 and 7.221e-07 (NIST handbook 4.6.1). By hand, F is the square of
    the curvature over its certified standard deviation."""
    line = fit_polynomial(CELL_LOAD, DEFLECTION, 1)
    assert line.coefficients == pytest.approx((6.150e-03, 7.221e-07), rel=1e-4)
    chosen = choose_fit(CELL_LOAD, DEFLECTION)
    assert chosen.degree == 2
    (test,) = chosen.tests
    assert test.f == pytest.approx((0.316081871345029e-14 / 0.486652849992036e-16) ** 2, rel=1e-8)
    assert test.critical == pytest.approx(stats.f.ppf(0.95, 1, 37), rel=1e-9)
    assert test.earned


def test_the_weighted_line_of_iso_28037() -> None:
    """a 0.885, b 2.057, and with u taken as known u(a) 0.530, u(b) 0.178, cov −0.082, χ² 4.131.

    Ours takes the size of the uncertainty from the residuals: it is χ²/4 times that covariance.
    """
    fit = fit_polynomial(SIX, UNEQUAL_Y, 1, uncertainty=UNEQUAL_U)
    assert fit.coefficients == pytest.approx((0.885, 2.057), abs=5e-4)
    known = np.array(fit.covariance) / (4.130801687763713 / 4)
    assert np.sqrt(np.diag(known)) == pytest.approx((0.530, 0.178), abs=5e-4)
    assert known[0, 1] == pytest.approx(-0.082, abs=5e-4)
    chi_squared = float(np.sum((np.array(fit.residuals) / UNEQUAL_U) ** 2))
    assert chi_squared == pytest.approx(4.131, abs=5e-4)


def test_the_line_of_unknown_uncertainty_of_iso_28037() -> None:
    """Annex E: a 1.172, u 0.159; b 1.964, u 0.041; cov −0.006. Equal weights change nothing."""
    y = np.array([3.014, 5.225, 7.004, 9.061, 11.201, 12.762])
    fit = fit_polynomial(SIX, y, 1)
    assert fit.coefficients == pytest.approx((1.172, 1.964), abs=5e-4)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx((0.159, 0.041), abs=5e-4)
    assert fit.covariance[0][1] == pytest.approx(-0.006, abs=5e-4)
    weighted = fit_polynomial(SIX, y, 1, uncertainty=np.full(6, 0.3))
    assert weighted.coefficients == pytest.approx(fit.coefficients, rel=1e-12)
    assert weighted.standard_error == pytest.approx(fit.standard_error, rel=1e-12)


@given(
    degree=st.integers(1, 3),
    seed=st.integers(0, 10_000),
    weighted=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_numpy_finds_the_same_polynomial(degree: int, seed: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-2.0, 8.0, 12))
    y = 3.0 + 40.0 * x + 0.1 * x**2 + 0.01 * x**3 + rng.normal(0.0, 0.2, 12)
    u = rng.uniform(0.1, 0.5, 12)
    fit = fit_polynomial(x, y, degree, uncertainty=u if weighted else None)
    theirs, covariance = np.polyfit(x, y, degree, w=1.0 / u if weighted else None, cov=True)
    np.testing.assert_allclose(fit.coefficients, theirs[::-1], rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(fit.covariance, covariance[::-1, ::-1], rtol=1e-6, atol=1e-12)


def test_through_zero_is_the_ratio_of_sums() -> None:
    """b = Σxy/Σx², its variance s²/Σx², with n − 1 degrees of freedom."""
    fit = fit_polynomial(SIX, UNEQUAL_Y, 1, through_zero=True)
    slope = float(SIX @ UNEQUAL_Y) / float(SIX @ SIX)
    s2 = float(np.sum((UNEQUAL_Y - slope * SIX) ** 2)) / 5
    assert fit.coefficients == pytest.approx((0.0, slope))
    assert fit.covariance[1][1] == pytest.approx(s2 / float(SIX @ SIX))
    assert fit.covariance[0] == (0.0, 0.0)
    assert fit.degrees_of_freedom == 5
    assert load_at(fit, np.zeros(1))[0] == 0.0


def test_counts_far_from_zero_lose_no_digits() -> None:
    """Of a 24-bit converter: x from 8,000,000 on, N = 0.001·d + 2e-9·d² for d = x − 8,000,000.

    The curve, its inverse, and the certificate's own powers of x give the load again.
    """
    d = np.linspace(0.0, 2e5, 9)
    loads = 0.001 * d + 2e-9 * d**2
    fit = choose_fit(8e6 + d, loads)
    assert fit.degree == 2
    assert load_at(fit, 8e6 + d) == pytest.approx(loads, abs=1e-9)
    applied = Calibration(CalibrationStatus.CERTIFIED, fit.coefficients).apply(8e6 + d)
    assert applied == pytest.approx(loads, abs=1e-5)
    assert slope_at(fit, 8e6 + 1e5) == pytest.approx(0.001 + 4e-9 * 1e5)
    assert device_number(fit, float(loads[4])) == pytest.approx(8e6 + d[4], abs=20.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_device_number_of_a_load(sign: float) -> None:
    """A number that falls with the load works as well; beyond the points it is that of the end."""
    fit = fit_polynomial(sign * SIX, 10.0 * SIX, 1)
    assert device_number(fit, 35.0) == pytest.approx(sign * 3.5)
    assert device_number(fit, 99.0) == pytest.approx(sign * 6.0)


def test_the_variance_of_a_difference_leaves_the_constant_out() -> None:
    """Var(load(x) − load(z)) = s²·(x − z)²/Sxx for a line; Sxx of 1 … 6 is 17.5."""
    fit = fit_polynomial(SIX, UNEQUAL_Y, 1)
    assert leverage(fit, 6.0, 1.0) == pytest.approx(25.0 / 17.5)
    exact = fit_polynomial(SIX, 2.0 * SIX, 1)
    assert leverage(replace(exact, standard_error=0.0), 6.0, 1.0) == 0.0


def test_a_line_is_kept_where_curvature_is_chance() -> None:
    """At 5 %, 50 ± 4·7 of 1,000 straight devices are called curved by chance; 78 at the most."""
    rng = np.random.default_rng(5)
    x = np.linspace(0.0, 1.0, 8)
    curved = sum(choose_fit(x, 200.0 * x + rng.normal(0.0, 0.3, 8)).degree > 1 for _ in range(1000))
    assert 22 <= curved <= 78


def test_a_cubic_comes_only_on_request() -> None:
    x = np.linspace(-1.0, 1.0, 9)
    y = 100.0 * x + 5.0 * x**3 + 0.01 * np.array([1, -1, 1, -1, 0, 1, -1, 1, -1])
    assert choose_fit(x, y).degree == 1
    asked = choose_fit(x, y, highest_degree=3)
    assert asked.degree == 3
    assert [(test.degree, test.against) for test in asked.tests] == [(2, 1), (3, 1)]
    straight = choose_fit(x, 100.0 * x, highest_degree=3)
    assert straight.degree == 1, "an exact line has nothing left to earn a curve with"


def test_too_few_points_for_a_test_leave_a_line() -> None:
    assert choose_fit(SIX[:3], 2.0 * SIX[:3], highest_degree=3).tests == ()


def test_a_curve_that_is_not_chosen_may_turn_back() -> None:
    """By orthogonal contrasts the slope is 0.74 and the square of the curvature 1.7² = 2.89, which
    bends the curve by −1.7·1.5 at the last point; what is left is 2.8²/20 = 0.392. F is 7.37, and
    161 would be needed."""
    y = np.array([0.0, 3.0, 2.9, 2.5])
    with pytest.raises(UsageError, match="degree 2 turns back"):
        fit_polynomial(np.arange(4.0), y, 2)
    chosen = choose_fit(np.arange(4.0), y)
    assert chosen.degree == 1
    assert chosen.coefficients[1] == pytest.approx(0.74)
    assert chosen.tests[0].f == pytest.approx(2.89 / 0.392, rel=1e-3)
    assert chosen.tests[0].critical == pytest.approx(161.4, abs=0.1)


def test_a_cubic_that_turns_back_between_its_ends_is_refused() -> None:
    x = np.linspace(-1.0, 1.0, 9)
    with pytest.raises(UsageError, match="turns back within the range"):
        fit_polynomial(x, x**3 - 0.3 * x, 3)


@pytest.mark.parametrize(
    ("x", "y", "degree", "said"),
    [
        ([1.0, 2.0], [1.0, 2.0], 1, "2 different readings are too few for degree 1: needs 3"),
        ([1.0, 2.0, 2.0, 3.0], [1.0, 2.0, 2.0, 3.0], 2, "needs 4"),
        ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], 1, "is the device connected"),
        ([1.0, 2.0, 3.0], [5.0, 5.0, 5.0], 1, "is the device connected"),
        ([1.0, 2.0, math.nan], [1.0, 2.0, 3.0], 1, "not a finite number"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, math.inf], 1, "not a finite number"),
        ([], [], 1, "0 different readings are too few"),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 4, "from 1 to 3, not 4"),
    ],
)
def test_what_no_curve_can_be_had_from(
    x: list[float], y: list[float], degree: int, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        fit_polynomial(np.array(x), np.array(y), degree)


def test_degrees_beyond_three_are_refused() -> None:
    with pytest.raises(UsageError, match="from 1 to 3, not 4"):
        choose_fit(SIX, SIX, highest_degree=4)
    with pytest.raises(ValueError, match="as many loads"):
        fit_polynomial(SIX, SIX[:3], 1)


@pytest.mark.parametrize(
    ("uncertainty", "said"), [([0.1] * 5, "every load"), ([0.0] + [0.1] * 5, "outweigh all others")]
)
def test_weights_that_are_none(uncertainty: list[float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        fit_polynomial(SIX, UNEQUAL_Y, 1, uncertainty=np.array(uncertainty))


def run(
    rising: list[tuple[float, float]],
    falling: list[tuple[float, float]] | None = None,
    mounting: int = 1,
) -> CalibrationRun:
    points = [LoadPoint(load, reading) for load, reading in rising]
    points += [LoadPoint(load, reading, Branch.FALLING) for load, reading in falling or []]
    return CalibrationRun(tuple(points), mounting)


UP = [(0.0, 100.0), (10.0, 200.0), (20.0, 300.0), (30.0, 400.0)]


def test_the_table_and_its_loop() -> None:
    """Falling readings 4 and 6 higher at 20 N, and none at 10 N: the loop is 5 at 20 N, half of it
    at 10 N, and closed at both ends; its middle is half of it above the rising readings."""
    table = tabulate(
        [
            run(UP, [(20.0, 304.0), (0.0, 101.0)]),
            run([(load, reading + 2.0) for load, reading in UP], [(20.0, 308.0)], mounting=2),
        ]
    )
    assert table.loads.tolist() == [0.0, 10.0, 20.0, 30.0]
    assert table.rising.tolist()[1] == [102.0, 202.0, 302.0, 402.0]
    assert table.falling[:, 2].tolist() == [304.0, 308.0]
    assert table.mountings == (1, 2)
    loop = hysteresis(table)
    assert loop is not None
    assert loop.tolist() == [0.0, 2.5, 5.0, 0.0]
    assert middle(table).tolist() == [101.0, 202.25, 303.5, 401.0]


def test_without_falling_loads_there_is_no_loop() -> None:
    table = tabulate([run(UP, [(0.0, 101.0)])])
    assert hysteresis(table) is None
    assert middle(table).tolist() == [100.0, 200.0, 300.0, 400.0]


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([], "no run"),
        ([run([])], "has no zero"),
        ([run(UP[1:])], "run 1 has no zero"),
        ([run([(-5.0, 90.0), *UP])], "load below zero"),
        ([run(UP), run(UP[:3])], "run 2 has no rising reading at 30 N"),
        ([run(UP), run(UP[1:])], "run 2 has no rising reading at 0 N"),
        ([run(UP, [(15.0, 250.0)])], "run 1 has no rising reading at 15 N"),
        ([run([*UP, (10.0, 201.0)])], "run 1 has two rising readings at 10 N"),
        ([run(UP), run([*UP[:3], (30.0, math.nan)])], "run 2 has a reading that is no number"),
        ([run(UP[:2])], "at least two loads"),
        ([run([*UP, (5.0, 100.0)])], "run 1 does not show 5 N as more than no load"),
        ([run(UP), run([(0.0, 210.0), *UP[1:]])], "run 2 does not show 10 N"),
    ],
)
def test_runs_that_do_not_make_a_table(runs: list[CalibrationRun], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        tabulate(runs)


def test_a_negative_uncertainty_of_a_load_is_refused() -> None:
    bad = CalibrationRun((LoadPoint(0.0, 1.0), LoadPoint(5.0, 2.0, load_uncertainty=-1.0)))
    with pytest.raises(UsageError, match="no number at 5 N"):
        tabulate([bad])


def test_offsets_and_sensitivities_are_no_scatter_of_readings() -> None:
    """Runs that differ by a zero and a sensitivity alone, of 1 N per number: the readings scatter
    by nothing; the sensitivities 1.00, 1.00 and 1.03 of two mountings differ by 0.03, so that their
    standard deviation is 0.03/√2 of the slope that the curve has; fresh is √(1 + (2/3)² + (1/3)²).
    """
    load = np.array([0.0, 50.0, 100.0, 200.0])
    runs = [
        run([(value, zero + gain * value) for value in load.tolist()], mounting=mounting)
        for zero, gain, mounting in ((5.0, 1.0, 1), (7.0, 1.0, 1), (4.0, 1.03, 2))
    ]
    table = tabulate(runs)
    fit = choose_fit(middle(table), table.loads)
    scatter = measure_scatter(table, fit)
    assert scatter.reading == pytest.approx(0.0, abs=1e-9)
    assert scatter.reading_df == 2 * 3 - 1
    assert scatter.mounting == pytest.approx(0.03 / math.sqrt(2) / 1.01)
    assert (scatter.mounting_df, scatter.reseated, scatter.zero) == (1, True, None)
    assert scatter.fresh == pytest.approx(math.sqrt(14 / 9))


@pytest.mark.parametrize("mountings", [(1, 1, 2), (1, 2, 3), (1, 1, 1), (1, 1, 2, 2, 3)])
def test_the_scatter_is_neither_too_small_nor_too_large(mountings: tuple[int, ...]) -> None:
    """Over 600 calibrations the mean of the squares is the true variance, σ 0.2 N and τ 0.3 %.

    The variance of the sensitivity holds, besides τ², σ²/Σ(L − L̄)² over the runs of a mounting; of
    one mounting alone only that, run by run. The mean of s²·ν/σ² over n has the standard error
    √(2/(n·ν)).
    """
    rng = np.random.default_rng(11)
    load = np.array([0.0, 20.0, 40.0, 80.0, 120.0, 160.0, 200.0])
    groups = len(set(mountings))
    found = []
    for _ in range(600):
        gains = {mounting: rng.normal(1.0, 0.003 if groups > 1 else 0.0) for mounting in mountings}
        runs = [
            run(list(zip(load.tolist(), readings.tolist(), strict=True)), mounting=m)
            for m in mountings
            for readings in [gains[m] * load + rng.normal(0.0, 3.0) + rng.normal(0.0, 0.2, 7)]
        ]
        table = tabulate(runs)
        scatter = measure_scatter(table, fit_polynomial(middle(table), table.loads, 1))
        assert scatter.mounting is not None
        found.append((scatter.reading**2, scatter.mounting**2))
    reading, mounting = np.mean(found, axis=0)
    freedom = scatter.reading_df
    assert freedom == (len(mountings) - 1) * 6 - ((groups if groups > 1 else len(mountings)) - 1)
    assert reading / 0.2**2 == pytest.approx(1.0, abs=4.0 * math.sqrt(2.0 / (600 * freedom)))
    arm = float(np.sum((load - load.mean()) ** 2))
    sizes = [mountings.count(m) for m in set(mountings)] if groups > 1 else [1]
    chance = 0.2**2 / arm * float(np.mean([1.0 / size for size in sizes]))
    true = chance + (0.003**2 if groups > 1 else 0.0)
    assert mounting / true == pytest.approx(
        1.0, abs=4.0 * math.sqrt(2.0 / (600 * scatter.mounting_df))
    )


def test_the_zero_return_beyond_chance_by_hand() -> None:
    """A single run, N = x − 100 all but exactly: the zero comes back at 103, which is 3 N."""
    table = tabulate([run([(0.0, 100.0), (10.0, 110.0), (20.0, 120.0)], [(0.0, 103.0)])])
    scatter = measure_scatter(table, choose_fit(middle(table), table.loads))
    assert scatter.zero == pytest.approx(3.0)
    assert (scatter.runs, scatter.mounting) == (1, None)
