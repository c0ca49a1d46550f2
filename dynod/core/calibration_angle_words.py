"""What the calibration of an inclinometer found, in plain words, for those who use the unit."""

import math
from collections.abc import Iterator

from dynod.model.calibration_record import CalibrationReport, Reversal

_USUAL_DEG = 90.0
_ACROSS_DEG = 10.0


def angle_statements(report: CalibrationReport, told: Reversal | None) -> tuple[str, ...]:
    """Return what was found, one sentence each; ``told`` is what a reversal did."""
    return tuple(_statements(report, told))


def _statements(report: CalibrationReport, told: Reversal | None) -> Iterator[str]:
    fit = report.fit
    c0, c1 = fit.coefficients
    yield f"a straight line: {c1:.6g}° for each device number, which is {-c0 / c1:.4g} at 0°"
    if told is not None:
        known = "" if told.uncertainty_deg is None else f" ± {told.uncertainty_deg:.2g}°"
        yield (
            f"turned round by 180° it showed an offset of {told.offset_deg:.3f}°{known}; the table "
            f"was {told.tilt_deg:.3f}° off level, which went into the angles"
        )
    worst = max(abs(left) for left in fit.residuals)
    yield (
        f"the poses lie up to {worst:.2g}° off the line, with a standard deviation of "
        f"{fit.standard_error:.2g}°"
    )
    if report.cross_axis is not None:
        off = _ACROSS_DEG * report.cross_axis
        yield f"tilted across by {_ACROSS_DEG:g}° it is off by {off:.2g}°"
    low, high = report.range_low, report.range_high
    yield (
        f"from {low:.4g}° to {high:.4g}° a single result is uncertain by up to "
        f"{max(report.uncertainty.at(low), report.uncertainty.at(high)):.2g}° "
        "(expanded, about 95 %)"
    )
    at = min(_USUAL_DEG, max(abs(low), abs(high)))
    least = math.sqrt(2.0) * report.unshared.at(at)
    yield f"two sides that differ by less than {least:.2g}° cannot be told apart by this device"
    yield from report.notes
