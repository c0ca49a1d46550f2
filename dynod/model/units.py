"""Units as UCUM codes, and the one place that converts them.

Inside dynod a force is in newtons and an angle in degrees; only device numbers have other units.
Factors: 1 kgf = 9.80665 N (standard gravity, CGPM 1901); 1 lb = 0.45359237 kg (international
pound, 1959), of which an ounce is a sixteenth.
"""

import math
from enum import StrEnum

STANDARD_GRAVITY_M_PER_S2 = 9.80665
POUND_KG = 0.45359237


class Unit(StrEnum):
    """A unit that a device or a certificate may use, by its UCUM code."""

    MILLINEWTON = "mN"
    NEWTON = "N"
    KILONEWTON = "kN"
    KILOGRAM_FORCE = "kgf"
    GRAM_FORCE = "gf"
    POUND_FORCE = "[lbf_av]"
    OUNCE_FORCE = "[oz_av].[g]"
    DEGREE = "deg"
    RADIAN = "rad"
    COUNT = "{count}"


_FACTORS: dict[Unit, tuple[Unit, float]] = {
    Unit.MILLINEWTON: (Unit.NEWTON, 0.001),
    Unit.NEWTON: (Unit.NEWTON, 1.0),
    Unit.KILONEWTON: (Unit.NEWTON, 1000.0),
    Unit.KILOGRAM_FORCE: (Unit.NEWTON, STANDARD_GRAVITY_M_PER_S2),
    Unit.GRAM_FORCE: (Unit.NEWTON, STANDARD_GRAVITY_M_PER_S2 / 1000.0),
    Unit.POUND_FORCE: (Unit.NEWTON, STANDARD_GRAVITY_M_PER_S2 * POUND_KG),
    Unit.OUNCE_FORCE: (Unit.NEWTON, STANDARD_GRAVITY_M_PER_S2 * POUND_KG / 16.0),
    Unit.DEGREE: (Unit.DEGREE, 1.0),
    Unit.RADIAN: (Unit.DEGREE, 180.0 / math.pi),
}


def base_unit(unit: Unit) -> Unit | None:
    """Return the unit dynod uses inside (N or deg), or None for bare counts."""
    pair = _FACTORS.get(unit)
    return pair[0] if pair else None


def factor_to_base(unit: Unit) -> float:
    """Return what a number in ``unit`` is multiplied by to get newtons or degrees.

    Raises KeyError for counts: only a certificate turns counts into a force.
    """
    return _FACTORS[unit][1]
