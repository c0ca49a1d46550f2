"""Questions to the store that the command line asks, of the daemon or of the file itself."""

import json
import math
from collections.abc import Mapping
from uuid import UUID

from dynod.model.errors import UsageError
from dynod.model.trial import Trial
from dynod.store.codec import to_json
from dynod.store.outbox import OutboxState
from dynod.store.store import Store

MOST_ROWS = 10_000


def results_list(store: Store, limit: int) -> list[dict[str, object]]:
    """Return the newest trials, one row each, without patient."""
    return [_row(trial) for trial in store.trials(limit=limit)]


def result_show(store: Store, result_id: str) -> dict[str, object]:
    """Return a trial with its metrics and its curve.

    The beginning of an id is enough where no other begins so. Raises UsageError when there is no
    such trial, or more than one.
    """
    trial = store.trial(_full_id(store, result_id), with_raw=True)
    if trial is None:
        raise UsageError("no trial of this id; `dynod results list` shows them")
    row = _row(trial)
    row["calibration"] = json.loads(to_json(trial.calibration))
    row["metrics"] = dict(trial.analysis.metrics)
    row["metric_notes"] = dict(trial.analysis.notes)
    row["tare_n"] = trial.analysis.tare_n
    row["sample_rate_hz"] = trial.analysis.sample_rate_hz
    recording = trial.recording
    if recording is not None:
        values = trial.calibration.apply(recording.block.channel(recording.axis))
        values = values * float(recording.mount_sign)
        offset = trial.analysis.tare_n or 0.0
        row["curve"] = {
            "t_s": (recording.block.t_s - recording.start_s).round(4).tolist(),
            "value": [_rounded(value - offset) for value in values.tolist()],
        }
    return row


def sessions_list(store: Store, limit: int) -> list[dict[str, object]]:
    """Return the newest sessions, one row each: whether each has a patient, and never who."""
    return [
        {
            "session_id": str(session.session_id),
            "session_code": session.session_code,
            "battery": session.battery.name,
            "started_at": session.started_at.isoformat(timespec="seconds"),
            "ended_at": session.ended_at.isoformat(timespec="seconds")
            if session.ended_at is not None
            else None,
            "assigned": session.patient is not None,
            "trials": len(stored.trials) if stored is not None else 0,
        }
        for session in store.sessions(limit)
        for stored in (store.session(session.session_id),)
    ]


def outbox_list(store: Store, limit: int, state: str | None) -> dict[str, object]:
    """Return how many messages are in each state, and the newest of them without what they say.

    Raises UsageError for a state that there is not.
    """
    if state is not None and state not in set(OutboxState):
        raise UsageError(f"no such state; there are: {', '.join(OutboxState)}")
    chosen = None if state is None else OutboxState(state)
    counts = store.outbox_counts()
    return {
        "stream": str(store.stream),
        "last_sequence": store.last_sequence,
        "pending": counts.pending,
        "sent": counts.sent,
        "received": counts.received,
        "messages": [
            {
                "sequence": row.sequence,
                "state": row.state.value,
                "kind": row.topic.rpartition("/")[2],
                "result_id": str(row.result_id),
                "revision": row.revision,
                "attempts": row.attempts,
                "bytes": len(row.payload),
            }
            for row in store.outbox_rows(limit, chosen)
        ],
    }


def audit_list(store: Store, limit: int) -> list[dict[str, object]]:
    """Return who did what to the records, newest first; no patient is in it."""
    return [
        {
            "at": entry.at.isoformat(timespec="seconds"),
            "action": entry.action,
            "subject": entry.subject,
            "who": entry.who,
            "detail": dict(entry.detail),
        }
        for entry in store.audit_entries()[: -limit - 1 : -1]
    ]


def answer(store: Store, request: Mapping[str, object]) -> object:
    """Answer a question of the control socket; raises UsageError for one that makes no sense."""
    limit = _limit(request.get("limit"))
    match request.get("what"):
        case "results":
            return results_list(store, limit)
        case "sessions":
            return sessions_list(store, limit)
        case "audit":
            return audit_list(store, limit)
        case "outbox":
            state = request.get("state")
            return outbox_list(store, limit, None if state is None else str(state))
        case _:
            return result_show(store, str(request.get("result_id")))


def _limit(asked: object) -> int:
    return min(max(asked, 1), MOST_ROWS) if isinstance(asked, int) else 100


def _full_id(store: Store, beginning: str) -> UUID:
    try:
        return UUID(beginning)
    except ValueError:
        ids = {trial.result_id for trial in store.trials(limit=None)}
    fitting = [item for item in ids if beginning and str(item).startswith(beginning.lower())]
    if len(fitting) != 1:
        found = "several trials begin" if fitting else "no trial begins"
        raise UsageError(f"{found} so; `dynod results list --json` shows whole ids")
    return fitting[0]


def _rounded(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None


def _row(trial: Trial) -> dict[str, object]:
    quantity = "angle_deg" if "angle_deg" in trial.analysis.metrics else "peak_force_n"
    return {
        "result_id": str(trial.result_id),
        "revision": trial.revision,
        "status": trial.status.value,
        "recorded_at": trial.recorded_at.isoformat(timespec="seconds"),
        "movement": trial.slot.test.movement.value,
        "side": trial.slot.side.value,
        "trial_number": trial.slot.trial_number,
        "familiarisation": trial.slot.familiarisation,
        "valid": trial.valid,
        "flags": [flag.value for flag in trial.analysis.flags],
        "quantity": quantity,
        "value": trial.analysis.metrics.get(quantity),
        "device": trial.device.device_id,
    }
