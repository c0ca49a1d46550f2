"""Ratios of muscle groups and relations to body mass, from their definitions."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.core.ratios import (
    RATIOS,
    AllometrySettings,
    allometric_force,
    allometric_torque,
    movement_ratios,
    per_kilogram,
    percent_body_weight,
)
from dynod.model.clinical import Movement


def test_opposing_movements_of_one_leg_have_a_ratio() -> None:
    """170.7/150 and 217.7/169.4 N."""
    strengths = {
        Movement.HIP_ABDUCTION: 170.7,
        Movement.HIP_ADDUCTION: 150.0,
        Movement.HIP_INTERNAL_ROTATION: 217.7,
        Movement.HIP_EXTERNAL_ROTATION: 169.4,
        Movement.HIP_FLEXION: 250.0,
    }
    assert movement_ratios(strengths) == {
        "abduction_adduction_ratio": pytest.approx(1.138),
        "internal_external_rotation_ratio": pytest.approx(1.28512, abs=1e-5),
    }
    assert movement_ratios(strengths).keys() == RATIOS.keys()


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_a_ratio_needs_two_strengths(wrong: float) -> None:
    assert movement_ratios({}) == {}
    assert movement_ratios({Movement.HIP_ABDUCTION: 100.0}) == {}
    for pair in ((wrong, 100.0), (100.0, wrong)):
        values = dict(zip((Movement.HIP_ABDUCTION, Movement.HIP_ADDUCTION), pair, strict=True))
        assert movement_ratios(values) == {}


def test_body_weight_is_mass_times_gravity() -> None:
    """70 kg weigh 686.4655 N at standard gravity and 684.5416 N in Mexico City (9.779165)."""
    assert percent_body_weight(171.616375, 70.0) == pytest.approx(25.0)
    assert percent_body_weight(171.1353875, 70.0, gravity=9.779165) == pytest.approx(25.0)


def test_strength_per_kilogram() -> None:
    assert per_kilogram(175.0, 70.0) == pytest.approx(2.5)


def test_a_force_scales_with_the_area_of_a_muscle_and_a_torque_with_its_volume() -> None:
    """64 kg: 64^0.67 = 64^(2/3)·64^(1/300) = 16·2^0.02. Torque: 100/64."""
    assert allometric_force(100.0, 64.0) == pytest.approx(100.0 / 16.0 / 2.0**0.02)
    assert allometric_torque(100.0, 64.0) == pytest.approx(1.5625)
    ours = AllometrySettings(force_exponent=0.5, torque_exponent=0.75)
    assert allometric_force(100.0, 64.0, ours) == pytest.approx(12.5)
    assert allometric_torque(100.0, 16.0, ours) == pytest.approx(12.5)


@settings(deadline=None, max_examples=50)
@given(force_n=st.floats(20.0, 800.0), mass_kg=st.floats(20.0, 200.0), scale=st.floats(0.5, 2.0))
def test_people_of_one_shape_have_one_allometric_force(
    force_n: float, mass_kg: float, scale: float
) -> None:
    """Whoever is ``scale`` times as heavy and scale^0.67 times as strong is as strong as that."""
    assert allometric_force(force_n * scale**0.67, mass_kg * scale) == pytest.approx(
        allometric_force(force_n, mass_kg), rel=1e-9
    )


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_without_strength_or_mass_there_is_no_relation(wrong: float) -> None:
    for function in (percent_body_weight, per_kilogram, allometric_force, allometric_torque):
        assert function(wrong, 70.0) is None
        assert function(100.0, wrong) is None
