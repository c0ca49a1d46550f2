"""The one connection to the broker: MQTT 5 through aiomqtt, which is imported here alone.

Nothing is queued: what cannot be published now is refused now, and the outbox keeps it. Every
connection gets a new client of the library, so that none of its memory outlives a connection.
"""

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ssl import SSLContext
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS, Client
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from dynod.model.errors import BrokerError
from dynod.publish.broker import (
    BrokerSettings,
    HungUpError,
    Inbound,
    Outgoing,
    PublishRefusedError,
)
from dynod.publish.broker_faults import fault_line

log = logging.getLogger(__name__)
_library_log = logging.getLogger(f"{__name__}.library")
# What it logs as an error comes to us as an exception too, and is told once, with advice.
_library_log.setLevel(logging.CRITICAL)

# Well above the 16 KiB of a command, so that an oversized one is delivered and can be answered.
MAX_PACKET_BYTES = 256 * 1024
CONNACK_TIMEOUT_S = 10.0
LEAVE_TIMEOUT_S = 5.0


class _Client(aiomqtt.Client):
    """One connection.

    aiomqtt 2 takes any PUBACK for success, keeps a publisher waiting when the connection goes,
    and waits for the answer of a broker that hung up; hence the three overrides.
    """

    def __init__(
        self, settings: BrokerSettings, tls: SSLContext | None, will: Outgoing | None
    ) -> None:
        connect = _properties(PacketTypes.CONNECT)
        connect.MaximumPacketSize = MAX_PACKET_BYTES
        super().__init__(
            settings.host,
            settings.port,
            username=settings.username,
            password=settings.password,
            identifier=settings.client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=settings.keepalive_s,
            timeout=CONNACK_TIMEOUT_S,
            tls_context=tls,
            properties=connect,
            will=_will(will) if will is not None else None,
            logger=_library_log,
        )
        self._ack_timeout_s = settings.ack_timeout_s
        self._acks: dict[int, asyncio.Future[ReasonCode]] = {}
        self.opened = False

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return self._disconnected.done()

    async def open(self) -> None:
        """Connect; raises aiomqtt.MqttError or HungUpError, and then leaves nothing open."""
        opening = asyncio.ensure_future(self.__aenter__())
        try:
            await asyncio.shield(opening)
            self.opened = True
        except asyncio.CancelledError:
            self.abandon()
            await asyncio.wait({opening})  # its thread ends after some seconds at most
            opening.exception()
            raise
        finally:
            if not self.opened:
                self._hang_up()

    def abandon(self) -> None:
        """Wait no longer for the first answer; ``open`` raises HungUpError."""
        if not self._connected.done():
            self._connected.set_exception(HungUpError("given up"))
            self._connected.exception()  # perhaps nobody waits for it yet

    async def listen(self, topic: str) -> bool:
        """Subscribe; return whether the broker grants it. Raises aiomqtt.MqttError."""
        asking: asyncio.Future[Any] = asyncio.ensure_future(self.subscribe(topic, qos=1))
        try:
            await asyncio.wait({asking, self._disconnected}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise aiomqtt.MqttError("lost") from self._disconnected.exception()
            codes = asking.result()
        finally:
            asking.cancel()
        return not any(isinstance(code, ReasonCode) and code.is_failure for code in codes)

    async def send(self, message: Outgoing) -> None:
        """Publish; for QoS 1 until the broker has acknowledged."""
        info = self._client.publish(
            message.topic,
            message.payload,
            message.qos,
            message.retain,
            _message_properties(PacketTypes.PUBLISH, message),
        )
        if info.rc != MQTT_ERR_SUCCESS:
            raise BrokerError("the connection is lost")
        if info.is_published():
            return
        ack = asyncio.get_running_loop().create_future()
        self._acks[info.mid] = ack
        try:
            await asyncio.wait(
                {ack, self._disconnected},
                timeout=self._ack_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._acks.pop(info.mid, None)
        self._check(ack, message.topic)

    def _check(self, ack: asyncio.Future[ReasonCode], topic: str) -> None:
        if not ack.done() and self.lost:
            cause = self._disconnected.exception()
            raise BrokerError(f"not published on {topic}: the connection was lost") from cause
        if not ack.done():
            raise BrokerError(f"not published on {topic}: the broker does not acknowledge")
        if ack.result().is_failure:
            raise PublishRefusedError(
                f"what is published on {topic} is refused ({ack.result()}); "
                "check the access list and limits that the broker has for this user"
            )

    async def leave(self, *, with_will: bool) -> None:
        """Disconnect; the broker publishes the last will if asked to."""
        if self._disconnected.done():
            self._disconnected.exception()  # it is told where it was noticed; not here again
            return
        name = "Disconnect with will message" if with_will else "Normal disconnection"
        if self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, name)) == MQTT_ERR_SUCCESS:
            await asyncio.wait({self._disconnected}, timeout=LEAVE_TIMEOUT_S)
        self._hang_up()

    def _hang_up(self) -> None:
        """Close the socket under the library, which then tidies up as after any loss."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _on_publish(
        self,
        client: Client,  # noqa: ARG002 - the library's signature
        userdata: Any,  # noqa: ARG002
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,  # noqa: ARG002
    ) -> None:
        ack = self._acks.pop(mid, None)
        if ack is not None and not ack.done():
            ack.set_result(reason_code)

    def _on_disconnect(self, client: Client, userdata: Any, *details: Any) -> None:
        if not self._connected.done():
            self._connected.set_exception(HungUpError("no answer to the greeting"))
        super()._on_disconnect(client, userdata, *details)


class BrokerConnection:
    """Stays connected: connects, subscribes, delivers, and connects again when lost.

    ``will`` is asked at every attempt, because it says when we connected. ``on_connected`` runs
    after every connect, ``on_message`` for each message in turn; both may publish.
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
        self._client: _Client | None = None
        self._closing = asyncio.Event()
        self._kicked = asyncio.Event()
        self._reported: str | None = None
        self._refused_topics: set[str] = set()

    @property
    def connected(self) -> bool:
        """Whether a publish has a chance now."""
        return self._client is not None and self._client.opened and not self._client.lost

    async def run(self) -> None:
        """Stay connected until ``close``. Raises ConfigError for unusable certificate files."""
        tls = self._settings.tls_context()
        loop = asyncio.get_running_loop()
        shortest_s, longest_s = self._settings.retry_s
        wait_s = shortest_s
        while not self._closing.is_set():
            begun_s = loop.time()
            try:
                await self._connect_once(tls)
            except (aiomqtt.MqttError, BrokerError) as error:
                if self._closing.is_set():
                    return
                self._report(fault_line(error, self._settings))
            if loop.time() - begun_s > longest_s:
                wait_s = shortest_s
            await self._pause(wait_s * _jitter())
            wait_s = min(2 * wait_s, longest_s)

    async def publish(self, message: Outgoing) -> None:
        """Publish a message; with QoS 1, return once the broker has acknowledged it.

        Raises PublishRefusedError when the broker does not take it, and BrokerError when there
        is no connection or it is lost before the acknowledgement.
        """
        if self._client is None or not self._client.opened:
            raise BrokerError(f"broker {self._settings.address}: not connected")
        try:
            await self._client.send(message)
        except PublishRefusedError as error:
            self._report_refused(message.topic, error)
            raise

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

    async def _connect_once(self, tls: SSLContext | None) -> None:
        client = _Client(self._settings, tls, self._will())
        self._client = client
        try:
            await client.open()
            for topic in self._filters:
                await self._subscribe(client, topic)
            log.info("broker %s: connected", self._settings.address)
            self._reported = None
            self._refused_topics.clear()
            await self._on_connected()
            async for message in client.messages:
                await self._on_message(_inbound(message))
        finally:
            self._client = None
            if client.opened:
                await client.leave(with_will=not self._closing.is_set())

    async def _subscribe(self, client: _Client, topic: str) -> None:
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


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]  # paho leaves it untyped


def _will(message: Outgoing) -> aiomqtt.Will:
    return aiomqtt.Will(
        message.topic,
        message.payload,
        message.qos,
        message.retain,
        _message_properties(PacketTypes.WILLMESSAGE, message),
    )


def _message_properties(packet: int, message: Outgoing) -> Properties:
    properties = _properties(packet)
    properties.PayloadFormatIndicator = 1
    properties.ContentType = message.content_type
    if message.expiry_s is not None:
        properties.MessageExpiryInterval = message.expiry_s
    if message.correlation_data is not None:
        properties.CorrelationData = message.correlation_data
    if message.response_topic is not None:
        properties.ResponseTopic = message.response_topic
    if message.user_properties:
        properties.UserProperty = list(message.user_properties)
    return properties


def _inbound(message: aiomqtt.Message) -> Inbound:
    properties = message.properties
    return Inbound(
        topic=message.topic.value,
        payload=message.payload,
        retain=message.retain,
        response_topic=getattr(properties, "ResponseTopic", None),
        correlation_data=getattr(properties, "CorrelationData", None),
        content_type=getattr(properties, "ContentType", None),
    )
