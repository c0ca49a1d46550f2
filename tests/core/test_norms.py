"""Norms: which row holds for whom, and what is wrong with a row."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.core.norms import (
    QUANTITIES,
    Norm,
    Person,
    load_norms,
    lookup_norm,
    norm_scores,
    z_score,
)
from dynod.model.clinical import Movement
from dynod.model.errors import ConfigError

MEN = Norm(
    "a study",
    Movement.HIP_ABDUCTION,
    "male",
    20,
    59,
    "peak_force_n",
    "N",
    170.7,
    43.9,
    "a gauge",
    "healthy men",
)
OF_WEIGHT = replace(
    MEN,
    source="another study",
    age_max=29,
    quantity="peak_force_percent_body_weight",
    unit="%",
    mean=20.0,
    sd=4.0,
)


def found(
    *norms: Norm, age: float = 25.0, position: str | None = "supine", sex: str = "male"
) -> Norm | None:
    return lookup_norm(norms, Movement.HIP_ABDUCTION, sex, age, "peak_force_n", position)


@pytest.mark.parametrize(
    ("age", "fits"), [(19.99, False), (20.0, True), (59.0, True), (59.99, True), (60.0, False)]
)
def test_the_last_year_belongs_to_a_row(age: float, fits: bool) -> None:
    assert (found(MEN, age=age) is MEN) is fits


@pytest.mark.parametrize(
    "other",
    [
        replace(MEN, movement=Movement.HIP_ADDUCTION),
        replace(MEN, sex="female"),
        replace(MEN, quantity="peak_torque_nm", unit="N.m"),
        replace(MEN, position="side_lying"),
    ],
)
def test_a_row_for_something_else_is_left_alone(other: Norm) -> None:
    assert found(other) is None
    assert found(other, MEN) is MEN


def test_a_sex_that_no_row_is_about_has_no_norm() -> None:
    assert found(MEN, sex="other") is None
    assert found(MEN, sex="unknown") is None
    assert found() is None


def test_of_several_rows_the_closest_is_taken_wherever_it_stands() -> None:
    narrow = replace(MEN, source="narrow", age_max=29)
    placed = replace(MEN, source="placed", position="supine")
    own = replace(MEN, source="own", site=True)
    for best, others in ((narrow, [MEN]), (placed, [MEN, narrow]), (own, [MEN, narrow, placed])):
        assert found(best, *others) is best
        assert found(*others, best) is best
    again = replace(MEN, source="again")
    assert found(MEN, again) is MEN


def test_without_a_position_any_row_may_do() -> None:
    lying = replace(MEN, position="side_lying")
    assert found(lying, position=None) is lying


def test_a_value_is_put_in_standard_deviations() -> None:
    """(84.656 − 170.7)/43.9 = −1.96."""
    assert z_score(84.656, MEN) == pytest.approx(-1.96)
    assert z_score(170.7, MEN) == 0.0
    assert z_score(math.nan, MEN) is None


def test_a_side_is_scored_in_every_quantity_that_is_known() -> None:
    """150 N: (150 − 170.7)/43.9 = −0.4715. 80 kg: 19.12 %, (19.12 − 20)/4 = −0.220."""
    person = Person("male", 25.0, 80.0)
    scores = norm_scores(
        (MEN, OF_WEIGHT), person, Movement.HIP_ABDUCTION, "supine", {"peak_force_n": 150.0}
    )
    assert [score.norm.source for score in scores] == ["another study", "a study"]
    assert [score.z for score in scores] == pytest.approx([-0.2201, -0.4715], abs=1e-4)
    lighter = replace(person, mass_kg=None)
    scores = norm_scores(
        (MEN, OF_WEIGHT), lighter, Movement.HIP_ABDUCTION, "supine", {"peak_force_n": 150.0}
    )
    assert [score.norm for score in scores] == [MEN]


def test_torque_and_angle_have_norms_of_their_own() -> None:
    torque = replace(MEN, quantity="peak_torque_nm_per_kg", unit="N.m/kg", mean=1.0, sd=0.2)
    angle = replace(MEN, quantity="angle_deg", unit="deg", mean=40.0, sd=5.0)
    person = Person("male", 25.0, 80.0)
    values = {"peak_torque_nm": 64.0, "angle_deg": 30.0}
    scores = norm_scores((torque, angle), person, Movement.HIP_ABDUCTION, "supine", values)
    found = {score.norm.quantity: score.z for score in scores}
    assert found == pytest.approx({"peak_torque_nm_per_kg": -1.0, "angle_deg": -2.0})


@pytest.mark.parametrize(
    "person", [Person(), Person("male"), Person(None, 25.0), Person("male", math.nan)]
)
def test_who_is_not_known_has_no_norm(person: Person) -> None:
    assert norm_scores((MEN,), person, Movement.HIP_ABDUCTION, "supine", {"peak_force_n": 1.0}) == (
        ()
    )


@settings(deadline=None, max_examples=50)
@given(z=st.floats(-3.0, 3.0))
def test_a_score_turns_back_into_its_value(z: float) -> None:
    assert z_score(MEN.mean + z * MEN.sd, MEN) == pytest.approx(z, abs=1e-9)


ROW: dict[str, Any] = {
    "source": "our own study",
    "movement": "hip_abduction",
    "sex": "male",
    "age_min": 20,
    "age_max": 59,
    "quantity": "peak_force_n",
    "unit": "N",
    "mean": 170.7,
    "sd": 43.9,
    "device": "a gauge",
    "population": "healthy men",
}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in ROW.items() if name != key}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"norms": []}, "norms: unknown key"),
        ({"norm": 5}, "rows are tables"),
        ({"norm": [5]}, "rows are tables"),
        ({"norm": [{**ROW, "cv": 5.0}]}, r"norm\[1\]\.cv: unknown key"),
        ({"norm": [{**ROW, "site": True}]}, r"norm\[1\]\.site: unknown key"),
        ({"norm": [ROW, without("sd")]}, r"norm\[2\]: sd is missing"),
        ({"norm": [{**ROW, "source": ""}]}, "source must be a text"),
        ({"norm": [{**ROW, "position": 5}]}, "position must be a text"),
        ({"norm": [{**ROW, "movement": "knee"}]}, r"norm\[1\]: "),
        ({"norm": [{**ROW, "sex": "m"}]}, "sex must be one of: female, male"),
        ({"norm": [{**ROW, "sex": 5}]}, "sex must be one of"),
        ({"norm": [{**ROW, "quantity": "grip"}]}, "quantity must be one of: peak_force_n"),
        ({"norm": [{**ROW, "unit": "kg"}]}, r'norm\[1\]\.unit: peak_force_n is in "N"'),
        ({"norm": [{**ROW, "age_min": 20.5}]}, "age_min must be a whole number"),
        ({"norm": [{**ROW, "age_min": True}]}, "age_min must be a whole number"),
        ({"norm": [{**ROW, "age_max": 131}]}, "age_max must be a whole number"),
        ({"norm": [{**ROW, "age_max": 19}]}, "age_max is below age_min"),
        ({"norm": [{**ROW, "mean": "170"}]}, "mean must be a number above 0"),
        ({"norm": [{**ROW, "mean": float("inf")}]}, "mean must be a number above 0"),
        ({"norm": [{**ROW, "sd": 0}]}, "sd must be a number above 0"),
        ({"norm": [{**ROW, "sd": True}]}, "sd must be a number above 0"),
        ({"norm": [{**ROW, "sd_computed": 1}]}, "sd_computed must be true or false"),
    ],
)
def test_a_mistake_is_named_with_its_row(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_norms(data)


def test_a_row_says_what_its_norm_is() -> None:
    expected = replace(MEN, source="our own study")
    assert load_norms({"norm": [ROW]}) == (expected,)
    full = {**ROW, "position": "supine", "sd_computed": True}
    assert load_norms({"norm": [full]}, site=True) == (
        replace(expected, position="supine", sd_computed=True, site=True),
    )
    assert load_norms({}) == ()


def test_every_quantity_has_a_unit() -> None:
    assert all(QUANTITIES.values())
