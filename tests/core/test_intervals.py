"""Intervals of a ratio: published examples, the quadratic solved by another hand, coverage."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from dynod.core.intervals import (
    Estimate,
    estimate,
    fieller,
    fieller_interval,
    log_delta,
    log_delta_interval,
    mirrored_percent,
    welch_df,
)
from dynod.model.deficit import Interval, IntervalKind

BOUNDED, OUTSIDE, WHOLE = (
    IntervalKind.BOUNDED,
    IntervalKind.UNBOUNDED_OUTSIDE,
    IntervalKind.WHOLE_LINE,
)


def ends(interval: Interval) -> tuple[float, float]:
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


def holds(interval: Interval, ratio: float) -> bool:
    if interval.kind is WHOLE:
        return True
    low, high = interval.low, interval.high
    if interval.kind is BOUNDED:
        assert low is not None
        assert high is not None
        return low <= ratio <= high
    return (low is not None and ratio <= low) or (high is not None and ratio >= high)


def test_fieller_agrees_with_the_example_of_dcstats() -> None:
    """DCPROGS/DCSTATS, fieller: 14 ± 3 over 7 ± 2, t(10) = 1.812461: 1.051413 to 4.414296."""
    t = 1.812461
    interval = fieller(14.0, t * 3.0, 7.0, t * 2.0)
    assert interval.kind is BOUNDED
    assert ends(interval) == pytest.approx((1.051413, 4.414296), abs=1e-6)


@pytest.mark.parametrize(
    ("confidence", "low", "high"), [(0.90, 1.54, 2.64), (0.95, 1.46, 2.83), (0.99, 1.27, 3.36)]
)
def test_fieller_agrees_with_the_calculator_of_graphpad(
    confidence: float, low: float, high: float
) -> None:
    """GraphPad's answers as DCSTATS quotes them: means 14 and 7, SD 3 and 2, six each, t(10)."""
    t = float(stats.t.ppf(0.5 + 0.5 * confidence, 10))
    interval = fieller(14.0, t * 3.0 / math.sqrt(6.0), 7.0, t * 2.0 / math.sqrt(6.0))
    assert ends(interval) == pytest.approx((low, high), abs=5e-3)


MARGIN = st.floats(0.1, 300.0)


@settings(deadline=None, max_examples=300)
@given(compared=st.floats(-200.0, 200.0), of_compared=MARGIN, reference=MARGIN, of_reference=MARGIN)
def test_fieller_is_where_the_quadratic_says(
    compared: float, of_compared: float, reference: float, of_reference: float
) -> None:
    """The set is (c − R·r)² − m_c² − R²·m_r² ≤ 0: roots by numpy, and the sign where it is said."""

    def excess(ratio: float) -> float:
        margin = of_compared**2 + ratio**2 * of_reference**2
        return (compared - ratio * reference) ** 2 - margin

    square = reference**2 - of_reference**2
    assume(abs(square) > 1e-3 * reference**2)
    interval = fieller(compared, of_compared, reference, of_reference)
    roots = np.roots([square, -2.0 * compared * reference, compared**2 - of_compared**2])
    if interval.kind is WHOLE:
        assert np.all(np.iscomplex(roots)) or np.ptp(roots.real) < 1e-3 * np.abs(roots).max()
        assert excess(0.0) < 0.0
        return
    low, high = ends(interval)
    assert sorted(roots.real.tolist()) == pytest.approx([low, high], rel=1e-6, abs=1e-9)
    middle = 0.5 * (low + high)
    if high - low > 1e-6:
        assert (excess(middle) < 0.0) is (interval.kind is BOUNDED)
    assert (interval.kind is BOUNDED) is (of_reference < reference)  # Fieller's g below 1


def test_a_reference_that_may_be_zero_leaves_the_ratio_unbounded() -> None:
    """(10 − 2R)² ≤ 1 + 9R²: 5R² + 40R − 99 ≥ 0, so R ≤ −10 or so, or R ≥ 1.98."""
    interval = fieller(10.0, 1.0, 2.0, 3.0)
    assert interval.kind is OUTSIDE
    root = math.sqrt(40.0**2 + 4.0 * 5.0 * 99.0)
    assert ends(interval) == pytest.approx(((-40.0 - root) / 10.0, (-40.0 + root) / 10.0))
    assert ends(interval)[0] < 0.0 < ends(interval)[1] < 5.0


def test_two_sides_that_may_both_be_zero_say_nothing() -> None:
    """(1 − R)² ≤ 4 + 4R² for every R: 3R² + 2R + 3 has no root."""
    assert fieller(1.0, 2.0, 1.0, 2.0) == Interval(WHOLE)


def test_a_reference_exactly_at_its_margin_has_one_end() -> None:
    """(3 − R)² ≤ 1 + R²: 8 ≤ 6R. With the reference negative: 8 ≤ −6R."""
    assert fieller(3.0, 1.0, 1.0, 1.0) == Interval(OUTSIDE, high=8.0 / 6.0)
    assert fieller(3.0, 1.0, -1.0, 1.0) == Interval(OUTSIDE, low=-8.0 / 6.0)
    assert fieller(0.0, 1.0, 1.0, 1.0) == Interval(WHOLE)


