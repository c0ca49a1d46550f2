"""A recording's samples in newtons or degrees, and what they say about themselves."""

from dataclasses import dataclass

import numpy as np

from dynod.core.settings import AnalysisSettings
from dynod.core.time_base import Grid, grid_of, time_base
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray, SampleStatus, StatusArray
from dynod.model.trial import Recording

_STATUS_FLAGS = {
    SampleStatus.OVERLOAD: Flag.OVERLOAD,
    SampleStatus.UNDER_RANGE: Flag.UNDER_RANGE,
    SampleStatus.SATURATED: Flag.SATURATED,
}
_CALIBRATION_FLAGS = {
    CalibrationStatus.NOMINAL: Flag.UNCALIBRATED,
    CalibrationStatus.EXPIRED: Flag.CALIBRATION_EXPIRED,
    CalibrationStatus.REVOKED: Flag.CALIBRATION_REVOKED,
    CalibrationStatus.NONE: Flag.NO_CALIBRATION,
}

# N or deg: no device means such a number, and its square still fits a float.
BEYOND_ANY_DEVICE = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """Finite samples of a recording; ``t_s`` and ``values`` are (n,), values in N or deg.

    ``grid`` holds the same values evenly spaced; None without samples.
    """

    t_s: FloatArray
    values: FloatArray
    rate_hz: float | None
    flags: tuple[Flag, ...]
    grid: Grid | None

    def before(self, start_s: float) -> tuple[FloatArray, FloatArray]:
        """Return times and values of the pre-roll."""
        count = int(self.t_s.searchsorted(start_s, side="left"))
        return self.t_s[:count], self.values[:count]


def prepare(recording: Recording, calibration: Calibration, settings: AnalysisSettings) -> Signal:
    """Return a recording's samples in N or deg, with the flags that the samples themselves earn.

    Samples that are no measurement are left out, each with its flag; a number that is not finite,
    or beyond any device, although the device called it a measurement counts as saturated. What
    lies beyond the calibrated range is for the result's own kind to say (`core.calibrated_range`).
    """
    block = recording.block
    with np.errstate(over="ignore", invalid="ignore"):
        units = calibration.apply(block.channel(recording.axis)) * float(recording.mount_sign)
    sane = np.abs(units) < BEYOND_ANY_DEVICE
    flags = list(recording.flags)
    t_s, values = block.t_s, units
    if not sane.all() or block.status.any():
        measured = block.status == 0
        flags += status_flags(block.status)
        if np.any(measured & ~sane):
            flags.append(Flag.SATURATED)
        t_s, values = t_s[measured & sane], values[measured & sane]
    flags += calibration_flags(calibration)
    base = time_base(t_s, settings)
    flags += base.flags
    if base.keep is not None:
        t_s, values = t_s[base.keep], values[base.keep]
    if not base.even and Flag.GAP not in base.flags:  # a gap says more
        flags.append(Flag.RESAMPLED)
    grid = grid_of(t_s, values, base) if len(t_s) else None
    return Signal(t_s, values, base.rate_hz, tuple(flags), grid)


def status_flags(status: StatusArray) -> list[Flag]:
    """Return the flags of the status bits that occur."""
    seen = int(np.bitwise_or.reduce(status)) if len(status) else 0
    return [flag for bit, flag in _STATUS_FLAGS.items() if seen & bit]


def calibration_flags(calibration: Calibration) -> list[Flag]:
    """Return what a calibration says about every result that rests on it."""
    own = _CALIBRATION_FLAGS.get(calibration.status)
    flags = [] if own is None else [own]
    return [*flags, Flag.VERIFICATION_FAILED] if calibration.verification_failed else flags
