"""What is read of a message; the payloads are the documented examples."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynod.publish.broker import Inbound
from dynod.publish.examples import EXAMPLES
from dynod.subscribe.envelope import (
    Place,
    Result,
    UnreadableError,
    place_of,
    read_result,
    read_status,
)

PLACE = Place("clinic-7", "room-2")
TRIAL = dict(EXAMPLES["dynod.trial/1"][0])
FHIR = {
    "result_id": "5b1f8a0e-6a4f-5c5e-8a5d-1f2e3d4c5b6a",
    "revision": "2",
    "sequence": "26",
    "stream": "6f1d0c52-3a51-4e0c-9a53-2f8f6a3d5b10",
    "schema": "dynod.fhir/1",
}


def read(body: dict[str, Any], kind: str = "trial") -> Result:
    return read_result(Inbound(f"{PLACE.root}/results/{kind}", json.dumps(body).encode()), PLACE)


def read_bundle(**changes: str) -> Result:
    user = tuple({**FHIR, **changes}.items())
    return read_result(Inbound(f"{PLACE.root}/results/fhir", b"{}", user_properties=user), PLACE)


@pytest.mark.parametrize("schema", ["dynod.trial/1", "dynod.deficit/1", "dynod.session/1"])
def test_every_documented_result_is_read(schema: str) -> None:
    for example in EXAMPLES[schema]:
        found = read(dict(example), schema.split(".")[1].split("/", maxsplit=1)[0])
        assert (found.schema, str(found.result_id)) == (schema, example["result_id"])
        assert (found.sequence, found.revision) == (example["sequence"], example["revision"])
        assert found.status == example["status"]
        assert str(found.session_id) == example["session_id"]
        assert json.loads(found.payload) == example


def test_every_documented_status_is_read() -> None:
    online, offline = (
        read_status(Inbound(f"{PLACE.root}/status", json.dumps(example).encode()), PLACE)
        for example in EXAMPLES["dynod.status/1"]
    )
    assert (online.state, online.last_sequence) == ("online", 120)
    assert (offline.state, offline.last_sequence) == ("offline", None)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"quality": {"valid": False, "flags": ["gap"]}}, False),
        ({"status": "entered-in-error"}, False),
        ({"status": "amended"}, True),
        ({"familiarisation": True}, False),
        ({"quality": {"flags": []}}, None),
        ({"schema": "dynod.trial/2"}, None),
        ({"schema": "dynod.posture/1"}, None),
    ],
)
def test_which_trials_count(changes: dict[str, Any], counts: bool | None) -> None:
    """A trial counts when it is valid, not entered in error, and no practice (integration.md)."""
    assert read({**TRIAL, **changes}).counts is counts


def test_an_unknown_key_is_no_obstacle() -> None:
    assert read({**TRIAL, "colour": "blue"}).payload.count("blue") == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": None},
        {"schema": "trial"},
        {"schema": "dynod.trial/0"},
        {"schema": ["dynod.trial/1"]},
        {"result_id": "x"},
        {"result_id": 5},
        {"stream": None},
        {"sequence": 0},
        {"sequence": True},
        {"sequence": 1.0},
        {"sequence": 2**63},
        {"revision": "1"},
        {"revision": -1},
        {"status": "Final words"},
        {"session_id": None},
        {"station": {"site": "clinic-7", "name": "room-3"}},
    ],
)
def test_what_has_no_proper_envelope(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError, match=next(iter(changes))):
        read({**TRIAL, **changes})


def test_a_bundle_has_its_envelope_beside_it() -> None:
    found = read_bundle()
    assert (found.kind, found.revision, found.sequence) == ("fhir", 2, 26)
    assert found.result_id == UUID(FHIR["result_id"])
    assert found.counts is None


@pytest.mark.parametrize(
    "changes", [{"revision": "two"}, {"revision": "9" * 5000}, {"sequence": "-1"}, {"schema": ""}]
)
def test_a_bundle_with_a_wrong_envelope(changes: dict[str, str]) -> None:
    with pytest.raises(UnreadableError, match=next(iter(changes))):
        read_bundle(**changes)


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("dynod/v1/clinic-7/room-2/results/trial", (PLACE, "results")),
        ("dynod/v1/clinic-7/room-2/status", (PLACE, "status")),
        ("dynod/v1/clinic-7/room-2/replies/record-system", (PLACE, "replies")),
        ("dynod/v1/clinic-7/room-2/devices/hhd-1/status", None),
        ("dynod/v1/clinic-7/room-2/statuses", None),
        ("dynod/v1/clinic 7/room-2/status", None),
        ("dynod/v2/clinic-7/room-2/status", None),
        ("dynod/v1/a\nb/room-2/status", None),
    ],
)
def test_whose_topic_it_is(topic: str, expected: object) -> None:
    assert place_of(topic) == expected


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_set_aside(payload: bytes) -> None:
    for read_it in (read_result, read_status):
        with pytest.raises(UnreadableError):
            read_it(Inbound(f"{PLACE.root}/results/trial", payload), PLACE)


def test_deep_nesting_is_set_aside() -> None:
    with pytest.raises(UnreadableError):
        read_result(Inbound(f"{PLACE.root}/results/trial", b"[" * 100_000), PLACE)
