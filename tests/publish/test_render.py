"""Results against messages written by hand from docs/contract.md, section 6."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from pydantic import ValidationError

from dynod.core.analysis import analyse
from dynod.core.metrics import METRICS
from dynod.model.clinical import InvolvedSide, Kind, Side
from dynod.model.deficit import (
    Classification,
    Contribution,
    Deficit,
    Reason,
    SideComparison,
    SideResult,
    Summary,
)
from dynod.model.flags import Flag
from dynod.model.session import Identifier, Patient, SessionSummary, SkippedSlot
from dynod.model.trial import ResultStatus
from dynod.publish.render import render_deficit, render_session, render_trial
from dynod.publish.schema import json_schemas
from tests.core.curves import force_recording, grid, human_pull
from tests.publish.records import (
    ANGLE_TEST,
    CERTIFIED,
    ENVELOPE,
    FORCE_TEST,
    RESULT_ID,
    SESSION,
    SESSION_ID,
    STREAM,
    TRIAL_ID,
    WHEN,
    analysis,
    trial,
)

SCHEMAS = json_schemas()
HEAD = {
    "revision": 1,
    "sequence": 41,
    "stream": STREAM,
    "status": "final",
    "station": {"site": "clinic-7", "name": "room-2"},
    "session_id": str(SESSION_ID),
    "patient": {"system": "urn:ehr", "id": "P-1042", "sex": "female", "birth_year": 1961},
    "recorded_at": "2026-03-02T09:14:52.125Z",
    "software": "dynod 0.1.0",
}


def read(payload: bytes) -> dict[str, Any]:
    """Return a payload, which holds to its schema."""
    message: dict[str, Any] = json.loads(payload)
    jsonschema.Draft202012Validator(SCHEMAS[message["schema"]]).validate(message)
    return message


FORCE_METRICS = {
    "peak_force_n": 150.0,
    "raw_peak_force_n": 155.25,
    "mean_force_n": 140.0,
    "time_to_peak_s": 0.75,
    "rfd_0_200_n_per_s": 300.5,
    "impulse_n_s": 450.0,
}


def test_a_trial_of_force() -> None:
    message = read(
        render_trial(trial(Kind.FORCE, analysis(FORCE_METRICS), CERTIFIED), SESSION, ENVELOPE)
    )
    assert message == {
        "schema": "dynod.trial/1",
        "result_id": str(TRIAL_ID),
        **HEAD,
        "clock_synced": False,
        "test": {
            "movement": "hip_abduction",
            "position": "supine",
            "side": "left",
            "contraction": "make",
            "fixation": "belt",
        },
        "familiarisation": True,
        "trial_number": 2,
        "metrics": FORCE_METRICS,
        "quality": {"valid": True, "flags": []},
        "device": {"id": "hhd-1", "profile": "chronojump_force_sensor", "serial_number": "SN-7"},
        "calibration": {
            "status": "certified",
            "certificate_id": "2026-014",
            "valid_until": "2027-01-15T00:00:00.000Z",
            "expanded_uncertainty_n": 2.0,  # 0.5 N + 1 % of 150 N
        },
        "sample_rate_hz": 82.25,
        "tare_n": 2.5,
        "tare_origin": "preroll",
    }


def test_why_a_metric_is_absent_or_doubtful_stands_beside_the_metrics() -> None:
    notes = {"rfd_0_50_n_per_s": "rate_below_1000_hz", "fit_rfd_n_per_s": "poor_fit"}
    done = replace(
        analysis({**FORCE_METRICS, "fit_rfd_n_per_s": 812.5, "fatigue_percent": None}), notes=notes
    )
    message = read(render_trial(trial(Kind.FORCE, done), SESSION, ENVELOPE))
    assert message["metric_notes"] == notes
    assert message["metrics"]["fit_rfd_n_per_s"] == 812.5
    assert message["metrics"]["fatigue_percent"] is None
    assert "rfd_0_50_n_per_s" not in message["metrics"]


@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.parametrize("rate_hz", [10.0, 82.0, 300.0, 2000.0])
def test_whatever_the_core_says_of_a_pull_can_be_published(
    *, stamped: bool, rate_hz: float
) -> None:
    t_s = grid(5.6, rate_hz)
    given = replace(force_recording(t_s, human_pull(t_s)), stamped=stamped)
    done = analyse(given, Kind.FORCE, CERTIFIED, body_mass_kg=70.0, lever_arm_m=0.4)
    message = read(render_trial(trial(Kind.FORCE, done), SESSION, ENVELOPE))
    assert message["metrics"].keys() == done.metrics.keys()
    assert message.get("metric_notes", {}) == done.notes
    # Each metric of force is there, or it is said why it is not.
    assert done.metrics.keys() | done.notes.keys() == METRICS.keys() - {"angle_deg"}


def test_a_trial_of_range_of_motion() -> None:
    """Degrees where a trial of force has newtons, and no tare."""
    done = analysis({"angle_deg": 100.0}, tare=-3.5)
    message = read(render_trial(trial(Kind.ANGLE, done, CERTIFIED), SESSION, ENVELOPE))
    assert message["metrics"] == {"angle_deg": 100.0}
    assert message["zero_deg"] == -3.5
    assert "tare_n" not in message
    assert message["calibration"]["expanded_uncertainty_deg"] == 1.5  # 0.5 + 1 % of 100
    assert "expanded_uncertainty_n" not in message["calibration"]
    assert message["device"] == {"id": "tilt-1", "profile": "witmotion_wt901"}
    assert message["familiarisation"] is False


def test_an_invalid_trial_is_published_with_its_flags_and_nulls() -> None:
    done = replace(
        analysis(
            {"peak_force_n": math.nan, "raw_peak_force_n": math.inf, "mean_force_n": None},
            *(Flag.NO_BASELINE, Flag.TOO_SHORT),
            valid=False,
            tare=None,
        ),
        sample_rate_hz=None,
    )
    message = read(render_trial(trial(Kind.FORCE, done, CERTIFIED), SESSION, ENVELOPE))
    assert message["quality"] == {"valid": False, "flags": ["no_baseline", "too_short"]}
    assert message["status"] == "final"
    assert message["metrics"] == {
        "peak_force_n": None,
        "raw_peak_force_n": None,
        "mean_force_n": None,
    }
    assert message["tare_n"] is None
    assert message["sample_rate_hz"] is None
    assert message["calibration"]["expanded_uncertainty_n"] is None


def test_a_nominal_calibration_has_no_certificate_and_no_uncertainty() -> None:
    message = read(render_trial(trial(Kind.FORCE, analysis({})), SESSION, ENVELOPE))
    assert message["calibration"] == {"status": "nominal"}
    assert message["metrics"] == {}


def test_a_trial_taken_back() -> None:
    """The status says that it does not count; the quality stays what was measured."""
    voided = trial(
        Kind.FORCE, analysis(FORCE_METRICS), revision=2, status=ResultStatus.ENTERED_IN_ERROR
    )
    message = read(render_trial(voided, SESSION, ENVELOPE))
    assert (message["revision"], message["status"]) == (2, "entered-in-error")
    assert message["quality"] == {"valid": True, "flags": []}


def test_what_the_therapist_added() -> None:
    noted = replace(trial(Kind.FORCE, analysis({})), pain_nrs=0, note="slipped")
    message = read(render_trial(noted, SESSION, ENVELOPE))
    assert (message["pain_nrs"], message["note"]) == (0, "slipped")


def test_bytes_are_stable_and_compact() -> None:
    rendered = render_trial(trial(Kind.FORCE, analysis(FORCE_METRICS)), SESSION, ENVELOPE)
    # the core's order of metrics does not matter
    turned = dict(reversed(FORCE_METRICS.items()))
    assert render_trial(trial(Kind.FORCE, analysis(turned)), SESSION, ENVELOPE) == rendered
    compact = json.dumps(json.loads(rendered), separators=(",", ":"), ensure_ascii=False)
    assert rendered == compact.encode()


def test_a_patient_with_letters_of_any_script() -> None:
    foreign = replace(SESSION, patient=Patient(Identifier("urn:ehr", "Ж-ü-1")))
    rendered = render_trial(trial(Kind.FORCE, analysis({})), foreign, ENVELOPE)
    assert "Ж-ü-1".encode() in rendered
    assert read(rendered)["patient"] == {"system": "urn:ehr", "id": "Ж-ü-1"}


def test_nothing_is_published_without_a_patient() -> None:
    nobody = replace(SESSION, patient=None)
    with pytest.raises(ValueError, match="without a patient"):
        render_trial(trial(Kind.FORCE, analysis({})), nobody, ENVELOPE)


def test_a_metric_without_a_place_in_the_message_is_an_error() -> None:
    with pytest.raises(ValidationError):
        render_trial(trial(Kind.FORCE, analysis({"peak_kgf": 1.0})), SESSION, ENVELOPE)


# -- deficits -----------------------------------------------------------------------------------

# The worked example of docs/contract.md, section 6.
STRENGTH = SideComparison(
    quantity="peak_force_n",
    summary=Summary.MEAN,
    classification=Classification.EXCEEDS_ERROR_AND_THRESHOLD,
    left=SideResult(120.667, 3, 2.09, 6.2),
    right=SideResult(151.0, 3, 1.75, 6.2),
    reference_side=Side.RIGHT,
    weaker_side=Side.LEFT,
    deficit_percent=20.09,
    lsi_percent=79.91,
    log_ratio_percent=-22.42,
    ci95_percent=(5.10, 32.71),
    mdc95_percent=17.19,
    threshold_percent=15.0,
    mdc_source="Byrne 2020",
    flags=(Flag.NOMINAL_CALIBRATION,),
)


def deficit(comparison: SideComparison, **changes: Any) -> Deficit:
    made = Deficit(
        result_id=RESULT_ID,
        revision=1,
        status=ResultStatus.FINAL,
        session_id=SESSION_ID,
        test=FORCE_TEST,
        involved_side=InvolvedSide.LEFT,
        comparison=comparison,
        trials=(Contribution(TRIAL_ID, 1), Contribution(UUID(int=7), 2)),
        recorded_at=WHEN,
        clock_synced=True,
        software="dynod 0.1.0",
    )
    return replace(made, **changes)


DEFICIT_HEAD = {
    "schema": "dynod.deficit/1",
    "result_id": str(RESULT_ID),
    **HEAD,
    "clock_synced": True,
    "summary": "mean",
    "trials": [
        {"result_id": str(TRIAL_ID), "revision": 1},
        {"result_id": "00000000-0000-0000-0000-000000000007", "revision": 2},
    ],
}


def test_a_deficit_of_strength() -> None:
    message = read(render_deficit(deficit(STRENGTH), SESSION, ENVELOPE))
    assert message == {
        **DEFICIT_HEAD,
        "movement": "hip_abduction",
        "muscle_group": "gluteus medius and minimus",
        "quantity": "peak_force_n",
        "left": {"value": 120.667, "trials": 3, "cv_percent": 2.09, "sem_percent": 6.2},
        "right": {"value": 151.0, "trials": 3, "cv_percent": 1.75, "sem_percent": 6.2},
        "involved_side": "left",
        "reference_side": "right",
        "weaker_side": "left",
        "deficit_percent": 20.09,
        "lsi_percent": 79.91,
        "log_ratio_percent": -22.42,
        "ci95_percent": [5.10, 32.71],
        "mdc95_percent": 17.19,
        "mdc_source": "Byrne 2020",
        "threshold_percent": 15.0,
        "classification": "exceeds_error_and_threshold",
        "flags": ["nominal_calibration"],
    }


def test_a_deficit_of_range_of_motion() -> None:
    """Degree keys stand in place of the percentages."""
    comparison = SideComparison(
        quantity="angle_deg",
        summary=Summary.MEAN,
        classification=Classification.WITHIN_ERROR,
        left=SideResult(98.0, 1, None, None),
        right=SideResult(110.0, 2, 0.9, None),
        reference_side=Side.RIGHT,
        weaker_side=Side.LEFT,
        deficit_deg=12.0,
        ci95_deg=(-3.0, 27.0),
        mdc95_deg=15.0,
        mdc_source="preprint",
    )
    message = read(
        render_deficit(deficit(comparison, test=ANGLE_TEST, involved_side=None), SESSION, ENVELOPE)
    )
    assert message == {
        **DEFICIT_HEAD,
        "movement": "hip_flexion",
        "muscle_group": "iliopsoas, rectus femoris",
        "quantity": "angle_deg",
        "left": {"value": 98.0, "trials": 1, "cv_percent": None},
        "right": {"value": 110.0, "trials": 2, "cv_percent": 0.9},
        "involved_side": None,
        "reference_side": "right",
        "weaker_side": "left",
        "deficit_deg": 12.0,
        "ci95_deg": [-3.0, 27.0],
        "mdc95_deg": 15.0,
        "mdc_source": "preprint",
        "threshold_deg": None,
        "classification": "within_error",
        "flags": [],
    }


@pytest.mark.parametrize(
    ("test", "quantity", "numbers"),
    [
        (
            FORCE_TEST,
            "peak_force_n",
            (
                *("deficit_percent", "lsi_percent", "log_ratio_percent", "ci95_percent"),
                *("mdc95_percent", "threshold_percent"),
            ),
        ),
        (ANGLE_TEST, "angle_deg", ("deficit_deg", "ci95_deg", "mdc95_deg", "threshold_deg")),
    ],
)
def test_a_deficit_that_cannot_be_computed(
    test: Any, quantity: str, numbers: tuple[str, ...]
) -> None:
    comparison = SideComparison(
        quantity=quantity,
        summary=Summary.MEAN,
        classification=Classification.NOT_COMPUTABLE,
        left=SideResult(120.0, 1, None, None),
        reason=Reason.SIDE_INCOMPLETE,
    )
    amended = deficit(comparison, test=test, revision=2, status=ResultStatus.AMENDED)
    message = read(render_deficit(amended, SESSION, ENVELOPE))
    assert (message["revision"], message["status"]) == (2, "amended")
    assert (message["classification"], message["reason"]) == ("not_computable", "side_incomplete")
    absent = ("right", "reference_side", "weaker_side", "mdc_source", *numbers)
    assert {message[key] for key in absent} == {None}


# -- sessions -----------------------------------------------------------------------------------


def summary(**changes: Any) -> SessionSummary:
    ended = replace(
        SESSION,
        ended_at=datetime(2026, 3, 2, 9, 35, tzinfo=UTC),
        operator=Identifier("urn:staff", "T-7"),
        order=Identifier("urn:orders", "O-8"),
        skipped=(
            SkippedSlot(0, Side.LEFT, familiarisation=False, trial_number=2, reason="attempts"),
            SkippedSlot(1, Side.LEFT, familiarisation=False, trial_number=1, reason="skipped"),
            SkippedSlot(1, Side.LEFT, familiarisation=False, trial_number=2, reason="skipped"),
        ),
    )
    return SessionSummary(
        result_id=RESULT_ID,
        revision=1,
        status=ResultStatus.FINAL,
        session=replace(ended, **changes),
        trials=(Contribution(TRIAL_ID, 1),),
        deficits=(),
        recorded_at=WHEN,
        clock_synced=True,
        software="dynod 0.1.0",
    )


def test_a_session() -> None:
    assert read(render_session(summary(), ENVELOPE)) == {
        "schema": "dynod.session/1",
        "result_id": str(RESULT_ID),
        **HEAD,
        "clock_synced": True,
        "started_at": "2026-03-02T09:10:00.000Z",
        "ended_at": "2026-03-02T09:35:00.000Z",
        "battery": "short",
        "operator": {"system": "urn:staff", "id": "T-7"},
        "order": {"system": "urn:orders", "id": "O-8"},
        "involved_side": "left",
        "trials": [{"result_id": str(TRIAL_ID), "revision": 1}],
        "deficits": [],
        "skipped": [
            {"movement": "hip_abduction", "side": "left", "reason": "attempts"},
            {"movement": "hip_flexion", "side": "left", "reason": "skipped"},
        ],
    }


def test_a_session_that_has_not_ended_is_not_published() -> None:
    with pytest.raises(ValueError, match="has not ended"):
        render_session(summary(ended_at=None), ENVELOPE)


def test_a_time_without_a_zone_is_not_published() -> None:
    with pytest.raises(ValueError, match="timezone"):
        render_session(summary(ended_at=datetime(2026, 3, 2, 9, 35)), ENVELOPE)  # noqa: DTZ001
