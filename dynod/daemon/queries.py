"""Questions to the store that the command line asks, of the daemon or of the file itself."""

import json
import math
from uuid import UUID

from dynod.model.errors import UsageError
from dynod.model.trial import Trial
from dynod.store.codec import to_json
from dynod.store.store import Store


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
