"""The broker's configuration of docs/mosquitto, as it is shipped, against right and wrong clients.

Reason codes: MQTT 5.0, section 2.4; 0x87 is "not authorized", 0x00 success, 0x10 "no matching
subscribers".
"""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.publish.certificates import Authority, Signed
from tests.support.mosquitto import LOOPBACK, MISSING, Mosquitto, find_program

pytestmark = pytest.mark.mosquitto

SHIPPED = Path(__file__).parents[2] / "docs" / "mosquitto"
ROOT, OTHER = "dynod/v1/clinic-7/room-2", "dynod/v1/clinic-7/room-3"
STATION, RECORDS, DISPLAY = "clinic-7/room-2", "record-system", "display"
USERS = (STATION, "clinic-7/room-3", RECORDS, DISPLAY, "clinic-7", "guest")
NOT_AUTHORIZED = 0x87
ACCEPTED = {0x00, 0x10}
WAIT_S = 10.0


@dataclass
class Broker:
    port: int
    authority: Authority
    passwords: dict[str, str]
    certificates: dict[str, Signed] = field(default_factory=dict)


class Client:
    """A client that waits for what the broker answers."""

    def __init__(
        self,
        broker: Broker,
        user: str | None,
        will: str | None = None,
        client_id: str | None = None,
    ) -> None:
        self.client_id = client_id or f"test-{uuid4()}"
        self.heard: list[tuple[str, bytes]] = []
        self._changed = threading.Condition()
        self._codes: dict[Any, int] = {}
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self.client_id, protocol=mqtt.MQTTv5
        )
        signed = broker.certificates.get(user or "")
        self.client.tls_set(
            ca_certs=str(broker.authority.certificate),
            certfile=None if signed is None else str(signed.certificate),
            keyfile=None if signed is None else str(signed.key),
            tls_version=ssl.PROTOCOL_TLS_CLIENT,
        )
        if user is not None and signed is None:
            self.client.username_pw_set(user, broker.passwords.get(user, "guessed"))
        if will is not None:
            self.client.will_set(will, b"{}", 1, retain=True)
        self.client.on_connect = lambda _c, _d, _f, code, _p: self._note("connect", code.value)
        self.client.on_publish = lambda _c, _d, mid, code, _p: self._note(mid, code.value)
        self.client.on_subscribe = lambda _c, _d, mid, codes, _p: self._note(mid, codes[0].value)
        self.client.on_message = self._message
        self._port = broker.port

    def connect(self) -> int:
        """Return the reason code of CONNACK."""
        self.client.connect(LOOPBACK, self._port)
        self.client.loop_start()
        return self._code("connect")

    def publish(self, topic: str, payload: bytes = b"{}", *, retain: bool = False) -> int:
        """Return the reason code of PUBACK."""
        return self._code(self.client.publish(topic, payload, 1, retain).mid)

    def listen(self, topic: str) -> None:
        mid = self.client.subscribe([(topic, SubscribeOptions(qos=1))])[1]
        self._code(mid)

    def wait(self, topic: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: topic in dict(self.heard), WAIT_S), self.heard

    def topics(self) -> set[str]:
        return {topic for topic, _ in self.heard}

    def _message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.heard.append((message.topic, bytes(message.payload)))
            self._changed.notify_all()

    def _note(self, what: object, code: int) -> None:
        with self._changed:
            self._codes[what] = code
            self._changed.notify_all()

    def _code(self, what: object) -> int:
        with self._changed:
            assert self._changed.wait_for(lambda: what in self._codes, WAIT_S), what
            return self._codes[what]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "clinic-ca")


