"""What a unit is checked with: a force, an angle, or weights of a set."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from dynod.cli.calibrate_device import CalibrationUnit
from dynod.config.references import load_mass_set
from dynod.core.gravity import local_gravity
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError
from dynod.session.weights import combine


@dataclass(frozen=True, slots=True)
class KnownLoad:
    """A load in N, or an angle in deg, and what to call it.

    ``example``: of a set of masses that nobody has; a check with it is a rehearsal.
    """

    value: float
    words: str
    example: bool = False


def known_load(
    weights: str | None, reference: str | None, load_n: float | None, angle_deg: float | None
) -> Callable[[CalibrationUnit], KnownLoad] | None:
    """Return how to find the load that the command line names; None when it names none.

    What is returned raises UsageError for a load that does not fit the unit, and for weights that
    are not in the set. Raises UsageError for more than one load.
    """
    given = [item for item in (weights, load_n, angle_deg) if item is not None]
    if len(given) > 1:
        raise UsageError("name one load: --weights, --load-n or --angle-deg")
    if reference is not None and weights is None:
        raise UsageError("--reference names the set that --weights are of: name both")
    if weights is not None:
        return lambda unit: _of_weights(unit, weights, reference)
    if load_n is not None:
        return lambda unit: _of_number(unit, Kind.FORCE, load_n)
    if angle_deg is not None:
        return lambda unit: _of_number(unit, Kind.ANGLE, angle_deg)
    return None


def _of_number(unit: CalibrationUnit, kind: Kind, value: float) -> KnownLoad:
    _fits(unit, kind)
    option = "--load-n" if kind is Kind.FORCE else "--angle-deg"
    if not math.isfinite(value) or (kind is Kind.FORCE and value <= 0.0):
        raise UsageError(f"{option} {value:g}: give a number above 0")
    if kind is Kind.ANGLE and not -180.0 <= value <= 180.0:
        raise UsageError(f"{option} {value:g}: an angle lies between -180 and 180")
    return KnownLoad(value, f"{value:.6g} {'deg' if kind is Kind.ANGLE else 'N'}")


def _of_weights(unit: CalibrationUnit, weights: str, reference: str | None) -> KnownLoad:
    _fits(unit, Kind.FORCE)
    name, masses = load_mass_set(unit.site.path.parent, reference)
    pieces = masses.pieces(weights)
    station = unit.site.config.station
    gravity = local_gravity(station.latitude, station.altitude_m)
    load = combine(pieces, gravity, masses.buoyancy())
    return KnownLoad(load.force_n, f"{load.words} (set {name})", masses.example)


def _fits(unit: CalibrationUnit, kind: Kind) -> None:
    if unit.profile.kind is not kind:
        options = {Kind.FORCE: "--weights or --load-n", Kind.ANGLE: "--angle-deg"}
        raise UsageError(
            f"{unit.device.id} measures {'forces' if kind is Kind.ANGLE else 'angles'}:"
            f" give {options[unit.profile.kind]}"
        )
