"""A socket that is closed before the loop comes to watch it: no error, and nobody else's socket."""

import asyncio
import socket
from typing import Any

from dynod.publish.broker import BrokerSettings
from dynod.publish.client import MqttClient


def test_a_socket_that_was_closed_is_not_watched() -> None:
    asyncio.run(_closed_before_the_loop_watches(number_is_anothers=False))


def test_another_that_got_its_number_is_not_watched() -> None:
    asyncio.run(_closed_before_the_loop_watches(number_is_anothers=True))


async def _closed_before_the_loop_watches(*, number_is_anothers: bool) -> None:
    loop, errors = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: errors.append(context))
    client = MqttClient(BrokerSettings("127.0.0.1", 1883, "dynod-test"), None, None)
    ours, peer = socket.socketpair()
    number = ours.fileno()
    client._on_socket_register_write(client._client, None, ours)
    ours.close()
    with peer:
        another = peer.dup() if number_is_anothers else None
        assert another is None or another.fileno() == number
        await asyncio.sleep(0)
        assert not loop.remove_writer(number)
        if another is not None:
            another.close()
    assert errors == []