@contextmanager
def shipped_broker(
    folder: Path, authority: Authority, *, certificates: bool = False
) -> Iterator[Broker]:
    """Start mosquitto with the shipped files; only port, paths and the switch are changed."""
    server = authority.sign(f"broker-{uuid4()}", f"IP:{LOOPBACK}")
    passwords = {user: f"secret of {user}" for user in USERS}
    password_file = folder / "dynod.passwords"
    program = find_program("mosquitto_passwd", MISSING)
    for number, (user, password) in enumerate(passwords.items()):
        create = () if number else ("-c",)
        subprocess.run([program, "-b", *create, str(password_file), user, password], check=True)
    broker = Mosquitto(folder)
    text = (SHIPPED / "dynod.conf").read_text()
    for old, new in (
        ("/etc/mosquitto/dynod.acl", str(SHIPPED / "dynod.acl")),
        ("/etc/mosquitto/dynod.passwords", str(password_file)),
        ("/etc/mosquitto/ca.pem", str(authority.certificate)),
        ("/etc/mosquitto/broker.pem", str(server.certificate)),
        ("/etc/mosquitto/broker.key", str(server.key)),
        ("listener 8883", f"listener {broker.port} {LOOPBACK}"),
        ("persistence true", "persistence false"),
    ):
        assert old in text
        text = text.replace(old, new)
    if certificates:
        text = text.replace("#require_certificate", "require_certificate")
        text = text.replace("#use_identity_as_username", "use_identity_as_username")
        text = text.replace(f"password_file {password_file}", "")
    config = folder / f"mosquitto-{broker.port}.conf"
    head = [line for line in config.read_text().splitlines() if line.startswith("user ")]
    config.write_text("\n".join([*head, text]))
    with broker:
        yield Broker(broker.port, authority, passwords)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Broker]:
    with shipped_broker(tmp_path_factory.mktemp("broker"), authority) as broker:
        yield broker


@contextmanager
def connected(broker: Broker, user: str, will: str | None = None) -> Iterator[Client]:
    client = Client(broker, user, will)
    try:
        assert client.connect() == 0
        yield client
    finally:
        client.client.disconnect()
        client.client.loop_stop()


OWN_TOPICS = (
    "status",
    "devices/hhd-1/status",
    "session/state",
    "live/hhd-1",
    "results/trial",
    "results/fhir",
    "replies/record-system",
)


@pytest.mark.parametrize("topic", OWN_TOPICS)
def test_a_station_publishes_under_its_own_root_alone(broker: Broker, topic: str) -> None:
    with connected(broker, STATION, will=f"{ROOT}/status") as station:
        assert station.publish(f"{ROOT}/{topic}") in ACCEPTED
        assert station.publish(f"{OTHER}/{topic}") == NOT_AUTHORIZED


@pytest.mark.parametrize(
    "topic",
    [
        f"{ROOT}/commands/session.end",
        f"{ROOT}/receipts",
        f"{OTHER}/commands/session.end",
        f"{ROOT}/results/trial/deeper",
        "dynod/v1/clinic-7/status",
        "dynod/v2/clinic-7/room-2/status",
        "elsewhere",
    ],
)
def test_a_station_publishes_nothing_else(broker: Broker, topic: str) -> None:
    with connected(broker, STATION) as station:
        assert station.publish(topic) == NOT_AUTHORIZED


def test_a_will_for_another_station_is_never_published(broker: Broker) -> None:
    """Whoever connects with the client id of one that is there makes the broker drop that one."""
    with connected(broker, RECORDS) as records:
        for root in (OTHER, ROOT):
            first = Client(broker, STATION, will=f"{root}/status")
            assert first.connect() == 0
            first.client.loop_stop()  # it says no goodbye, and does not connect again
            second = Client(broker, STATION, client_id=first.client_id)
            assert second.connect() == 0
            records.listen(f"{root}/status")
            second.client.disconnect()
            second.client.loop_stop()
        records.wait(f"{ROOT}/status")
        assert f"{OTHER}/status" not in records.topics()


def test_a_station_hears_its_commands_and_receipts_alone(broker: Broker) -> None:
    with connected(broker, STATION) as station, connected(broker, RECORDS) as records:
        station.listen("dynod/#")
        for root in (OTHER, ROOT):
            for topic in ("commands/status.get", "receipts"):
                assert records.publish(f"{root}/{topic}") in ACCEPTED
        station.wait(f"{ROOT}/receipts")
        assert station.topics() == {f"{ROOT}/commands/status.get", f"{ROOT}/receipts"}


