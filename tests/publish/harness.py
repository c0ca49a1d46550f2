"""A BrokerConnection under observation, and a client of the other side."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from dynod.publish.broker import BrokerSettings, Inbound, Outgoing
from dynod.publish.connection import BrokerConnection

LOOPBACK = "127.0.0.1"
WILL = Outgoing("t/status", b'{"state":"offline"}', retain=True)
# Short waits, so that no test waits for the clock.
QUICK = (0.01, 0.05)


def settings(port: int, **changes: Any) -> BrokerSettings:
    given: dict[str, Any] = {
        "host": LOOPBACK,
        "port": port,
        "client_id": "dynod-test",
        "retry_s": QUICK,
    }
    return BrokerSettings(**(given | changes))


@dataclass
class Watched:
    """A running connection and what came of it."""

    connection: BrokerConnection
    connects: asyncio.Queue[None]
    inbound: asyncio.Queue[Inbound]
    task: asyncio.Task[None]

    async def ready(self) -> None:
        """Wait for the next completed connect."""
        async with asyncio.timeout(10):
            await self.connects.get()

    async def received(self) -> Inbound:
        async with asyncio.timeout(10):
            return await self.inbound.get()


@asynccontextmanager
async def watched(
    given: BrokerSettings,
    *,
    filters: tuple[str, ...] = (),
    on_connected: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[Watched]:
    connects: asyncio.Queue[None] = asyncio.Queue()
    inbound: asyncio.Queue[Inbound] = asyncio.Queue()

    async def connected() -> None:
        if on_connected is not None:
            await on_connected()
        connects.put_nowait(None)

    connection = BrokerConnection(
        given,
        filters=filters,
        will=lambda: WILL,
        on_connected=connected,
        on_message=inbound.put,
    )
    task = asyncio.create_task(connection.run())
    try:
        yield Watched(connection, connects, inbound, task)
    finally:
        await connection.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def other_side(port: int, *topics: str, **options: Any) -> AsyncIterator[aiomqtt.Client]:
    """Yield a client of the broker that has subscribed to topics."""
    async with aiomqtt.Client(
        LOOPBACK, port, protocol=aiomqtt.ProtocolVersion.V5, **options
    ) as client:
        for topic in topics:
            await client.subscribe(topic, qos=1)
        yield client


async def first_message(client: aiomqtt.Client) -> aiomqtt.Message:
    async with asyncio.timeout(10):
        async for message in client.messages:
            return message
    raise AssertionError("the broker went away")


def publish_properties(**values: Any) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def properties_of(message: aiomqtt.Message) -> dict[str, Any]:
    return vars(message.properties)
