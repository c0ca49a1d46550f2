"""Records to rows and rows to records, for what is stored in columns of its own."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from uuid import UUID

from dynod.model.calibration import Calibration
from dynod.model.clinical import Slot
from dynod.model.deficit import Deficit
from dynod.model.device import DeviceIdentity
from dynod.model.session import Session, SessionSummary
from dynod.model.trial import Analysis, Recording, ResultStatus, Trial, TrialMetrics
from dynod.store.codec import from_json, time_of, time_text, to_json

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session read back: its trials in the order of recording without raw, its deficits.

    All are those of the session's present patient binding. ``summary`` is its own result, once it
    has ended.
    """

    session: Session
    trials: tuple[Trial, ...]
    deficits: tuple[Deficit, ...]
    summary: SessionSummary | None = None


def session_row(session: Session) -> dict[str, Any]:
    """Return the columns of ``session``."""
    return {
        "session_id": str(session.session_id),
        "started_at": time_text(session.started_at),
        "ended_at": None if session.ended_at is None else time_text(session.ended_at),
        "record": to_json(session),
    }


def trial_row(trial: Trial) -> dict[str, Any]:
    """Return the columns of ``trial``; metrics and raw samples have tables of their own."""
    return {
        "result_id": str(trial.result_id),
        "session_id": str(trial.session_id),
        "revision": trial.revision,
        "status": str(trial.status),
        "movement": str(trial.slot.test.movement),
        "side": str(trial.slot.side),
        "valid": int(trial.valid),
        "recorded_at": time_text(trial.recorded_at),
        "clock_synced": int(trial.clock_synced),
        "software": trial.software,
        "slot": to_json(trial.slot),
        "device": to_json(trial.device),
        "calibration": to_json(trial.calibration),
        "analysis": to_json(replace(trial.analysis, metrics={})),
        "pain_nrs": trial.pain_nrs,
        "note": trial.note,
        "binding": trial.binding,
        "copied_from": None if trial.copied_from is None else str(trial.copied_from),
        "clock_correction_s": trial.clock_correction_s,
    }


def metric_rows(trial: Trial) -> list[dict[str, Any]]:
    """Return the rows of ``trial_metric``. Raises ValueError for NaN and infinity."""
    result_id = str(trial.result_id)
    return [
        {"result_id": result_id, "name": name, "value": _finite(name, value)}
        for name, value in trial.analysis.metrics.items()
    ]


def _finite(name: str, value: float | None) -> float | None:
    """SQLite would store NaN as NULL, which means "could not be computed" to everybody else."""
    if value is None:
        return None
    if not math.isfinite(value):
        raise ValueError(f"metric {name} is not finite")
    return float(value)


def trial_of(row: Row, metrics: TrialMetrics, recording: Recording | None = None) -> Trial:
    """Return the trial of a row and its metrics."""
    analysis = from_json(Analysis, row["analysis"])
    return Trial(
        result_id=UUID(row["result_id"]),
        revision=row["revision"],
        status=ResultStatus(row["status"]),
        session_id=UUID(row["session_id"]),
        slot=from_json(Slot, row["slot"]),
        recorded_at=time_of(row["recorded_at"]),
        clock_synced=bool(row["clock_synced"]),
        software=row["software"],
        device=from_json(DeviceIdentity, row["device"]),
        calibration=from_json(Calibration, row["calibration"]),
        analysis=replace(analysis, metrics=metrics),
        pain_nrs=row["pain_nrs"],
        note=row["note"],
        recording=recording,
        binding=row["binding"],
        copied_from=None if row["copied_from"] is None else UUID(row["copied_from"]),
        clock_correction_s=row["clock_correction_s"],
    )


def deficit_row(deficit: Deficit) -> dict[str, Any]:
    """Return the columns of ``deficit``."""
    return _result_row(deficit, deficit.session_id)


def summary_row(summary: SessionSummary) -> dict[str, Any]:
    """Return the columns of ``session_summary``."""
    return _result_row(summary, summary.session.session_id)


def _result_row(result: Deficit | SessionSummary, session_id: UUID) -> dict[str, Any]:
    return {
        "result_id": str(result.result_id),
        "session_id": str(session_id),
        "revision": result.revision,
        "recorded_at": time_text(result.recorded_at),
        "record": to_json(result),
    }
