"""Requests: what is accepted, and each refusal of docs/contract.md, sections 4 and 7."""

import json
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynod.model.clinical import InvolvedSide, Movement, Side
from dynod.model.deficit import Contribution
from dynod.model.session import Identifier, Patient
from dynod.publish import commands
from dynod.publish.commands import (
    COMMAND_LIMIT_BYTES,
    COMMANDS,
    parse_command,
    parse_receipts,
    reply_error,
    reply_ok,
)
from dynod.publish.messages import ErrorCode
from dynod.publish.refusals import CommandRefused
from dynod.publish.schema import json_schemas

REQUEST = "0b9f2a38-5f0b-4f53-9d42-3f4d9f1f6c11"
RESULT = "9a7b330a-a736-4a21-9f5e-0c2a1b3d4e5f"
PATIENT = {"system": "https://ehr.clinic.example/patients", "id": "P-1042"}
REPLY = json_schemas()["dynod.reply/1"]
START: dict[str, Any] = {"request_id": REQUEST, "patient": PATIENT}


def refusal(name: str, request: Any) -> CommandRefused:
    payload = request if isinstance(request, bytes) else json.dumps(request).encode()
    with pytest.raises(CommandRefused) as caught:
        parse_command(name, payload)
    return caught.value


def start(**changes: Any) -> commands.StartSession:
    command = parse_command("session.start", json.dumps(START | changes).encode())
    assert isinstance(command, commands.StartSession)
    return command


# -- accepted -----------------------------------------------------------------------------------


def test_session_start_with_everything() -> None:
    command = start(
        patient={**PATIENT, "sex": "female", "birth_year": 1961},
        encounter={"system": "s", "id": "E-5"},
        order={"system": "s", "id": "O-8"},
        operator={"system": "s", "id": "T-7"},
        body_mass_kg=73.5,
        involved_side="left",
        lever_arms_m={"hip_abduction": {"left": 0.36, "right": 0.37}, "hip_flexion": {"left": 0.3}},
        battery="hip",
    )
    assert command.request_id == UUID(REQUEST)
    assert command.patient_record() == Patient(
        Identifier(PATIENT["system"], "P-1042"), "female", 1961
    )
    assert command.encounter is not None
    assert command.encounter.to_model() == Identifier("s", "E-5")
    assert command.body_mass_kg == 73.5
    assert command.involved_side is InvolvedSide.LEFT
    assert command.lever_arms() == {
        Movement.HIP_ABDUCTION: {Side.LEFT: 0.36, Side.RIGHT: 0.37},
        Movement.HIP_FLEXION: {Side.LEFT: 0.3},
    }
    assert command.battery == "hip"


def test_session_start_without_a_patient() -> None:
    command = start(patient=None)
    assert command.patient_record() is None
    assert command.lever_arms() == {}
    assert command.involved_side is None


def test_a_whole_number_is_a_number() -> None:
    assert start(body_mass_kg=70).body_mass_kg == 70.0


@pytest.mark.parametrize(
    ("key", "values"),
    [("body_mass_kg", (2, 400)), ("lever", (0.05, 1))],
)
def test_limits_are_part_of_the_range(key: str, values: tuple[float, float]) -> None:
    for value in values:
        if key == "lever":
            arms = {"hip_adduction": {"right": value}}
            assert start(lever_arms_m=arms).lever_arms()[Movement.HIP_ADDUCTION] == {
                Side.RIGHT: value
            }
        else:
            assert start(**{key: value}).body_mass_kg == value