def test_a_station_does_not_hear_results_of_its_own_or_of_others(broker: Broker) -> None:
    with (
        connected(broker, STATION) as station,
        connected(broker, "clinic-7/room-3") as other,
        connected(broker, RECORDS) as records,
    ):
        station.listen("dynod/#")
        assert other.publish(f"{OTHER}/results/trial") in ACCEPTED
        assert station.publish(f"{ROOT}/results/trial") in ACCEPTED
        assert records.publish(f"{ROOT}/receipts") in ACCEPTED
        station.wait(f"{ROOT}/receipts")
        assert station.topics() == {f"{ROOT}/receipts"}


def test_the_record_system_hears_results_and_its_own_replies(broker: Broker) -> None:
    with connected(broker, STATION) as station, connected(broker, RECORDS) as records:
        records.listen("dynod/v1/#")
        for topic in ("live/hhd-1", "replies/display", "results/trial", "replies/record-system"):
            assert station.publish(f"{ROOT}/{topic}") in ACCEPTED
        records.wait(f"{ROOT}/replies/record-system")
        heard = {topic for topic in records.topics() if not topic.endswith("status")}
        assert heard == {f"{ROOT}/results/trial", f"{ROOT}/replies/record-system"}


@pytest.mark.parametrize("user", [DISPLAY, "guest", "clinic-7"])
@pytest.mark.parametrize(
    "topic", ["receipts", "commands/session.start", "results/trial", "status", "session/state"]
)
def test_nobody_else_writes(broker: Broker, user: str, topic: str) -> None:
    with connected(broker, user) as client:
        assert client.publish(f"{ROOT}/{topic}") == NOT_AUTHORIZED


def test_the_record_system_does_not_speak_for_a_station(broker: Broker) -> None:
    with connected(broker, RECORDS) as records:
        for topic in OWN_TOPICS:
            assert records.publish(f"{ROOT}/{topic}") == NOT_AUTHORIZED


@pytest.mark.parametrize(
    ("user", "wanted"),
    [(DISPLAY, {f"{ROOT}/session/state", f"{ROOT}/replies/display"}), ("guest", set())],
)
def test_a_display_hears_no_result(broker: Broker, user: str, wanted: set[str]) -> None:
    with connected(broker, STATION) as station, connected(broker, user) as client:
        client.listen("dynod/v1/clinic-7/room-2/session/state")
        client.listen("dynod/v1/clinic-7/room-2/results/+")
        client.listen("dynod/v1/clinic-7/room-2/replies/+")
        for topic in ("results/trial", "session/state", "replies/record-system"):
            assert station.publish(f"{ROOT}/{topic}") in ACCEPTED
        last = f"{ROOT}/replies/{user}"
        assert station.publish(last) in ACCEPTED
        client.wait(last)
        assert client.topics() == wanted | {last}


@pytest.mark.parametrize("user", [None, "nobody"], ids=["anonymous", "unknown"])
def test_strangers_do_not_get_in(broker: Broker, user: str | None) -> None:
    client = Client(broker, user)
    try:
        assert client.connect() == NOT_AUTHORIZED
    finally:
        client.client.loop_stop()


def test_client_certificates_instead_of_passwords(tmp_path: Path, authority: Authority) -> None:
    """The same rights under the name in the certificate; without one no connection."""
    mine = authority.sign("station-certificate", "DNS:room-2", common_name=STATION)
    with shipped_broker(tmp_path, authority, certificates=True) as broker:
        broker.certificates[STATION] = mine
        with connected(broker, STATION, will=f"{ROOT}/status") as station:
            assert station.publish(f"{ROOT}/results/trial") in ACCEPTED
            assert station.publish(f"{OTHER}/results/trial") == NOT_AUTHORIZED
        with pytest.raises(ssl.SSLError):
            first_answer(broker)


def first_answer(broker: Broker) -> bytes:
    """Connect by TLS without a certificate; depending on its version the refusal comes later."""
    context = ssl.create_default_context(cafile=broker.authority.certificate)
    with (
        socket.create_connection((LOOPBACK, broker.port), WAIT_S) as plain,
        context.wrap_socket(plain, server_hostname=LOOPBACK) as connection,
    ):
        return connection.recv(1)
