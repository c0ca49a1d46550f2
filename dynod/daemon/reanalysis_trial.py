"""One stored trial analysed again: under which calibration, from what, and whether it differs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from dynod.core.analysis import analyse
from dynod.core.calibration import judge_calibration
from dynod.core.rescale import rescaled
from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Calibration, CalibrationStatus, Certificate
from dynod.model.calibration_record import Verification
from dynod.model.clinical import Fixation
from dynod.model.session import Session
from dynod.model.trial import Analysis, Recording, TareOrigin, Trial

_JUST_AFTER = timedelta(microseconds=1)
# Far below what anybody can read, far above what another processor may make of the same formula.
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class NominalScale:
    """A configured device's own scale, and whether it counts here without a certificate."""

    coefficients: tuple[float, ...]
    allowed: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """What trials are analysed on now.

    ``certificate`` is the one that was named, for all; without it the shelf decides. ``checks`` are
    all that were made, as they were stored; for a trial those count that were made before it.
    ``nominal`` has the scale of each configured device, by its id and profile.
    """

    shelf: Sequence[Certificate]
    checks: Sequence[Verification]
    certificate: Certificate | None
    nominal: Mapping[tuple[str, str], NominalScale]
    settings: AnalysisSettings
    software: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why a trial that was meant is not analysed again."""

    reason: str


def calibration_of(trial: Trial, ground: Ground) -> Calibration | LeftOut:
    """Return the calibration that counts for a trial now, or why there is none.

    A named certificate counts as certified within its validity alone: before it as after it, the
    trial is judged as on an expired one. A trial without a certificate keeps its nominal scale.
    """
    unit, named = trial.device, ground.certificate
    foreign = other_unit(trial, ground)
    if foreign is not None:
        return LeftOut(f"it was {foreign}")
    at = judged_at(trial, ground.shelf)
    nominal = ground.nominal.get((unit.device_id, unit.profile))
    kept = trial.calibration.coefficients if trial.calibration.certificate_id is None else None
    found = judge_calibration(
        ground.shelf if named is None else (_begun(named, at),),
        profile=unit.profile,
        serial_number=unit.serial_number,
        nominal_coefficients=kept or (() if nominal is None else nominal.coefficients),
        at=at,
        allow_nominal=_nominal_allowed(trial, nominal),
        verifications=[item for item in ground.checks if item.check.at <= at],
    )
    if not found.coefficients:
        return LeftOut("no certificate holds for it, and its device is no longer configured")
    early = named is not None and at < named.valid_from
    if early and found.status is CalibrationStatus.CERTIFIED:
        return replace(found, status=CalibrationStatus.EXPIRED)
    return found


def other_unit(trial: Trial, ground: Ground) -> str | None:
    """Return in words that the named certificate is not of the unit that measured; else None."""
    named, unit = ground.certificate, trial.device
    if named is None:
        return None
    if (named.profile, named.serial_number) == (unit.profile, unit.serial_number):
        return None
    number = "without a serial number" if unit.serial_number is None else unit.serial_number
    return (
        f"measured with {unit.device_id} ({unit.profile}, {number}), and certificate"
        f" {named.certificate_id} is of {named.profile}, {named.serial_number}"
    )


def _nominal_allowed(trial: Trial, nominal: NominalScale | None) -> bool:
    """Tell whether the nominal scale counts; without the device in the config as it did then."""
    if nominal is None:
        return trial.calibration.status is CalibrationStatus.NOMINAL
    return nominal.allowed


def _begun(certificate: Certificate, at: datetime) -> Certificate:
    return replace(certificate, valid_from=min(certificate.valid_from, at))


def judged_at(trial: Trial, shelf: Sequence[Certificate]) -> datetime:
    """Return the moment that a trial's calibration is judged at: when it was recorded.

    A clock that runs behind, as after a power cut, is judged by the latest time that was stored
    (docs/design.md, section 3, rule 5); what the trial was judged on then proves a later time.
    """
    at, then = trial.recorded_at, trial.calibration
    if then.status is CalibrationStatus.EXPIRED:
        if trial.clock_synced or then.valid_until is None:
            return at
        return max(at, then.valid_until + _JUST_AFTER)
    begins = [item.valid_from for item in shelf if item.certificate_id == then.certificate_id]
    return max([at, *begins])


def analyse_again(
    trial: Trial, recording: Recording, session: Session, ground: Ground
) -> Trial | LeftOut | None:
    """Return a trial as it is on a ground of today, or None when nothing of it differs.

    Lever arm and body mass are those of the session, the pelvis's angle is as it was stored.
    """
    calibration = calibration_of(trial, ground)
    if isinstance(calibration, LeftOut):
        return calibration
    test = trial.slot.test
    analysis = analyse(
        recording,
        test.kind,
        calibration,
        body_mass_kg=session.body_mass_kg,
        lever_arm_m=session.lever_arm_m(test.movement, trial.slot.side),
        fallback_tare_n=_fallback_tare_n(trial, recording, calibration),
        hand_held=test.fixation is Fixation.HAND,
        settings=ground.settings,
    )
    if calibration == trial.calibration and _same(analysis, trial.analysis):
        return None
    return replace(trial, calibration=calibration, analysis=analysis, software=ground.software)


def _fallback_tare_n(trial: Trial, recording: Recording, calibration: Calibration) -> float | None:
    """Return the ``tare`` command's value that a trial was tared by, in newtons of now."""
    tare_n = trial.analysis.tare_n
    if trial.analysis.tare_origin is not TareOrigin.COMMAND or tare_n is None:
        return None
    return rescaled(
        tare_n,
        trial.calibration,
        calibration,
        mount_sign=recording.mount_sign,
        near=_resting_number(recording),
    )


def _resting_number(recording: Recording) -> float:
    """Return the device's number before the begin, or at the first sample."""
    numbers = recording.block.channel(recording.axis)[recording.block.status == 0]
    before = recording.block.t_s[recording.block.status == 0] < recording.start_s
    resting = numbers[before] if before.any() else numbers[:1]
    return float(np.median(resting)) if len(resting) else 0.0


def _same(left: Analysis, right: Analysis) -> bool:
    return (
        left.valid == right.valid
        and set(left.flags) == set(right.flags)
        and left.tare_origin is right.tare_origin
        and _close(left.tare_n, right.tare_n)
        and _close(left.sample_rate_hz, right.sample_rate_hz)
        and dict(left.notes) == dict(right.notes)
        and _all_close(left.metrics, right.metrics)
    )


def _all_close(left: Mapping[str, float | None], right: Mapping[str, float | None]) -> bool:
    return left.keys() == right.keys() and all(
        _close(value, right[name]) for name, value in left.items()
    )


def _close(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is right
    return math.isclose(left, right, rel_tol=_CLOSE, abs_tol=_CLOSE)