@pytest.mark.parametrize(
    ("name", "extra", "expected"),
    [
        ("session.end", {}, commands.EndSession),
        ("trial.start", {}, commands.StartTrial),
        ("trial.start", {"device": "hhd-1"}, commands.StartTrial),
        ("trial.stop", {"device": "hhd-1"}, commands.StopTrial),
        ("trial.discard", {}, commands.DiscardTrial),
        ("trial.redo", {"result_id": RESULT}, commands.RedoTrial),
        ("session.assign", {"session_id": RESULT, "patient": PATIENT}, commands.AssignSession),
        ("trial.relabel", {"result_id": RESULT, "side": "right"}, commands.RelabelTrial),
        ("trial.annotate", {"pain_nrs": 0}, commands.AnnotateTrial),
        ("trial.annotate", {"result_id": RESULT, "note": "lähmte"}, commands.AnnotateTrial),
        ("trial.annotate", {"pain_nrs": 10, "note": ""}, commands.AnnotateTrial),
        ("result.void", {"result_id": RESULT, "reason": "r", "by": "b"}, commands.VoidResult),
        (
            "results.resend",
            {"stream": RESULT, "from_sequence": 1, "to_sequence": 2},
            commands.ResendResults,
        ),
        ("change.confirm", {}, commands.ConfirmChange),
        ("test.next", {}, commands.NextTest),
        ("test.select", {"movement": "hip_flexion", "side": "left"}, commands.SelectTest),
        ("tare", {"device": "hhd-1"}, commands.Tare),
        ("status.get", {}, commands.GetStatus),
    ],
)
def test_every_other_command(name: str, extra: dict[str, Any], expected: type) -> None:
    request = {"request_id": REQUEST, **extra}
    command = parse_command(name, json.dumps(request).encode())
    assert type(command) is expected
    assert command.name == name
    assert command.model_dump(mode="json", exclude_none=True) == request


def test_a_request_may_name_its_schema() -> None:
    request = {"request_id": REQUEST, "schema": "dynod.command.tare/1"}
    assert isinstance(parse_command("tare", json.dumps(request).encode()), commands.Tare)
    refused = refusal("tare", {**request, "schema": "dynod.command.tare/2"})
    assert (refused.code, refused.field) == (ErrorCode.INVALID_VALUE, "schema")


def test_the_largest_request_that_is_allowed() -> None:
    payload = json.dumps({"request_id": REQUEST}).encode()
    padded = payload.ljust(COMMAND_LIMIT_BYTES)
    assert isinstance(parse_command("tare", padded), commands.Tare)


# -- refused ------------------------------------------------------------------------------------


def test_too_large() -> None:
    payload = json.dumps({"request_id": REQUEST}).encode().ljust(16 * 1024 + 1)
    refused = refusal("tare", payload)
    assert refused.code is ErrorCode.TOO_LARGE
    assert refused.request_id == REQUEST
    assert refusal("tare", b"x" * 20_000).code is ErrorCode.TOO_LARGE


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"request_id": "\xff"}',
        b'\xef\xbb\xbf{"request_id": "x"}',
        b'{"request_id": NaN}',
        b'{"request_id": -Infinity}',
        b'{"request_id": 1, "request_id": 2}',
        b'{"patient": {"id": "a", "id": "b"}}',
        b'{"request_id": "a" "b"}',
        b"[" * 16_000,
        b'{"a":' * 3_000,
        b'{"body_mass_kg": ' + b"9" * 5_000 + b"}",
        b'{"request_id": "\\ud800"}',
    ],
)
def test_malformed(payload: bytes) -> None:
    refused = refusal("session.start", payload)
    assert refused.code is ErrorCode.MALFORMED
    assert refused.field is None


@pytest.mark.parametrize(
    "name",
    [
        *("", "session", "trial.toggle", "Session.start", "session.start/1"),
        *("results.purge", "result.void ", "results.void"),
    ],
)
def test_unknown_command(name: str) -> None:
    refused = refusal(name, {"request_id": REQUEST, "nonsense": 1})
    assert refused.code is ErrorCode.UNKNOWN_COMMAND
    assert refused.request_id == REQUEST


