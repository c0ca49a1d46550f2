"""A recording as plain arrays: finite samples in N or deg, their rate, and what is wrong."""

from dataclasses import dataclass

import numpy as np

from dynod.core.settings import AnalysisSettings
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
    """Finite samples of a recording; ``t_s`` and ``values`` are (n,), values in N or deg."""

    t_s: FloatArray
    values: FloatArray
    rate_hz: float | None
    flags: tuple[Flag, ...]

    def before(self, start_s: float) -> tuple[FloatArray, FloatArray]:
        """Return times and values of the pre-roll."""
        count = int(np.searchsorted(self.t_s, start_s, side="left"))
        return self.t_s[:count], self.values[:count]

    def during(self, start_s: float) -> tuple[FloatArray, FloatArray]:
        """Return times and values from the begin of the recording on."""
        first = int(np.searchsorted(self.t_s, start_s, side="left"))
        return self.t_s[first:], self.values[first:]


def prepare(recording: Recording, calibration: Calibration, settings: AnalysisSettings) -> Signal:
    """Return a recording's samples in N or deg, with the flags that the samples themselves earn.

    Samples that are no measurement are left out, each with its flag; a number that is not finite,
    or beyond any device, although the device called it a measurement counts as saturated.
    """
    block = recording.block
    with np.errstate(over="ignore", invalid="ignore"):
        units = calibration.apply(block.channel(recording.axis)) * float(recording.mount_sign)
    sane = np.abs(units) < BEYOND_ANY_DEVICE
    good = (block.status == 0) & sane
    flags = [*recording.flags, *status_flags(block.status)]
    if np.any((block.status == 0) & ~sane):
        flags.append(Flag.SATURATED)
    if calibration.status in _CALIBRATION_FLAGS:
        flags.append(_CALIBRATION_FLAGS[calibration.status])
    flags.extend(_range_flags(units[good], calibration))
    t_s = block.t_s[good]
    rate_hz, gap = rate_and_gap(t_s, settings)
    if gap:
        flags.append(Flag.GAP)
    return Signal(t_s, units[good], rate_hz, tuple(flags))


def status_flags(status: StatusArray) -> list[Flag]:
    """Return the flags of the status bits that occur."""
    seen = int(np.bitwise_or.reduce(status)) if len(status) else 0
    return [flag for bit, flag in _STATUS_FLAGS.items() if seen & bit]


def rate_and_gap(t_s: FloatArray, settings: AnalysisSettings) -> tuple[float | None, bool]:
    """Return the rate over ordinary intervals, in Hz, and whether an interval is a gap.

    Ordinary is within a tenth of the median: some boards begin with short intervals.
    """
    if len(t_s) < 2:
        return None, False
    intervals = np.diff(t_s)
    median_s = float(np.median(intervals))
    ordinary = intervals[np.abs(intervals - median_s) <= 0.1 * median_s]
    mean_s = float(np.mean(ordinary)) if len(ordinary) else median_s
    gap = bool(np.max(intervals) > settings.gap_factor * median_s)
    return (1.0 / mean_s if mean_s > 0.0 else None), gap


def _range_flags(units: FloatArray, calibration: Calibration) -> list[Flag]:
    if not len(units) or calibration.range_high is None:
        return []
    return [Flag.BEYOND_CALIBRATION] if float(np.max(units)) > calibration.range_high else []
