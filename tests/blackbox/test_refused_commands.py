"""A generated set of wrong commands at a running station: each is answered or counted, and changes
nothing. What a right command is comes from the checked-in schemas, not from the code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, ROOT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto

NAMES = (
    "session.start",
    "session.end",
    "session.assign",
    "trial.start",
    "trial.stop",
    "trial.discard",
    "trial.redo",
    "trial.relabel",
    "trial.annotate",
    "change.confirm",
    "test.next",
    "test.select",
    "tare",
    "results.resend",
    "result.void",
    "status.get",
)
SOMEBODY = str(UUID(int=7))
# What each command needs besides its request_id (the contract, section 4).
NEEDED: dict[str, dict[str, Any]] = {
    "session.start": {"patient": None},
    "session.assign": {"session_id": SOMEBODY, "patient": PATIENT},
    "trial.redo": {"result_id": SOMEBODY},
    "trial.relabel": {"result_id": SOMEBODY, "side": "left"},
    "test.select": {"movement": "hip_abduction", "side": "left"},
    "results.resend": {"stream": SOMEBODY, "from_sequence": 1, "to_sequence": 2},
    "result.void": {"result_id": SOMEBODY, "reason": "r", "by": "b"},
}
WRONG_VALUES: tuple[Any, ...] = (17, "x" * 300, [], {"a": 1}, True)
WRONG_BYTES = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe{}",
    b'{"request_id": NaN}',
    b'{"request_id": "' + b"x" * 17_000 + b'"}',
    b"[" * 5000,
    b'{"request_id": "not-a-uuid"}',
)


def wrong(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield what is wrong with a command, and its bytes."""
    for payload in WRONG_BYTES:
        yield "bytes", payload
    needed = NEEDED.get(name, {})
    whole = {"request_id": str(uuid4()), **needed}
    yield "extra key", json.dumps({**whole, "colour": "red"}).encode()
    for key in whole:
        yield f"without {key}", json.dumps({k: v for k, v in whole.items() if k != key}).encode()
        for value in WRONG_VALUES:
            fresh = {**whole, "request_id": str(uuid4()), key: value}
            yield f"{key} of type {type(value).__name__}", json.dumps(fresh).encode()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def records(broker: Mosquitto) -> Iterator[RecordSystem]:
    with RecordSystem(broker.port) as records:
        yield records


@pytest.fixture
def daemon(tmp_path: Path, broker: Mosquitto, records: RecordSystem) -> Iterator[Daemon]:
    two = battery(force_test(repetitions=2))
    with (
        Gauge(tmp_path / "gauge"),
        Daemon(tmp_path, broker.port, battery=two, session="confirm_change = false") as daemon,
    ):
        records.streaming("hhd-1")
        yield daemon


def standing(records: RecordSystem) -> dict[str, Any]:
    """Return what must not change: the session's state and the last sequence number."""
    answer = records.command("status.get")
    state = {k: v for k, v in answer["session_state"].items() if k not in {"at", "problem"}}
    return {"state": state, "last": answer["status"]["last_sequence"]}


def refused(records: RecordSystem) -> int:
    counts: dict[str, int] = records.command("status.get")["status"]["refused"]
    return sum(counts.values())


@pytest.mark.parametrize("running", [False, True], ids=["idle", "ready"])
@pytest.mark.usefixtures("daemon")
def test_each_is_answered_and_changes_nothing(records: RecordSystem, *, running: bool) -> None:
    if running:
        assert records.command("session.start", patient=PATIENT)["ok"]
        records.state(phase="ready")
    before, counted = standing(records), refused(records)
    given = 0
    for name in (*NAMES, "session.begin", "x" * 200):
        for what, payload in wrong(name):
            reply = records.ask(name, payload)
            assert reply["ok"] is False, (name, what)
            assert set(reply["error"]) <= {"code", "message", "field"}, (name, what)
            given += 1
    assert given > 300
    assert refused(records) == counted + given
    assert standing(records) == before


@pytest.mark.usefixtures("daemon")
def test_out_of_order_retained_repeated_and_without_a_way_back(records: RecordSystem) -> None:
    """In phase idle nothing but a start is in order; a repeat gets the first reply again."""
    before, counted = standing(records), refused(records)
    given = 0
    for name in NAMES:
        if name in {"session.start", "tare", "status.get", "results.resend"}:
            continue
        reply = records.command(name, **NEEDED.get(name, {}), **_something(name))
        assert reply["error"]["code"] in {"no_session", "not_found", "wrong_phase"}, (name, reply)
        given += 1
    for back in (None, "elsewhere/replies/test", f"{ROOT}/status", f"{ROOT}/replies"):
        payload = json.dumps({"request_id": str(uuid4()), "patient": None}).encode()
        records.publish("commands/session.start", payload, reply_to=back)
        given += 1
    records.wait("all refusals", lambda: True)
    assert standing(records) == before
    assert refused(records) == counted + given
    request_id = str(uuid4())
    first = records.command("session.start", request_id=request_id, patient=None)
    assert first["ok"]
    assert records.command("session.start", request_id=request_id, patient=None) == first


def _something(name: str) -> dict[str, Any]:
    """Return what a command needs at least one of."""
    return {"pain_nrs": 3} if name == "trial.annotate" else {}
