"""Gravity and dead weights against other formulas, published figures and hand derivations."""

import math

import pytest

from dynod.core.gravity import (
    buoyancy,
    dead_weight,
    local_gravity,
    measured_gravity,
    normal_gravity,
)
from dynod.model.calibration_record import Buoyancy, Gravity
from dynod.model.errors import UsageError


@pytest.mark.parametrize(
    ("latitude", "height", "published"),
    [(0.0, 0.0, 9.780327), (45.0, 0.0, 9.806199), (90.0, 0.0, 9.832186), (19.43, 2240.0, 9.779165)],
)
def test_equator_middle_pole_and_mexico_city(
    latitude: float, height: float, published: float
) -> None:
    """Equator and pole as WGS 84 states them; the other two computed for this project."""
    assert normal_gravity(latitude, height) == pytest.approx(published, abs=5e-7)


@pytest.mark.parametrize("latitude", [-90.0, -51.5, 0.0, 10.0, 33.3, 45.0, 60.0, 78.0])
def test_another_formula_gives_the_same(latitude: float) -> None:
    """The international formula of GRS 80, 9.780327·(1 + 0.0053024·sin²φ − 0.0000058·sin²2φ)."""
    phi = math.radians(latitude)
    series = 1.0 + 0.0053024 * math.sin(phi) ** 2 - 0.0000058 * math.sin(2.0 * phi) ** 2
    assert normal_gravity(latitude) == pytest.approx(9.780327 * series, abs=2e-6)


def test_gravity_falls_with_height_as_in_free_air() -> None:
    """0.3086 mGal per m (Sheriff, Encyclopedic Dictionary of Applied Geophysics, 2002)."""
    assert normal_gravity(45.0) - normal_gravity(45.0, 1000.0) == pytest.approx(3.086e-3, rel=5e-3)


def test_the_uncertainty_of_a_place_by_hand() -> None:
    """At 45°, by the derivative of the series above and the gradient above.

    One degree: 9.780327·0.0053024·sin 90°·π/180 = 9.0512e-4; 100 m: 3.086e-4; both rectangular;
    50 mGal is 5e-4.
    """
    by_hand = math.hypot(9.0512e-4 / math.sqrt(3), 3.086e-4 / math.sqrt(3), 5e-4)
    found = local_gravity(45.0, 0.0)
    assert found.value == normal_gravity(45.0)
    assert found.standard_uncertainty == pytest.approx(by_hand, rel=2e-3)
    assert found.standard_uncertainty / found.value < 1e-4


def test_a_place_known_better_is_less_uncertain_and_an_unknown_height_more() -> None:
    usual = local_gravity(51.5, 25.0)
    better = local_gravity(51.5, 25.0, latitude_limit_deg=0.05, height_limit_m=10.0)
    flat = local_gravity(51.5)
    assert better.standard_uncertainty < usual.standard_uncertainty < flat.standard_uncertainty
    assert "height unknown" in flat.source
    for height in (0.0, 1500.0, 3000.0):  # the limit of what is called unknown
        off = abs(normal_gravity(51.5, height) - flat.value)
        assert off <= 2.0 * flat.standard_uncertainty


@pytest.mark.parametrize("somewhere", [9.7639, 9.774, 9.7803, 9.8322, 9.8337])
def test_without_a_place_the_whole_earth_is_covered(somewhere: float) -> None:
    """Huascarán, La Paz, the equator, the poles, the Arctic Ocean."""
    found = local_gravity(None, 100.0)
    assert found.value == 9.80665
    assert abs(somewhere - found.value) <= 2.0 * found.standard_uncertainty
    assert "no latitude" in found.source


def test_gravity_that_was_measured_is_taken() -> None:
    assert measured_gravity(9.8118, 5e-5, "survey") == Gravity(9.8118, 5e-5, "survey")


@pytest.mark.parametrize("figures", [(9.6, 0.0), (981.2, 0.0), (9.81, -1.0), (math.nan, 0.0)])
def test_gravity_of_no_place_on_earth_is_refused(figures: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="not of this Earth"):
        measured_gravity(*figures, "a slip")


@pytest.mark.parametrize(
    ("latitude", "height", "said"), [(91.0, 0.0, "latitude 91"), (10.0, 1e4, "height 10000")]
)
def test_a_place_that_is_none_is_refused(latitude: float, height: float, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        local_gravity(latitude, height)


def test_air_carries_fifteen_thousandths_of_a_percent() -> None:
    """1.2/8000 = 0.015 %; the part of the air alone is 0.25/8000/√3 = 1.8e-5."""
    found = buoyancy()
    assert found.factor == pytest.approx(1.0 - 1.5e-4)
    assert found.standard_uncertainty == pytest.approx(
        math.hypot(0.25 / 8000, 1.5e-4 * 600 / 8000) / math.sqrt(3)
    )
    assert buoyancy(7200.0).factor == pytest.approx(1.0 - 1.2 / 7200.0)


def test_weights_lighter_than_air_are_refused() -> None:
    with pytest.raises(UsageError, match="would float"):
        buoyancy(1.0)


def test_the_force_of_weights_by_hand() -> None:
    """(10 + 5) kg·9.8 m/s²·0.9998 = 146.9706 N; (0.5 + 0.25) g to k = 2 is 3.67 mN."""
    found = dead_weight(
        [(10.0, 0.0005), (5.0, 0.00025)], Gravity(9.8, 0.0, "hand"), Buoyancy(0.9998, 0.0)
    )
    assert found.force_n == pytest.approx(146.9706)
    assert found.mass_uncertainty_n == pytest.approx(0.000375 * 9.8 * 0.9998)


def test_a_kilogram_force_is_not_a_kilogram_in_mexico() -> None:
    """0.28 % less than standard gravity says (computed for this project)."""
    there = dead_weight([(1.0, 0.0)], local_gravity(19.43, 2240.0), Buoyancy(1.0, 0.0))
    assert there.force_n / 9.80665 - 1.0 == pytest.approx(-0.0028, abs=5e-6)


def test_no_weights_are_no_force() -> None:
    assert dead_weight([], local_gravity(45.0), buoyancy()).force_n == 0.0
