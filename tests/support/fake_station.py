"""A station as the contract has it, without devices: it gives numbers, sends, resends, replies.

Payloads are the documented examples with ids, revisions and numbers of their own. What is sent is
kept as bytes and sent again as the same bytes.
"""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID, uuid4

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from dynod.publish.examples import EXAMPLES

PATIENT = "P-1042"  # of the examples
TIMEOUT_S = 30.0


@dataclass
class Row:
    """A row of the outbox."""

    sequence: int
    result_id: UUID
    revision: int
    topic: str
    payload: bytes
    properties: tuple[tuple[str, str], ...] = ()
    receipted: bool = False


@dataclass
class Request:
    """A command that came in."""

    body: dict[str, Any]
    response_topic: str
    correlation: bytes


@dataclass
class Policy:
    """How this station answers ``results.resend``."""

    purged: set[int] = field(default_factory=set)
    refuse: str | None = None


class FakeStation:
    """Connected to a broker in a thread; connects again by itself."""

    def __init__(
        self,
        port: int,
        name: str = "room",
        site: str = "clinic",
        *,
        resend_s: float | None = None,
    ) -> None:
        self.root = f"dynod/v1/{site}/{name}"
        self.site, self.name = site, name
        self.stream = uuid4()
        self.rows: dict[int, Row] = {}
        self.policy = Policy()
        self.requests: queue.Queue[Request] = queue.Queue()
        self.receipts: list[tuple[UUID, int]] = []
        self._resend_s = resend_s
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._ending = threading.Event()
        self._resender = threading.Thread(target=self._resend, name=f"station {name}")
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, f"dynod-{site}-{name}", protocol=mqtt.MQTTv5
        )
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._message
        self._client.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]  # takes floats
        will = json.dumps({**self._status(), "state": "offline"}).encode()
        self._client.will_set(f"{self.root}/status", will, 1, retain=True)
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._ready.wait(TIMEOUT_S)
        self._resender.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ending.set()
        self._resender.join()
        self._client.disconnect()
        self._client.loop_stop()

    # -- out ------------------------------------------------------------------------------

    def trial(
        self, result_id: UUID | None = None, revision: int = 1, *, sent: bool = True, **changes: Any
    ) -> Row:
        """Put a trial into the outbox, and send it unless it shall be lost on its way."""
        return self.result("trial", result_id, revision, sent=sent, **changes)

    def result(
        self,
        kind: str,
        result_id: UUID | None = None,
        revision: int = 1,
        *,
        sent: bool = True,
        **changes: Any,
    ) -> Row:
        with self._changed:
            row = self._row(kind, result_id or uuid4(), revision, changes)
            self.rows[row.sequence] = row
        self._publish_status()
        if sent:
            self.send(row)
        return row

    def bundle(
        self, body: dict[str, Any], result_id: UUID, revision: int = 1, *, sent: bool = True
    ) -> Row:
        """Send a FHIR Bundle, its envelope as user properties."""
        with self._changed:
            sequence = len(self.rows) + 1
            envelope = {
                "result_id": str(result_id),
                "revision": str(revision),
                "sequence": str(sequence),
                "stream": str(self.stream),
                "schema": "dynod.fhir/1",
            }
            row = Row(
                sequence,
                result_id,
                revision,
                f"{self.root}/results/fhir",
                json.dumps(body).encode(),
                tuple(envelope.items()),
            )
            self.rows[sequence] = row
        self._publish_status()
        if sent:
            self.send(row)
        return row

    def send(self, *rows: Row) -> None:
        """Publish rows, as they are."""
        for row in rows:
            self.publish(row.topic, row.payload, user=row.properties)

    def publish(
        self, topic: str, payload: bytes, *, user: Iterable[tuple[str, str]] = ()
    ) -> mqtt.MQTTMessageInfo:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if user:
            properties.UserProperty = list(user)
        return self._client.publish(topic, payload, 1, properties=properties)

    def drained(self) -> None:
        """Wait until the broker has acknowledged all that was published before."""
        self.publish("t/drained", b"").wait_for_publish(TIMEOUT_S)

    def go(self, state: str) -> None:
        """Say online or offline."""
        self._publish_status(state)

    # -- in -------------------------------------------------------------------------------

    def wait(self, what: str, condition: Callable[[], Any], timeout_s: float = TIMEOUT_S) -> Any:
        with self._changed:
            assert self._changed.wait_for(condition, timeout_s), f"{what} did not come"
            return condition()

    def wait_receipts(self, rows: Iterable[Row] | None = None) -> None:
        """Wait until rows (default: all) have their receipts."""
        wanted = list(self.rows.values() if rows is None else rows)
        self.wait("receipts", lambda: all(row.receipted for row in wanted))

    def receipted(self) -> int:
        return sum(row.receipted for row in self.rows.values())

    def request(self) -> Request:
        return self.requests.get(timeout=TIMEOUT_S)

    def _connected(self, *_details: Any) -> None:
        self._client.subscribe([(f"{self.root}/receipts", 1), (f"{self.root}/commands/+", 1)])
        self._publish_status()

    def _message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        body = json.loads(message.payload)
        if message.topic.endswith("/receipts"):
            self._receipts(body)
        else:
            properties = message.properties
            request = Request(body, properties.ResponseTopic, properties.CorrelationData)  # type: ignore[union-attr]
            assert message.topic == f"{self.root}/commands/results.resend"
            self._answer(request)
            self.requests.put(request)

    def _receipts(self, body: dict[str, Any]) -> None:
        with self._changed:
            for item in body["receipts"]:
                receipt = (UUID(item["result_id"]), item["revision"])
                self.receipts.append(receipt)
                for row in self.rows.values():
                    if (row.result_id, row.revision) == receipt:
                        row.receipted = True
            self._changed.notify_all()

    def _answer(self, request: Request) -> None:
        body = request.body
        reply: dict[str, Any] = {"schema": "dynod.reply/1", "request_id": body["request_id"]}
        refuse = self.policy.refuse
        if refuse is None and body["stream"] != str(self.stream):
            refuse = "not_found"
        rows: list[Row] = []
        if refuse is not None:
            reply |= {"ok": False, "error": {"code": refuse, "message": "in words"}}
        else:
            asked = range(body["from_sequence"], body["to_sequence"] + 1)
            purged = [number for number in asked if number in self.policy.purged]
            rows = [
                self.rows[number] for number in asked if number in self.rows.keys() - set(purged)
            ]
            reply |= {"ok": True, "purged": purged}
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.CorrelationData = request.correlation
        payload = json.dumps(reply).encode()
        self._client.publish(request.response_topic, payload, 1, properties=properties)
        self.send(*rows)

    def _resend(self) -> None:
        """Send again what has no receipt, as a station does with receipts required."""
        while not self._ending.wait(self._resend_s or 0.2):
            if self._resend_s is None:
                continue
            with self._changed:
                rows = [row for row in self.rows.values() if not row.receipted]
            if self._client.is_connected():
                self.send(*rows)

    # -- messages -------------------------------------------------------------------------

    def _row(self, kind: str, result_id: UUID, revision: int, changes: dict[str, Any]) -> Row:
        sequence = len(self.rows) + 1
        example = EXAMPLES[f"dynod.{kind}/1"][0]
        body = {
            **example,
            "result_id": str(result_id),
            "revision": revision,
            "sequence": sequence,
            "stream": str(self.stream),
            "station": {"site": self.site, "name": self.name},
            **changes,
        }
        payload = json.dumps(body).encode()
        return Row(sequence, result_id, revision, f"{self.root}/results/{kind}", payload)

    def _status(self) -> dict[str, Any]:
        return {
            "schema": "dynod.status/1",
            "at": "2026-03-02T09:15:00.000Z",
            "stream": str(self.stream),
            "software": "dynod 0.1.0",
        }

    def _publish_status(self, state: str = "online") -> None:
        body = {**self._status(), "state": state, "last_sequence": len(self.rows)}
        self._client.publish(f"{self.root}/status", json.dumps(body).encode(), 1, retain=True)


def wait_until(what: str, condition: Callable[[], Any], timeout_s: float = TIMEOUT_S) -> Any:
    """Return the condition's first true value; for what no event tells, as rows of a database."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, f"{what} did not come"
        time.sleep(0.02)
    return value
