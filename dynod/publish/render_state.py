"""States and live values become the bytes that are published."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dynod.model.calibration_standing import Standing
from dynod.model.clinical import Kind, Slot
from dynod.model.device import DeviceState
from dynod.model.session import Phase, Session
from dynod.model.trial import Trial
from dynod.publish.messages import (
    CalibrationPart,
    DeviceStatusMessage,
    LastTrialPart,
    LiveMessage,
    NextPart,
    OutboxPart,
    SessionStateMessage,
    StationState,
    StatusMessage,
    VerificationPart,
)
from dynod.publish.render import finite, quantity_of


@dataclass(frozen=True, slots=True)
class Remarks:
    """What a display says besides where the session stands: what went wrong last, and warnings."""

    problem: str | None = None
    warnings: tuple[str, ...] = ()


NO_REMARKS = Remarks()


@dataclass(frozen=True, slots=True)
class Counts:
    """What a station counts: rows of its outbox by state, results so far, refusals by reason.

    ``warnings`` are for whoever looks after the station.
    """

    pending: int
    sent: int
    received: int
    last_sequence: int
    refused: Mapping[str, int]
    warnings: tuple[str, ...] = ()


def render_status(
    state: StationState, *, at: datetime, stream: str, software: str, counts: Counts | None = None
) -> bytes:
    """Return the station's retained status; a last will has no ``counts``."""
    return StatusMessage(
        schema="dynod.status/1",
        at=at,
        stream=UUID(stream),
        state=state,
        software=software,
        outbox=_outbox(counts) if counts else None,
        last_sequence=counts.last_sequence if counts else None,
        refused=dict(sorted(counts.refused.items())) if counts else None,
        warnings=(counts.warnings or None) if counts else None,
    ).to_json()


def _outbox(counts: Counts) -> OutboxPart:
    return OutboxPart(pending=counts.pending, sent=counts.sent, received=counts.received)


def render_device_status(
    state: DeviceState,
    *,
    at: datetime,
    stream: str,
    profile: str,
    standing: Standing,
    fault: str | None = None,
) -> bytes:
    """Return a device's retained status; ``fault`` is for the technician's eyes."""
    return DeviceStatusMessage(
        schema="dynod.device_status/1",
        at=at,
        stream=UUID(stream),
        state=state,
        profile=profile,
        calibration=_calibration(standing),
        fault=fault,
    ).to_json()


def _calibration(standing: Standing) -> CalibrationPart:
    check = standing.last_check
    return CalibrationPart(
        status=standing.calibration.status,
        valid_until=standing.calibration.valid_until,
        expires_in_days=standing.expires_in_days,
        verification=None if check is None else VerificationPart(at=check.at, passed=check.passed),
        warning="; ".join(standing.warnings) or None,
    )


def render_session_state(
    phase: Phase,
    *,
    at: datetime,
    stream: str,
    session: Session | None = None,
    next_slot: Slot | None = None,
    rest_until: datetime | None = None,
    last_trial: Trial | None = None,
    remarks: Remarks = NO_REMARKS,
) -> bytes:
    """Return the retained state of the session, without the patient."""
    return SessionStateMessage(
        schema="dynod.session_state/1",
        at=at,
        stream=UUID(stream),
        session_id=session.session_id if session else None,
        session_code=session.session_code if session else None,
        assigned=session is not None and session.patient is not None,
        phase=phase,
        next=_next(next_slot, rest_until) if next_slot else None,
        last_trial=_last_trial(last_trial) if last_trial else None,
        problem=remarks.problem,
        warnings=remarks.warnings or None,
    ).to_json()


def _next(slot: Slot, rest_until: datetime | None) -> NextPart:
    return NextPart(
        movement=slot.test.movement,
        position=slot.test.position,
        contraction=slot.test.contraction,
        kind=slot.test.kind,
        side=slot.side,
        trial_number=slot.trial_number,
        familiarisation=slot.familiarisation,
        rest_until=rest_until,
    )


def _last_trial(trial: Trial) -> LastTrialPart:
    quantity = quantity_of(trial.slot.test.kind)
    return LastTrialPart(
        result_id=trial.result_id,
        valid=trial.valid,
        flags=trial.analysis.flags,
        quantity=quantity,
        value=finite(trial.analysis.metrics.get(quantity)),
    )


def render_live(kind: Kind, value: float | None, *, at: datetime, phase: Phase) -> bytes:
    """Return a live value in newtons or degrees; None or NaN while the device cannot measure."""
    if kind is Kind.ANGLE:
        message = LiveMessage(schema="dynod.live/1", at=at, phase=phase, angle_deg=finite(value))
    else:
        message = LiveMessage(schema="dynod.live/1", at=at, phase=phase, force_n=finite(value))
    return message.to_json()
