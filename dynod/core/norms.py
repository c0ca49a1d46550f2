"""Norms: what healthy people of a sex and an age reach, and how far a value is from that.

Norms are bound to device and position: dynamometers that had been calibrated to known loads still
differed by 0.2 to 16 % on people. So every row says where it comes from, and a value that no row
fits has no z.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dynod.core.ratios import per_kilogram, percent_body_weight
from dynod.model.clinical import Movement
from dynod.model.errors import ConfigError

# Quantities that a norm may be in, each with its unit as a UCUM code.
QUANTITIES: dict[str, str] = {
    "peak_force_n": "N",
    "peak_force_n_per_kg": "N/kg",
    "peak_force_percent_body_weight": "%",
    "peak_torque_nm": "N.m",
    "peak_torque_nm_per_kg": "N.m/kg",
    "angle_deg": "deg",
}
SEXES = ("female", "male")
WEAK_Z = -1.96


@dataclass(frozen=True, slots=True)
class Norm:
    """One row: mean and SD of a quantity in a population.

    ``age_max`` is the last whole year that belongs to it. ``position`` is None where the source
    does not say. ``device`` and ``population`` are words for people. ``sd_computed`` marks an SD
    that the source does not print. ``site`` marks a site's own row.
    """

    source: str
    movement: Movement
    sex: str
    age_min: int
    age_max: int
    quantity: str
    unit: str
    mean: float
    sd: float
    device: str
    population: str
    position: str | None = None
    sd_computed: bool = False
    site: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """What a norm is looked up by. ``sex`` as in FHIR; ``age`` in years; None: not known."""

    sex: str | None = None
    age: float | None = None
    mass_kg: float | None = None


@dataclass(frozen=True, slots=True)
class NormScore:
    """A value in standard deviations of a norm: z = (value − mean)/SD."""

    z: float
    norm: Norm


def lookup_norm(
    norms: Sequence[Norm],
    movement: Movement,
    sex: str,
    age: float,
    quantity: str,
    position: str | None = None,
) -> Norm | None:
    """Return the row that fits best, or None.

    A row with a position fits that one alone; without a ``position`` asked for, any. The site's
    own rows come first, then those whose position is known, then the narrower span of age; of
    equals the first wins.
    """
    fitting = [
        norm
        for norm in norms
        if (norm.movement, norm.sex, norm.quantity) == (movement, sex, quantity)
        and norm.age_min <= math.floor(age) <= norm.age_max
        and (position is None or norm.position in {None, position})
    ]
    return max(fitting, key=_rank, default=None)


def _rank(norm: Norm) -> tuple[bool, bool, int]:
    return (norm.site, norm.position is not None, norm.age_min - norm.age_max)


def z_score(value: float, norm: Norm) -> float | None:
    """Return (value − mean)/SD; None for a value that is not finite."""
    return (value - norm.mean) / norm.sd if math.isfinite(value) else None


def norm_scores(
    norms: Sequence[Norm],
    person: Person,
    movement: Movement,
    position: str,
    values: Mapping[str, float],
) -> tuple[NormScore, ...]:
    """Return the z of one side against the best row of each quantity, the best row of all first.

    ``values``: ``peak_force_n``, ``peak_torque_nm`` or ``angle_deg``; relations to body mass are
    made from them where the mass is known. Empty without sex or age.
    """
    if person.sex is None or person.age is None or not math.isfinite(person.age):
        return ()
    scores = []
    for quantity, value in _with_relations(values, person.mass_kg).items():
        norm = lookup_norm(norms, movement, person.sex, person.age, quantity, position)
        z = None if norm is None else z_score(value, norm)
        if norm is not None and z is not None:
            scores.append(NormScore(z, norm))
    return tuple(sorted(scores, key=lambda score: _rank(score.norm), reverse=True))


def _with_relations(values: Mapping[str, float], mass_kg: float | None) -> dict[str, float]:
    found: dict[str, float | None] = dict(values)
    force_n, torque_nm = values.get("peak_force_n"), values.get("peak_torque_nm")
    if mass_kg is not None and force_n is not None:
        found["peak_force_n_per_kg"] = per_kilogram(force_n, mass_kg)
        found["peak_force_percent_body_weight"] = percent_body_weight(force_n, mass_kg)
    if mass_kg is not None and torque_nm is not None:
        found["peak_torque_nm_per_kg"] = per_kilogram(torque_nm, mass_kg)
    return {name: value for name, value in found.items() if value is not None}


# -- rows from TOML ------------------------------------------------------------------------

_REQUIRED = (
    "source",
    "movement",
    "sex",
    "age_min",
    "age_max",
    "quantity",
    "unit",
    "mean",
    "sd",
    "device",
    "population",
)
_OPTIONAL = ("position", "sd_computed")


def load_norms(data: Mapping[str, Any], *, site: bool = False) -> tuple[Norm, ...]:
    """Return the rows of a file as read from TOML (``[[norm]]``).

    Raises ConfigError that names row and key; the caller adds the file.
    """
    for key in data:
        if key != "norm":
            raise ConfigError(f'{key}: unknown key; rows are "[[norm]]"')
    rows = data.get("norm", [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ConfigError('norm: rows are tables, each under "[[norm]]"')
    return tuple(replace(_row(number, row), site=site) for number, row in enumerate(rows, 1))


def _row(number: int, row: Mapping[str, Any]) -> Norm:
    for key in row:
        if key not in {*_REQUIRED, *_OPTIONAL}:
            raise ConfigError(f"norm[{number}].{key}: unknown key")
    for key in _REQUIRED:
        if key not in row:
            raise ConfigError(f"norm[{number}]: {key} is missing")
    try:
        norm = Norm(
            source=_text(row, "source"),
            movement=Movement(row["movement"]),
            sex=_one_of(row, "sex", SEXES),
            age_min=_age(row, "age_min"),
            age_max=_age(row, "age_max"),
            quantity=_one_of(row, "quantity", QUANTITIES),
            unit=_text(row, "unit"),
            mean=_above_zero(row, "mean"),
            sd=_above_zero(row, "sd"),
            device=_text(row, "device"),
            population=_text(row, "population"),
            position=_text(row, "position") if "position" in row else None,
            sd_computed=_switch(row, "sd_computed"),
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"norm[{number}]: {error}") from error
    if norm.age_max < norm.age_min:
        raise ConfigError(f"norm[{number}]: age_max is below age_min")
    if norm.unit != QUANTITIES[norm.quantity]:
        unit = QUANTITIES[norm.quantity]
        raise ConfigError(f'norm[{number}].unit: {norm.quantity} is in "{unit}"')
    return norm


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if not isinstance(value, str) or not value:
        raise TypeError(f"{key} must be a text")
    return value


def _one_of(row: Mapping[str, Any], key: str, known: Sequence[str] | Mapping[str, str]) -> str:
    value = row[key]
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{key} must be one of: {', '.join(known)}")
    return value


def _age(row: Mapping[str, Any], key: str) -> int:
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 130:
        raise ValueError(f"{key} must be a whole number of years")
    return value


def _above_zero(row: Mapping[str, Any], key: str) -> float:
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{key} must be a number above 0")
    return float(value)


def _switch(row: Mapping[str, Any], key: str) -> bool:
    value = row.get(key, False)
    if not isinstance(value, bool):
        raise TypeError(f"{key} must be true or false")
    return value
