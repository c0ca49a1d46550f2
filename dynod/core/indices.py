"""Indices of side-to-side asymmetry: one pair of legs reads 7, 11, 20, 22 or 25 %.

Every index has a value for two finite values above zero, and None for any other pair: a strength
that is not above zero has no ratio. None is also the answer where the index itself would be beyond
a float. The values in the docstrings are those of L = 20 and R = 25, where the left side is the
involved and the weaker one.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dynod.model.clinical import Side


def lsi_percent(involved: float, uninvolved: float) -> float | None:
    """Return the limb symmetry index, 100·I/U (80); above 100 the involved side is stronger.

    Swapped, its reciprocal: the product of both is 100². Source: contract, section 6.
    """
    if not _positive(involved, uninvolved):
        return None
    return _finite(100.0 * (involved / uninvolved))


def deficit_percent(involved: float, uninvolved: float) -> float | None:
    """Return the deficit, 100·(U − I)/U = 100 − LSI (20); positive: the involved side is weaker.

    Swapped, d becomes −d/(1 − d/100). Source: contract, section 6.
    """
    if not _positive(involved, uninvolved):
        return None
    return _finite(100.0 * (1.0 - involved / uninvolved))


def percent_difference(one: float, other: float) -> float | None:
    """Return how much less the weaker side has, in percent of the stronger (20).

    100 − (100/max)·min, the percentage difference method for unilateral tests (Bishop 2019), the
    same as bilateral strength asymmetry, (strong − weak)/strong·100. Never negative, the same when
    the sides are swapped; the side has to be told beside it.
    """
    if not _positive(one, other):
        return None
    return 100.0 * (1.0 - min(one, other) / max(one, other))


def symmetry_index_percent(left: float, right: float) -> float | None:
    """Return the symmetry index, (R − L)/(½·(R + L))·100 (22.22), from −200 to 200.

    Swapped, its sign turns. Source: Robinson, Herzog and Nigg 1987.
    """
    share = _share(left, right)
    return None if share is None else 200.0 * share


def bilateral_asymmetry_index_percent(dominant: float, other: float) -> float | None:
    """Return the bilateral asymmetry index, (D − ND)/(D + ND)·100 (11.11), from −100 to 100.

    Swapped, its sign turns. dynod knows no dominance of limbs: the registry gives it the stronger
    side as D. Source: bilateral asymmetry index 1 in Bishop et al. 2016.
    """
    share = _share(other, dominant)
    return None if share is None else 100.0 * share


def symmetry_angle_percent(left: float, right: float) -> float | None:
    """Return the symmetry angle, (45° − atan2(L, R))/90°·100 (7.04), from −50 to 50.

    It takes no side as the reference. Swapped, its sign turns. Source: Zifchock et al. 2008, for
    values above zero, where its correction by 180° never applies.
    """
    if not _positive(left, right):
        return None
    return (45.0 - math.degrees(math.atan2(left, right))) / 90.0 * 100.0


def log_ratio_percent(left: float, right: float) -> float | None:
    """Return 100·ln(L/R) (−22.31): symmetric, and additive over time.

    Swapped, its sign turns. Source: contract, section 6.
    """
    if not _positive(left, right):
        return None
    return 100.0 * (math.log(left) - math.log(right))


def weaker_side_asymmetry(one: float, other: float) -> float | None:
    """Return how much more the stronger side has, in percent of the weaker: (max/min − 1)·100 (25).

    Never negative, the same when the sides are swapped. Source: asymmetry index over the weaker
    side, medicalalgorithms.com.
    """
    if not _positive(one, other):
        return None
    return _finite(100.0 * (max(one, other) / min(one, other) - 1.0))


def _positive(*values: float) -> bool:
    return all(0.0 < value < math.inf for value in values)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _share(first: float, second: float) -> float | None:
    """Return (second − first)/(first + second), scaled first so that the sum is no infinity."""
    if not _positive(first, second):
        return None
    top = max(first, second)
    first, second = first / top, second / top
    return (second - first) / (first + second)


class Needs(StrEnum):
    """Which two values an index is made of, in the order in which it takes them."""

    LEFT_RIGHT = "left/right"
    INVOLVED_UNINVOLVED = "involved/uninvolved"
    STRONG_WEAK = "strong/weak"


@dataclass(frozen=True, slots=True)
class Index:
    """What an index stands for. ``unit`` is a UCUM code; ``compute`` takes what ``needs`` says."""

    name: str
    unit: str
    title: str
    definition: str
    source: str
    needs: Needs
    compute: Callable[[float, float], float | None]


_CONTRACT = "dynod contract, section 6"

INDICES: dict[str, Index] = {
    index.name: index
    for index in (
        Index(
            "lsi_percent",
            "%",
            "Limb symmetry index",
            "Involved side over uninvolved side; above 100 the involved side is stronger.",
            _CONTRACT,
            Needs.INVOLVED_UNINVOLVED,
            lsi_percent,
        ),
        Index(
            "deficit_percent",
            "%",
            "Deficit",
            "What the involved side lacks, over the uninvolved side: 100 minus the limb symmetry "
            "index; negative when the involved side is stronger.",
            _CONTRACT,
            Needs.INVOLVED_UNINVOLVED,
            deficit_percent,
        ),
        Index(
            "percent_difference",
            "%",
            "Percentage difference",
            "Stronger side minus weaker side, over the stronger side; it names no side.",
            "Bishop 2019, percentage difference method for unilateral tests",
            Needs.STRONG_WEAK,
            percent_difference,
        ),
        Index(
            "symmetry_index_percent",
            "%",
            "Symmetry index",
            "Right minus left, over the mean of both; positive: the right side is stronger.",
            "Robinson, Herzog and Nigg 1987",
            Needs.LEFT_RIGHT,
            symmetry_index_percent,
        ),
        Index(
            "bilateral_asymmetry_index_percent",
            "%",
            "Bilateral asymmetry index",
            "Dominant minus other side, over the sum of both; the stronger side stands for the "
            "dominant one.",
            "Bishop et al. 2016, bilateral asymmetry index 1",
            Needs.STRONG_WEAK,
            bilateral_asymmetry_index_percent,
        ),
        Index(
            "symmetry_angle_percent",
            "%",
            "Symmetry angle",
            "45 degrees minus the angle whose tangent is left over right, in percent of 90 "
            "degrees; positive: the right side is stronger.",
            "Zifchock et al. 2008, Gait & Posture 27:622-627",
            Needs.LEFT_RIGHT,
            symmetry_angle_percent,
        ),
        Index(
            "log_ratio_percent",
            "%",
            "Log ratio",
            "100 times the natural logarithm of left over right; positive: the left side is "
            "stronger.",
            _CONTRACT,
            Needs.LEFT_RIGHT,
            log_ratio_percent,
        ),
        Index(
            "weaker_side_asymmetry",
            "%",
            "Asymmetry over the weaker side",
            "Stronger side minus weaker side, over the weaker side; it names no side.",
            "medicalalgorithms.com, asymmetry index",
            Needs.STRONG_WEAK,
            weaker_side_asymmetry,
        ),
    )
}


def all_indices(left: float, right: float, reference: Side) -> dict[str, float | None]:
    """Return every index by name; ``reference`` is the side that stands for the uninvolved one."""
    pairs = {
        Needs.LEFT_RIGHT: (left, right),
        Needs.INVOLVED_UNINVOLVED: (left, right) if reference is Side.RIGHT else (right, left),
        Needs.STRONG_WEAK: (max(left, right), min(left, right)),
    }
    return {name: index.compute(*pairs[index.needs]) for name, index in INDICES.items()}
