"""What is said to and heard from a broker, and how to reach it."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dynod.model.errors import BrokerError, ConfigError


class PublishRefusedError(BrokerError):
    """The broker is there but does not take this message."""


class UnacknowledgedError(BrokerError):
    """The broker is connected and does not acknowledge what is published."""


class ConnectionLostError(BrokerError):
    """The connection could not be made, or is gone."""


class HungUpError(BrokerError):
    """The broker, or what listens in its place, hung up before its first answer."""


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; the library would leave it to the collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - ssl's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """How to reach the broker.

    ``retry_s`` bounds the waits between attempts; ``ack_timeout_s`` is how long a broker that
    is still connected may take to acknowledge. With ``session_expiry_s`` the broker keeps our
    session that long while we are away, and each message until its ``acknowledge`` is called;
    with None every connection begins anew. ``max_packet_bytes``: what is larger is not delivered.
    """

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = 20
    retry_s: tuple[float, float] = (1.0, 30.0)
    ack_timeout_s: float = 20.0
    session_expiry_s: int | None = None
    # Well above the 16 KiB of a command: an oversized one is delivered and can be answered.
    max_packet_bytes: int = 256 * 1024

    @property
    def address(self) -> str:
        """Host and port, for messages to people."""
        return f"{self.host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext | None:
        """Return the TLS settings, None without TLS.

        Raises ConfigError when a certificate or key cannot be read or used.
        """
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"[broker] ca_file: cannot use {self.ca_file} ({_cause(error)}); "
                "it must be readable and hold certificates in PEM form"
            ) from error
        context.sslsocket_class = _TidySocket
        if self.certificate_file is not None:
            self._load_client_certificate(context, self.certificate_file)
        return context

    def _load_client_certificate(self, context: ssl.SSLContext, certificate: Path) -> None:
        try:
            context.load_cert_chain(certificate, self.key_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"[broker] client_certificate, client_key_file: cannot use {certificate} with "
                f"{self.key_file} ({_cause(error)}); both must be readable PEM files that belong "
                "together, the key without a passphrase"
            ) from error


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish. Live values carry ``expiry_s``, results never do."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int = 1
    retain: bool = False
    content_type: str = "application/json"
    expiry_s: int | None = None
    correlation_data: bytes | None = field(default=None, repr=False)
    user_properties: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    response_topic: str | None = None


def _nothing() -> None:
    """Acknowledge a message that the library has acknowledged by itself."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that was delivered. ``retain``: it lay at the broker when we subscribed.

    ``acknowledge`` lets the broker forget it; for connections that keep a session. When that
    connection is gone it does nothing, and the message comes again.
    """

    topic: str
    payload: bytes = field(repr=False)
    retain: bool = False
    response_topic: str | None = None
    correlation_data: bytes | None = field(default=None, repr=False)
    content_type: str | None = None
    user_properties: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    acknowledge: Callable[[], None] = field(default=_nothing, repr=False, compare=False)


def _cause(error: OSError) -> str:
    return error.strerror or type(error).__name__
