"""The broker of the demo: MQTT 5, loopback only, gone with its context or its process."""

import asyncio
import socket
import subprocess
import sys
import time

import pytest

from dynod.model.errors import BrokerError, UsageError
from dynod.publish.broker import Outgoing
from dynod.simulate.broker import LOOPBACK, EmbeddedBroker
from tests.publish.harness import WILL, first_message, other_side, settings, watched

STARTER = """
from dynod.simulate.broker import EmbeddedBroker
with EmbeddedBroker() as broker:
    print(broker.port, flush=True)
    input()
"""


def answers(port: int, host: str = LOOPBACK) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


async def test_results_and_retained_states_pass() -> None:
    online = Outgoing("t/status", b'{"state":"online"}', retain=True)
    with EmbeddedBroker() as broker:
        async with (
            other_side(broker.port, "t/results/+") as subscriber,
            watched(settings(broker.port)) as station,
        ):
            await station.ready()
            await station.connection.publish(online)
            async with asyncio.TaskGroup() as tasks:
                for number in range(20):
                    message = Outgoing("t/results/trial", str(number).encode())
                    tasks.create_task(station.connection.publish(message))
            got = {(await first_message(subscriber)).payload for _ in range(20)}
            async with other_side(broker.port, "t/status") as late:
                retained = await first_message(late)
        assert got == {str(number).encode() for number in range(20)}
        assert (retained.payload, retained.retain) == (online.payload, True)


async def test_an_oversized_request_passes() -> None:
    with EmbeddedBroker() as broker:
        async with (
            other_side(broker.port) as client,
            watched(settings(broker.port), filters=("t/commands/+",)) as station,
        ):
            await station.ready()
            await client.publish("t/commands/tare", b"x" * 100_000, qos=1)
            assert len((await station.received()).payload) == 100_000


async def test_the_last_will_passes() -> None:
    with EmbeddedBroker() as broker:
        async with (
            other_side(broker.port, WILL.topic) as subscriber,
            watched(settings(broker.port)) as station,
        ):
            await station.ready()
            station.task.cancel()
            assert (await first_message(subscriber)).payload == WILL.payload


def test_it_listens_on_the_loopback_address_alone_and_ends_with_its_context() -> None:
    with EmbeddedBroker() as broker:
        assert broker.url == f"mqtt://127.0.0.1:{broker.port}"
        assert answers(broker.port)
        # Linux answers on all of 127.0.0.0/8 for a listener on every address.
        assert not answers(broker.port, "127.0.0.2")
    assert not answers(broker.port)
    broker.stop()


def test_a_port_that_is_taken() -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=f"127.0.0.1:{port}; check that the port is free"):
            EmbeddedBroker(port).start()


def test_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "iotcore", None)
    with pytest.raises(UsageError, match="install dynod with its extra `demo`"):
        EmbeddedBroker().start()


def test_it_ends_when_its_process_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert answers(port)
        process.kill()
    deadline_s = time.monotonic() + 10
    while answers(port):
        assert time.monotonic() < deadline_s, "the broker outlived its process"
        time.sleep(0.02)
