"""Change since an earlier session, against what measurement error alone would bring about.

A change is a difference of two measurements, each with the error of its own session. Errors are
standard errors of measurement between days where there are any; figures from within one day, as
most published ones, make these limits too small.
"""

import math
from dataclasses import dataclass

from dynod.core.measurement_error import Z95


@dataclass(frozen=True, slots=True)
class Change:
    """A change, and whether it exceeds the minimal detectable one.

    For strength ``change`` is in percent of the earlier value and the limit is compared to
    ``compared`` = 100·ln(after/before), as the deficit's is. For range of motion and for the limb
    symmetry index see the functions. ``mdc95`` is in the unit of ``compared``.
    """

    before: float
    after: float
    change: float
    compared: float
    mdc95: float

    @property
    def exceeds_error(self) -> bool:
        """Whether the change is more than error."""
        return abs(self.compared) > self.mdc95


def mdc_of_side(sem: float) -> float:
    """Return the least change of one side beyond error: 1.96·√2·SEM, in the unit of the SEM.

    Source: Weir 2005; 17.2 % for an SEM of 6.2 %.
    """
    return Z95 * math.sqrt(2.0) * sem


def mdc_of_lsi(sem_left_percent: float, sem_right_percent: float) -> float:
    """Return the least change of the limb symmetry index beyond error, as 100·ln of a ratio.

    1.96·√(2·(SEM_left² + SEM_right²)): two sides on two days. With one SEM% for both sides it is
    1.96·2·SEM%: 24.3 % for 6.2 %.
    """
    return Z95 * math.sqrt(2.0) * math.hypot(sem_left_percent, sem_right_percent)


def side_change(before: float, after: float, sem_percent: float) -> Change | None:
    """Return the change of one side's strength; ``change`` in percent of ``before``.

    None unless both values are finite and above zero.
    """
    if not _positive(before, after):
        return None
    return Change(
        before,
        after,
        100.0 * (after / before - 1.0),
        100.0 * math.log(after / before),
        mdc_of_side(sem_percent),
    )


def lsi_change(
    before_percent: float,
    after_percent: float,
    sem_left_percent: float,
    sem_right_percent: float,
) -> Change | None:
    """Return the change of the limb symmetry index; ``change`` in percentage points.

    None unless both indices are finite and above zero.
    """
    if not _positive(before_percent, after_percent):
        return None
    return Change(
        before_percent,
        after_percent,
        after_percent - before_percent,
        100.0 * math.log(after_percent / before_percent),
        mdc_of_lsi(sem_left_percent, sem_right_percent),
    )


def angle_change(before_deg: float, after_deg: float, mdc95_deg: float) -> Change | None:
    """Return the change of one side's range of motion, all in degrees.

    ``mdc95_deg`` is the error table's, for the difference of two sides. That and the difference of
    two days of one side are both 1.96·√2·SEM. None unless both angles are finite.
    """
    if not (math.isfinite(before_deg) and math.isfinite(after_deg)):
        return None
    change = after_deg - before_deg
    return Change(before_deg, after_deg, change, change, mdc95_deg)


def _positive(*values: float) -> bool:
    return all(0.0 < value < math.inf for value in values)
