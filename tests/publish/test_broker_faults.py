"""What is said when the broker cannot be reached: once, in one line, with advice."""

import asyncio
import logging
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from dynod.model.errors import BrokerError, ConfigError
from dynod.publish import client, connection
from dynod.publish.broker import ConnectionLostError, Outgoing
from dynod.publish.broker_faults import fault_line
from tests.publish.certificates import Authority, Signed
from tests.publish.harness import LOOPBACK, other_side, settings, watched
from tests.support.mosquitto import MISSING, Mosquitto, find_program, free_port

LOGGER = "dynod.publish.connection"
RIGHT, WRONG = "a right one", "a false one"


class Lines(logging.Handler):
    """Hands over log records as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.records: asyncio.Queue[logging.LogRecord] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.put_nowait(record)

    async def next(self) -> logging.LogRecord:
        async with asyncio.timeout(10):
            return await self.records.get()

    async def text(self) -> str:
        return (await self.next()).getMessage()


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    logger, handler = logging.getLogger(LOGGER), Lines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


async def test_a_lasting_fault_is_warned_about_once(lines: Lines) -> None:
    port = free_port()
    async with watched(settings(port)) as station:
        first, second = await lines.next(), await lines.next()
        with pytest.raises(BrokerError, match=f"broker 127.0.0.1:{port}: not connected"):
            await station.connection.publish(Outgoing("t/x", b"1"))
    assert first.getMessage() == second.getMessage()
    assert first.getMessage() == (
        f"broker 127.0.0.1:{port}: connection refused; "
        "check that the broker runs and listens on this port"
    )
    assert (first.levelno, second.levelno) == (logging.WARNING, logging.DEBUG)


@pytest.mark.mosquitto
async def test_a_fault_that_comes_back_is_warned_about_again(
    mosquitto: Mosquitto, lines: Lines
) -> None:
    async with watched(settings(mosquitto.port)):
        assert (await lines.text()).endswith("connected")
        for _ in range(2):
            mosquitto.stop()
            lost = await lines.next()
            assert lost.levelno == logging.WARNING
            mosquitto.start()
            while not (await lines.text()).endswith("connected"):
                pass


@pytest.mark.mosquitto
async def test_somebody_with_our_client_id(mosquitto: Mosquitto, lines: Lines) -> None:
    given = settings(mosquitto.port, retry_s=(60.0, 60.0))
    async with watched(given) as station:
        await station.ready()
        await lines.next()
        async with other_side(mosquitto.port, identifier=given.client_id):
            line = await lines.text()
    # mosquitto 2.0.11 hangs up without the reason code that MQTT 5 has for this
    assert "the same site and name" in line


async def test_a_kick_cuts_the_wait_short(lines: Lines) -> None:
    async with watched(settings(free_port(), retry_s=(3600.0, 3600.0))) as station:
        await lines.next()
        station.connection.kick()
        await lines.next()


async def test_close_ends_the_wait(lines: Lines) -> None:
    async with watched(settings(free_port(), retry_s=(3600.0, 3600.0))) as station:
        await lines.next()
        await station.connection.close(Outgoing("t/status", b"{}"))
        async with asyncio.timeout(5):
            await station.task


async def test_waits_grow_to_their_limit(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    waits_s: list[float] = []

    async def note(_self: connection.BrokerConnection, seconds: float) -> None:
        waits_s.append(seconds)
        if len(waits_s) == 8:
            await asyncio.Event().wait()

    monkeypatch.setattr(connection.BrokerConnection, "_pause", note)
    async with watched(settings(free_port(), retry_s=(1.0, 30.0))):
        for _ in range(8):
            await lines.next()
    # 1, 2, 4 … 30 s, each cut by at most three tenths, so that stations do not come in step
    for waited_s, full_s in zip(waits_s, (1, 2, 4, 8, 16, 30, 30, 30), strict=True):
        assert 0.7 * full_s <= waited_s <= full_s


@pytest.fixture
def guarded_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Start a broker that knows the user room-2 with the password right."""
    passwords = tmp_path / "passwords"
    program = find_program("mosquitto_passwd", MISSING)
    subprocess.run([program, "-b", "-c", str(passwords), "room-2", RIGHT], check=True)
    lock = (f"password_file {passwords}", "allow_anonymous false")
    with Mosquitto(tmp_path, lock) as broker:
        yield broker


@pytest.mark.mosquitto
async def test_a_wrong_password(guarded_broker: Mosquitto, lines: Lines) -> None:
    given = settings(guarded_broker.port, username="room-2", password=WRONG)
    assert WRONG not in repr(given)
    async with watched(given):
        line = await lines.text()
    assert line.startswith(f"broker 127.0.0.1:{guarded_broker.port}: it ")
    assert "username" in line
    assert "password_file" in line
    assert WRONG not in line
    async with watched(settings(guarded_broker.port, username="room-2", password=RIGHT)) as good:
        await good.ready()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"), "clinic")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Signed:
    return authority.sign("server", f"IP:{LOOPBACK}")


