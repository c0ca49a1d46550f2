"""The curve of a trial as plain JSON data, on its way to an export."""

from collections.abc import Mapping

from dynod.core.even_curve import even_curve
from dynod.core.settings import AnalysisSettings
from dynod.model.clinical import Kind
from dynod.model.trial import Trial


def curve_row(trial: Trial, settings: AnalysisSettings) -> Mapping[str, object] | None:
    """Return the curve of a trial with what tells the trial, and no patient.

    ``words`` are texts; ``unit`` in them is N or deg. ``values`` are calibrated and tared, on an
    even grid of ``rate_hz`` from ``first_s``, in s after the start of the recording. None where
    there is no curve.
    """
    curve = even_curve(trial, settings)
    if curve is None:
        return None
    test, slot = trial.slot.test, trial.slot
    return {
        "words": {
            "result_id": str(trial.result_id),
            "session_id": str(trial.session_id),
            "status": trial.status.value,
            "recorded_at": trial.recorded_at.isoformat(timespec="milliseconds"),
            "movement": test.movement.value,
            "position": test.position,
            "side": slot.side.value,
            "contraction": test.contraction.value,
            "kind": test.kind.value,
            "unit": "deg" if test.kind is Kind.ANGLE else "N",
        },
        "familiarisation": slot.familiarisation,
        "trial_number": slot.trial_number,
        "valid": trial.valid,
        "rate_hz": curve.rate_hz,
        "first_s": curve.first_s,
        "values": curve.values.tolist(),
    }
