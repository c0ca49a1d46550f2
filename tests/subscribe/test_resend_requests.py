"""Requests for what is missing, and what replies say."""

import json
from typing import Any
from uuid import UUID

import pytest

from dynod.publish.broker import Inbound
from dynod.subscribe.envelope import Place, Stream
from dynod.subscribe.holes import Numbers
from dynod.subscribe.resend import MOST_OPEN, Reply, Requests

STREAM = Stream(Place("clinic", "room"), UUID("6f1d0c52-3a51-4e0c-9a53-2f8f6a3d5b10"))
ASKED = Numbers(5, 9)


def reply_to(body: Any, *, topic: str = "dynod/v1/clinic/room/replies/record") -> Reply | None:
    requests = Requests("record")
    request = requests.make(STREAM, ASKED)
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    message = Inbound(topic, payload, correlation_data=request.correlation_data)
    found = requests.answered(message)
    assert found is None or requests.answered(message) is None  # a second reply answers nothing
    return found


def test_the_request_is_that_of_the_contract() -> None:
    request = Requests("record").make(STREAM, ASKED)
    assert request.topic == "dynod/v1/clinic/room/commands/results.resend"
    assert request.response_topic == "dynod/v1/clinic/room/replies/record"
    assert (request.qos, request.retain) == (1, False)
    body = json.loads(request.payload)
    assert request.correlation_data == body.pop("request_id").encode()
    assert body == {
        "schema": "dynod.command.results.resend/1",
        "stream": str(STREAM.stream),
        "from_sequence": 5,
        "to_sequence": 9,
    }


@pytest.mark.parametrize(
    ("purged", "expected"),
    [
        ([], ()),
        ([5, 7], (Numbers(5, 5), Numbers(7, 7))),
        ([{"from_sequence": 6, "to_sequence": 8}], (Numbers(6, 8),)),
        # Beyond what was asked nothing is believed, and nonsense neither.
        ([{"from_sequence": 1, "to_sequence": 10**12}], (ASKED,)),
        ([4, 10, 0, -1, True, "5", None, {"from_sequence": 9, "to_sequence": 8}, [5, 6]], ()),
        ("5", ()),
        (None, ()),
    ],
)
def test_purged_numbers(purged: Any, expected: tuple[Numbers, ...]) -> None:
    assert reply_to({"ok": True, "purged": purged}) == Reply(STREAM, expected)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"ok": False, "error": {"code": "not_found", "message": "…"}}, "not_found"),
        ({"ok": False}, "malformed"),
        ({"ok": "yes", "error": {"code": 5}}, "malformed"),
        (b"no JSON", "malformed"),
    ],
)
def test_refusals(body: Any, code: str) -> None:
    assert reply_to(body) == Reply(STREAM, refused=code)


def test_a_reply_to_nobody_and_one_from_elsewhere() -> None:
    assert (
        Requests("record").answered(Inbound("dynod/v1/clinic/room/replies/record", b"{}")) is None
    )
    assert reply_to({"ok": True}, topic="dynod/v1/clinic/ward/replies/record") is None


def test_requests_that_nobody_answers_are_forgotten() -> None:
    requests = Requests("record")
    first = requests.make(STREAM, ASKED)
    for _ in range(MOST_OPEN):
        requests.make(STREAM, ASKED)
    topic = first.response_topic or ""
    old = Inbound(topic, b'{"ok": true}', correlation_data=first.correlation_data)
    assert requests.answered(old) is None
