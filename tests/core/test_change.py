"""Change between sessions against measurement error."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.core.change import angle_change, lsi_change, mdc_of_lsi, mdc_of_side, side_change

STRENGTH = st.floats(20.0, 800.0)


def test_the_least_detectable_changes_are_those_of_the_facts() -> None:
    """6.2 %: 17.2 % for one side and 24.3 % for the symmetry index; 5 %: 13.9 %."""
    assert mdc_of_side(6.2) == pytest.approx(17.2, abs=0.05)
    assert mdc_of_side(5.0) == pytest.approx(13.9, abs=0.05)
    assert mdc_of_lsi(6.2, 6.2) == pytest.approx(24.3, abs=0.05)
    assert mdc_of_lsi(6.2, 6.2) == pytest.approx(1.96 * 2.0 * 6.2)
    assert mdc_of_lsi(3.0, 4.0) == pytest.approx(1.96 * math.sqrt(2.0) * 5.0)


def test_five_percent_of_unchanged_patients_seem_to_have_changed() -> None:
    """Simulated: two legs on two days, each off by 6.2 % on the log scale, and no change at all."""
    rng = np.random.default_rng(5)
    days = rng.normal(0.0, 0.062, (20_000, 2, 2)).tolist()
    of_side = of_lsi = 0
    for (left, right), (left_later, right_later) in days:
        side = side_change(150.0 * math.exp(left), 150.0 * math.exp(left_later), 6.2)
        before, after = math.exp(left - right), math.exp(left_later - right_later)
        index = lsi_change(100.0 * before, 100.0 * after, 6.2, 6.2)
        assert side is not None
        assert index is not None
        of_side += side.exceeds_error
        of_lsi += index.exceeds_error
    assert of_side / len(days) == pytest.approx(0.05, abs=0.005)
    assert of_lsi / len(days) == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize(
    ("after", "exceeds"),
    [(118.0, False), (119.0, True), (85.0, False), (84.0, True)],
)
def test_a_side_changed_when_its_log_ratio_is_beyond_error(after: float, exceeds: bool) -> None:
    """100·ln 1.18 = 16.6 and ln 1.19 = 17.4 against 17.19; downwards ln 0.85 = −16.3, −17.4."""
    change = side_change(100.0, after, 6.2)
    assert change is not None
    assert change.exceeds_error is exceeds
    assert change.change == pytest.approx(after - 100.0)
    assert (change.before, change.after) == (100.0, after)


def test_a_symmetry_index_changes_in_points() -> None:
    """79.9 to 95: 15.1 points, 100·ln(95/79.9) = 17.31 against 24.3; to 102: 24.42."""
    change = lsi_change(79.9, 95.0, 6.2, 6.2)
    assert change is not None
    assert change.change == pytest.approx(15.1)
    assert change.compared == pytest.approx(17.31, abs=5e-3)
    assert not change.exceeds_error
    larger = lsi_change(79.9, 102.0, 6.2, 6.2)
    assert larger is not None
    assert larger.exceeds_error


def test_a_range_of_motion_changes_in_degrees() -> None:
    change = angle_change(90.0, 105.0, 15.0)
    assert change is not None
    assert (change.change, change.mdc95, change.exceeds_error) == (15.0, 15.0, False)
    back = angle_change(-5.0, -12.0, 5.4)
    assert back is not None
    assert (back.change, back.exceeds_error) == (-7.0, True)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_strength_has_not_changed(wrong: float) -> None:
    for pair in ((wrong, 100.0), (100.0, wrong)):
        assert side_change(*pair, 6.2) is None
        assert lsi_change(*pair, 6.2, 6.2) is None
    if not math.isfinite(wrong):
        assert angle_change(wrong, 90.0, 5.4) is None
        assert angle_change(90.0, wrong, 5.4) is None


@settings(deadline=None, max_examples=50)
@given(before=STRENGTH, after=STRENGTH)
def test_the_way_back_is_as_far(before: float, after: float) -> None:
    there, back = side_change(before, after, 6.2), side_change(after, before, 6.2)
    assert there is not None
    assert back is not None
    assert back.compared == pytest.approx(-there.compared, rel=1e-9, abs=1e-9)
    assert back.exceeds_error is there.exceeds_error
