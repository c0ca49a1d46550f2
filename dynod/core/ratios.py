"""Ratios of opposing muscle groups on one side, and strength in relation to body mass."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dynod.model.clinical import Movement
from dynod.model.units import STANDARD_GRAVITY_M_PER_S2


@dataclass(frozen=True, slots=True)
class MovementRatio:
    """A ratio of two movements of one leg, both in the same quantity."""

    name: str
    title: str
    numerator: Movement
    denominator: Movement


RATIOS: dict[str, MovementRatio] = {
    ratio.name: ratio
    for ratio in (
        MovementRatio(
            "abduction_adduction_ratio",
            "Abduction to adduction",
            Movement.HIP_ABDUCTION,
            Movement.HIP_ADDUCTION,
        ),
        MovementRatio(
            "internal_external_rotation_ratio",
            "Internal to external rotation",
            Movement.HIP_INTERNAL_ROTATION,
            Movement.HIP_EXTERNAL_ROTATION,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class AllometrySettings:
    """Exponents b of strength/m^b.

    0.67 and 1.0 are geometric similarity (Jaric 2002, remembered, and so defaults); Folland 2008
    found 0.66 for force and 1.0 for torque in lean men, lower ones in adipose people, and
    Bazett-Jones 2011 lower ones still at the hip (force 0.55 in men, 0.34 in women).
    """

    force_exponent: float = 0.67
    torque_exponent: float = 1.0


def movement_ratios(values: Mapping[Movement, float]) -> dict[str, float]:
    """Return the ratios of one side whose two movements are known and above zero.

    ``values``: strength per movement, all in N or all in N·m. Forces are only comparable at equal
    lever arms.
    """
    found: dict[str, float] = {}
    for ratio in RATIOS.values():
        upper, lower = values.get(ratio.numerator), values.get(ratio.denominator)
        value = None if upper is None or lower is None else _quotient(upper, lower)
        if value is not None:
            found[ratio.name] = value
    return found


def percent_body_weight(
    force_n: float, mass_kg: float, *, gravity: float = STANDARD_GRAVITY_M_PER_S2
) -> float | None:
    """Return 100·F/(m·g); ``gravity`` in m/s². None unless force and mass are above zero."""
    return _quotient(100.0 * force_n, mass_kg * gravity)


def per_kilogram(strength: float, mass_kg: float) -> float | None:
    """Return N/kg of a force or N·m/kg of a torque; None unless both values are above zero."""
    return _quotient(strength, mass_kg)


def allometric_force(
    force_n: float, mass_kg: float, settings: AllometrySettings | None = None
) -> float | None:
    """Return F/m^b in N/kg^b; None unless force and mass are above zero."""
    return _allometric(force_n, mass_kg, (settings or AllometrySettings()).force_exponent)


def allometric_torque(
    torque_nm: float, mass_kg: float, settings: AllometrySettings | None = None
) -> float | None:
    """Return T/m^b in N·m/kg^b; None unless torque and mass are above zero."""
    return _allometric(torque_nm, mass_kg, (settings or AllometrySettings()).torque_exponent)


def _allometric(strength: float, mass_kg: float, exponent: float) -> float | None:
    if not 0.0 < mass_kg < math.inf:
        return None
    return _quotient(strength, math.exp(exponent * math.log(mass_kg)))


def _quotient(upper: float, lower: float) -> float | None:
    if not (0.0 < upper < math.inf and 0.0 < lower < math.inf):
        return None
    value = upper / lower
    return value if value < math.inf else None
