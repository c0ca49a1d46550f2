"""Student's t, F and the incomplete beta function, against scipy, closed forms and tables."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from dynod.core.quantiles import f_quantile, incomplete_beta, t_quantile

TAILS = [1e-10, 1e-6, 1e-3, 0.01, 0.025, 0.1, 0.25, 0.4, 0.4999]
PROBABILITIES = [*TAILS, *(1.0 - tail for tail in TAILS)]
T_DF = [0.3, 0.5, 1.0, 1.5, 2.0, 2.7, 3.0, 5.0, 10.3, 30.0, 99.5, 100.0, 101.0, 1e3, 12345.6, 1e6]
F_DF = [0.5, 1.0, 1.5, 2.0, 3.3, 7.0, 15.0, 50.0, 1e3, 1e6]


@pytest.mark.parametrize("df", [*T_DF, 9.99e6, 1e7, 1e9])
def test_the_t_quantile_equals_the_one_of_scipy(df: float) -> None:
    ours = [t_quantile(probability, df) for probability in PROBABILITIES]
    theirs = np.asarray(stats.t.ppf(PROBABILITIES, df), dtype=np.float64)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=0.0)


@pytest.mark.parametrize("df1", F_DF)
def test_the_f_quantile_equals_the_one_of_scipy(df1: float) -> None:
    for df2 in F_DF:
        ours = [f_quantile(probability, df1, df2) for probability in PROBABILITIES]
        theirs = np.asarray(stats.f.ppf(PROBABILITIES, df1, df2), dtype=np.float64)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=0.0, err_msg=f"{df2}")


@pytest.mark.parametrize("x", [1e-12, 1e-3, 0.1, 0.3, 0.5, 0.9, 0.999])
def test_the_incomplete_beta_function_equals_the_one_of_scipy(x: float) -> None:
    for a, b in product([0.1, 0.5, 1.0, 2.5, 30.0, 500.0, 1e5], repeat=2):
        theirs = float(special.betainc(a, b, x))
        assert incomplete_beta(x, a, b) == pytest.approx(theirs, rel=2e-9, abs=1e-250)


@pytest.mark.parametrize("probability", PROBABILITIES)
def test_one_and_two_degrees_of_freedom_have_closed_forms(probability: float) -> None:
    """df = 1 is Cauchy's, tan(π·(p − ½)); df = 2 is (2p − 1)/√(2p·(1 − p))."""
    cauchy = -1.0 / math.tan(math.pi * probability)  # without losing the digits of p near 0
    if probability > 0.5:
        cauchy = 1.0 / math.tan(math.pi * (1.0 - probability))
    two = (2.0 * probability - 1.0) / math.sqrt(2.0 * probability * (1.0 - probability))
    assert t_quantile(probability, 1.0) == pytest.approx(cauchy, rel=1e-9)
    assert t_quantile(probability, 2.0) == pytest.approx(two, rel=1e-9)


@pytest.mark.parametrize(("df", "printed"), [(1, 12.706), (2, 4.303), (10, 2.228), (120, 1.980)])
def test_the_t_quantile_agrees_with_the_printed_table(df: float, printed: float) -> None:
    """Two-sided 95 %: Abramowitz and Stegun 1964, table 26.10."""
    assert t_quantile(0.975, df) == pytest.approx(printed, abs=5e-4)


@pytest.mark.parametrize(
    ("df1", "df2", "printed"), [(5, 15, 3.58), (15, 5, 6.43), (1, 1, 647.8), (30, 120, 1.69)]
)
def test_the_f_quantile_agrees_with_the_printed_table(
    df1: float, df2: float, printed: float
) -> None:
    """2.5 % points: Abramowitz and Stegun 1964, table 26.9."""
    assert f_quantile(0.975, df1, df2) == pytest.approx(printed, rel=2e-3)


def test_with_infinitely_many_degrees_of_freedom_t_is_normal() -> None:
    assert t_quantile(0.975, math.inf) == pytest.approx(1.959963984540054, rel=1e-14)


def test_the_median_of_t_is_zero() -> None:
    assert t_quantile(0.5, 3.7) == 0.0
    assert t_quantile(0.5, math.inf) == 0.0


# Numbers whose difference from 1 is exact.
SHARES = st.integers(1, 2**30 - 1).map(lambda share: share / 2**30)
DF = st.floats(0.5, 1e5)


@settings(deadline=None, max_examples=100)
@given(probability=SHARES, df=DF, other=DF)
def test_quantiles_mirror_each_other(probability: float, df: float, other: float) -> None:
    """T is symmetric, T² is F(1, df), and 1/F(df1, df2) is F(df2, df1)."""
    mirrored = 1.0 - probability
    assert t_quantile(mirrored, df) == pytest.approx(-t_quantile(probability, df), rel=1e-9)
    assert f_quantile(mirrored, df, other) == pytest.approx(
        1.0 / f_quantile(probability, other, df), rel=1e-9
    )
    t = t_quantile(0.5 + 0.5 * probability, df)
    assert f_quantile(probability, 1.0, df) == pytest.approx(t * t, rel=1e-9)


@settings(deadline=None, max_examples=100)
@given(a=st.floats(0.2, 1e4), b=st.floats(0.2, 1e4), x=SHARES)
def test_the_incomplete_beta_function_is_a_distribution(a: float, b: float, x: float) -> None:
    lower, upper = incomplete_beta(x, a, b), incomplete_beta(1.0 - x, b, a)
    assert 0.0 <= lower <= 1.0
    assert lower + upper == pytest.approx(1.0, abs=1e-12)
    assert (incomplete_beta(0.0, a, b), incomplete_beta(1.0, a, b)) == (0.0, 1.0)


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, 1.1, math.nan, math.inf])
def test_a_probability_is_between_zero_and_one(probability: float) -> None:
    with pytest.raises(ValueError, match="0 < probability < 1"):
        t_quantile(probability, 3.0)
    with pytest.raises(ValueError, match="0 < probability < 1"):
        f_quantile(probability, 3.0, 4.0)


@pytest.mark.parametrize("df", [0.0, -1.0, math.nan])
def test_degrees_of_freedom_are_above_zero(df: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        t_quantile(0.9, df)
    for pair in ((df, 3.0), (3.0, df), (3.0, math.inf)):
        with pytest.raises(ValueError, match="above 0"):
            f_quantile(0.9, *pair)
    with pytest.raises(ValueError, match="above 0"):
        incomplete_beta(0.5, df, 1.0)


@pytest.mark.parametrize("x", [-0.1, 1.1, math.nan])
def test_the_incomplete_beta_function_ends_at_zero_and_one(x: float) -> None:
    with pytest.raises(ValueError, match="0 <= x <= 1"):
        incomplete_beta(x, 1.0, 1.0)


def test_a_quantile_beyond_a_float_is_an_error_and_no_infinity() -> None:
    """With df = 0.001 the upper tail falls as t^−0.001: t is about 40^1000."""
    with pytest.raises(OverflowError):
        t_quantile(0.975, 0.001)
    with pytest.raises(OverflowError):
        f_quantile(0.975, 1.0, 0.001)
