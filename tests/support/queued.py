"""A station whose outbox is full before it starts, and a record system that takes it over."""

import json
import re
import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from dynod.store.change import Change, OutboxDraft
from dynod.store.store import Store
from tests.support.mosquitto import LOOPBACK
from tests.support.station import ROOT, TIMEOUT_S, Daemon, battery, force_test

# Twice the size of a trial's message without its curve.
PADDING = "x" * 2000
RECEIPTS_AT_ONCE = 50

# Runs the program with a short patience, so that no test waits for the clock.
IMPATIENT = """
from functools import partial
from dynod.config import settings
from dynod.publish import client
quick = partial(settings.BrokerSettings, retry_s=(0.05, 0.2), ack_timeout_s=0.5)
settings.BrokerSettings = quick
client.CONNACK_TIMEOUT_S = 0.3
from dynod.cli.main import run
run()
"""


class ImpatientDaemon(Daemon):
    """``dynod run`` that soon tries again, and soon takes silence for an answer."""

    def __init__(self, folder: Path, broker: int, **options: Any) -> None:
        super().__init__(folder, broker, battery=battery(force_test()), **options)
        self._program = ["-c", IMPATIENT]

    def memory_mb(self, what: str = "VmRSS") -> float:
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"{what}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024.0


def fill_outbox(path: Path, count: int) -> None:
    """Commit messages as trials do, in portions."""
    now = datetime.now(UTC)
    with Store.open(path, now=now) as store:
        for first in range(0, count, 500):
            drafts = tuple(_draft() for _ in range(min(500, count - first)))
            store.commit(Change(at=now, outbox=drafts))


def _draft() -> OutboxDraft:
    result_id = uuid4()

    def render(sequence: int) -> bytes:
        head = {"schema": "dynod.trial/1", "sequence": sequence, "revision": 1}
        return json.dumps({**head, "result_id": str(result_id), "padding": PADDING}).encode()

    return OutboxDraft(result_id, 1, f"{ROOT}/results/trial", "application/json", render)


def _at_once(_client: object, _data: object, sock: Any) -> None:
    """Send each packet as it is written."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Collector:
    """Takes results over and gives receipts; ``arrived`` are their numbers, in that order."""

    def __init__(self, port: int, *, user: tuple[str, str] | None = None) -> None:
        self.arrived: list[int] = []
        self.ids: dict[int, UUID] = {}
        self.status: dict[str, Any] = {}
        self._due: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        if user is not None:
            self._client.username_pw_set(*user)
        self._client.on_socket_open = _at_once
        self._client.on_connect = self._connect
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_disconnect = lambda *_: self.subscribed.clear()
        self._client.on_message = self._message
        wait_until("a listener of the broker", lambda: _listens(port))
        self._client.connect(LOOPBACK, port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self.subscribed.wait(TIMEOUT_S)
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def known(self) -> list[int]:
        """Each number once, in the order of its first arrival."""
        with self._changed:
            return list(dict.fromkeys(self.arrived))

    def wait_for(self, count: int, timeout_s: float) -> None:
        """Wait until so many different results have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ids) >= count, timeout_s), (
                f"{len(self.ids)} of {count} results came"
            )

    def wait_received(self, count: int, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until the station shows that it has all receipts, and that nothing else waits."""
        wanted = {"pending": 0, "sent": 0, "received": count}
        with self._changed:
            assert self._changed.wait_for(lambda: self.status.get("outbox") == wanted, timeout_s), (
                self.status
            )

    def _connect(self, *_details: Any) -> None:
        self._client.subscribe(f"{ROOT}/#", qos=1)

    def _message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        topic = message.topic.removeprefix(f"{ROOT}/")
        with self._changed:
            if topic == "status":
                self.status = json.loads(message.payload)
            elif topic.startswith("results/"):
                self._result(json.loads(message.payload))
            self._changed.notify_all()

    def _result(self, payload: dict[str, Any]) -> None:
        sequence = int(payload["sequence"])
        self.arrived.append(sequence)
        self.ids[sequence] = UUID(payload["result_id"])
        receipt = {"result_id": payload["result_id"], "revision": payload["revision"]}
        self._due.append(receipt)
        if len(self._due) >= RECEIPTS_AT_ONCE or sequence % RECEIPTS_AT_ONCE == 0:
            due, self._due = self._due, []
            body = json.dumps({"schema": "dynod.receipts/1", "receipts": due})
            self._client.publish(f"{ROOT}/receipts", body, qos=1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def wait_until(what: str, condition: Any, timeout_s: float = TIMEOUT_S) -> None:
    """Wait for something that no event tells of."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.01)
