"""Indices of asymmetry: the table of the facts, their symmetries, and values that have none."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.core import indices
from dynod.core.indices import INDICES, Needs, all_indices
from dynod.model.clinical import Side

# 20 and 25, the left side being the involved and weaker one, by hand: 20/25; 5/25; 5/25; 5/22.5;
# 5/45; (45° − 38.66°)/90°; ln 0.8; 5/20.
PRINTED = {
    "lsi_percent": 80.0,
    "deficit_percent": 20.0,
    "percent_difference": 20.0,
    "symmetry_index_percent": 22.22,
    "bilateral_asymmetry_index_percent": 11.11,
    "symmetry_angle_percent": 7.04,
    "log_ratio_percent": -22.31,
    "weaker_side_asymmetry": 25.0,
}
SIGN_TURNS = {
    "symmetry_index_percent",
    "bilateral_asymmetry_index_percent",
    "symmetry_angle_percent",
    "log_ratio_percent",
}
SIDELESS = {"percent_difference", "weaker_side_asymmetry"}
Pair = Callable[[float, float], float | None]
FUNCTIONS: dict[str, Pair] = {name: index.compute for name, index in INDICES.items()}
STRENGTH = st.floats(1.0, 1000.0)


def value(name: str, first: float, second: float) -> float:
    found = FUNCTIONS[name](first, second)
    assert found is not None
    return found


def test_one_pair_of_legs_has_the_printed_values() -> None:
    found = all_indices(20.0, 25.0, Side.RIGHT)
    assert found == pytest.approx(PRINTED, abs=5e-3)


def test_the_registry_is_complete_and_says_of_each_what_it_is() -> None:
    assert INDICES.keys() == PRINTED.keys()
    for name, index in INDICES.items():
        assert index.name == name
        assert index.compute is getattr(indices, name)
        assert index.unit == "%"
        assert index.definition.endswith(".")
        assert index.source
    assert {index.needs for index in INDICES.values()} == set(Needs)


def test_the_reference_stands_for_the_uninvolved_side() -> None:
    """Left the reference: I/U = 25/20. Only what needs involved and uninvolved changes."""
    found = all_indices(20.0, 25.0, Side.LEFT)
    expected = {**PRINTED, "lsi_percent": 125.0, "deficit_percent": -25.0}
    assert found == pytest.approx(expected, abs=5e-3)


def test_the_symmetry_angle_is_a_half_turn_of_the_log_ratio_near_symmetry() -> None:
    """For R = L·(1 + ε): (45° − atan(1/(1 + ε)))/90° = ε/π + O(ε²); the log ratio is −ε."""
    assert value("symmetry_angle_percent", 1.0, 1.0001) == pytest.approx(0.01 / math.pi, rel=1e-4)


@settings(deadline=None, max_examples=100)
@given(left=STRENGTH, right=STRENGTH, factor=st.floats(1e-3, 1e3))
@pytest.mark.parametrize("name", INDICES)
def test_a_scale_common_to_both_sides_changes_no_index(
    name: str, left: float, right: float, factor: float
) -> None:
    assert value(name, factor * left, factor * right) == pytest.approx(
        value(name, left, right), rel=1e-9, abs=1e-9
    )


@settings(deadline=None, max_examples=100)
@given(one=STRENGTH, other=STRENGTH)
@pytest.mark.parametrize("name", INDICES)
def test_swapping_the_sides_does_what_the_formula_says(name: str, one: float, other: float) -> None:
    here, there = value(name, one, other), value(name, other, one)
    if name in SIGN_TURNS:
        assert there == pytest.approx(-here, rel=1e-9, abs=1e-9)
    elif name in SIDELESS:
        assert there == here >= 0.0
    elif name == "lsi_percent":
        assert here * there == pytest.approx(1e4, rel=1e-9)
    else:
        assert there == pytest.approx(-here / (1.0 - here / 100.0), rel=1e-9, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(both=STRENGTH)
@pytest.mark.parametrize("name", INDICES)
def test_equal_sides_are_symmetric(name: str, both: float) -> None:
    expected = 100.0 if name == "lsi_percent" else 0.0
    assert value(name, both, both) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=100)
@given(one=STRENGTH, other=STRENGTH)
def test_indices_stay_in_their_ranges_and_agree(one: float, other: float) -> None:
    """R = r/l: SI = 200·(R − 1)/(R + 1) = 2·BAI = 200·tanh(½·ln R)."""
    assert 0.0 <= value("percent_difference", one, other) < 100.0
    assert -50.0 < value("symmetry_angle_percent", one, other) < 50.0
    si = value("symmetry_index_percent", one, other)
    assert si == pytest.approx(200.0 * math.tanh(0.5 * math.log(other / one)), abs=1e-9)
    assert si == pytest.approx(
        2.0 * value("bilateral_asymmetry_index_percent", other, one), abs=1e-9
    )
    assert value("lsi_percent", one, other) + value("deficit_percent", one, other) == (
        pytest.approx(100.0)
    )


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", INDICES)
def test_a_side_that_is_no_strength_has_no_index(name: str, wrong: float) -> None:
    assert FUNCTIONS[name](wrong, 100.0) is None
    assert FUNCTIONS[name](100.0, wrong) is None
    assert all_indices(wrong, 100.0, Side.LEFT) == dict.fromkeys(INDICES)


@pytest.mark.parametrize("name", INDICES)
def test_no_index_is_ever_infinite(name: str) -> None:
    for pair in ((5e-324, 1.7e308), (1.7e308, 5e-324), (1.7e308, 1.7e308), (5e-324, 5e-324)):
        found = FUNCTIONS[name](*pair)
        assert found is None or math.isfinite(found)
