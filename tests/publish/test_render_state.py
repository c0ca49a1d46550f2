"""States and live values against messages by hand, after docs/contract.md, sections 4 and 5."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.calibration_standing import LastCheck, Standing
from dynod.model.clinical import Kind, Side, Slot
from dynod.model.device import DeviceState
from dynod.model.flags import Flag
from dynod.model.session import Phase
from dynod.model.trial import ResultStatus
from dynod.publish.commands import reply_ok
from dynod.publish.messages import StationState
from dynod.publish.render_state import (
    Counts,
    Remarks,
    render_device_status,
    render_live,
    render_session_state,
    render_status,
)
from dynod.publish.schema import json_schemas
from tests.publish.records import (
    ANGLE_TEST,
    CERTIFIED,
    FORCE_TEST,
    SESSION,
    SESSION_ID,
    STREAM,
    TRIAL_ID,
    analysis,
    trial,
)

SCHEMAS = json_schemas()
AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
HEAD = {"at": "2026-03-02T09:15:00.000Z", "stream": STREAM}
NEXT = Slot(0, FORCE_TEST, Side.RIGHT, familiarisation=True, trial_number=1)


def read(payload: bytes) -> dict[str, Any]:
    """Return a payload, which holds to its schema."""
    message: dict[str, Any] = json.loads(payload)
    jsonschema.Draft202012Validator(SCHEMAS[message["schema"]]).validate(message)
    return message


def test_online() -> None:
    counts = Counts(1, 2, 3, last_sequence=6, refused={"wrong_phase": 2, "malformed": 1})
    payload = render_status(
        StationState.ONLINE, at=AT, stream=STREAM, software="dynod 0.1.0", counts=counts
    )
    assert read(payload) == {
        "schema": "dynod.status/1",
        **HEAD,
        "state": "online",
        "software": "dynod 0.1.0",
        "outbox": {"pending": 1, "sent": 2, "received": 3},
        "last_sequence": 6,
        "refused": {"malformed": 1, "wrong_phase": 2},
    }


def test_the_last_will_makes_no_claim_about_counts() -> None:
    payload = render_status(StationState.OFFLINE, at=AT, stream=STREAM, software="dynod 0.1.0")
    assert read(payload) == {
        "schema": "dynod.status/1",
        **HEAD,
        "state": "offline",
        "software": "dynod 0.1.0",
    }


def test_a_device_that_streams() -> None:
    payload = render_device_status(
        DeviceState.STREAMING, at=AT, stream=STREAM, profile="demo", standing=Standing(CERTIFIED)
    )
    assert read(payload) == {
        "schema": "dynod.device_status/1",
        **HEAD,
        "state": "streaming",
        "profile": "demo",
        "calibration": {"status": "certified", "valid_until": "2027-01-15T00:00:00.000Z"},
    }


def test_a_device_that_is_not_there() -> None:
    nothing = Calibration(CalibrationStatus.NONE, (0.0, 1.0))
    payload = render_device_status(
        DeviceState.ABSENT,
        at=AT,
        stream=STREAM,
        profile="demo",
        standing=Standing(nothing),
        fault="no such port",
    )
    message = read(payload)
    assert message["calibration"] == {"status": "none"}
    assert (message["state"], message["fault"]) == ("absent", "no such port")


def test_idle() -> None:
    assert read(render_session_state(Phase.IDLE, at=AT, stream=STREAM)) == {
        "schema": "dynod.session_state/1",
        **HEAD,
        "session_id": None,
        "session_code": None,
        "assigned": False,
        "phase": "idle",
        "next": None,
        "last_trial": None,
    }


def test_between_two_trials() -> None:
    last = trial(Kind.FORCE, analysis({"peak_force_n": 118.5}, Flag.TIMEOUT))
    payload = render_session_state(
        Phase.CONFIRM,
        at=AT,
        stream=STREAM,
        session=SESSION,
        next_slot=NEXT,
        rest_until=AT,
        last_trial=last,
        remarks=Remarks("no force device is streaming"),
    )
    assert b"P-1042" not in payload
    assert read(payload) == {
        "schema": "dynod.session_state/1",
        **HEAD,
        "session_id": str(SESSION_ID),
        "session_code": "K7QF",
        "assigned": True,
        "phase": "confirm",
        "next": {
            "movement": "hip_abduction",
            "position": "supine",
            "contraction": "make",
            "kind": "force",
            "side": "right",
            "trial_number": 1,
            "familiarisation": True,
            "rest_until": "2026-03-02T09:15:00.000Z",
        },
        "last_trial": {
            "result_id": str(TRIAL_ID),
            "valid": True,
            "flags": ["timeout"],
            "quantity": "peak_force_n",
            "value": 118.5,
        },
        "problem": "no force device is streaming",
    }


def test_a_session_without_a_patient_is_not_assigned() -> None:
    payload = render_session_state(
        Phase.READY, at=AT, stream=STREAM, session=replace(SESSION, patient=None), next_slot=NEXT
    )
    message = read(payload)
    assert message["assigned"] is False
    assert "rest_until" not in message["next"]
    assert "problem" not in message
    assert "warnings" not in message


def test_a_device_with_a_failed_check_and_a_certificate_that_ends_soon() -> None:
    standing = Standing(
        replace(CERTIFIED, verification_failed=True),
        expires_in_days=8,
        last_check=LastCheck(AT, passed=False),
        warnings=("expires soon", "its last check was failed"),
    )
    payload = render_device_status(
        DeviceState.STREAMING, at=AT, stream=STREAM, profile="demo", standing=standing
    )
    assert read(payload)["calibration"] == {
        "status": "certified",
        "valid_until": "2027-01-15T00:00:00.000Z",
        "expires_in_days": 8,
        "verification": {"at": "2026-03-02T09:15:00.000Z", "passed": False},
        "warning": "expires soon; its last check was failed",
    }


def test_warnings_are_told_beside_the_verdict() -> None:
    payload = render_session_state(
        Phase.READY,
        at=AT,
        stream=STREAM,
        session=SESSION,
        next_slot=NEXT,
        last_trial=trial(Kind.FORCE, analysis({"peak_force_n": 118.5})),
        remarks=Remarks(warnings=("hhd-1: no certificate", "tilt-1: expires soon")),
    )
    message = read(payload)
    assert message["warnings"] == ["hhd-1: no certificate", "tilt-1: expires soon"]
    assert message["last_trial"]["valid"]


@pytest.mark.parametrize(
    ("metrics", "value"), [({"angle_deg": 95.0}, 95.0), ({"angle_deg": None}, None), ({}, None)]
)
def test_the_last_trial_of_range_of_motion(
    metrics: dict[str, float | None], value: float | None
) -> None:
    last = trial(Kind.ANGLE, analysis(metrics))
    slot = Slot(1, ANGLE_TEST, Side.LEFT, familiarisation=False, trial_number=1)
    payload = render_session_state(
        Phase.READY, at=AT, stream=STREAM, session=SESSION, next_slot=slot, last_trial=last
    )
    message = read(payload)
    assert message["next"]["kind"] == "angle"
    assert (message["last_trial"]["quantity"], message["last_trial"]["value"]) == (
        "angle_deg",
        value,
    )


def test_a_last_trial_entered_in_error_is_not_valid() -> None:
    last = trial(Kind.FORCE, analysis({"peak_force_n": 1.0}), status=ResultStatus.ENTERED_IN_ERROR)
    payload = render_session_state(
        Phase.READY, at=AT, stream=STREAM, session=SESSION, last_trial=last
    )
    assert read(payload)["last_trial"]["valid"] is False


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.FORCE, 96.5, {"force_n": 96.5}),
        (Kind.ANGLE, -3.25, {"angle_deg": -3.25}),
        (Kind.FORCE, None, {"force_n": None}),
        (Kind.FORCE, math.nan, {"force_n": None}),
        (Kind.ANGLE, None, {"angle_deg": None}),
    ],
)
def test_live(kind: Kind, value: float | None, expected: dict[str, float | None]) -> None:
    assert read(render_live(kind, value, at=AT, phase=Phase.RECORDING)) == {
        "schema": "dynod.live/1",
        "at": "2026-03-02T09:15:00.000Z",
        "phase": "recording",
        **expected,
    }


def test_status_get_answers_with_what_is_retained() -> None:
    status = json.loads(
        render_status(StationState.ONLINE, at=AT, stream=STREAM, software="dynod 0.1.0")
    )
    state = json.loads(render_session_state(Phase.IDLE, at=AT, stream=STREAM))
    device = json.loads(
        render_device_status(
            DeviceState.STREAMING,
            at=AT,
            stream=STREAM,
            profile="demo",
            standing=Standing(CERTIFIED),
        )
    )
    reply = read(
        reply_ok(str(SESSION_ID), status=status, session_state=state, devices={"hhd-1": device})
    )
    assert reply["status"] == status
    assert reply["session_state"] == state
    assert reply["devices"] == {"hhd-1": device}