def test_without_any_error_the_interval_is_the_ratio() -> None:
    assert fieller(0.0, 0.0, 2.0, 0.0) == Interval(BOUNDED, 0.0, 0.0)
    assert ends(fieller(3.0, 0.0, 2.0, 0.0)) == pytest.approx((1.5, 1.5))


def test_far_from_zero_both_intervals_are_the_same() -> None:
    """To first order both are R ± t·se(R); with 0.1 % errors they differ in the sixth digit."""
    one, other = Estimate(120.0, 0.12, 7.0), Estimate(150.0, 0.15, 7.0)
    assert ends(fieller_interval(one, other)) == pytest.approx(
        ends(log_delta_interval(one, other)), rel=1e-5
    )


def test_the_log_delta_interval_is_that_of_the_contract() -> None:
    """docs/contract.md, section 6: R 0.79912, h 17.19 gives a deficit of 5.10 to 32.71 %."""
    low, high = log_delta(0.7991170, math.sqrt(2.0) * 12.152)
    assert 100.0 * (1.0 - high) == pytest.approx(5.10, abs=5e-3)
    assert 100.0 * (1.0 - low) == pytest.approx(32.71, abs=5e-3)
    assert all(math.isfinite(end) for end in log_delta(1.0, 1e9))


def test_a_log_needs_values_above_zero() -> None:
    good = Estimate(1.0, 0.1, 4.0)
    for pair in ((Estimate(0.0, 0.1, 4.0), good), (good, Estimate(-1.0, 0.1, 4.0))):
        with pytest.raises(ValueError, match="above 0"):
            log_delta_interval(*pair)
    with pytest.raises(ValueError, match="other than 0"):
        fieller_interval(good, Estimate(0.0, 0.1, 4.0))
    with pytest.raises(ValueError, match="no standard error"):
        estimate([1.0])


def test_degrees_of_freedom_are_those_of_welch() -> None:
    """scipy's Welch test of the compared side against R times the reference has the same df."""
    one, other = [118.0, 121.0, 123.0, 119.5], [150.0, 149.0, 154.0]
    ratio = float(np.mean(one) / np.mean(other))
    theirs = stats.ttest_ind(one, [ratio * value for value in other], equal_var=False).df
    assert welch_df(estimate(one), estimate(other)) == pytest.approx(float(theirs), rel=1e-12)


def test_sides_without_scatter_have_no_end_of_degrees_of_freedom() -> None:
    flat = estimate([5.0, 5.0])
    assert welch_df(flat, flat) == math.inf
    assert ends(fieller_interval(flat, flat)) == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize(
    ("counts", "sds"), [((3, 3), (8.0, 20.0)), ((5, 8), (8.0, 20.0)), ((6, 6), (25.0, 10.0))]
)
def test_both_intervals_cover_the_true_ratio_as_often_as_they_say(
    counts: tuple[int, int], sds: tuple[float, float]
) -> None:
    """Normal sides with means 120 and 150: 95 % of 3000 intervals hold 0.8; within 2 %."""
    rng = np.random.default_rng(20260301)
    rounds, of_fieller, of_log = 3000, 0, 0
    for _ in range(rounds):
        one = estimate(rng.normal(120.0, sds[0], counts[0]).tolist())
        other = estimate(rng.normal(150.0, sds[1], counts[1]).tolist())
        of_fieller += holds(fieller_interval(one, other), 0.8)
        of_log += holds(log_delta_interval(one, other), 0.8)
    assert of_fieller / rounds == pytest.approx(0.95, abs=0.02)
    assert of_log / rounds == pytest.approx(0.95, abs=0.02)


def test_unbounded_intervals_cover_too() -> None:
    """A reference of 2 standard errors: every third interval or so is unbounded; error known."""
    rng = np.random.default_rng(20260302)
    rounds, held, unbounded = 3000, 0, 0
    for compared, reference in rng.normal((1.6, 2.0), 1.0, (rounds, 2)).tolist():
        interval = fieller_interval(
            Estimate(compared, 1.0, math.inf), Estimate(reference, 1.0, math.inf)
        )
        held += holds(interval, 0.8)
        unbounded += interval.kind is not BOUNDED
    assert held / rounds == pytest.approx(0.95, abs=0.02)
    assert unbounded > rounds / 4


@pytest.mark.parametrize(
    ("of_ratio", "of_deficit"),
    [
        (Interval(BOUNDED, 0.7, 0.9), Interval(BOUNDED, 10.0, 30.0)),
        (Interval(OUTSIDE, -1.0, 0.9), Interval(OUTSIDE, 10.0, 200.0)),
        (Interval(OUTSIDE, high=0.9), Interval(OUTSIDE, low=10.0)),
        (Interval(OUTSIDE, low=0.9), Interval(OUTSIDE, high=10.0)),
        (Interval(WHOLE), Interval(WHOLE)),
    ],
)
def test_an_interval_of_the_ratio_becomes_one_of_the_deficit(
    of_ratio: Interval, of_deficit: Interval
) -> None:
    found = mirrored_percent(of_ratio)
    assert found.kind is of_deficit.kind
    assert found.low == pytest.approx(of_deficit.low)
    assert found.high == pytest.approx(of_deficit.high)
