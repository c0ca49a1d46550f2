"""Whether a result rests on numbers beyond the loads or angles that its certificate covers.

The uncertainty of a certificate holds inside its range; beyond it the curve is extrapolated.
"""

import math

import numpy as np

from dynod.model.calibration import Calibration
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray


def force_range_flags(
    newtons: FloatArray, tare_n: float | None, peak_n: float | None, calibration: Calibration
) -> list[Flag]:
    """Return the flag of a force beyond the calibrated range.

    ``newtons`` (n,), before the tare, ``tare_n`` and the result ``peak_n`` have the certificate's
    own sign. Every pull starts at zero, which each run of a calibration has read: so a sample,
    with or without the tare, counts only beyond an end that lies on its side of zero. The result
    counts also where it does not reach the smallest calibrated load.
    """
    low, high = _limits(calibration)
    tare = tare_n or 0.0
    smallest = _least(newtons) - max(tare, 0.0)
    largest = -_least(-newtons) - min(tare, 0.0)
    short = peak_n is not None and (peak_n < low if low > 0.0 else peak_n > high and high < 0.0)
    beyond = short or (low < 0.0 and smallest < low) or (high > 0.0 and largest > high)
    return [Flag.BEYOND_CALIBRATION] if beyond else []


def angle_range_flags(degrees: FloatArray, calibration: Calibration) -> list[Flag]:
    """Return the flag of an angle, (n,) with the certificate's sign, beyond either end."""
    low, high = _limits(calibration)
    beyond = _least(degrees) < low or -_least(-degrees) > high
    return [Flag.BEYOND_CALIBRATION] if beyond else []


def _limits(calibration: Calibration) -> tuple[float, float]:
    """Return the ends of the range; infinite where there is no certificate."""
    low, high = calibration.range_low, calibration.range_high
    return (-math.inf if low is None else low, math.inf if high is None else high)


def _least(values: FloatArray) -> float:
    """Return the smallest number; infinite where there is none."""
    return float(np.min(values, initial=math.inf))
