"""Scatter of one side's trials, and when another one is wanted.

The limits are remembered practice: no source was found for them.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dynod.core.consistency import (
    ConsistencySettings,
    FurtherTrial,
    consistency,
    cv_percent,
    further_trials,
    wanted_trial,
)
from dynod.model.deficit import Consistency
from tests.support.builders import force_test, rom_test

DEFAULTS = ConsistencySettings()


def two_with_cv(percent: float) -> tuple[float, float]:
    """Return 100 ± d with SD = √2·d, so d = CV/√2."""
    return 100.0 - percent / math.sqrt(2.0), 100.0 + percent / math.sqrt(2.0)


@pytest.mark.parametrize(
    ("percent", "verdict"),
    [
        (0.0, Consistency.ACCEPT),
        (9.999, Consistency.ACCEPT),
        (10.001, Consistency.WARN),
        (14.999, Consistency.WARN),
        (15.001, Consistency.REPEAT),
        (80.0, Consistency.REPEAT),
    ],
)
def test_scatter_is_accepted_warned_about_or_repeated(percent: float, verdict: Consistency) -> None:
    assert consistency(two_with_cv(percent), DEFAULTS) is verdict


def test_a_limit_belongs_to_the_better_side() -> None:
    """90, 100, 110: mean 100, SD 10 exactly; 85, 100, 115: 15."""
    assert consistency((90.0, 100.0, 110.0), DEFAULTS) is Consistency.ACCEPT
    assert consistency((85.0, 100.0, 115.0), DEFAULTS) is Consistency.WARN


def test_a_site_sets_its_own_limits() -> None:
    strict = ConsistencySettings(accept_cv_percent=5.0, warn_cv_percent=8.0)
    assert consistency(two_with_cv(7.0), strict) is Consistency.WARN
    assert consistency(two_with_cv(9.0), strict) is Consistency.REPEAT


@pytest.mark.parametrize("values", [(), (100.0,), (-5.0, 5.0), (-5.0, -6.0), (math.inf, 5.0)])
def test_what_has_no_scatter_has_no_verdict(values: tuple[float, ...]) -> None:
    assert cv_percent(values) is None
    assert consistency(values, DEFAULTS) is None


@settings(deadline=None, max_examples=100)
@given(values=st.lists(st.floats(20.0, 600.0), min_size=2, max_size=6))
def test_the_coefficient_of_variation_is_that_of_scipy(values: list[float]) -> None:
    theirs = 100.0 * float(stats.variation(values, ddof=1))
    assert cv_percent(values) == pytest.approx(theirs, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((), None),
        ((100.0,), None),
        ((100.0, 100.0, 100.0), None),
        ((100.0, 95.0, 92.0), None),
        ((95.0, 100.0, 100.0), None),  # as high as the best is not higher
        ((95.0, 92.0, 100.0), FurtherTrial.LAST_IS_HIGHEST),
        ((100.0, 90.0, 85.0), None),  # 10 % of the best is not more than 10 %
        ((100.0, 89.9, 85.0), FurtherTrial.BEST_TWO_DIFFER),
        ((80.0, 85.0, 100.0), FurtherTrial.BEST_TWO_DIFFER),  # both hold; this one is said
        ((100.0, 50.0, 99.0), None),  # the lowest may be as low as it likes
        ((-3.0, -2.0), FurtherTrial.LAST_IS_HIGHEST),
    ],
)
def test_another_trial_is_wanted_while_the_best_is_not_yet_seen(
    values: tuple[float, ...], reason: FurtherTrial | None
) -> None:
    assert further_trials(values, DEFAULTS) is reason


def test_a_strict_site_lets_the_best_two_differ_by_five_percent() -> None:
    strict = ConsistencySettings(best_two_percent=5.0)
    assert further_trials((100.0, 94.0), strict) is FurtherTrial.BEST_TWO_DIFFER
    assert further_trials((100.0, 96.0), strict) is None


@settings(deadline=None, max_examples=100)
@given(
    values=st.lists(st.floats(20.0, 600.0), min_size=2, max_size=6),
    factor=st.floats(0.1, 10.0),
)
def test_the_rule_does_not_depend_on_the_unit(values: list[float], factor: float) -> None:
    ordered = sorted(values, reverse=True)
    if abs(100.0 * (ordered[0] - ordered[1]) - 10.0 * ordered[0]) > 1e-6:
        scaled = [factor * value for value in values]
        assert further_trials(scaled, DEFAULTS) is further_trials(values, DEFAULTS)


@pytest.mark.parametrize(
    ("values", "extra", "reason"),
    [
        ((80.0, 100.0), 2, None),  # the planned three come first
        ((80.0, 85.0, 100.0), 2, FurtherTrial.BEST_TWO_DIFFER),
        ((80.0, 85.0, 100.0), 0, None),
        ((80.0, 85.0, 100.0, 60.0), 2, FurtherTrial.BEST_TWO_DIFFER),
        ((80.0, 85.0, 100.0, 60.0, 120.0), 2, None),  # all that the test allows
        ((80.0, 85.0, 100.0, 99.0), 2, None),
    ],
)
def test_further_trials_end_with_what_the_test_allows(
    values: Sequence[float], extra: int, reason: FurtherTrial | None
) -> None:
    test = replace(force_test(repetitions=3), extra_trials=extra)
    assert wanted_trial(values, test, DEFAULTS) is reason


def test_a_range_of_motion_asks_for_none() -> None:
    test = replace(rom_test(), extra_trials=3)
    assert wanted_trial((90.0,), test, DEFAULTS) is None
    assert wanted_trial((90.0, 120.0), test, DEFAULTS) is None