@pytest.mark.parametrize(
    ("request_", "field", "known"),
    [
        ({**START, "pacient": 1}, "pacient", "nearest known one is patient"),
        ({**START, "patient": {**PATIENT, "sx": "male"}}, "patient.sx", "nearest known one is sex"),
        (
            {**START, "lever_arms_m": {"hip_abducton": {"left": 0.3}}},
            "lever_arms_m.hip_abducton",
            "nearest known one is hip_abduction",
        ),
        (
            {**START, "lever_arms_m": {"hip_abduction": {"lefft": 0.3}}},
            "lever_arms_m.hip_abduction.lefft",
            "nearest known one is left",
        ),
        ({**START, "zz": 1}, "zz", "known are schema, request_id, patient, "),
        # keys come before values
        ({"patient": 7, "body_mass_kg": -1, "bodymass": 1}, "bodymass", "body_mass_kg"),
        # what is no identifier is not repeated
        ({**START, "Jane Doe, born 1961": 1}, None, "known are"),
        ({**START, "x" * 41: 1}, None, "known are"),
        ({**START, "": 1}, None, "known are"),
    ],
)
def test_unknown_key(request_: dict[str, Any], field: str | None, known: str) -> None:
    refused = refusal("session.start", request_)
    assert refused.code is ErrorCode.UNKNOWN_KEY
    assert refused.field == field
    assert known in refused.message


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"patient": "P-1042"}, "patient", "must be an object"),
        ({"patient": {"id": "1"}}, "patient.system", "a required key is missing"),
        ({"patient": {**PATIENT, "id": ""}}, "patient.id", "must not be empty"),
        ({"patient": {**PATIENT, "id": 1042}}, "patient.id", "must be a string"),
        ({"patient": {**PATIENT, "id": "a\nb"}}, "patient.id", "must not hold control characters"),
        (
            {"patient": {**PATIENT, "id": "x" * 257}},
            "patient.id",
            "must have at most 256 characters",
        ),
        (
            {"patient": {**PATIENT, "sex": "f"}},
            "patient.sex",
            "must be 'male', 'female', 'other' or 'unknown'",
        ),
        ({"patient": {**PATIENT, "sex": None}}, "patient.sex", "must be 'male'"),
        ({"patient": {**PATIENT, "birth_year": 61}}, "patient.birth_year", "must be at least 1850"),
        (
            {"patient": {**PATIENT, "birth_year": 1961.5}},
            "patient.birth_year",
            "must be a whole number",
        ),
        ({"encounter": None}, "encounter", "must be an object"),
        ({"body_mass_kg": 1.99}, "body_mass_kg", "must be at least 2"),
        ({"body_mass_kg": 400.01}, "body_mass_kg", "must be at most 400"),
        ({"body_mass_kg": "70"}, "body_mass_kg", "must be a number"),
        ({"body_mass_kg": True}, "body_mass_kg", "must be a number"),
        ({"body_mass_kg": None}, "body_mass_kg", "must be a number"),
        ({"involved_side": "Left"}, "involved_side", "must be 'left', 'right', 'both' or 'none'"),
        ({"lever_arms_m": []}, "lever_arms_m", "must be an object"),
        (
            {"lever_arms_m": {"hip_flexion": {"left": 0.049}}},
            "lever_arms_m.hip_flexion.left",
            "must be at least 0.05",
        ),
        (
            {"lever_arms_m": {"hip_flexion": {"left": 36}}},
            "lever_arms_m.hip_flexion.left",
            "must be at most 1",
        ),
        ({"battery": "../hip"}, "battery", "must match"),
        ({"request_id": "42"}, "request_id", "must be a UUID in its usual form"),
        ({"request_id": REQUEST.replace("-", "")}, "request_id", "must be a UUID"),
        ({"request_id": f"{REQUEST[:-1]}x"}, "request_id", "must be a UUID"),
        ({"request_id": 42}, "request_id", "must be a UUID"),
    ],
)
def test_invalid_value(changes: dict[str, Any], field: str, message: str) -> None:
    refused = refusal("session.start", START | changes)
    assert refused.code is ErrorCode.INVALID_VALUE
    assert refused.field == field
    assert refused.message.startswith(message)
    assert refused.request_id == (None if "request_id" in changes else REQUEST)


