"""What a re-analysis tells of a session: each trial and deficit before and after; no patient."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from dynod.model.calibration import Certificate
from dynod.model.deficit import Deficit
from dynod.model.session import Session
from dynod.model.trial import Trial
from dynod.publish.render import finite, quantity_of
from dynod.session.amend import EndedSession
from dynod.session.steps import RecordChange


@dataclass(frozen=True, slots=True)
class Excuse:
    """A trial, or with ``result_id`` None a whole session, that was left out, and why."""

    result_id: UUID | None
    reason: str


def session_row(
    ended: EndedSession,
    change: RecordChange,
    left_out: Sequence[Excuse],
    certificate: Certificate | None,
) -> dict[str, object]:
    """Return what changes in a session, and what was left out of it, as plain JSON data."""
    trials = {trial.result_id: trial for trial in ended.trials}
    deficits = {deficit.result_id: deficit for deficit in ended.deficits}
    return {
        **_head(ended.session),
        "trials": [
            _trial_row(trials[after.result_id], after, certificate) for after in change.trials
        ],
        "deficits": [
            _deficit_row(deficits.get(after.result_id), after) for after in change.deficits
        ],
        "left_out": _excuses(left_out),
    }


def left_out_row(session: Session, reason: str) -> dict[str, object]:
    """Return the row of a session that is left out as a whole."""
    return {
        **_head(session),
        "trials": [],
        "deficits": [],
        "left_out": _excuses([Excuse(None, reason)]),
    }


def _head(session: Session) -> dict[str, object]:
    return {
        "session_id": str(session.session_id),
        "started_at": session.started_at.isoformat(timespec="seconds"),
    }


def _excuses(left_out: Sequence[Excuse]) -> list[dict[str, object]]:
    return [
        {
            "result_id": None if excuse.result_id is None else str(excuse.result_id),
            "reason": excuse.reason,
        }
        for excuse in left_out
    ]


def _trial_row(before: Trial, after: Trial, certificate: Certificate | None) -> dict[str, object]:
    slot = before.slot
    return {
        "result_id": str(before.result_id),
        "recorded_at": before.recorded_at.isoformat(timespec="seconds"),
        "movement": slot.test.movement.value,
        "side": slot.side.value,
        "trial_number": slot.trial_number,
        "familiarisation": slot.familiarisation,
        "device": before.device.device_id,
        "quantity": quantity_of(slot.test.kind),
        "before": _trial_state(before),
        "after": _trial_state(after),
        "notes": list(_notes(before, certificate)),
    }


def _trial_state(trial: Trial) -> dict[str, object]:
    value = trial.analysis.metrics.get(quantity_of(trial.slot.test.kind))
    return {
        "revision": trial.revision,
        "value": finite(value),
        "valid": trial.valid,
        "flags": [flag.value for flag in trial.analysis.flags],
        "calibration": trial.calibration.status.value,
        "certificate_id": trial.calibration.certificate_id,
    }


def _notes(trial: Trial, certificate: Certificate | None) -> Iterator[str]:
    if certificate is None:
        return
    if trial.recorded_at < certificate.valid_from:
        day = certificate.valid_from.date().isoformat()
        yield f"recorded before certificate {certificate.certificate_id} begins to hold ({day})"
    elif trial.recorded_at > certificate.valid_until:
        day = certificate.valid_until.date().isoformat()
        yield f"recorded after certificate {certificate.certificate_id} expired ({day})"


def _deficit_row(before: Deficit | None, after: Deficit) -> dict[str, object]:
    return {
        "result_id": str(after.result_id),
        "movement": after.test.movement.value,
        "kind": after.test.kind.value,
        "before": None if before is None else _deficit_state(before),
        "after": _deficit_state(after),
    }


def _deficit_state(deficit: Deficit) -> dict[str, object]:
    comparison = deficit.comparison
    return {
        "revision": deficit.revision,
        "classification": comparison.classification.value,
        "reason": None if comparison.reason is None else comparison.reason.value,
        "deficit_percent": finite(comparison.deficit_percent),
        "deficit_deg": finite(comparison.deficit_deg),
    }


@dataclass(slots=True)
class Counts:
    """How much a re-analysis looked at and changed."""

    sessions: int = 0
    trials: int = 0
    sessions_changed: int = 0
    trials_changed: int = 0
    deficits_changed: int = 0
    left_out: int = 0

    def add(self, looked_at: int, change: RecordChange, left_out: int) -> None:
        """Count a session in which that many trials were analysed."""
        self.sessions += 1
        self.trials += looked_at
        self.sessions_changed += bool(change)
        self.trials_changed += len(change.trials)
        self.deficits_changed += len(change.deficits)
        self.left_out += left_out

    def row(self) -> Mapping[str, int]:
        """Return the counts as plain JSON data."""
        return {
            "sessions": self.sessions,
            "trials": self.trials,
            "sessions_changed": self.sessions_changed,
            "trials_changed": self.trials_changed,
            "deficits_changed": self.deficits_changed,
            "left_out": self.left_out,
        }
