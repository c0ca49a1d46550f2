"""Results as tables and as a list of messages (docs/export.md)."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from dynod.model.clinical import Kind
from dynod.model.deficit import Deficit
from dynod.model.session import Session
from dynod.model.trial import Trial
from dynod.publish.fields import rfc3339
from dynod.publish.render import quantity_of
from dynod.publish.results import MetricsPart

Cell: TypeAlias = str | float | int | bool | datetime | None

METRICS = tuple(MetricsPart.model_fields)
COLUMNS = (
    # of both
    *("record", "result_id", "revision", "status", "session_id", "patient_system", "patient_id"),
    *("recorded_at", "clock_synced", "software"),
    *("movement", "position", "contraction", "fixation", "side", "flags"),
    # of a trial
    *("familiarisation", "trial_number", "valid"),
    *METRICS,
    *("tare_n", "zero_deg", "sample_rate_hz", "device_id", "device_profile", "serial_number"),
    *("calibration", "certificate_id", "calibration_valid_until"),
    *("expanded_uncertainty_n", "expanded_uncertainty_deg", "pain_nrs", "note"),
    # of a deficit
    *("quantity", "summary", "left_value", "left_trials", "left_cv_percent"),
    *("right_value", "right_trials", "right_cv_percent"),
    *("involved_side", "reference_side", "weaker_side", "classification", "reason"),
    *("deficit_percent", "lsi_percent", "log_ratio_percent", "ci95_low_percent"),
    *("ci95_high_percent", "mdc95_percent", "threshold_percent"),
    *("deficit_deg", "ci95_low_deg", "ci95_high_deg", "mdc95_deg", "threshold_deg", "mdc_source"),
)
"""The columns of the table: those of both kinds of row, of trials, of deficits."""

# What a spreadsheet takes for the begin of a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_GUARD = "'"


class SessionResults(Protocol):
    """A session with its trials and deficits, as the store reads it back."""

    @property
    def session(self) -> Session:
        """The session."""

    @property
    def trials(self) -> Sequence[Trial]:
        """Its trials in the order of recording."""

    @property
    def deficits(self) -> Sequence[Deficit]:
        """Its deficits."""


def export_csv(sessions: Iterable[SessionResults]) -> Iterator[str]:
    """Yield the lines of a table, the heading first: a row for each trial and each deficit.

    RFC 4180: commas, CRLF, quotes where needed. A cell is empty where a datum does not apply or
    could not be computed. A text that a spreadsheet would take for a formula begins with an
    apostrophe.
    """
    yield _line(COLUMNS)
    for results in sessions:
        for trial in results.trials:
            yield _row({**_of_trial(trial), **_of_session(results.session)})
        for deficit in results.deficits:
            yield _row({**_of_deficit(deficit), **_of_session(results.session)})


def export_json(payloads: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts of a JSON list of messages, each as it was published, byte for byte."""
    yield b"["
    for number, payload in enumerate(payloads):
        yield b",\n" if number else b"\n"
        yield payload
    yield b"\n]\n"


def _row(cells: dict[str, Cell]) -> str:
    unknown = cells.keys() - set(COLUMNS)
    if unknown:
        raise KeyError(f"no column for {', '.join(sorted(unknown))}")
    return _line(_text(cells.get(column)) for column in COLUMNS)


def _line(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(cells)
    return written.getvalue()


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return rfc3339(cell)
    if isinstance(cell, float):
        return repr(float(cell)) if math.isfinite(cell) else ""
    if isinstance(cell, int):
        return str(cell)
    return f"{_GUARD}{cell}" if cell.startswith(_FORMULA) else str(cell)


def _of_session(session: Session) -> dict[str, Cell]:
    if session.patient is None:
        return {}
    identifier = session.patient.identifier
    return {"patient_system": identifier.system, "patient_id": identifier.value}


def _of_result(result: Trial | Deficit, record: str) -> dict[str, Cell]:
    return {
        "record": record,
        "result_id": str(result.result_id),
        "revision": result.revision,
        "status": result.status,
        "session_id": str(result.session_id),
        "recorded_at": result.recorded_at,
        "clock_synced": result.clock_synced,
        "software": result.software,
    }


def _of_trial(trial: Trial) -> dict[str, Cell]:
    slot, analysis, calibration = trial.slot, trial.analysis, trial.calibration
    test = slot.test
    angle = test.kind is Kind.ANGLE
    value = analysis.metrics.get(quantity_of(test.kind))
    uncertainty = None
    if calibration.uncertainty is not None and value is not None:
        uncertainty = calibration.uncertainty.at(value)
    return {
        **_of_result(trial, "trial"),
        "movement": test.movement,
        "position": test.position,
        "contraction": test.contraction,
        "fixation": test.fixation,
        "side": slot.side,
        "flags": " ".join(analysis.flags),
        "familiarisation": slot.familiarisation,
        "trial_number": slot.trial_number,
        "valid": analysis.valid,
        **analysis.metrics,
        "zero_deg" if angle else "tare_n": analysis.tare_n,
        "sample_rate_hz": analysis.sample_rate_hz,
        "device_id": trial.device.device_id,
        "device_profile": trial.device.profile,
        "serial_number": trial.device.serial_number,
        "calibration": calibration.status,
        "certificate_id": calibration.certificate_id,
        "calibration_valid_until": calibration.valid_until,
        f"expanded_uncertainty_{'deg' if angle else 'n'}": uncertainty,
        "pain_nrs": trial.pain_nrs,
        "note": trial.note,
    }


def _of_deficit(deficit: Deficit) -> dict[str, Cell]:
    test, comparison = deficit.test, deficit.comparison
    cells: dict[str, Cell] = {
        **_of_result(deficit, "deficit"),
        "movement": test.movement,
        "position": test.position,
        "contraction": test.contraction,
        "fixation": test.fixation,
        "flags": " ".join(comparison.flags),
        "quantity": comparison.quantity,
        "summary": comparison.summary,
        "involved_side": deficit.involved_side,
        "reference_side": comparison.reference_side,
        "weaker_side": comparison.weaker_side,
        "classification": comparison.classification,
        "reason": comparison.reason,
        "deficit_percent": comparison.deficit_percent,
        "lsi_percent": comparison.lsi_percent,
        "log_ratio_percent": comparison.log_ratio_percent,
        "mdc95_percent": comparison.mdc95_percent,
        "threshold_percent": comparison.threshold_percent,
        "deficit_deg": comparison.deficit_deg,
        "mdc95_deg": comparison.mdc95_deg,
        "threshold_deg": comparison.threshold_deg,
        "mdc_source": comparison.mdc_source,
    }
    for side, result in (("left", comparison.left), ("right", comparison.right)):
        if result is not None:
            cells[f"{side}_value"] = result.value
            cells[f"{side}_trials"] = result.trials
            cells[f"{side}_cv_percent"] = result.cv_percent
    for unit, interval in (("percent", comparison.ci95_percent), ("deg", comparison.ci95_deg)):
        if interval is not None:
            cells[f"ci95_low_{unit}"], cells[f"ci95_high_{unit}"] = interval
    return cells
