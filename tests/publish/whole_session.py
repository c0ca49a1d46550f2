"""A whole session to render: abduction and extension force, flexion range of motion.

Abduction is the worked example of docs/contract.md; extension has lever arms and body mass.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from dynod.config.code_map import load_code_map
from dynod.config.error_table import load_error_table
from dynod.core.deficit import DeficitSettings, compare_sides
from dynod.model.calibration import Calibration, CalibrationStatus, Certificate, Uncertainty
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
from dynod.model.deficit import Contribution, Deficit
from dynod.model.device import DeviceIdentity
from dynod.model.flags import Flag
from dynod.model.session import Identifier, Patient, Session, SessionSummary
from dynod.model.trial import Analysis, ResultStatus, TareOrigin, Trial
from dynod.publish.fhir import FhirSource
from dynod.session.answers import result_uuid

STREAM = "6f1d0c52-3a51-4e0c-9a53-2f8f6a3d5b10"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
END = START + timedelta(minutes=30)
EHR = "https://ehr.clinic.example"
ABDUCTION = TestSpec(Movement.HIP_ABDUCTION, "supine", Contraction.MAKE, Fixation.BELT, Kind.FORCE)
EXTENSION = TestSpec(
    Movement.HIP_EXTENSION, "prone_knee_90", Contraction.MAKE, Fixation.BELT, Kind.FORCE
)
FLEXION_ROM = TestSpec(Movement.HIP_FLEXION, "supine", Contraction.ROM, Fixation.HAND, Kind.ANGLE)
HHD = DeviceIdentity("hhd-1", "chronojump_force_sensor", Kind.FORCE, "SN-7")
TILT = DeviceIdentity("tilt-1", "witmotion_wt901", Kind.ANGLE)
CERTIFICATE = Certificate(
    "2026-014",
    HHD.profile,
    "SN-7",
    (0.0, 1.0),
    range_low=0.0,
    range_high=500.0,
    valid_from=datetime(2026, 1, 15, tzinfo=UTC),
    valid_until=datetime(2027, 1, 14, 23, 59, tzinfo=UTC),
    uncertainty=Uncertainty(0.5, 0.01),
    unshared=Uncertainty(),
    issued_by="a laboratory",
)
CERTIFIED = Calibration(
    CalibrationStatus.CERTIFIED,
    (0.0, 1.0),
    certificate_id=CERTIFICATE.certificate_id,
    valid_until=CERTIFICATE.valid_until,
    uncertainty=CERTIFICATE.uncertainty,
    unshared=CERTIFICATE.unshared,
)
NOMINAL = Calibration(CalibrationStatus.NOMINAL, (0.0, 1.0))
CODES = load_code_map(None)
SESSION = Session(
    session_id=UUID("2c4d6f1e-8b1a-4a9e-b0c3-5d7e9f123456"),
    session_code="K7QF",
    battery=Battery("short", "for tests", (ABDUCTION, EXTENSION, FLEXION_ROM)),
    started_at=START,
    clock_synced=True,
    patient=Patient(Identifier(f"{EHR}/patients", "P-1042"), "female", 1961),
    encounter=Identifier(f"{EHR}/encounters", "E-7"),
    order=Identifier(f"{EHR}/orders", "O-3"),
    operator=Identifier(f"{EHR}/staff", "T-12"),
    body_mass_kg=70.0,
    involved_side=InvolvedSide.LEFT,
    ended_at=END,
)
FORCES = {Side.RIGHT: (150.0, 149.0, 154.0), Side.LEFT: (118.0, 121.0, 123.0)}


@dataclass(frozen=True)
class Whole:
    """What a session's end leaves to publish."""

    summary: SessionSummary
    trials: tuple[Trial, ...]
    deficits: tuple[Deficit, ...]

    @property
    def rest(self) -> tuple[SessionSummary, tuple[Trial, ...], tuple[Deficit, ...]]:
        return self.summary, self.trials, self.deficits

    def later(self, trials: Sequence[Trial], *, status: ResultStatus | None = None) -> "Whole":
        """Return the next revision, over trials that have changed."""
        revision = self.summary.revision + 1
        return whole(trials, revision=revision, status=status or ResultStatus.AMENDED)

    def changed(self, number: int, **changes: Any) -> tuple[Trial, ...]:
        """Return the trials with one of them changed."""
        return tuple(
            replace(trial, revision=trial.revision + 1, **changes) if index == number else trial
            for index, trial in enumerate(self.trials)
        )


