"""Reliability against published examples, pingouin's numbers, and a fit of the model by REML."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from dynod.core.reliability import (
    Icc,
    icc_agreement,
    icc_consistency,
    limits_from,
    limits_of_agreement,
    log_sem_percent,
    mdc95,
    reliability,
    sem_from_differences,
    sem_from_icc,
    two_way,
)
from dynod.model.samples import FloatArray

# Shrout and Fleiss 1979, Psychol Bull 86:420-428, table 2: six targets, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
# Weir 2005, J Strength Cond Res 19:231-240, data set A: eight people, two trials.
WEIR = np.array(
    [
        [146, 140],
        [148, 152],
        [170, 152],
        [90, 99],
        [157, 145],
        [156, 153],
        [176, 167],
        [205, 218],
    ],
    float,
)
# Bland and Altman 1986, Lancet i:307-310, table 1: peak expiratory flow of 17 people, l/min: by the
# Wright meter twice, and by the mini meter.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
WRIGHT_AGAIN = [490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
FLOW = np.array([WRIGHT, WRIGHT_AGAIN], float).T
# Nothing but noise: more within targets than between them.
NOISE = np.array([[3, 1, 2], [1, 3, 3], [2, 2, 1], [3, 2, 1]], float)


def icc(found: Icc | None) -> Icc:
    assert found is not None
    return found


def test_the_example_of_shrout_and_fleiss() -> None:
    """Their table 3: between targets 11.24, judges 32.49, residual 1.02; table 4: .29 and .71."""
    table = two_way(SHROUT_FLEISS)
    assert table.ms_targets == pytest.approx(11.24, abs=5e-3)
    assert table.ms_sessions == pytest.approx(32.49, abs=5e-3)
    assert table.ms_residual == pytest.approx(1.02, abs=5e-3)
    assert icc(icc_agreement(table)).value == pytest.approx(0.29, abs=5e-3)
    assert icc(icc_consistency(table)).value == pytest.approx(0.71, abs=5e-3)


@pytest.mark.parametrize(
    ("values", "agreement", "consistency"),
    [
        (
            SHROUT_FLEISS,
            (0.28976377952755916, 0.0187865134, 0.7610843696),
            (0.7148407148407154, 0.342464765, 0.94585826),
        ),
        (
            WEIR,
            (0.949975070633206, 0.7869585144, 0.9896368914),
            (0.9470161370489414, 0.7606784942, 0.9891628072),
        ),
        (
            FLOW,
            (0.9831640082594847, 0.9552167234, 0.9938189727),
            (0.9830458419744516, 0.9538722235, 0.9938268331),
        ),
    ],
)
def test_intraclass_correlations_are_those_of_pingouin(
    values: FloatArray,
    agreement: tuple[float, float, float],
    consistency: tuple[float, float, float],
) -> None:
    """pingouin 0.7.0, intraclass_corr, ICC(A,1) and ICC(C,1) with CI95, run once by hand."""
    table = two_way(values)
    for found, expected in (
        (icc(icc_agreement(table)), agreement),
        (icc(icc_consistency(table)), consistency),
    ):
        assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-9)


def test_a_negative_correlation_is_said_as_it_is() -> None:
    """pingouin 0.7.0: −0.5, and −0.366667 with its interval −0.478146 to 0.384624."""
    table = two_way(NOISE)
    assert icc(icc_agreement(table)).value == pytest.approx(-0.5)
    found = icc(icc_consistency(table))
    expected = (-0.3666666667, -0.478146116, 0.384623843)
    assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-9)


def reml_components(values: FloatArray, start: tuple[float, float, float]) -> FloatArray:
    """Return the variances of targets, sessions and residual by restricted maximum likelihood.

    The covariance of all n·k values is written down whole and the likelihood searched: nothing of
    it is an analysis of variance, whose answer it is for balanced data with positive variances.
    """
    n, k = values.shape
    y = values.ravel()
    same_target = np.kron(np.eye(n), np.ones((k, k)))
    same_session = np.kron(np.ones((n, n)), np.eye(k))
    ones = np.ones((n * k, 1))

    def minus_twice_log_likelihood(logs: FloatArray) -> float:
        of_targets, of_sessions, of_residual = np.exp(logs)
        covariance = of_targets * same_target + of_sessions * same_session
        covariance += of_residual * np.eye(n * k)
        weights = np.linalg.inv(covariance)
        information = float((ones.T @ weights @ ones).item())
        mean = float((ones.T @ weights @ y).item()) / information
        rest = y - mean
        _, log_determinant = np.linalg.slogdet(covariance)
        return float(log_determinant) + math.log(information) + float(rest @ weights @ rest)

    found = optimize.minimize(
        minus_twice_log_likelihood,
        np.log(start),
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 5000},
    )
    return np.asarray(np.exp(found.x), dtype=np.float64)


def test_a_mixed_model_gives_the_same_correlations() -> None:
    for_targets, for_sessions, residual = reml_components(SHROUT_FLEISS, (1.0, 1.0, 1.0)).tolist()
    table = two_way(SHROUT_FLEISS)
    whole = for_targets + for_sessions + residual
    assert icc(icc_agreement(table)).value == pytest.approx(for_targets / whole, rel=1e-4)
    assert icc(icc_consistency(table)).value == pytest.approx(
        for_targets / (for_targets + residual), rel=1e-4
    )
    assert table.ms_residual == pytest.approx(residual, rel=1e-4)


@pytest.mark.parametrize(("n", "k"), [(12, 2), (20, 3)])
def test_the_intervals_cover_the_true_correlation_as_often_as_they_say(n: int, k: int) -> None:
    """Variances 9 of targets, 1 of sessions and 2 of residual: 9/12 and 9/11; 95 % within 2 %."""
    rng = np.random.default_rng(n * k)
    rounds, of_agreement, of_consistency = 2000, 0, 0
    for _ in range(rounds):
        values = (
            rng.normal(0.0, 3.0, (n, 1))
            + rng.normal(0.0, 1.0, (1, k))
            + rng.normal(0.0, math.sqrt(2.0), (n, k))
        )
        table = two_way(values)
        agreement, consistency = icc(icc_agreement(table)), icc(icc_consistency(table))
        of_agreement += agreement.low <= 9.0 / 12.0 <= agreement.high
        of_consistency += consistency.low <= 9.0 / 11.0 <= consistency.high
    assert of_agreement / rounds == pytest.approx(0.95, abs=0.02)
    assert of_consistency / rounds == pytest.approx(0.95, abs=0.02)


def test_the_standard_error_of_weir() -> None:
    """Weir 2005, page 236: SEM 7.6 for data set A, the square root of the residual mean square."""
    found = reliability(WEIR)
    assert found.sem.from_residual == pytest.approx(7.6, abs=0.05)
    assert found.sem.from_differences == pytest.approx(found.sem.from_residual)
    assert found.mdc95 == pytest.approx(2.772 * found.sem.from_residual, rel=1e-4)
    assert found.sem_percent == pytest.approx(100.0 * found.sem.from_residual / WEIR.mean())


def test_the_repeatability_of_the_wright_meter() -> None:
    """Bland and Altman 1986: twice the root mean square of the 17 differences is 43.2 l/min.

    That takes no session effect out: Σd²/n = (n − 1)/n·SD² + mean², with mean 4.94.
    """
    difference = np.diff(FLOW, axis=1)[:, 0]
    variance = 2.0 * reliability(FLOW).sem.from_differences ** 2
    mean_square = 16.0 / 17.0 * variance + float(difference.mean()) ** 2
    assert 2.0 * math.sqrt(mean_square) == pytest.approx(43.2, abs=0.1)


def test_the_standard_error_comes_from_the_correlation_too() -> None:
    """Byrne 2020, recomputed: SD 42.5, ICC 0.947: 9.78 and 27.1 N."""
    sem = sem_from_icc(42.5, 0.947)
    assert sem == pytest.approx(9.78, abs=5e-3)
    assert mdc95(sem) == pytest.approx(27.1, abs=0.05)
    assert sem_from_icc(42.5, 1.0) == 0.0
    found = reliability(WEIR)
    sd = float(np.std(WEIR, ddof=1))
    assert found.sem.from_icc == pytest.approx(sd * math.sqrt(1.0 - icc(found.icc_2_1).value))


def test_three_sessions_are_compared_one_after_the_other() -> None:
    """Differences (1, 3) and (4, 2): SD √2 both; SEM = √2/√2 = 1."""
    values = np.array([[10.0, 11.0, 15.0], [20.0, 23.0, 25.0]])
    assert sem_from_differences(values) == pytest.approx(1.0)


def test_the_limits_of_agreement_of_two_meters() -> None:
    """Bland and Altman 1986: mean −2.1, SD 38.8; the mean's interval −22.0 to 17.8.

    Their limits, −79.7 and 75.5, are with 2 SD, and the interval of the lower one, −114.3 to −45.1,
    with √(3/n): here it is 1.96 SD, and the closer standard error of 1999.
    """
    limits = limits_of_agreement(np.array(MINI, float), np.array(WRIGHT, float))
    sd = (limits.high - limits.low) / (2.0 * 1.96)
    assert limits.bias == pytest.approx(-2.1, abs=0.05)
    assert sd == pytest.approx(38.8, abs=0.05)
    assert limits.bias - 2.0 * sd == pytest.approx(-79.7, abs=0.1)
    assert limits.bias + 2.0 * sd == pytest.approx(75.5, abs=0.15)
    assert limits.bias_ci95 == pytest.approx((-22.0, 17.8), abs=0.1)
    assert (limits.low, limits.high) == pytest.approx((-78.1, 73.9), abs=0.05)
    for low, high in (limits.low_ci95, limits.high_ci95):
        assert 0.5 * (high - low) == pytest.approx(0.5 * (114.3 - 45.1), abs=0.25)


def test_the_limits_of_agreement_of_two_blood_pressures() -> None:
    """Bland and Altman 1999, section 2: −16.29 ± 19.61, n = 85: −54.7 and 22.1, SE 1.71·SD/√n."""
    limits = limits_from(-16.29, 19.61, 85)
    assert (limits.low, limits.high) == pytest.approx((-54.7, 22.1), abs=0.06)
    t = float(stats.t.ppf(0.975, 84))
    half = 0.5 * (limits.high_ci95[1] - limits.high_ci95[0])
    assert half == pytest.approx(t * 1.71 * 19.61 / math.sqrt(85.0), rel=5e-3)


def test_limits_of_agreement_are_covered_as_often_as_said() -> None:
    """Ten differences N(1, 4): the true upper limit 1 + 1.96·2 lies in its interval in 95 %."""
    rng = np.random.default_rng(11)
    rounds, held = 4000, 0
    for sample in rng.normal(1.0, 2.0, (rounds, 10)):
        low, high = limits_from(float(sample.mean()), float(sample.std(ddof=1)), 10).high_ci95
        held += low <= 1.0 + 1.96 * 2.0 <= high
    assert held / rounds == pytest.approx(0.95, abs=0.02)


def test_an_error_that_grows_with_the_value_is_found_on_the_log_scale() -> None:
    """400 legs from 50 to 500 N whose values are off by a factor e^(0.06·z): 100·(e^0.06 − 1)."""
    rng = np.random.default_rng(6)
    true_n = rng.uniform(50.0, 500.0, (400, 1))
    values = true_n * np.exp(rng.normal(0.0, 0.06, (400, 2)))
    assert log_sem_percent(values) == pytest.approx(100.0 * math.expm1(0.06), rel=0.08)
    assert log_sem_percent(values - 60.0) is None


def test_the_error_of_a_change_is_what_a_change_of_nothing_looks_like() -> None:
    """Two sessions with SEM 10 and no change: 95 % of all differences stay within the MDC95."""
    rng = np.random.default_rng(8)
    values = rng.normal(150.0, 35.0, (4000, 1)) + rng.normal(0.0, 10.0, (4000, 2))
    found = reliability(values)
    differences = np.diff(values, axis=1)
    assert found.sem.from_residual == pytest.approx(10.0, rel=0.03)
    assert float(np.mean(np.abs(differences) <= found.mdc95)) == pytest.approx(0.95, abs=0.01)


def test_sessions_that_agree_exactly_have_no_error() -> None:
    found = reliability(np.array([[100.0, 100.0], [150.0, 150.0], [123.4, 123.4]]))
    assert (found.icc_2_1, found.icc_3_1) == (Icc(1.0, 1.0, 1.0), Icc(1.0, 1.0, 1.0))
    assert found.sem.from_residual == found.sem.from_differences == found.mdc95 == 0.0


def test_a_session_that_shifts_everybody_is_consistent_and_does_not_agree() -> None:
    """100, 110, 120 and the same + 10: MSR 200, MSC 150, MSE 0; 200/(200 + 2·150/3) = 2/3."""
    found = reliability(np.array([[100.0, 110.0], [110.0, 120.0], [120.0, 130.0]]))
    assert icc(found.icc_3_1).value == 1.0
    agreement = icc(found.icc_2_1)
    assert agreement.value == pytest.approx(2.0 / 3.0)
    assert agreement.low < agreement.value < agreement.high <= 1.0
    assert found.limits.bias == pytest.approx(10.0)


def test_where_nothing_differs_there_is_no_correlation() -> None:
    found = reliability(np.full((5, 3), 123.4))
    assert (found.icc_2_1, found.icc_3_1, found.sem.from_icc) == (None, None, None)
    assert found.mean == pytest.approx(123.4)


def test_a_mean_at_or_below_zero_has_no_percentage() -> None:
    found = reliability(np.array([[-5.0, 4.0], [3.0, -4.0]]))
    assert found.sem_percent is None
    assert found.sem_log_percent is None


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (0, 2), (4,), (2, 2, 2)])
def test_a_retest_has_two_targets_and_two_sessions(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least two"):
        two_way(np.ones(shape))


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_retest_has_a_value_in_each_cell(wrong: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        two_way(np.array([[1.0, 2.0], [3.0, wrong]]))


TABLES = st.integers(2, 8).flatmap(
    lambda n: st.integers(2, 4).flatmap(
        lambda k: st.lists(st.floats(20.0, 600.0), min_size=n * k, max_size=n * k).map(
            lambda values: np.array(values).reshape(n, k)
        )
    )
)


@settings(deadline=None, max_examples=100)
@given(values=TABLES, factor=st.floats(0.1, 10.0), order=st.randoms(use_true_random=False))
def test_neither_unit_nor_order_of_the_legs_matters(
    values: FloatArray, factor: float, order: object
) -> None:
    rows = list(range(len(values)))
    getattr(order, "shuffle")(rows)  # noqa: B009 - hypothesis hands over a Random
    here, there = reliability(values), reliability(factor * values[rows])
    for mine, other in ((here.icc_2_1, there.icc_2_1), (here.icc_3_1, there.icc_3_1)):
        assert (mine is None) is (other is None)
        if mine is not None and other is not None:
            assert other.value == pytest.approx(mine.value, rel=1e-6, abs=1e-6)
            assert mine.low <= mine.value <= mine.high <= 1.0 + 1e-12
    assert there.mdc95 == pytest.approx(factor * here.mdc95, rel=1e-6, abs=1e-9)
    assert there.sem_log_percent == pytest.approx(here.sem_log_percent, rel=1e-6, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(values=TABLES)
def test_the_mean_squares_are_those_of_the_linear_model(values: FloatArray) -> None:
    """Residual sums of squares of three nested regressions by least squares."""
    n, k = values.shape
    y = values.ravel()
    targets, sessions = np.repeat(np.eye(n), k, axis=0), np.tile(np.eye(k), (n, 1))

    def left(design: FloatArray) -> float:
        coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
        return float(np.sum((y - design @ coefficients) ** 2))

    both = left(np.hstack((targets, sessions)))
    table = two_way(values)
    scale = float(np.sum(y**2))
    assert table.ms_residual * (n - 1) * (k - 1) == pytest.approx(both, rel=1e-6, abs=1e-9 * scale)
    assert table.ms_targets * (n - 1) == pytest.approx(
        left(sessions) - both, rel=1e-6, abs=1e-9 * scale
    )
    assert table.ms_sessions * (k - 1) == pytest.approx(
        left(targets) - both, rel=1e-6, abs=1e-9 * scale
    )
