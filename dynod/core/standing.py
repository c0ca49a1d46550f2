"""Warnings about a unit's calibration, in words that say what to do."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from dynod.core.verification import drift
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.calibration_record import Verification
from dynod.model.calibration_standing import LastCheck, Standing

WARN_BEFORE = timedelta(days=30)
"""How long before its end a certificate warns."""

_LOST = "trials do not count"


def standing(
    calibration: Calibration,
    checks: Sequence[Verification],
    *,
    at: datetime,
    drifting: Sequence[str] = (),
    has_serial_number: bool = True,
) -> Standing:
    """Return how a unit stands at a moment.

    ``checks`` are those under ``calibration``, newest last, and ``drifting`` what `drift_lines`
    says of them. A unit without a serial number can have no certificate, and is told so.
    """
    lines = [_ground_line(calibration, at, has_serial_number=has_serial_number)]
    last = checks[-1] if checks else None
    if last is not None and not last.result.passed:
        lines.append(
            f"its last check was failed on {_day(last.check.at)}: {_LOST} until a check is passed"
        )
    else:
        lines += drifting
    return Standing(
        calibration=calibration,
        expires_in_days=_days_left(calibration, at),
        last_check=None if last is None else LastCheck(last.check.at, last.result.passed),
        warnings=tuple(line for line in lines if line is not None),
    )


def drift_lines(checks: Sequence[Verification]) -> tuple[str, ...]:
    """Return a line for each way in which the checks of a unit under one certificate drift.

    What the device resolves is not written into a check, so that every move counts as one.
    """
    own = [item.check for item in checks if item.check.kind is checks[-1].check.kind]
    found = drift(own, resolution=0.0).warnings
    return tuple(f"{line}; look at mount and zero, and calibrate it soon" for line in found)


def _ground_line(calibration: Calibration, at: datetime, *, has_serial_number: bool) -> str | None:
    until = calibration.valid_until
    match calibration.status:
        case CalibrationStatus.NONE | CalibrationStatus.NOMINAL:
            nominal = calibration.status is CalibrationStatus.NOMINAL
            what = "results are nominal" if nominal else _LOST
            do = "calibrate it" if has_serial_number else "give it a serial_number and calibrate it"
            return f"no certificate: {what}; {do}"
        case CalibrationStatus.REVOKED:
            return f"its certificate was revoked: {_LOST}; calibrate it"
        case _ if until is None:
            return None
        case CalibrationStatus.EXPIRED:
            return f"its certificate expired on {_day(until)}: {_LOST}; calibrate it"
        case CalibrationStatus.CERTIFIED if until - at <= WARN_BEFORE:
            return f"its certificate expires on {_day(until)}, {_when(until, at)}; calibrate it"
        case _:
            return None


def _when(until: datetime, at: datetime) -> str:
    days = _days_between(at, until)
    return {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")


def _days_left(calibration: Calibration, at: datetime) -> int | None:
    certified = calibration.status is CalibrationStatus.CERTIFIED
    until = calibration.valid_until
    return _days_between(at, until) if certified and until is not None else None


def _days_between(earlier: datetime, later: datetime) -> int:
    return (later.astimezone(UTC).date() - earlier.astimezone(UTC).date()).days


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
