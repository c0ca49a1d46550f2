"""Which weights of a set make up the loads of a calibration."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dynod.core.gravity import dead_weight
from dynod.model.calibration_record import Buoyancy, Gravity
from dynod.model.errors import UsageError

MOST_PIECES = 20
_MG = 1e6


@dataclass(frozen=True, slots=True)
class Mass:
    """One piece of a mass set; ``uncertainty_kg`` is expanded (k = 2), from its certificate."""

    label: str
    mass_kg: float
    uncertainty_kg: float


@dataclass(frozen=True, slots=True)
class PlannedLoad:
    """Weights that are placed together, and the force in N that they exert.

    ``uncertainty_n`` is the standard uncertainty that the masses give it.
    """

    labels: tuple[str, ...]
    mass_kg: float
    force_n: float
    uncertainty_n: float

    @property
    def words(self) -> str:
        """The pieces and what they come to: "A1 + B1: 15 kg = 147.09 N"."""
        return f"{' + '.join(self.labels)}: {self.mass_kg:.6g} kg = {self.force_n:.2f} N"


def plan_loads(
    masses: Sequence[Mass],
    steps: Sequence[float],
    *,
    gravity: Gravity,
    air: Buoyancy,
    limit_n: float | None = None,
) -> tuple[PlannedLoad, ...]:
    """Return the loads for parts of the highest one, rising, each different.

    The highest is the most that the set makes up without going beyond ``limit_n`` (None: all of
    it); of the others each is the nearest to its part, with the fewest pieces. Raises UsageError
    when the set makes up fewer than two.
    """
    per_kg = gravity.value * air.factor
    sums = _sums(masses)
    most_mg = max(sums) if limit_n is None else round(limit_n / per_kg * _MG)
    within = [total for total in sums if 0 < total <= most_mg]
    if not within:
        lightest = min(mass.mass_kg for mass in masses) * per_kg
        raise UsageError(
            f"no weight is light enough for {limit_n:g} N: it begins at {lightest:.4g} N"
        )
    highest = max(within)
    totals = sorted(
        {min(within, key=lambda one: (abs(one - step * highest), one)) for step in steps}
    )
    if len(totals) < 2:
        raise UsageError("a calibration needs two different loads: this set makes up one only")
    return tuple(combine([masses[at] for at in sums[total]], gravity, air) for total in totals)


def combine(pieces: Sequence[Mass], gravity: Gravity, air: Buoyancy) -> PlannedLoad:
    """Return the load of pieces that are placed together."""
    force = dead_weight([(one.mass_kg, one.uncertainty_kg) for one in pieces], gravity, air)
    return PlannedLoad(
        labels=tuple(one.label for one in pieces),
        mass_kg=math.fsum(one.mass_kg for one in pieces),
        force_n=force.force_n,
        uncertainty_n=force.mass_uncertainty_n,
    )


def _sums(masses: Sequence[Mass]) -> dict[int, tuple[int, ...]]:
    """Return every sum of pieces in mg, with the fewest pieces that make it up."""
    sums: dict[int, tuple[int, ...]] = {0: ()}
    for number, mass in enumerate(masses):
        for total, pieces in list(sums.items()):
            more = total + round(mass.mass_kg * _MG)
            if more not in sums or len(sums[more]) > len(pieces) + 1:
                sums[more] = (*pieces, number)
    return sums
