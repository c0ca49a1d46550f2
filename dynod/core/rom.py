"""Range of motion: from the zero at neutral to the last stable hold."""

from typing import Literal

import numpy as np

from dynod.core.even import BoolArray
from dynod.core.settings import AnalysisSettings
from dynod.core.stillness import still_windows
from dynod.model.samples import FloatArray


def tilt_deg(
    ax: FloatArray, ay: FloatArray, az: FloatArray, axis: Literal["x", "y", "z"]
) -> FloatArray:
    """Return the tilt of a sensor at rest from what gravity does to its axes, (n,), in deg.

    ``x`` and ``y``: how far that axis rises above the horizontal, −90 to 90. ``z``: how far that
    axis leans from the vertical, 0 to 180; a thigh that goes beyond 90 needs this one. The
    accelerations (n,) may have any unit. Analog Devices AN-1057, equations 11 to 13, with atan2: an
    arcsine of one axis is blind near 90. True only where ``is_moving`` says no.
    """
    if axis == "z":
        return np.degrees(np.arctan2(np.hypot(ax, ay), az))
    along, across = (ax, ay) if axis == "x" else (ay, ax)
    return np.degrees(np.arctan2(along, np.hypot(across, az)))


def is_moving(acceleration_g: FloatArray, settings: AnalysisSettings) -> BoolArray:
    """Return which samples (n, 3) are under more than gravity, (n,): off 1 g by ``moving_g``.

    An acceleration that is no number counts as movement.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.sqrt(np.einsum("ij,ij->i", acceleration_g, acceleration_g))
        still: BoolArray = np.abs(size - 1.0) <= settings.moving_g
    return ~still


def unwrapped(angle_deg: FloatArray) -> FloatArray:
    """Return angles without the jump at ±180°, in deg."""
    if not len(angle_deg):
        return angle_deg
    return np.unwrap(angle_deg, period=360.0)


def zero_deg(
    t_s: FloatArray,
    angle_deg: FloatArray,
    settings: AnalysisSettings,
    moving: BoolArray | None = None,
) -> float | None:
    """Return the zero: the median of the last stable half second before the press.

    Samples that are ``moving`` (n,) are no part of it.
    """
    return _last_hold(t_s, angle_deg, settings.zero_s, settings.hold_sd_deg, moving)


def hold_deg(
    t_s: FloatArray,
    angle_deg: FloatArray,
    settings: AnalysisSettings,
    moving: BoolArray | None = None,
) -> float | None:
    """Return the median of the last stable hold of a recording; None when there is none.

    Samples that are ``moving`` (n,) are no part of it.
    """
    return _last_hold(t_s, angle_deg, settings.hold_s, settings.hold_sd_deg, moving)


def _last_hold(
    t_s: FloatArray,
    angle_deg: FloatArray,
    seconds: float,
    sd_deg: float,
    moving: BoolArray | None,
) -> float | None:
    for first, stop in reversed(still_windows(t_s, angle_deg, seconds, sd_deg)):
        if moving is None or not np.any(moving[first:stop]):
            return float(np.median(angle_deg[first:stop]))
    return None
