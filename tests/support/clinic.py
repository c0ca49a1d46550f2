"""A small record system, right or wrong in one chosen way, written from the documents alone."""

import json
from enum import Enum, auto
from functools import cache
from threading import Event, Timer
from typing import Any, Self
from uuid import uuid4

import jsonschema
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from dynod.publish.message_schema import json_schemas

NAME = "record-system"
TIMEOUT_S = 30.0
REPEAT_S = 0.7  # until a wrong one asks again


@cache
def validator(schema: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schemas()[schema])


class Fault(Enum):
    """What a record system does wrong."""

    NONE = auto()
    NO_RECEIPTS = auto()
    NO_RECEIPT_FOR_DUPLICATES = auto()
    RECEIPTS_FOR_LOWER_REVISIONS = auto()  # which it has not seen
    RECEIPTS_FOR_OTHER_RESULTS = auto()
    RECEIPTS_WITH_WRONG_KEYS = auto()
    ONE_RECEIPT_PER_RESULT = auto()  # whatever the revision
    INVALID_TRIALS_IGNORED = auto()
    NO_RESEND = auto()
    RESEND_OF_ANOTHER_STREAM = auto()
    RESEND_WITHOUT_REPLY = auto()
    STATUS_IGNORED = auto()
    PURGED_IGNORED = auto()
    STRICT = auto()  # dies at the first key that it does not know


class Clinic:
    """Connected in a thread; keeps what it has in memory."""

    def __init__(self, port: int, fault: Fault = Fault.NONE, password: str | None = None) -> None:
        self._fault = fault
        self._have: set[int] = set()
        self._asked: set[int] = set()
        self._seen: dict[str, set[int]] = {}
        self._ready = Event()
        self._dead = False
        self._repeat: Timer | None = None
        self._stream = ""
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, NAME, protocol=mqtt.MQTTv5)
        if password is not None:
            self._client.username_pw_set(NAME, password)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Self:
        if self._fault is Fault.STRICT:
            for schema in ("trial", "deficit", "session"):  # takes a while
                validator(f"dynod.{schema}/1")
        self._client.loop_start()
        assert self._ready.wait(TIMEOUT_S)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._repeat is not None:
            self._repeat.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, *_details: Any) -> None:
        ends = ("results/+", "status", f"replies/{NAME}")
        self._client.subscribe([(f"dynod/v1/+/+/{end}", 1) for end in ends])

    def _message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if self._dead or not message.payload:
            return
        root, _, end = message.topic.partition("/results/")
        body = json.loads(message.payload)
        if end:
            self._result(root, body)
        elif message.topic.endswith("/status"):
            if "last_sequence" in body and self._fault is not Fault.STATUS_IGNORED:
                self._ask(message.topic.removesuffix("/status"), body, body["last_sequence"])
        elif self._fault is Fault.PURGED_IGNORED and body.get("purged") and not self._repeat:
            root = message.topic.split("/replies/")[0]
            self._repeat = Timer(REPEAT_S, self._request, (root, self._stream, body["purged"][0]))
            self._repeat.start()

    def _result(self, root: str, body: dict[str, Any]) -> None:
        if self._fault is Fault.STRICT:
            self._dead = not validator(body["schema"]).is_valid(body)
            if self._dead:
                return
        self._have.add(body["sequence"])
        self._receipt(root, body)
        self._ask(root, body, body["sequence"])

    def _receipt(self, root: str, body: dict[str, Any]) -> None:
        fault, revision = self._fault, body["revision"]
        result_id = body["result_id"]
        seen = self._seen.setdefault(result_id, set())
        again = revision in seen
        later = bool(seen - {revision})
        seen.add(revision)
        invalid = not body.get("quality", {"valid": True})["valid"]
        if (
            fault is Fault.NO_RECEIPTS
            or (fault is Fault.NO_RECEIPT_FOR_DUPLICATES and again)
            or (fault is Fault.ONE_RECEIPT_PER_RESULT and later)
            or (fault is Fault.INVALID_TRIALS_IGNORED and invalid)
        ):
            return
        pairs = [(result_id, revision)]
        if fault is Fault.RECEIPTS_FOR_LOWER_REVISIONS:
            pairs = [(result_id, number + 1) for number in range(revision)]
        if fault is Fault.RECEIPTS_FOR_OTHER_RESULTS and body["schema"] == "dynod.session/1":
            pairs.append((str(uuid4()), 1))
        key = "id" if fault is Fault.RECEIPTS_WITH_WRONG_KEYS else "result_id"
        receipts = [{key: name, "revision": number} for name, number in pairs]
        self._client.publish(f"{root}/receipts", json.dumps({"receipts": receipts}), 1)

    def _ask(self, root: str, body: dict[str, Any], last: int) -> None:
        missing = sorted(set(range(1, last + 1)) - self._have - self._asked)
        if missing and self._fault is not Fault.NO_RESEND:
            self._asked |= set(missing)
            self._stream = body["stream"]
            numbers = {"from_sequence": missing[0], "to_sequence": missing[-1]}
            self._request(root, self._stream, numbers)

    def _request(self, root: str, stream: str, numbers: dict[str, int]) -> None:
        if self._fault is Fault.RESEND_OF_ANOTHER_STREAM:
            stream = str(uuid4())
        body = {"request_id": str(uuid4()), "stream": stream, **numbers}
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if self._fault is not Fault.RESEND_WITHOUT_REPLY:
            properties.ResponseTopic = f"{root}/replies/{NAME}"
        topic = f"{root}/commands/results.resend"
        self._client.publish(topic, json.dumps(body), 1, properties=properties)
