"""Records become the bytes that are published: stable key order, no spaces, no NaN."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from dynod.model.clinical import MUSCLE_GROUPS, Kind
from dynod.model.deficit import (
    Contribution,
    Deficit,
    Interpretation,
    Interval,
    SideComparison,
    SideInterpretation,
    SideResult,
)
from dynod.model.session import Identifier, Patient, Session, SessionSummary
from dynod.model.trial import Trial
from dynod.publish.fields import IdentifierPart, ResultRef, StationPart
from dynod.publish.results import (
    AngleDeficitMessage,
    DevicePart,
    FiellerPart,
    MetricsPart,
    PatientPart,
    QualityPart,
    SessionMessage,
    SidePart,
    SkippedPart,
    StrengthDeficitMessage,
    TestPart,
    TrialCalibrationPart,
    TrialMessage,
)

Quantity = Literal["peak_force_n", "angle_deg"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a result carries besides itself."""

    stream: str
    station_site: str
    station_name: str
    sequence: int


def quantity_of(kind: Kind) -> Quantity:
    """Return the metric that stands for a trial of a kind."""
    return "angle_deg" if kind is Kind.ANGLE else "peak_force_n"


def finite(value: float | None) -> float | None:
    """Return a number, or None for one that could not be computed (None, NaN, infinite)."""
    return float(value) if value is not None and math.isfinite(value) else None


def render_trial(trial: Trial, session: Session, envelope: Envelope) -> bytes:
    """Return the message of a trial. Raises ValueError when the session has no patient."""
    test = trial.slot.test
    offset = finite(trial.analysis.tare_n)
    zero: dict[str, Any] = {"tare_n": offset, "tare_origin": trial.analysis.tare_origin}
    if test.kind is Kind.ANGLE:
        zero = {"zero_deg": offset}
    return TrialMessage(
        schema="dynod.trial/1",
        **_envelope(trial, session, envelope),
        test=TestPart(
            movement=test.movement,
            position=test.position,
            side=trial.slot.side,
            contraction=test.contraction,
            fixation=test.fixation,
        ),
        clock_correction_s=trial.clock_correction_s,
        familiarisation=trial.slot.familiarisation,
        trial_number=trial.slot.trial_number,
        metrics=MetricsPart(**_finite(trial.analysis.metrics)),
        metric_notes=dict(trial.analysis.notes) or None,
        quality=QualityPart(valid=trial.analysis.valid, flags=trial.analysis.flags),
        device=DevicePart(
            id=trial.device.device_id,
            profile=trial.device.profile,
            serial_number=trial.device.serial_number,
        ),
        calibration=_calibration(trial),
        sample_rate_hz=finite(trial.analysis.sample_rate_hz),
        **zero,
        pain_nrs=trial.pain_nrs,
        note=trial.note,
    ).to_json()


def render_deficit(deficit: Deficit, session: Session, envelope: Envelope) -> bytes:
    """Return the message of a side-to-side answer; ValueError when there is no patient."""
    comparison = deficit.comparison
    common = {
        **_envelope(deficit, session, envelope),
        "movement": deficit.test.movement,
        "muscle_group": MUSCLE_GROUPS[deficit.test.movement],
        "quantity": comparison.quantity,
        "summary": comparison.summary,
        "involved_side": deficit.involved_side,
        "reference_side": comparison.reference_side,
        "weaker_side": comparison.weaker_side,
        "mdc_source": comparison.mdc_source,
        "classification": comparison.classification,
        "reason": comparison.reason,
        "trials": _refs(deficit.trials),
        "flags": comparison.flags,
    }
    reading = deficit.interpretation or Interpretation()
    if deficit.test.kind is Kind.ANGLE:
        return _angle_deficit(comparison, common).to_json()
    return _strength_deficit(comparison, reading, common).to_json()


def _strength_deficit(
    comparison: SideComparison, reading: Interpretation, common: Mapping[str, Any]
) -> StrengthDeficitMessage:
    return StrengthDeficitMessage(
        schema="dynod.deficit/1",
        **common,
        left=_side(comparison.left, reading.left),
        right=_side(comparison.right, reading.right),
        deficit_percent=finite(comparison.deficit_percent),
        lsi_percent=finite(comparison.lsi_percent),
        log_ratio_percent=finite(comparison.log_ratio_percent),
        ci95_percent=comparison.ci95_percent,
        mdc95_percent=finite(comparison.mdc95_percent),
        threshold_percent=finite(comparison.threshold_percent),
        fieller95_percent=_fieller(reading.fieller95_percent),
        indices={name: finite(value) for name, value in reading.indices.items()} or None,
    )