CORRECTIONS: dict[str, dict[str, Any]] = {
    "session.assign": {"session_id": RESULT, "patient": PATIENT},
    "trial.relabel": {"result_id": RESULT, "side": "left"},
    "trial.annotate": {"pain_nrs": 3, "note": "n"},
    "result.void": {"result_id": RESULT, "reason": "r", "by": "b"},
    "results.resend": {"stream": RESULT, "from_sequence": 1, "to_sequence": 2},
}


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("session.assign", {"patient": None}, "patient"),
        ("session.assign", {"patient": {"system": "s"}}, "patient.id"),
        ("session.assign", {"session_id": 7}, "session_id"),
        ("trial.relabel", {"side": "both"}, "side"),
        ("trial.relabel", {"result_id": "K7QF"}, "result_id"),
        ("trial.annotate", {"pain_nrs": 11}, "pain_nrs"),
        ("trial.annotate", {"pain_nrs": -1}, "pain_nrs"),
        ("trial.annotate", {"pain_nrs": 4.5}, "pain_nrs"),
        ("trial.annotate", {"pain_nrs": "4"}, "pain_nrs"),
        ("trial.annotate", {"pain_nrs": None}, "pain_nrs"),
        ("trial.annotate", {"pain_nrs": True}, "pain_nrs"),
        ("trial.annotate", {"note": None}, "note"),
        ("trial.annotate", {"note": "n" * 1001}, "note"),
        ("trial.annotate", {"note": "two\nlines"}, "note"),
        ("trial.annotate", {"note": "\x1b[31m"}, "note"),
        ("trial.annotate", {"note": "a\u2028b"}, "note"),
        ("trial.annotate", {"result_id": None}, "result_id"),
        ("result.void", {"reason": ""}, "reason"),
        ("result.void", {"reason": "r" * 1001}, "reason"),
        ("result.void", {"by": ""}, "by"),
        ("result.void", {"by": "b" * 257}, "by"),
        ("results.resend", {"from_sequence": 0}, "from_sequence"),
        ("results.resend", {"to_sequence": 1.5}, "to_sequence"),
        ("results.resend", {"stream": "here"}, "stream"),
    ],
)
def test_an_invalid_correction(name: str, changes: dict[str, Any], field: str) -> None:
    refused = refusal(name, {"request_id": REQUEST, **CORRECTIONS[name], **changes})
    assert (refused.code, refused.field) == (ErrorCode.INVALID_VALUE, field)
    assert refused.request_id == REQUEST


def test_an_annotation_says_something() -> None:
    refused = refusal("trial.annotate", {"request_id": REQUEST, "result_id": RESULT})
    assert refused.code is ErrorCode.INVALID_VALUE
    assert refused.message == "needs pain_nrs, note or both"
    schema = json_schemas()["dynod.command.trial.annotate/1"]
    assert not jsonschema.Draft202012Validator(schema).is_valid({"request_id": REQUEST})


def test_what_is_said_of_a_person_shows_in_no_log() -> None:
    for name, words in (("result.void", {"reason": "Mrs Grey fell"}), ("trial.annotate", {})):
        request = {"request_id": REQUEST, **CORRECTIONS[name], **words}
        command = parse_command(name, json.dumps(request).encode())
        assert "Grey" not in repr(command)


@pytest.mark.parametrize("literal", [b"1e999", b"-1e999"])
def test_a_number_beyond_all_numbers(literal: bytes) -> None:
    payload = json.dumps(START | {"body_mass_kg": 0}).encode().replace(b": 0", b": " + literal)
    refused = refusal("session.start", payload)
    assert (refused.code, refused.field) == (ErrorCode.INVALID_VALUE, "body_mass_kg")


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("session.start", "patient"),
        ("trial.redo", "result_id"),
        ("session.assign", "session_id"),
        ("trial.relabel", "result_id"),
        ("result.void", "result_id"),
        ("results.resend", "stream"),
        ("test.select", "movement"),
    ],
)
def test_a_missing_key(name: str, missing: str) -> None:
    refused = refusal(name, {"request_id": REQUEST})
    assert refused.code is ErrorCode.INVALID_VALUE
    assert refused.field == missing
    assert refused.message == "a required key is missing"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_needs_a_request_id(name: str) -> None:
    refused = refusal(name, {})
    assert refused.code is ErrorCode.INVALID_VALUE
    assert refused.field == "request_id"
    assert refused.request_id is None


def test_the_order_of_judgement() -> None:
    """docs/contract.md, section 7: size, JSON, command name, keys, values."""
    bad_value_and_key = {"request_id": REQUEST, "patient": 1, "surplus": 1}
    assert refusal("nonsense", b"{".ljust(20_000)).code is ErrorCode.TOO_LARGE
    assert refusal("nonsense", b"{").code is ErrorCode.MALFORMED
    assert refusal("nonsense", bad_value_and_key).code is ErrorCode.UNKNOWN_COMMAND
    assert refusal("session.start", bad_value_and_key).code is ErrorCode.UNKNOWN_KEY
    del bad_value_and_key["surplus"]
    assert refusal("session.start", bad_value_and_key).code is ErrorCode.INVALID_VALUE


PRIVATE = "Grünwald 4711"


