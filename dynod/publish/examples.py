"""One or more payloads of every message, for the schemas and the AsyncAPI document.

The deficit is the worked example of the contract: left 118, 121, 123 N against right 150, 149,
154 N in abduction, with the left side involved.
"""

from collections.abc import Mapping
from typing import Any

_STREAM = "6f1d0c52-3a51-4e0c-9a53-2f8f6a3d5b10"
_SESSION = "2c4d6f1e-8b1a-4a9e-b0c3-5d7e9f123456"
_TRIAL = "9a7b330a-a736-4a21-9f5e-0c2a1b3d4e5f"
_TRIALS = [_TRIAL, *(f"9a7b330a-a736-4a21-9f5e-0c2a1b3d4e6{number}" for number in range(5))]
_DEFICIT = "5b1f8a0e-6a4f-5c5e-8a5d-1f2e3d4c5b6a"
_REQUEST = "0b9f2a38-5f0b-4f53-9d42-3f4d9f1f6c11"
_EHR = "https://ehr.clinic.example"

_STATE = {"at": "2026-03-02T09:15:00.000Z", "stream": _STREAM}
_RESULT = {
    "revision": 1,
    "stream": _STREAM,
    "status": "final",
    "station": {"site": "clinic-7", "name": "room-2"},
    "session_id": _SESSION,
    "patient": {"system": f"{_EHR}/patients", "id": "P-1042", "sex": "female", "birth_year": 1961},
    "clock_synced": True,
    "software": "dynod 0.1.0",
}
_STATUS = {
    "schema": "dynod.status/1",
    **_STATE,
    "state": "online",
    "software": "dynod 0.1.0",
    "outbox": {"pending": 0, "sent": 2, "received": 118},
    "last_sequence": 120,
    "refused": {"unknown_key": 1},
}
_DEVICE_STATUS = {
    "schema": "dynod.device_status/1",
    **_STATE,
    "state": "streaming",
    "profile": "chronojump_force_sensor",
    "calibration": {
        "status": "certified",
        "valid_until": "2026-03-10T23:59:59.999Z",
        "expires_in_days": 8,
        "verification": {"at": "2026-02-27T07:40:00.000Z", "passed": True},
        "warning": "its certificate expires on 2026-03-10, in 8 days; calibrate it",
    },
}
_SESSION_STATE = {
    "schema": "dynod.session_state/1",
    **_STATE,
    "session_id": _SESSION,
    "session_code": "K7QF",
    "assigned": True,
    "phase": "ready",
    "next": {
        "movement": "hip_abduction",
        "position": "supine",
        "contraction": "make",
        "kind": "force",
        "side": "left",
        "trial_number": 2,
        "familiarisation": False,
        "rest_until": "2026-03-02T09:15:30.000Z",
    },
    "last_trial": {
        "result_id": _TRIAL,
        "valid": True,
        "flags": [],
        "quantity": "peak_force_n",
        "value": 118.0,
    },
    "warnings": ["hhd-1: its certificate expires on 2026-03-10, in 8 days; calibrate it"],
}
_IDLE = {
    "schema": "dynod.session_state/1",
    **_STATE,
    "session_id": None,
    "session_code": None,
    "assigned": False,
    "phase": "idle",
    "next": None,
    "last_trial": None,
}
_FORCE_TRIAL = {
    "schema": "dynod.trial/1",
    "result_id": _TRIAL,
    "sequence": 4,
    **_RESULT,
    "recorded_at": "2026-03-02T09:14:52.125Z",
    "test": {
        "movement": "hip_abduction",
        "position": "supine",
        "side": "left",
        "contraction": "make",
        "fixation": "belt",
    },
    "familiarisation": False,
    "trial_number": 1,
    "metrics": {
        "peak_force_n": 118.0,
        "raw_peak_force_n": 121.4,
        "mean_force_n": 112.6,
        "mean_force_500ms_n": 114.9,
        "mean_force_3s_n": 107.8,
        "time_to_peak_s": 1.25,
        "rfd_0_200_n_per_s": 310.0,
        "peak_rfd_200ms_n_per_s": 352.0,
        "fit_rfd_n_per_s": 582.4,
        "fit_error_percent": 5.9,
        "impulse_n_s": 498.2,
        "fatigue_percent": 6.1,
        "steadiness_cv_percent": 1.9,
        "peak_torque_nm": 42.48,
        "peak_force_n_per_kg": 1.6,
    },
    "metric_notes": {
        "rfd_0_50_n_per_s": "rate_below_1000_hz",
        "rfd_0_100_n_per_s": "rate_below_250_hz",
        "rfd_0_150_n_per_s": "rate_below_250_hz",
        "peak_rfd_20ms_n_per_s": "rate_below_1000_hz",
        "fit_rfd_n_per_s": "poor_fit",
    },
    "quality": {"valid": True, "flags": []},
    "device": {"id": "hhd-1", "profile": "chronojump_force_sensor"},
    "calibration": {
        "status": "certified",
        "certificate_id": "2026-014",
        "valid_until": "2027-01-15T00:00:00.000Z",
        "expanded_uncertainty_n": 1.2,
    },
    "sample_rate_hz": 82.4,
    "tare_n": 2.5,
    "tare_origin": "preroll",
}
_ANGLE_TRIAL = {
    "schema": "dynod.trial/1",
    "result_id": _TRIALS[5],
    "sequence": 20,
    **_RESULT,
    "recorded_at": "2026-03-02T09:31:07.500Z",
    "test": {
        "movement": "hip_flexion",
        "position": "supine",
        "side": "right",
        "contraction": "rom",
        "fixation": "hand",
    },
    "familiarisation": False,
    "trial_number": 1,
    "metrics": {"angle_deg": None},
    "quality": {"valid": False, "flags": ["no_stable_hold"]},
    "device": {"id": "tilt-1", "profile": "witmotion_wt901"},
    "calibration": {"status": "none"},
    "sample_rate_hz": 9.8,
    "zero_deg": 1.5,
}
_DEFICIT_HEAD = {
    "schema": "dynod.deficit/1",
    "result_id": _DEFICIT,
    "sequence": 12,
    **_RESULT,
    "recorded_at": "2026-03-02T09:21:40.000Z",
}
_REFS = [{"result_id": result_id, "revision": 1} for result_id in _TRIALS]
_STRENGTH_DEFICIT = {
    **_DEFICIT_HEAD,
    "movement": "hip_abduction",
    "muscle_group": "gluteus medius and minimus",
    "quantity": "peak_force_n",
    "summary": "mean",
    "left": {"value": 120.667, "trials": 3, "cv_percent": 2.086, "sem_percent": 6.2},
    "right": {"value": 151.0, "trials": 3, "cv_percent": 1.752, "sem_percent": 6.2},
    "involved_side": "left",
    "reference_side": "right",
    "weaker_side": "left",
    "mdc_source": "Byrne 2020, within-day coefficient of variation",
    "classification": "exceeds_error_and_threshold",
    "trials": _REFS,
    "flags": [],
    "deficit_percent": 20.09,
    "lsi_percent": 79.91,
    "log_ratio_percent": -22.42,
    "ci95_percent": [5.10, 32.71],
    "mdc95_percent": 17.19,
    "threshold_percent": 15.0,
}
_ANGLE_DEFICIT = {
    **_DEFICIT_HEAD,
    "movement": "hip_flexion",
    "muscle_group": "iliopsoas, rectus femoris",
    "quantity": "angle_deg",
    "summary": "mean",
    "left": {"value": 98.0, "trials": 2, "cv_percent": 1.2},
    "right": {"value": 110.0, "trials": 2, "cv_percent": 0.9},
    "involved_side": None,
    "reference_side": "right",
    "weaker_side": "left",
    "mdc_source": "preprint, lower figure",
    "classification": "within_error",
    "trials": _REFS[:4],
    "flags": [],
    "deficit_deg": 12.0,
    "ci95_deg": [-3.0, 27.0],
    "mdc95_deg": 15.0,
    "threshold_deg": None,
}
_NO_DEFICIT = {
    **_STRENGTH_DEFICIT,
    "revision": 2,
    "status": "amended",
    "left": None,
    "reference_side": None,
    "weaker_side": None,
    "mdc_source": None,
    "classification": "not_computable",
    "reason": "side_incomplete",
    "trials": _REFS[3:],
    **dict.fromkeys(
        (
            "deficit_percent",
            "lsi_percent",
            "log_ratio_percent",
            "ci95_percent",
            "mdc95_percent",
            "threshold_percent",
        )
    ),
}
_SESSION_RESULT = {
    "schema": "dynod.session/1",
    "result_id": "7e0c1b2a-3d4e-5f60-9182-a3b4c5d6e7f8",
    "sequence": 25,
    **_RESULT,
    "recorded_at": "2026-03-02T09:35:00.000Z",
    "started_at": "2026-03-02T09:10:00.000Z",
    "ended_at": "2026-03-02T09:35:00.000Z",
    "battery": "hip",
    "operator": {"system": f"{_EHR}/staff", "id": "T-7"},
    "encounter": {"system": f"{_EHR}/encounters", "id": "E-20260302-5"},
    "order": {"system": f"{_EHR}/orders", "id": "O-881"},
    "involved_side": "left",
    "trials": _REFS,
    "deficits": [{"result_id": _DEFICIT, "revision": 1}],
    "skipped": [{"movement": "hip_extension", "side": "left", "reason": "skipped"}],
}
_START_SESSION = {
    "request_id": _REQUEST,
    "patient": {"system": f"{_EHR}/patients", "id": "P-1042", "sex": "female", "birth_year": 1961},
    "encounter": {"system": f"{_EHR}/encounters", "id": "E-20260302-5"},
    "operator": {"system": f"{_EHR}/staff", "id": "T-7"},
    "body_mass_kg": 73.5,
    "involved_side": "left",
    "lever_arms_m": {"hip_abduction": {"left": 0.36, "right": 0.36}},
    "battery": "hip",
}
_BARE = {"request_id": _REQUEST}
_OK = {"schema": "dynod.reply/1", "request_id": _REQUEST, "ok": True}
_REFUSED = {
    "schema": "dynod.reply/1",
    "request_id": _REQUEST,
    "ok": False,
    "error": {"code": "invalid_value", "message": "must be at most 400.0", "field": "body_mass_kg"},
}

