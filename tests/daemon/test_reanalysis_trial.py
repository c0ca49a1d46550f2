"""One stored trial on another ground: its numbers, its calibration, its tare."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest

from dynod.core.analysis import analyse
from dynod.core.rescale import device_number, rescaled
from dynod.core.settings import AnalysisSettings
from dynod.daemon.reanalysis_trial import (
    Ground,
    LeftOut,
    NominalScale,
    analyse_again,
    calibration_of,
    judged_at,
)
from dynod.model.calibration import Calibration, CalibrationStatus, Certificate, Uncertainty
from dynod.model.clinical import Kind, Movement, Side, Slot
from dynod.model.flags import Flag
from dynod.model.session import Session
from dynod.model.trial import ResultStatus, TareOrigin, Trial
from tests.support.builders import START, battery, force_test
from tests.support.certificates import made_check
from tests.support.stored_sessions import UNIT, pull

DAY = timedelta(days=1)
TEST = force_test()
SESSION = Session(
    uuid4(),
    "AC34",
    battery(TEST),
    START,
    clock_synced=True,
    body_mass_kg=80.0,
    lever_arms_m={Movement.HIP_ABDUCTION: {Side.LEFT: 0.4}},
)


def certificate(
    name: str, *coefficients: float, begins: datetime = START - 30 * DAY
) -> Certificate:
    return Certificate(
        name,
        UNIT.profile,
        "SN-1",
        coefficients,
        10.0,
        400.0,
        begins,
        begins + 365 * DAY,
        Uncertainty(4.0, 0.01),
        Uncertainty(3.0),
        "a laboratory",
    )


A = certificate("A", 0.0, 1.0)
B = certificate("B", 0.0, 1.02, begins=START - 10 * DAY)


def ground(*shelf: Certificate, named: Certificate | None = None, allowed: bool = False) -> Ground:
    nominal = {(UNIT.device_id, UNIT.profile): NominalScale((0.0, 1.0), allowed)}
    return Ground(shelf, (), named, nominal, AnalysisSettings(), "dynod today")


def certified(by: Certificate) -> Calibration:
    return Calibration(
        CalibrationStatus.CERTIFIED,
        by.coefficients,
        by.certificate_id,
        by.valid_until,
        by.range_low,
        by.range_high,
        by.uncertainty,
        by.unshared,
    )


def recorded(calibration: Calibration | None = None, **changed: object) -> Trial:
    found = calibration or certified(A)
    recording = pull(154.0)
    analysis = analyse(
        recording, Kind.FORCE, found, body_mass_kg=80.0, lever_arm_m=0.4, hand_held=True
    )
    made = Trial(
        uuid4(),
        1,
        ResultStatus.FINAL,
        SESSION.session_id,
        Slot(0, TEST, Side.LEFT, familiarisation=False, trial_number=1),
        START,
        clock_synced=True,
        software="dynod then",
        device=UNIT,
        calibration=found,
        analysis=analysis,
        recording=recording,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def again(trial: Trial, on: Ground) -> Trial:
    assert trial.recording is not None
    after = analyse_again(trial, trial.recording, SESSION, on)
    assert isinstance(after, Trial)
    return after


def newtons(trial: Trial) -> Mapping[str, float]:
    """Return the metrics that are proportional to the force."""
    return {
        name: value
        for name, value in trial.analysis.metrics.items()
        if value is not None and name.endswith(("_n", "_n_s", "_nm", "_n_per_kg"))
    }


def test_a_scale_two_percent_higher_makes_every_force_two_percent_higher() -> None:
    before = recorded()
    after = again(before, ground(A, B))
    # 154 on the display less 4 of rest is 150 N under A, and 153 N under B.
    assert before.analysis.metrics["peak_force_n"] == pytest.approx(150.0, abs=0.1)
    assert after.analysis.metrics["peak_force_n"] == pytest.approx(153.0, abs=0.1)
    assert after.analysis.metrics["peak_torque_nm"] == pytest.approx(0.4 * 153.0, abs=0.1)
    assert after.analysis.tare_n == pytest.approx(4.08)
    assert len(newtons(before)) > 5
    # The impulse ends where the force falls below a limit in newtons: that is a hair later.
    higher = {name: 1.02 * value for name, value in newtons(before).items()}
    assert newtons(after) == pytest.approx(higher, rel=2e-4)
    assert after.calibration == certified(B)
    assert after.software == "dynod today"
    assert (after.result_id, after.recorded_at) == (before.result_id, before.recorded_at)


def test_the_same_ground_changes_nothing() -> None:
    trial = recorded()
    assert trial.recording is not None
    assert analyse_again(trial, trial.recording, SESSION, ground(A)) is None
    rounded = replace(
        trial,
        analysis=replace(
            trial.analysis,
            metrics={
                name: None if value is None else float(np.nextafter(value, np.inf))
                for name, value in trial.analysis.metrics.items()
            },
        ),
    )
    assert analyse_again(rounded, trial.recording, SESSION, ground(A)) is None


def test_a_limit_of_today_changes_flags_and_validity() -> None:
    trial = recorded()
    strict = replace(ground(A), settings=AnalysisSettings(tare_limit_n=3.0))
    after = again(trial, strict)
    assert trial.analysis.valid
    assert not after.analysis.valid
    assert Flag.TARE_LIMIT in after.analysis.flags
    assert after.analysis.metrics == trial.analysis.metrics


def test_a_certificate_revoked_since_counts_as_revoked() -> None:
    after = again(recorded(), ground(replace(A, revoked_reason="dropped")))
    assert after.calibration.status is CalibrationStatus.REVOKED
    assert Flag.CALIBRATION_REVOKED in after.analysis.flags
    assert not after.valid


@pytest.mark.parametrize(
    ("begins", "status"),
    [
        (START - DAY, CalibrationStatus.CERTIFIED),
        (START + DAY, CalibrationStatus.EXPIRED),
        (START - 400 * DAY, CalibrationStatus.EXPIRED),
    ],
)
def test_a_named_certificate_certifies_within_its_validity_alone(
    begins: datetime, status: CalibrationStatus
) -> None:
    named = certificate("C", 0.0, 1.1, begins=begins)
    after = again(recorded(), ground(A, B, named, named=named))
    assert (after.calibration.certificate_id, after.calibration.status) == ("C", status)
    assert after.valid is (status is CalibrationStatus.CERTIFIED)


def test_what_a_named_certificate_did_outside_its_validity_the_shelf_takes_back() -> None:
    late = certificate("C", 0.0, 1.1, begins=START + DAY)
    trial = recorded()
    forced = again(trial, ground(A, late, named=late))
    assert again(replace(forced, recording=trial.recording), ground(A, late)).calibration == (
        certified(A)
    )


def test_a_certificate_of_another_unit_is_refused() -> None:
    other = replace(B, serial_number="SN-2")
    trial = recorded()
    answer = calibration_of(trial, ground(A, other, named=other))
    assert isinstance(answer, LeftOut)
    assert "hhd-1 (quick_gauge, SN-1), and certificate B is of quick_gauge, SN-2" in answer.reason
    nameless = replace(trial, device=replace(UNIT, serial_number=None))
    answer = calibration_of(nameless, ground(B, named=B))
    assert isinstance(answer, LeftOut)
    assert "without a serial number" in answer.reason


def test_a_nominal_trial_keeps_the_scale_of_its_time() -> None:
    trial = recorded(Calibration(CalibrationStatus.NOMINAL, (0.0, 9.81)))
    found = calibration_of(trial, ground(allowed=True))
    assert found == trial.calibration
    found = calibration_of(trial, ground(allowed=False))
    assert found == Calibration(CalibrationStatus.NONE, (0.0, 9.81))
    gone = replace(ground(allowed=False), nominal={})
    assert calibration_of(trial, gone) == trial.calibration


def test_without_certificate_and_without_config_there_is_no_scale() -> None:
    trial = recorded()
    answer = calibration_of(trial, replace(ground(), nominal={}))
    assert isinstance(answer, LeftOut)
    assert "no longer configured" in answer.reason


def test_a_clock_that_was_behind_makes_nothing_valid_again() -> None:
    """The trial was judged by a later time than its label says: expired then, expired now."""
    old = certificate("old", 0.0, 1.0, begins=START - 400 * DAY)
    label = old.valid_from + DAY
    expired = replace(certified(old), status=CalibrationStatus.EXPIRED)
    behind = recorded(expired, recorded_at=label, clock_synced=False)
    assert calibration_of(behind, ground(old)) == expired
    right = replace(behind, clock_synced=True)
    assert calibration_of(right, ground(old)) == certified(old)
    before_any = recorded(certified(A), recorded_at=A.valid_from - DAY, clock_synced=False)
    assert judged_at(before_any, [A]) == A.valid_from
    assert calibration_of(before_any, ground(A)) == certified(A)


def test_a_check_counts_for_the_trials_after_it() -> None:
    trial = recorded()
    made = [
        replace(made_check(day, 5.0, passed=False, certificate_id="A"), profile=UNIT.profile)
        for day in (-1.0, 1.0)
    ]
    before = replace(ground(A), checks=(made[0],))
    after = replace(ground(A), checks=(made[1],))
    judged = calibration_of(trial, before)
    assert isinstance(judged, Calibration)
    assert judged.verification_failed
    assert calibration_of(trial, after) == certified(A)


def test_a_tare_command_is_said_again_under_the_other_scale() -> None:
    """The pre-roll is missing, so 5 N of a tare command counted: number 14 under −2 + 0.5·x.

    Under −1 + 0.6·x the number 14 is 7.4 N.
    """
    first, second = certificate("A", -2.0, 0.5), certificate("B", -1.0, 0.6, begins=START - DAY)
    recording = replace(pull(300.0, rest=14.0), start_s=0.0)
    analysis = analyse(recording, Kind.FORCE, certified(first), fallback_tare_n=5.0)
    assert analysis.tare_origin is TareOrigin.COMMAND
    trial = recorded(certified(first), analysis=analysis, recording=recording)
    after = again(trial, ground(first, second))
    assert after.analysis.tare_origin is TareOrigin.COMMAND
    assert after.analysis.tare_n == pytest.approx(7.4)
    # 300 is 179 N; less 7.4 N
    assert after.analysis.metrics["peak_force_n"] == pytest.approx(179.0 - 7.4, abs=0.1)


def test_a_value_goes_back_to_the_number_next_to_the_recording() -> None:
    """0.01·x² − x = 24 has the solutions 120 and −20."""
    curved = (0.0, -1.0, 0.01)
    assert device_number(24.0, curved, near=100.0) == pytest.approx(120.0)
    assert device_number(24.0, curved, near=0.0) == pytest.approx(-20.0)
    assert device_number(-26.0, curved, near=0.0) is None  # its lowest value is −25
    before = Calibration(CalibrationStatus.NOMINAL, (1.0, 2.0))
    after = Calibration(CalibrationStatus.NOMINAL, (0.0, 3.0))
    # −(1 + 2·x) = 5 at x = −3; −(3·x) = 9
    assert rescaled(5.0, before, after, mount_sign=-1, near=0.0) == pytest.approx(9.0)
    assert rescaled(0.1 + 0.2, before, before, mount_sign=1, near=0.0) == 0.1 + 0.2