@pytest.mark.parametrize(
    "request_",
    [
        PRIVATE,
        {"request_id": PRIVATE},
        {**START, "patient": PRIVATE},
        {**START, "patient": {"system": PRIVATE, "id": PRIVATE, "sex": PRIVATE}},
        {**START, "patient": {**PATIENT, PRIVATE: PRIVATE}},
        {**START, "involved_side": PRIVATE},
        {**START, "battery": PRIVATE},
        {**START, "lever_arms_m": {"hip_flexion": {PRIVATE: PRIVATE}}},
        {**START, PRIVATE: 1},
    ],
)
def test_no_refusal_quotes_the_request(request_: Any) -> None:
    refused = refusal("session.start", request_)
    told = reply_error(refused).decode() + str(refused) + repr(refused)
    assert "Gr" not in told
    assert "4711" not in told


def test_a_command_shows_no_patient_in_a_log() -> None:
    assert "1042" not in repr(start().patient_record())
    assert "1042" not in repr(start())


TEXT = st.text('aé{"\\\n\0 1', max_size=4)
KEYS = st.sampled_from(["request_id", "patient", "lever_arms_m", "device", "side", "x y"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just(REQUEST),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXT, inner, max_size=3),
    max_leaves=5,
)
REQUESTS = st.dictionaries(KEYS, VALUES, max_size=4).map(lambda item: json.dumps(item).encode())


@given(name=st.sampled_from([*COMMANDS, "nonsense"]), payload=st.binary(max_size=20) | REQUESTS)
def test_anything_is_either_accepted_or_refused(name: str, payload: bytes) -> None:
    try:
        known = parse_command(name, payload).name
    except CommandRefused as refused:
        known = name
        reply = reply_error(refused)
        jsonschema.Draft202012Validator(REPLY).validate(json.loads(reply))
    assert known == name


# -- receipts -----------------------------------------------------------------------------------


def test_receipts() -> None:
    payload = {"receipts": [{"result_id": RESULT, "revision": 2}]}
    assert parse_receipts(json.dumps(payload).encode()) == (Contribution(UUID(RESULT), 2),)
    assert parse_receipts(b'{"receipts": []}') == ()


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"x" * 200_000, ErrorCode.TOO_LARGE),
        (b"{", ErrorCode.MALFORMED),
        (b'{"receipts": [], "more": 1}', ErrorCode.UNKNOWN_KEY),
        (b'{"receipts": [{"result_id": "%s", "rev": 1}]}' % RESULT.encode(), ErrorCode.UNKNOWN_KEY),
        (b"{}", ErrorCode.INVALID_VALUE),
        (b'{"receipts": {}}', ErrorCode.INVALID_VALUE),
        (
            b'{"receipts": [{"result_id": "%s", "revision": 0}]}' % RESULT.encode(),
            ErrorCode.INVALID_VALUE,
        ),
    ],
)
def test_receipts_that_are_none(payload: bytes, code: ErrorCode) -> None:
    with pytest.raises(CommandRefused) as caught:
        parse_receipts(payload)
    assert caught.value.code is code


# -- replies ------------------------------------------------------------------------------------


def test_an_ok_reply() -> None:
    assert json.loads(reply_ok(REQUEST)) == {
        "schema": "dynod.reply/1",
        "request_id": REQUEST,
        "ok": True,
    }
    assert json.loads(reply_ok(REQUEST, session_id=RESULT, session_code="K7QF")) == {
        "schema": "dynod.reply/1",
        "request_id": REQUEST,
        "ok": True,
        "session_id": RESULT,
        "session_code": "K7QF",
    }


def test_a_reply_takes_no_field_that_the_schema_does_not_have() -> None:
    with pytest.raises(ValueError, match="patient"):
        reply_ok(REQUEST, patient="P-1042")


def test_a_refusing_reply() -> None:
    full = CommandRefused("wrong_phase", "not possible in phase idle", "device", REQUEST)
    assert json.loads(reply_error(full)) == {
        "schema": "dynod.reply/1",
        "request_id": REQUEST,
        "ok": False,
        "error": {
            "code": "wrong_phase",
            "message": "not possible in phase idle",
            "field": "device",
        },
    }
    bare = CommandRefused("malformed", "not valid JSON")
    assert json.loads(reply_error(bare)) == {
        "schema": "dynod.reply/1",
        "ok": False,
        "error": {"code": "malformed", "message": "not valid JSON"},
    }


def test_a_refusal_has_a_code_of_the_contract() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        CommandRefused("nonsense", "…")
