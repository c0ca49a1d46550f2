"""Range of motion: from the zero at neutral to the last stable hold."""

import numpy as np

from dynod.core.settings import AnalysisSettings
from dynod.core.stillness import still_windows
from dynod.model.samples import FloatArray


def unwrapped(angle_deg: FloatArray) -> FloatArray:
    """Return angles without the jump at ±180°, in deg."""
    if not len(angle_deg):
        return angle_deg
    return np.unwrap(angle_deg, period=360.0)


def zero_deg(t_s: FloatArray, angle_deg: FloatArray, settings: AnalysisSettings) -> float | None:
    """Return the zero: the median of the last stable half second before the press."""
    return _last_hold(t_s, angle_deg, settings.zero_s, settings.hold_sd_deg)


def hold_deg(t_s: FloatArray, angle_deg: FloatArray, settings: AnalysisSettings) -> float | None:
    """Return the median of the last stable hold of a recording; None when there is none."""
    return _last_hold(t_s, angle_deg, settings.hold_s, settings.hold_sd_deg)


def _last_hold(
    t_s: FloatArray, angle_deg: FloatArray, seconds: float, sd_deg: float
) -> float | None:
    holds = still_windows(t_s, angle_deg, seconds, sd_deg)
    if not holds:
        return None
    first, stop = holds[-1]
    return float(np.median(angle_deg[first:stop]))