@pytest.fixture
def tls_broker(authority: Authority, server: Signed, tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, listener=tls_listener(authority, server)) as broker:
        yield broker


def tls_listener(authority: Authority, server: Signed) -> tuple[str, ...]:
    return (
        f"cafile {authority.certificate}",
        f"certfile {server.certificate}",
        f"keyfile {server.key}",
    )


@pytest.mark.mosquitto
async def test_tls(authority: Authority, tls_broker: Mosquitto) -> None:
    given = settings(tls_broker.port, tls=True, ca_file=authority.certificate)
    async with watched(given) as station:
        await station.ready()
        await station.connection.publish(Outgoing("t/x", b"1"))


@pytest.mark.mosquitto
async def test_a_certificate_that_nobody_vouches_for(
    tls_broker: Mosquitto, lines: Lines, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    async with watched(settings(tls_broker.port, tls=True, ca_file=stranger.certificate)):
        line = await lines.text()
    assert line.startswith(f"broker 127.0.0.1:{tls_broker.port}: its certificate is not trusted")
    assert "[broker] ca_file" in line


@pytest.mark.mosquitto
async def test_a_certificate_for_another_host(
    authority: Authority, lines: Lines, tmp_path: Path
) -> None:
    other = authority.sign("other", "DNS:broker.clinic.example")
    with Mosquitto(tmp_path, listener=tls_listener(authority, other)) as broker:
        async with watched(settings(broker.port, tls=True, ca_file=authority.certificate)):
            line = await lines.text()
    assert "its certificate is not trusted" in line
    assert "url names the host" in line


@pytest.mark.mosquitto
async def test_an_expired_certificate(authority: Authority, lines: Lines, tmp_path: Path) -> None:
    """The line names the clock, which on a Pi has no battery; it is a warning once."""
    old = authority.expired("old", f"IP:{LOOPBACK}")
    with Mosquitto(tmp_path, listener=tls_listener(authority, old)) as broker:
        given = settings(broker.port, tls=True, ca_file=authority.certificate)
        async with watched(given):
            first, second = await lines.next(), await lines.next()
    assert "its certificate is not trusted (certificate has expired)" in first.getMessage()
    assert "this machine's clock" in first.getMessage()
    assert (first.levelno, second.levelno) == (logging.WARNING, logging.DEBUG)


@pytest.mark.mosquitto
async def test_a_broker_that_wants_a_client_certificate(
    authority: Authority, server: Signed, lines: Lines, tmp_path: Path
) -> None:
    listener = (*tls_listener(authority, server), "require_certificate true")
    mine = authority.sign("station", "DNS:room-2")
    with Mosquitto(tmp_path, listener=listener) as broker:
        without = settings(broker.port, tls=True, ca_file=authority.certificate)
        async with watched(without):
            assert "client certificate" in await lines.text()
        own = settings(
            broker.port,
            tls=True,
            ca_file=authority.certificate,
            certificate_file=mine.certificate,
            key_file=mine.key,
        )
        async with watched(own) as station:
            await station.ready()


@pytest.mark.mosquitto
async def test_tls_against_a_port_without(
    mosquitto: Mosquitto, authority: Authority, lines: Lines
) -> None:
    async with watched(settings(mosquitto.port, tls=True, ca_file=authority.certificate)):
        assert "TLS" in await lines.text()


@pytest.mark.mosquitto
async def test_no_tls_against_a_port_with(tls_broker: Mosquitto, lines: Lines) -> None:
    async with watched(settings(tls_broker.port)):
        line = await lines.text()
    assert "it hung up at once; check that this port speaks MQTT 5 with no TLS" in line


def test_certificate_files_that_cannot_be_used(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(ConfigError, match=r"ca_file: cannot use .*missing\.pem \(No such file"):
        settings(1, tls=True, ca_file=missing).tls_context()
    with pytest.raises(ConfigError, match="client_certificate"):
        settings(1, tls=True, certificate_file=missing, key_file=missing).tls_context()
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    with pytest.raises(ConfigError, match=r"ca_file: cannot use .*garbage\.pem"):
        settings(1, tls=True, ca_file=garbage).tls_context()


async def test_unusable_certificate_files_end_the_run(tmp_path: Path) -> None:
    async with watched(settings(1, tls=True, ca_file=tmp_path / "missing.pem")) as station:
        with pytest.raises(ConfigError):
            await station.task


@asynccontextmanager
async def deaf_listener() -> AsyncIterator[tuple[int, Callable[[], Awaitable[object]]]]:
    """Listen, and never say a word; yield the port, and what waits for a greeting."""
    greeted, hung_up = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"dynod-test")
        greeted.set()
        await reader.read()
        writer.close()
        hung_up.set()

    async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
        yield server.sockets[0].getsockname()[1], greeted.wait
        async with asyncio.timeout(5):
            await hung_up.wait()  # no connection is left behind


async def test_a_port_that_never_answers(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNACK_TIMEOUT_S", 0.1)
    async with deaf_listener() as (port, _), watched(settings(port, retry_s=(60.0, 60.0))):
        line = await lines.text()
    assert line.endswith(
        "no answer; check the network, and that an MQTT 5 broker listens on this port"
    )


async def test_cancelled_while_waiting_for_the_first_answer() -> None:
    async with deaf_listener() as (port, called), watched(settings(port)) as station:
        await called()
        station.task.cancel()
        async with asyncio.timeout(5):
            with pytest.raises(asyncio.CancelledError):
                await station.task


async def test_closed_while_waiting_for_the_first_answer() -> None:
    async with deaf_listener() as (port, called), watched(settings(port)) as station:
        await called()
        assert not station.connection.connected
        with pytest.raises(BrokerError, match="not connected"):
            await station.connection.publish(Outgoing("t/x", b"1"))
        await station.connection.close(Outgoing("t/status", b"{}"))
        async with asyncio.timeout(5):
            await station.task


@asynccontextmanager
async def scripted_broker(answer: bytes) -> AsyncIterator[int]:
    """Accept a client, wait for its subscription, answer that, and hang up at its next word.

    CONNACK by hand: MQTT 5.0 section 3.2, success, no properties.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"dynod-test")
        writer.write(bytes([0x20, 3, 0, 0, 0]))
        await reader.readuntil(b"t/commands/+")
        await reader.readexactly(1)  # the subscription's options end the packet
        if answer:
            writer.write(answer)
            await reader.read(1)
        writer.close()

    async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_broker_that_dies_before_it_grants_a_subscription(lines: Lines) -> None:
    async with scripted_broker(b"") as port:
        given = settings(port, retry_s=(60.0, 60.0))
        async with watched(given, filters=("t/commands/+",)) as station:
            assert "connection lost" in await lines.text()
            assert not station.connection.connected


async def test_a_subscription_that_is_refused(lines: Lines) -> None:
    """SUBACK by hand: MQTT 5.0 section 3.9, packet 1, no properties, 0x87 not authorized."""
    async with (
        scripted_broker(bytes([0x90, 4, 0, 1, 0, 0x87])) as port,
        watched(settings(port, retry_s=(60.0, 60.0)), filters=("t/commands/+",)) as station,
    ):
        line = await lines.text()
        await station.ready()  # results still go out
    assert line == (
        f"broker 127.0.0.1:{port}: refuses our subscription to t/commands/+; "
        "nothing will arrive there until its access list allows it"
    )


def test_an_unknown_host_name() -> None:
    unknown = socket.gaierror(-2, "Name or service not known")
    line = fault_line(lost(translated(unknown)), settings(1883))
    assert line == (
        "broker 127.0.0.1:1883: host name not known; check [broker] url and the name service"
    )


# Reason codes: MQTT 5.0, table 3-1 and 3-13.
@pytest.mark.parametrize(
    ("packet", "code", "advice"),
    [
        (PacketTypes.CONNACK, 0x84, "does not speak MQTT 5"),
        (PacketTypes.CONNACK, 0x85, "client id"),
        (PacketTypes.CONNACK, 0x86, "user name or password"),
        (PacketTypes.CONNACK, 0x87, "does not let us in"),
        (PacketTypes.DISCONNECT, 0x8E, "same site and name"),
        (PacketTypes.DISCONNECT, 0x95, "larger than it allows"),
    ],
)
def test_a_reason_code_leads_to_advice(packet: int, code: int, advice: str) -> None:
    refused = aiomqtt.MqttCodeError(ReasonCode(packet, identifier=code))
    assert advice in fault_line(lost(refused), settings(1883))


def test_an_unknown_cause() -> None:
    assert "connection lost" in fault_line(lost(aiomqtt.MqttError("?")), settings(1883))
    no_route = OSError(113, "No route to host")
    assert fault_line(lost(translated(no_route)), settings(1883)) == (
        "broker 127.0.0.1:1883: cannot be reached (No route to host); check the network"
    )


def test_any_other_fault_of_the_broker_speaks_for_itself() -> None:
    line = fault_line(BrokerError("not published on t/x: …"), settings(1883))
    assert line == "broker 127.0.0.1:1883: not published on t/x: …"


def lost(cause: Exception) -> BrokerError:
    error = ConnectionLostError("not connected")
    error.__cause__ = cause
    return error


def translated(cause: OSError) -> Exception:
    """Return an error as aiomqtt raises it: its own, with the system's as context."""
    try:
        try:
            raise cause
        except OSError as error:
            raise aiomqtt.MqttError(str(error)) from None
    except aiomqtt.MqttError as error:
        return error