EXAMPLES: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "dynod.status/1": (
        _STATUS,
        {"schema": "dynod.status/1", **_STATE, "state": "offline", "software": "dynod 0.1.0"},
    ),
    "dynod.device_status/1": (
        _DEVICE_STATUS,
        {
            "schema": "dynod.device_status/1",
            **_STATE,
            "state": "absent",
            "profile": "witmotion_wt901",
            "calibration": {"status": "none"},
            "fault": "/dev/ttyUSB1 is not there; plug the device in",
        },
    ),
    "dynod.session_state/1": (_SESSION_STATE, _IDLE),
    "dynod.live/1": (
        {
            "schema": "dynod.live/1",
            "at": "2026-03-02T09:14:53.050Z",
            "phase": "recording",
            "force_n": 96.5,
        },
    ),
    "dynod.trial/1": (_FORCE_TRIAL, _ANGLE_TRIAL),
    "dynod.deficit/1": (_STRENGTH_DEFICIT, _ANGLE_DEFICIT, _NO_DEFICIT),
    "dynod.session/1": (_SESSION_RESULT,),
    "dynod.reply/1": (
        {**_OK, "session_id": _SESSION, "session_code": "K7QF"},
        {**_OK, "result_id": _TRIAL},
        {**_OK, "count": 17, "purged": [{"from_sequence": 41, "to_sequence": 43}]},
        {
            **_OK,
            "status": _STATUS,
            "session_state": _SESSION_STATE,
            "devices": {"hhd-1": _DEVICE_STATUS},
        },
        _REFUSED,
    ),
    "dynod.receipts/1": (
        {"receipts": [{"result_id": _TRIAL, "revision": 1}]},
        {"schema": "dynod.receipts/1", "receipts": _REFS},
    ),
    "dynod.command.session.start/1": (_START_SESSION, {**_BARE, "patient": None}),
    "dynod.command.session.end/1": (_BARE,),
    "dynod.command.session.assign/1": (
        {**_BARE, "session_id": _SESSION, "patient": _START_SESSION["patient"]},
    ),
    "dynod.command.trial.start/1": (_BARE, {**_BARE, "device": "hhd-1"}),
    "dynod.command.trial.stop/1": (_BARE,),
    "dynod.command.trial.discard/1": (_BARE,),
    "dynod.command.trial.redo/1": ({**_BARE, "result_id": _TRIAL},),
    "dynod.command.trial.relabel/1": ({**_BARE, "result_id": _TRIAL, "side": "right"},),
    "dynod.command.trial.annotate/1": (
        {**_BARE, "pain_nrs": 6},
        {**_BARE, "result_id": _TRIAL, "pain_nrs": 0, "note": "slipped at the end"},
    ),
    "dynod.command.results.resend/1": (
        {**_BARE, "stream": _STREAM, "from_sequence": 41, "to_sequence": 60},
    ),
    "dynod.command.result.void/1": (
        {**_BARE, "result_id": _TRIAL, "reason": "wrong patient on the bench", "by": "T-7"},
    ),
    "dynod.command.change.confirm/1": (_BARE,),
    "dynod.command.test.next/1": (_BARE,),
    "dynod.command.test.select/1": ({**_BARE, "movement": "hip_flexion", "side": "left"},),
    "dynod.command.tare/1": ({**_BARE, "device": "hhd-1"},),
    "dynod.command.status.get/1": (
        {"schema": "dynod.command.status.get/1", "request_id": _REQUEST},
    ),
}