def force_trial(test: TestSpec, side: Side, number: int, peak_n: float, **changes: Any) -> Trial:
    metrics: dict[str, float | None] = {"peak_force_n": peak_n, "raw_peak_force_n": peak_n + 2.0}
    if test is EXTENSION:
        metrics |= {"peak_torque_nm": peak_n * 0.4, "peak_force_n_per_kg": peak_n / 70.0}
    return _trial(test, side, number, metrics, HHD, CERTIFIED, changes)


def angle_trial(side: Side, number: int, angle_deg: float, **changes: Any) -> Trial:
    return _trial(FLEXION_ROM, side, number, {"angle_deg": angle_deg}, TILT, NOMINAL, changes)


def _trial(
    test: TestSpec,
    side: Side,
    number: int,
    metrics: dict[str, float | None],
    device: DeviceIdentity,
    calibration: Calibration,
    changes: dict[str, Any],
) -> Trial:
    index = SESSION.battery.tests.index(test)
    familiarisation = changes.pop("familiarisation", False)
    valid, flags = changes.pop("valid", True), changes.pop("flags", ())
    made = Trial(
        result_id=uuid5(SESSION.session_id, f"{index}/{side}/{number}/{familiarisation}/{valid}"),
        revision=1,
        status=ResultStatus.FINAL,
        session_id=SESSION.session_id,
        slot=Slot(index, test, side, familiarisation, number),
        recorded_at=START + timedelta(minutes=index * 10 + (side is Side.LEFT) * 5 + number),
        clock_synced=True,
        software="dynod 0.1.0",
        device=device,
        calibration=calibration,
        analysis=Analysis(metrics, flags, valid, 2.5, TareOrigin.PREROLL, 82.25),
    )
    return replace(made, **changes)


def all_trials() -> tuple[Trial, ...]:
    """Return what was recorded: trials that count, and one each that must not."""
    return (
        force_trial(ABDUCTION, Side.RIGHT, 1, 999.0, familiarisation=True),
        *(
            force_trial(ABDUCTION, side, number, value)
            for side, values in FORCES.items()
            for number, value in enumerate(values, 1)
        ),
        force_trial(ABDUCTION, Side.LEFT, 2, 998.0, valid=False, flags=(Flag.OVERLOAD,)),
        *(
            force_trial(EXTENSION, side, number, value + 10.0)
            for side, values in FORCES.items()
            for number, value in enumerate(values, 1)
        ),
        angle_trial(Side.RIGHT, 1, 110.0),
        angle_trial(Side.LEFT, 1, 98.0),
    )


def whole(
    trials: Sequence[Trial] | None = None,
    *,
    session: Session = SESSION,
    revision: int = 1,
    status: ResultStatus = ResultStatus.FINAL,
) -> Whole:
    """Return a session with its deficits as the core finds them."""
    recorded = tuple(all_trials() if trials is None else trials)
    begun = sorted({trial.slot.test_index for trial in recorded})
    deficits = tuple(_deficit(session, index, recorded, revision, status) for index in begun)
    summary = SessionSummary(
        result_id=result_uuid(session, "fhir"),
        revision=revision,
        status=status,
        session=session,
        trials=tuple(Contribution(trial.result_id, trial.revision) for trial in recorded),
        deficits=tuple(Contribution(deficit.result_id, 1) for deficit in deficits),
        recorded_at=END + timedelta(hours=revision - 1),
        clock_synced=True,
        software="dynod 0.1.0",
    )
    return Whole(summary, recorded, deficits)


def _deficit(
    session: Session, index: int, trials: Sequence[Trial], revision: int, status: ResultStatus
) -> Deficit:
    test = session.battery.tests[index]
    own = [
        trial
        for trial in trials
        if trial.slot.test_index == index and trial.valid and not trial.slot.familiarisation
    ]
    comparison = compare_sides(
        test, own, session.involved_side, table=load_error_table(None), settings=DeficitSettings()
    )
    return Deficit(
        result_id=result_uuid(session, "deficit", index),
        revision=revision,
        status=status,
        session_id=session.session_id,
        test=test,
        involved_side=session.involved_side,
        comparison=comparison,
        trials=tuple(Contribution(trial.result_id, trial.revision) for trial in own),
        recorded_at=END,
        clock_synced=True,
        software="dynod 0.1.0",
    )


def source(**changes: Any) -> FhirSource:
    made = FhirSource(STREAM, CODES, {CERTIFICATE.certificate_id: CERTIFICATE})
    return replace(made, **changes)
