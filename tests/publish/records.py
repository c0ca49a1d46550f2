"""Records to render: one session with a force and an angle test."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from dynod.model.calibration import Calibration, CalibrationStatus, Uncertainty
from dynod.model.clinical import (
    Battery,
    Contraction,
    Fixation,
    InvolvedSide,
    Kind,
    Movement,
    Side,
    Slot,
    TestSpec,
)
from dynod.model.device import DeviceIdentity
from dynod.model.flags import Flag
from dynod.model.session import Identifier, Patient, Session
from dynod.model.trial import Analysis, ResultStatus, TareOrigin, Trial, TrialMetrics
from dynod.publish.render import Envelope

SESSION_ID = UUID("2c4d6f1e-8b1a-4a9e-b0c3-5d7e9f123456")
TRIAL_ID = UUID("9a7b330a-a736-4a21-9f5e-0c2a1b3d4e5f")
RESULT_ID = UUID("5b1f8a0e-6a4f-5c5e-8a5d-1f2e3d4c5b6a")
STREAM = "6f1d0c52-3a51-4e0c-9a53-2f8f6a3d5b10"
# 09:14:52.125999 UTC, written in another zone: published in UTC, cut to milliseconds
WHEN = datetime(2026, 3, 2, 10, 14, 52, 125999, tzinfo=timezone(timedelta(hours=1)))
ENVELOPE = Envelope(STREAM, "clinic-7", "room-2", 41)

FORCE_TEST = TestSpec(Movement.HIP_ABDUCTION, "supine", Contraction.MAKE, Fixation.BELT, Kind.FORCE)
ANGLE_TEST = TestSpec(Movement.HIP_FLEXION, "supine", Contraction.ROM, Fixation.HAND, Kind.ANGLE)
PATIENT = Patient(Identifier("urn:ehr", "P-1042"), "female", 1961)
SESSION = Session(
    session_id=SESSION_ID,
    session_code="K7QF",
    battery=Battery("short", "for tests", (FORCE_TEST, ANGLE_TEST)),
    started_at=datetime(2026, 3, 2, 9, 10, tzinfo=UTC),
    clock_synced=True,
    patient=PATIENT,
    involved_side=InvolvedSide.LEFT,
)
HHD = DeviceIdentity("hhd-1", "chronojump_force_sensor", Kind.FORCE, "SN-7")
TILT = DeviceIdentity("tilt-1", "witmotion_wt901", Kind.ANGLE)
NOMINAL = Calibration(CalibrationStatus.NOMINAL, (0.0, 1.0))
CERTIFIED = Calibration(
    CalibrationStatus.CERTIFIED,
    (0.0, 1.0),
    certificate_id="2026-014",
    valid_until=datetime(2027, 1, 15, tzinfo=UTC),
    uncertainty=Uncertainty(0.5, 0.01),
)


def analysis(
    metrics: TrialMetrics, *flags: Flag, valid: bool = True, tare: float | None = 2.5
) -> Analysis:
    return Analysis(metrics, flags, valid, tare, TareOrigin.PREROLL, 82.25)


def trial(
    kind: Kind,
    done: Analysis,
    calibration: Calibration = NOMINAL,
    *,
    revision: int = 1,
    status: ResultStatus = ResultStatus.FINAL,
) -> Trial:
    force = kind is Kind.FORCE
    slot = Slot(
        0 if force else 1,
        FORCE_TEST if force else ANGLE_TEST,
        Side.LEFT,
        familiarisation=force,
        trial_number=2,
    )
    return Trial(
        result_id=TRIAL_ID,
        revision=revision,
        status=status,
        session_id=SESSION_ID,
        slot=slot,
        recorded_at=WHEN,
        clock_synced=False,
        software="dynod 0.1.0",
        device=HHD if force else TILT,
        calibration=calibration,
        analysis=done,
    )