def _fieller(interval: Interval | None) -> FiellerPart | None:
    if interval is None:
        return None
    return FiellerPart(kind=interval.kind, low=finite(interval.low), high=finite(interval.high))


def _angle_deficit(comparison: SideComparison, common: Mapping[str, Any]) -> AngleDeficitMessage:
    return AngleDeficitMessage(
        schema="dynod.deficit/1",
        **common,
        left=_angle_side(comparison.left),
        right=_angle_side(comparison.right),
        deficit_deg=finite(comparison.deficit_deg),
        ci95_deg=comparison.ci95_deg,
        mdc95_deg=finite(comparison.mdc95_deg),
        threshold_deg=finite(comparison.threshold_deg),
    )


def render_session(summary: SessionSummary, envelope: Envelope) -> bytes:
    """Return the message of an ended session; ValueError when it has no patient or no end."""
    session = summary.session
    if session.ended_at is None:
        raise ValueError("a session that has not ended cannot be published")
    return SessionMessage(
        schema="dynod.session/1",
        **_envelope(summary, session, envelope),
        started_at=session.started_at,
        ended_at=session.ended_at,
        clock_correction_s=session.clock_correction_s,
        battery=session.battery.name,
        operator=_identifier(session.operator),
        encounter=_identifier(session.encounter),
        order=_identifier(session.order),
        involved_side=session.involved_side,
        trials=_refs(summary.trials),
        deficits=_refs(summary.deficits),
        skipped=_skipped(session),
    ).to_json()


def _envelope(
    record: Trial | Deficit | SessionSummary, session: Session, envelope: Envelope
) -> dict[str, Any]:
    if session.patient is None:
        raise ValueError("a session without a patient cannot be published")
    return {
        "result_id": record.result_id,
        "revision": record.revision,
        "sequence": envelope.sequence,
        "stream": UUID(envelope.stream),
        "status": record.status,
        "station": StationPart(site=envelope.station_site, name=envelope.station_name),
        "session_id": session.session_id,
        "patient": _patient(session.patient),
        "recorded_at": record.recorded_at,
        "clock_synced": record.clock_synced,
        "software": record.software,
    }


def _patient(patient: Patient) -> PatientPart:
    return PatientPart.model_validate(
        {
            "system": patient.identifier.system,
            "id": patient.identifier.value,
            "sex": patient.sex,
            "birth_year": patient.birth_year,
        }
    )


def _identifier(identifier: Identifier | None) -> IdentifierPart | None:
    return IdentifierPart(system=identifier.system, id=identifier.value) if identifier else None


def _finite(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: finite(value) for name, value in metrics.items()}


def _calibration(trial: Trial) -> TrialCalibrationPart:
    calibration = trial.calibration
    part: dict[str, Any] = {
        "status": calibration.status,
        "certificate_id": calibration.certificate_id,
        "valid_until": calibration.valid_until,
    }
    if calibration.uncertainty is not None:
        kind = trial.slot.test.kind
        unit = "deg" if kind is Kind.ANGLE else "n"
        load = finite(trial.analysis.metrics.get(quantity_of(kind)))
        uncertainty = None if load is None else finite(calibration.uncertainty.at(load))
        part[f"expanded_uncertainty_{unit}"] = uncertainty
    return TrialCalibrationPart(**part)


def _side(side: SideResult | None, reading: SideInterpretation) -> SidePart | None:
    if side is None:
        return None
    return SidePart(
        value=side.value,
        trials=side.trials,
        cv_percent=finite(side.cv_percent),
        sem_percent=finite(side.sem_percent),
        consistency=reading.consistency,
        z=finite(reading.z),
        norm_source=reading.norm_source,
    )


def _angle_side(side: SideResult | None) -> SidePart | None:
    if side is None:
        return None
    return SidePart(value=side.value, trials=side.trials, cv_percent=finite(side.cv_percent))


def _refs(contributions: Iterable[Contribution]) -> tuple[ResultRef, ...]:
    return tuple(
        ResultRef(result_id=item.result_id, revision=item.revision) for item in contributions
    )


def _skipped(session: Session) -> tuple[SkippedPart, ...]:
    """Return each movement, side and reason once, in the order of skipping."""
    tests = session.battery.tests
    unique = {
        (tests[slot.test_index].movement, slot.side, slot.reason): None for slot in session.skipped
    }
    return tuple(
        SkippedPart(movement=movement, side=side, reason=reason)
        for movement, side, reason in unique
    )
