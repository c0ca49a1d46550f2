"""Local gravity and the force of a dead weight.

Normal gravity is Somigliana's closed form with the constants of WGS 84 (DMA TR 8350.2, first
edition 1987), and Newton's square for the height. The revised WGS 84 (NIMA, third edition) gives
1.4e-6 m/s² less, far below what the rocks under a clinic do.
"""

import math
from collections.abc import Sequence

from dynod.model.calibration_record import Buoyancy, DeadWeight, Gravity
from dynod.model.errors import UsageError
from dynod.model.units import STANDARD_GRAVITY_M_PER_S2

AIR_DENSITY = 1.2
"""kg/m³, the reference air of OIML R 111 and D 28."""
CONVENTIONAL_DENSITY = 8000.0
"""kg/m³, the density in which a conventional mass is stated (OIML R 111, D 28)."""

_EQUATOR = 9.7803267714
_K = 0.00193185138639
_E2 = 0.00669437999013
_EARTH_RADIUS_M = 6371000.0

# Defaults of ours. Normal gravity knows no mountains and no ore: its misses ("free-air anomalies")
# are tens of mGal, some hundreds in high mountains; 1 mGal is 1e-5 m/s².
_ANOMALY = 50e-5
_HEIGHT_UNKNOWN_M = 3000.0
# On land and sea g lies between 9.7639 (Huascarán) and 9.8337 (Arctic Ocean), Hirt et al. 2013,
# remembered; the farther of the two from standard gravity.
_EARTH_LIMIT = 0.0428

_SQRT3 = math.sqrt(3.0)


def normal_gravity(latitude_deg: float, height_m: float = 0.0) -> float:
    """Return normal gravity in m/s² at a latitude and a height above sea level in m."""
    s = math.sin(math.radians(latitude_deg)) ** 2
    at_sea = _EQUATOR * (1.0 + _K * s) / math.sqrt(1.0 - _E2 * s)
    return at_sea / (1.0 + height_m / _EARTH_RADIUS_M) ** 2


def local_gravity(
    latitude_deg: float | None,
    height_m: float | None = None,
    *,
    latitude_limit_deg: float = 1.0,
    height_limit_m: float = 100.0,
) -> Gravity:
    """Return gravity at a place with its standard uncertainty.

    Latitude and height are known to within the two limits (rectangular). An unknown height is sea
    level to within 3000 m; without a latitude it is standard gravity to within what the Earth has.
    Raises UsageError for a place that is not on Earth.
    """
    if latitude_deg is None:
        return Gravity(
            STANDARD_GRAVITY_M_PER_S2,
            _EARTH_LIMIT / _SQRT3,
            "standard gravity, since no latitude is known; it covers the whole Earth",
        )
    _check_place(latitude_deg, height_m)
    height = 0.0 if height_m is None else height_m
    limit_m = _HEIGHT_UNKNOWN_M if height_m is None else height_limit_m
    value = normal_gravity(latitude_deg, height)
    parts = (
        _swing(value, latitude_deg, latitude_limit_deg, height) / _SQRT3,
        (value - normal_gravity(latitude_deg, height + limit_m)) / _SQRT3,
        _ANOMALY,
    )
    known = "height unknown" if height_m is None else f"{height_m:g} m"
    return Gravity(value, math.hypot(*parts), f"normal gravity at {latitude_deg:g}°, {known}")


def measured_gravity(value: float, standard_uncertainty: float, source: str) -> Gravity:
    """Return gravity that somebody measured or looked up, in m/s²; ``source`` says who.

    Raises UsageError for what is no gravity on Earth.
    """
    if not 9.7 < value < 9.9 or not 0.0 <= standard_uncertainty < 0.1:
        raise UsageError(f"gravity {value:g} ± {standard_uncertainty:g} m/s² is not of this Earth")
    return Gravity(value, standard_uncertainty, source)


def buoyancy(
    density: float = CONVENTIONAL_DENSITY,
    *,
    density_limit: float = 600.0,
    air_density: float = AIR_DENSITY,
    air_density_limit: float = 0.25,
) -> Buoyancy:
    """Return 1 − ρa/ρm of weights in air, densities in kg/m³, limits rectangular.

    The limit of the air's density covers weather and 2000 m of height. A mass certificate states
    conventional mass: for that ρm is 8000 whatever the metal, which is the default. Raises
    UsageError unless the weights are heavier than air.
    """
    if not 0.0 <= air_density < density:
        raise UsageError(f"weights of {density:g} kg/m³ would float in air of {air_density:g}")
    ratio = air_density / density
    parts = (air_density_limit / density / _SQRT3, ratio * density_limit / density / _SQRT3)
    return Buoyancy(1.0 - ratio, math.hypot(*parts))


def dead_weight(
    pieces: Sequence[tuple[float, float]], gravity: Gravity, air: Buoyancy
) -> DeadWeight:
    """Return the force of weights at rest in air, F = m·g·(1 − ρa/ρm), in N.

    ``pieces`` are masses in kg, each with its expanded uncertainty (k = 2) from its certificate.
    One laboratory errs alike on all pieces, so that their uncertainties add up as they are.
    """
    per_kg = gravity.value * air.factor
    mass = math.fsum(mass_kg for mass_kg, _ in pieces)
    expanded = math.fsum(uncertainty_kg for _, uncertainty_kg in pieces)
    return DeadWeight(mass * per_kg, 0.5 * expanded * per_kg)


def _swing(value: float, latitude_deg: float, limit_deg: float, height_m: float) -> float:
    """Return how far gravity may be off when the latitude is off by no more than the limit."""
    sides = (latitude_deg - limit_deg, latitude_deg + limit_deg)
    return max(abs(normal_gravity(side, height_m) - value) for side in sides)


def _check_place(latitude_deg: float, height_m: float | None) -> None:
    if not -90.0 <= latitude_deg <= 90.0:
        raise UsageError(f"latitude {latitude_deg:g} is not between -90 and 90")
    if height_m is not None and not -500.0 <= height_m <= 9000.0:
        raise UsageError(f"height {height_m:g} m is not between -500 and 9000")
