"""Staying connected to the broker: connect, subscribe, deliver, and connect again when lost.

Nothing is queued: what cannot be published now is refused now, and the outbox keeps it. Every
connection gets a new client, so that none of the library's memory outlives a connection.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from dynod.model.errors import BrokerError
from dynod.publish.broker import (
    BrokerSettings,
    Inbound,
    Outgoing,
    PublishRefusedError,
    UnacknowledgedError,
)
from dynod.publish.broker_faults import fault_line
from dynod.publish.client import LEAVE_TIMEOUT_S, MqttClient
from dynod.publish.tls_files import TlsFiles

log = logging.getLogger(__name__)


class BrokerConnection:
    """Stays connected: connects, subscribes, delivers, and connects again when lost.

    ``will`` is asked at every attempt, because it says when we connected; who only listens has
    none. ``on_connected`` runs after every connect, ``on_message`` for each message in turn; both
    may publish. A BrokerError that they let through counts as a loss; anything else ends ``run``.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        filters: Sequence[str],
        will: Callable[[], Outgoing] | None = None,
        on_connected: Callable[[], Awaitable[None]],
        on_message: Callable[[Inbound], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._filters = tuple(filters)
        self._will = will
        self._on_connected = on_connected
        self._on_message = on_message
        self._client: MqttClient | None = None
        self._closing = asyncio.Event()
        self._kicked = asyncio.Event()
        self._reported: str | None = None
        self._refused_topics: set[str] = set()
        self._cut_for: UnacknowledgedError | None = None  # why we left the last connection
        self._deaf = False  # whether we left one for it, and nothing was acknowledged since

    @property
    def connected(self) -> bool:
        """Whether a publish has a chance now."""
        return self._client is not None and self._client.opened and not self._client.lost

    async def run(self) -> None:
        """Stay connected until ``close``. Raises ConfigError for unusable certificate files.

        Those that were renewed meanwhile are read anew before the next attempt.
        """
        tls = TlsFiles(self._settings)
        loop = asyncio.get_running_loop()
        shortest_s, longest_s = self._settings.retry_s
        wait_s = shortest_s
        while not self._closing.is_set():
            begun_s = loop.time()
            try:
                await self._connect_once(tls)
            except BrokerError as error:
                if self._closing.is_set():
                    return
                self._report(fault_line(self._cut_for or error, self._settings))
            if loop.time() - begun_s > longest_s:
                wait_s = shortest_s
            await self._pause(wait_s * _jitter())
            wait_s = min(2 * wait_s, longest_s)

    async def publish(self, message: Outgoing) -> None:
        """Publish a message; with QoS 1, return once the broker has acknowledged it.

        Raises PublishRefusedError when the broker does not take it, and BrokerError when there
        is no connection or it is lost before the acknowledgement. A broker that does not
        acknowledge in time is left and connected to anew: the library would keep all that waits for
        it, and send it once more by itself.
        """
        if self._client is None or not self._client.opened:
            raise BrokerError(f"broker {self._settings.address}: not connected")
        client = self._client
        try:
            await client.send(message)
        except PublishRefusedError as error:
            self._report_refused(message.topic, error)
            raise
        except UnacknowledgedError as error:
            self._cut_for, self._deaf = error, True
            client.hang_up()
            raise
        if message.qos:
            self._deaf = False

    async def read_retained(self, topic: str) -> None:
        """Let the broker deliver what is retained under a filter of ours once more.

        Raises BrokerError when there is no connection or it is lost.
        """
        if self._client is None or not self._client.opened:
            raise BrokerError(f"broker {self._settings.address}: not connected")
        await self._client.listen(topic)

    def kick(self) -> None:
        """Cut the wait before the next attempt short."""
        self._kicked.set()

    async def close(self, goodbye: Outgoing | None = None) -> None:
        """Say goodbye, disconnect, and let ``run`` return; no last will is published."""
        self._closing.set()
        self.kick()
        client = self._client
        if client is None:
            return
        if not client.opened:
            client.abandon()
            return
        if goodbye is not None:
            # A broker that we cannot say goodbye to publishes the last will instead.
            with suppress(BrokerError, TimeoutError):
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await client.send(goodbye)
        await client.leave(with_will=False)

    async def _connect_once(self, tls: TlsFiles) -> None:
        self._cut_for = None
        context = tls.context()
        client = MqttClient(self._settings, context, self._will() if self._will else None)
        self._client = client
        try:
            await client.open()
            for topic in self._filters:
                await self._subscribe(client, topic)
            log.info("broker %s: connected", self._settings.address)
            if not self._deaf:
                self._reported = None
            self._refused_topics.clear()
            await self._on_connected()
            async for message in client.inbound():
                await self._on_message(message)
        finally:
            self._client = None
            if client.opened:
                await client.leave(with_will=not self._closing.is_set())

    async def _subscribe(self, client: MqttClient, topic: str) -> None:
        if not await client.listen(topic):
            log.warning(
                "broker %s: refuses our subscription to %s; nothing will arrive there until its "
                "access list allows it",
                self._settings.address,
                topic,
            )

    def _report(self, line: str) -> None:
        """Warn about a new fault once; a fault that lasts is told at debug level."""
        level = logging.DEBUG if line == self._reported else logging.WARNING
        self._reported = line
        log.log(level, "%s", line)

    def _report_refused(self, topic: str, error: PublishRefusedError) -> None:
        if topic not in self._refused_topics:
            self._refused_topics.add(topic)
            log.warning("broker %s: %s", self._settings.address, error)

    async def _pause(self, seconds: float) -> None:
        if self._closing.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._kicked.wait()
        self._kicked.clear()


def _jitter() -> float:
    return random.uniform(0.7, 1.0)  # noqa: S311 - spreads reconnects, guards no secret
