"""A broker that is half well: no acknowledgements, few at a time, certificates that run out."""

import asyncio
import logging
from itertools import pairwise
from pathlib import Path

import pytest

from dynod.model.errors import BrokerError
from dynod.publish.broker import Outgoing, UnacknowledgedError
from dynod.publish.connection import BrokerConnection
from dynod.publish.tls_files import TlsFiles
from tests.publish.certificates import Authority, Signed
from tests.publish.harness import settings, watched
from tests.support.broker_proxy import BrokerProxy, Mood
from tests.support.mosquitto import LOOPBACK, Mosquitto, free_port

MANY = 40  # twice what the publisher has under way


def result(sequence: int) -> Outgoing:
    return Outgoing("t/results/trial", b'{"sequence":%d}' % sequence)


@pytest.mark.mosquitto
async def test_a_broker_that_acknowledges_nothing_is_left_and_told_once(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """Each connection has a client of its own: what one was given, the next does not send."""
    caplog.set_level(logging.DEBUG, "dynod.publish")
    with BrokerProxy(mosquitto.port) as proxy:
        proxy.turn(Mood.NO_PUBACK)
        async with watched(settings(proxy.port, ack_timeout_s=0.1)) as station:
            for sequence in range(1, 4):
                await station.ready()
                with pytest.raises(UnacknowledgedError, match="t/results/trial"):
                    await station.connection.publish(result(sequence))
            proxy.turn(Mood.WELL)
            await station.ready()
            await station.connection.publish(result(4))
        assert [passed.results for passed in proxy.passed] == [[1], [2], [3], [4]]
    told = [r for r in caplog.records if "does not acknowledge" in r.getMessage()]
    assert [r.levelno for r in told] == [logging.WARNING, logging.DEBUG, logging.DEBUG]


@pytest.mark.mosquitto
async def test_a_publish_without_a_connection_is_kept_by_nobody(mosquitto: Mosquitto) -> None:
    with BrokerProxy(mosquitto.port) as proxy:
        proxy.turn(Mood.REFUSES)
        async with watched(settings(proxy.port)) as station:
            for sequence in range(1, 4):
                with pytest.raises(BrokerError, match="not connected"):
                    await station.connection.publish(result(sequence))
            proxy.turn(Mood.WELL)
            await station.ready()
            await station.connection.publish(result(4))
        assert [passed.results for passed in proxy.passed] == [[4]]


@pytest.mark.mosquitto
async def test_a_broker_that_takes_few_at_a_time_gets_all(tmp_path: Path) -> None:
    """MQTT 5.0 section 4.9: the Receive Maximum of the broker, here 5."""
    with Mosquitto(tmp_path, ("max_inflight_messages 5",)) as broker:
        async with watched(settings(broker.port)) as station:
            await station.ready()
            async with asyncio.timeout(10):
                await asyncio.gather(
                    *(station.connection.publish(result(number)) for number in range(MANY))
                )
            assert station.connects.empty()  # in one connection


async def test_the_wait_before_the_next_attempt_grows_to_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Doubled from 1 s to 30 s, less up to three tenths, so that stations do not come together."""
    waits_s: list[float] = []
    enough = asyncio.Event()

    async def pause(_self: BrokerConnection, seconds: float) -> None:
        waits_s.append(seconds)
        if len(waits_s) == 9:
            enough.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(BrokerConnection, "_pause", pause)
    async with watched(settings(free_port(), retry_s=(1.0, 30.0))):
        async with asyncio.timeout(10):
            await enough.wait()
    for wait_s, longest_s in zip(waits_s, [1, 2, 4, 8, 16, 30, 30, 30, 30], strict=True):
        assert 0.7 * longest_s <= wait_s <= longest_s
    assert len(set(waits_s)) == len(waits_s)
    assert all(earlier < later for earlier, later in pairwise(waits_s[:4]))


def install(signed: Signed, certificate: Path, key: Path) -> None:
    certificate.write_bytes(signed.certificate.read_bytes())
    key.write_bytes(signed.key.read_bytes())


@pytest.mark.mosquitto
async def test_a_certificate_of_ours_that_is_renewed_is_used_without_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path, "clinic")
    server = authority.sign("server", f"IP:{LOOPBACK}")
    certificate, key = tmp_path / "mine.pem", tmp_path / "mine.key"
    install(authority.expired("old", "DNS:room-2"), certificate, key)
    listener = (
        f"cafile {authority.certificate}",
        f"certfile {server.certificate}",
        f"keyfile {server.key}",
        "require_certificate true",
    )
    with Mosquitto(tmp_path, listener=listener) as broker:
        given = settings(
            broker.port,
            tls=True,
            ca_file=authority.certificate,
            certificate_file=certificate,
            key_file=key,
        )
        async with watched(given) as station:
            for _ in range(1000):
                if "client certificate" in caplog.text:
                    break
                await asyncio.sleep(0.01)
            assert station.connects.empty()
            install(authority.sign("new", "DNS:room-2"), certificate, key)
            await station.ready()


def test_a_renewal_that_is_half_done_leaves_the_former_files_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path, "clinic")
    certificate, key = tmp_path / "mine.pem", tmp_path / "mine.key"
    install(authority.sign("old", "DNS:room-2"), certificate, key)
    files = TlsFiles(
        settings(
            1,
            tls=True,
            ca_file=authority.certificate,
            certificate_file=certificate,
            key_file=key,
        )
    )
    first = files.context()
    assert files.context() is first
    renewed = authority.sign("new", "DNS:room-2")
    certificate.write_bytes(renewed.certificate.read_bytes())
    assert files.context() is first  # its key is still the former one
    assert "belong together" in caplog.text
    key.write_bytes(renewed.key.read_bytes())
    assert files.context() is not first
