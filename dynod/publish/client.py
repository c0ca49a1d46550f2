"""One MQTT 5 connection through aiomqtt, which is imported here alone."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from ssl import SSLContext
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS, Client
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from dynod.publish.broker import (
    BrokerSettings,
    ConnectionLostError,
    HungUpError,
    Inbound,
    Outgoing,
    PublishRefusedError,
    UnacknowledgedError,
)

_log = logging.getLogger(__name__)
# What the library logs as an error comes as an exception too, and is told once, with advice.
_log.setLevel(logging.CRITICAL)

# How many messages a broker may have given us that we have not acknowledged.
UNACKNOWLEDGED = 100
CONNACK_TIMEOUT_S = 10.0
LEAVE_TIMEOUT_S = 5.0


class MqttClient(aiomqtt.Client):
    """One connection.

    aiomqtt 2 takes any PUBACK for success, keeps a publisher waiting when the connection goes,
    waits for the answer of a broker that hung up, and asks the loop to watch a socket that may be
    closed by then, its number another's; hence what is overridden here.
    """

    def __init__(
        self, settings: BrokerSettings, tls: SSLContext | None, will: Outgoing | None
    ) -> None:
        connect = _properties(PacketTypes.CONNECT)
        connect.MaximumPacketSize = settings.max_packet_bytes
        if settings.session_expiry_s is not None:
            connect.SessionExpiryInterval = settings.session_expiry_s
            connect.ReceiveMaximum = UNACKNOWLEDGED
        super().__init__(
            settings.host,
            settings.port,
            username=settings.username,
            password=settings.password,
            identifier=settings.client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=settings.session_expiry_s is None,
            keepalive=settings.keepalive_s,
            timeout=CONNACK_TIMEOUT_S,
            tls_context=tls,
            properties=connect,
            # Without it a result waits 40 ms behind a live value that nobody acknowledges.
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
            will=_will(will) if will is not None else None,
            logger=_log,
        )
        self._client.manual_ack_set(settings.session_expiry_s is not None)
        self._ack_timeout_s = settings.ack_timeout_s
        self._acks: dict[int, asyncio.Future[ReasonCode]] = {}
        self.opened = False

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return self._disconnected.done()

    async def open(self) -> None:
        """Connect; raises ConnectionLostError or HungUpError, and then leaves nothing open."""
        opening = asyncio.ensure_future(self.__aenter__())
        try:
            await asyncio.shield(opening)
            self.opened = True
        except aiomqtt.MqttError as error:
            raise ConnectionLostError("not connected") from error
        except asyncio.CancelledError:
            self.abandon()
            await asyncio.wait({opening})  # its thread ends after some seconds at most
            opening.exception()
            raise
        finally:
            if not self.opened:
                self.hang_up()

    def abandon(self) -> None:
        """Wait no longer for the first answer; ``open`` raises HungUpError."""
        if not self._connected.done():
            self._connected.set_exception(HungUpError("given up"))
            self._connected.exception()  # perhaps nobody waits for it yet

    async def listen(self, topic: str) -> bool:
        """Subscribe; return whether the broker grants it. Raises ConnectionLostError."""
        asking: asyncio.Future[Any] = asyncio.ensure_future(self.subscribe(topic, qos=1))
        try:
            await asyncio.wait({asking, self._disconnected}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise ConnectionLostError("lost") from self._disconnected.exception()
            codes = asking.result()
        except aiomqtt.MqttError as error:
            raise ConnectionLostError("no answer to a subscription") from error
        finally:
            asking.cancel()
        return not any(isinstance(code, ReasonCode) and code.is_failure for code in codes)

    async def inbound(self) -> AsyncIterator[Inbound]:
        """Yield messages as they are delivered; in the end raises ConnectionLostError."""
        try:
            async for message in self.messages:
                yield _inbound(message, partial(self._acknowledge, message.mid, message.qos))
        except aiomqtt.MqttError as error:
            raise ConnectionLostError("lost") from error

    def _acknowledge(self, mid: int, qos: int) -> None:
        if self.opened and not self.lost:
            self._client.ack(mid, qos)

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
            raise ConnectionLostError(f"not published on {message.topic}: the connection is lost")
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
            raise ConnectionLostError(
                f"not published on {topic}: the connection was lost"
            ) from cause
        if not ack.done():
            raise UnacknowledgedError(
                f"it does not acknowledge what is published on {topic}; connecting again; look at "
                "the broker's log"
            )
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
        self.hang_up()

    def hang_up(self) -> None:
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

    def _on_socket_register_write(self, client: Client, userdata: Any, sock: Any) -> None:  # noqa: ARG002
        self._loop.call_soon_threadsafe(self._watch_for_room, client, sock)

    def _watch_for_room(self, client: Client, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), self._write_out, client)

    def _write_out(self, client: Client) -> None:
        try:
            client.loop_write()
        except Exception as error:  # noqa: BLE001 - as the library does: the connection is lost
            if not self._disconnected.done():
                self._disconnected.set_exception(error)

    def _on_disconnect(self, client: Client, userdata: Any, *details: Any) -> None:
        if not self._connected.done():
            self._connected.set_exception(HungUpError("no answer to the greeting"))
        super()._on_disconnect(client, userdata, *details)


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


def _inbound(message: aiomqtt.Message, acknowledge: Callable[[], None]) -> Inbound:
    properties = message.properties
    return Inbound(
        topic=message.topic.value,
        payload=message.payload,
        retain=message.retain,
        response_topic=getattr(properties, "ResponseTopic", None),
        correlation_data=getattr(properties, "CorrelationData", None),
        content_type=getattr(properties, "ContentType", None),
        user_properties=tuple(getattr(properties, "UserProperty", ())),
        acknowledge=acknowledge,
    )
