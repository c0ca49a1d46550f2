"""The weekly check of a unit with one weight or one known angle, and where its checks are going."""

from collections.abc import Sequence

import numpy as np

from dynod.model.calibration_record import Check, CheckLimits, CheckResult, Drift
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError
from dynod.model.samples import FloatArray

IN_A_ROW = 3
"""Moves in one direction that are called drift. Three by chance alone: once in twelve times."""

_WEEK_S = 7 * 24 * 3600.0


def verify(check: Check, limits: CheckLimits) -> CheckResult:
    """Return whether a check is within its limits.

    The result, reading − zero, may differ from the reference by ``relative`` of it (an angle by
    ``angle_deg``), and the zero from none by ``zero_n`` (``angle_deg``). On the limit passes. A
    reading that is no number fails. Raises UsageError for a force check without a load.
    """
    force = check.kind is Kind.FORCE
    if force and check.reference == 0.0:
        raise UsageError("a check of a force gauge needs a weight")
    unit = " N" if force else "°"
    limit = abs(check.reference) * limits.relative if force else limits.angle_deg
    zero_limit = limits.zero_n if force else limits.angle_deg
    problems = []
    if not _within(check.error, limit):
        problems.append(
            f"shows {check.reading - check.zero:.2f}{unit} at {check.reference:.2f}{unit}: "
            f"off by {check.error:+.2f}, allowed ±{limit:.2f}"
        )
    if not _within(check.zero, zero_limit):
        problems.append(f"shows {check.zero:+.2f}{unit} unloaded, allowed ±{zero_limit:.2f}")
    return CheckResult(
        passed=not problems,
        error=check.error,
        limit=limit,
        zero=check.zero,
        zero_limit=zero_limit,
        problems=tuple(problems),
    )


def drift(history: Sequence[Check], *, resolution: float, in_a_row: int = IN_A_ROW) -> Drift:
    """Return the trend of the checks of one unit, in any order, all of one kind.

    A warning comes when the last ``in_a_row`` moves from check to check all went one way, each by
    more than ``resolution`` (N or deg), though every check may still pass. Errors of a force are
    taken relative, so that checks with different weights compare. Checks with a number that is not
    finite, or of a force without a load, are left out. Raises UsageError for checks of both kinds.
    """
    if len({check.kind for check in history}) > 1:
        raise UsageError("force and angle checks do not make one trend")
    checks = sorted(
        (check for check in history if _comparable(check)),
        key=lambda check: check.at,
    )
    if not checks:
        return Drift(0, None, None)
    force = checks[0].kind is Kind.FORCE
    weeks = np.array([(check.at - checks[0].at).total_seconds() / _WEEK_S for check in checks])
    # a relative error moves by a step when the reading at that weight does
    scale = np.array([100.0 / check.reference if force else 1.0 for check in checks])
    errors = scale * np.array([check.error for check in checks])
    zeros = np.array([check.zero for check in checks])
    steps = resolution * np.abs(scale)
    reading_unit, zero_unit = (" % of the load", " N") if force else ("°", "°")
    warnings = (
        _warning("the reading", errors, np.maximum(steps[1:], steps[:-1]), in_a_row, reading_unit),
        _warning("the zero", zeros, np.full(len(checks) - 1, resolution), in_a_row, zero_unit),
    )
    return Drift(
        checks=len(checks),
        per_week=_slope(weeks, errors),
        zero_per_week=_slope(weeks, zeros),
        warnings=tuple(line for line in warnings if line is not None),
    )


def _comparable(check: Check) -> bool:
    loaded = check.kind is Kind.ANGLE or check.reference != 0.0
    return loaded and bool(np.isfinite(check.error) and np.isfinite(check.zero))


def _within(value: float, limit: float) -> bool:
    """Return whether |value| is at most the limit, but for what subtraction rounds; NaN is not."""
    return abs(value) <= limit * (1.0 + 1e-9)


def _warning(
    what: str, values: FloatArray, steps: FloatArray, in_a_row: int, unit: str
) -> str | None:
    moves = np.diff(values)[-in_a_row:]
    beyond = steps[-in_a_row:]
    if len(moves) < in_a_row or not (np.all(moves > beyond) or np.all(moves < -beyond)):
        return None
    way = "up" if moves[0] > 0.0 else "down"
    total = abs(float(moves.sum()))
    return f"{what} went {way} in {in_a_row} checks in a row, by {total:.2f}{unit} in all"


def _slope(weeks: FloatArray, values: FloatArray) -> float | None:
    """Return the least-squares slope; None where all checks are of one time."""
    arm = weeks - weeks.mean()
    spread = float(arm @ arm)
    return float(arm @ values) / spread if spread > 0.0 else None
