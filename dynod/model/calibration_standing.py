"""How a unit stands between two calibrations: what holds now, for how long, and what to do."""

from dataclasses import dataclass
from datetime import datetime

from dynod.model.calibration import Calibration


@dataclass(frozen=True, slots=True)
class LastCheck:
    """When a unit was last checked, and whether it passed."""

    at: datetime
    passed: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A unit at one moment.

    ``expires_in_days`` counts whole days by UTC to the last one of a certificate in force; None
    where there is none. ``last_check`` is the last one under ``calibration``. ``warnings`` say in
    a line each what is or soon will be in the way of valid trials, and what to do about it.
    """

    calibration: Calibration
    expires_in_days: int | None = None
    last_check: LastCheck | None = None
    warnings: tuple[str, ...] = ()
