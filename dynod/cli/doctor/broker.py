"""The broker: found, trusted, and willing to let this station in."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from dynod.cli.doctor.findings import Finding, note, ok, problem
from dynod.config.validity import not_after
from dynod.model.errors import BrokerError
from dynod.publish.broker import BrokerSettings
from dynod.publish.broker_faults import fault_line
from dynod.publish.client import MqttClient

PATIENCE_S = 5.0
SOON = timedelta(days=30)


def broker(settings: BrokerSettings) -> Iterator[Finding]:
    """Connect as the station would, under another client id, and hang up again.

    A daemon that runs keeps its connection, and no last will is published.
    """
    tls = settings.tls_context()
    # A name of its own: a second client of the daemon's would throw the daemon out.
    stranger = replace(settings, client_id=f"dynod-doctor-{uuid4().hex[:8]}")
    try:
        asyncio.run(_connect(stranger, tls))
    except BrokerError as error:
        yield problem("broker", fault_line(error, settings).removeprefix("broker "))
    except TimeoutError:
        text = "no answer; check the network, and that an MQTT 5 broker listens on this port"
        yield problem("broker", f"{settings.address}: {text}")
    else:
        who = f"lets {settings.username} in" if settings.username else "lets everybody in"
        yield ok("broker", f"{settings.address} answers and {who}{', TLS' if tls else ''}")
    if tls is not None:
        yield from _server_certificate(settings, tls)
    if settings.certificate_file is not None:
        yield _expiry("client certificate", not_after(settings.certificate_file))
    if settings.ca_file is not None:
        yield _expiry("ca_file", not_after(settings.ca_file))


async def _connect(settings: BrokerSettings, tls: ssl.SSLContext | None) -> None:
    client = MqttClient(settings, tls, None)
    async with asyncio.timeout(2 * PATIENCE_S):
        await client.open()
        await client.leave(with_will=False)


def _server_certificate(settings: BrokerSettings, tls: ssl.SSLContext) -> Iterator[Finding]:
    """Tell how long the broker's certificate lasts; one that is not trusted was told already."""
    try:
        with (
            socket.create_connection((settings.host, settings.port), PATIENCE_S) as plain,
            tls.wrap_socket(plain, server_hostname=settings.host) as secure,
        ):
            found = secure.getpeercert() or {}
    except OSError:
        return
    until = found.get("notAfter")
    if isinstance(until, str):
        seconds = ssl.cert_time_to_seconds(until)
        yield _expiry("broker's certificate", datetime.fromtimestamp(seconds, UTC))


def _expiry(item: str, until: datetime) -> Finding:
    left = until - datetime.now(UTC)
    if left < timedelta(0):
        return problem(item, f"expired on {until:%Y-%m-%d}; a new one is needed")
    if left < SOON:
        return problem(item, f"expires on {until:%Y-%m-%d}, in {left.days} days; renew it")
    return ok(item, f"valid until {until:%Y-%m-%d}")


def no_receipts(required: bool) -> Iterator[Finding]:  # noqa: FBT001 - the config's word
    """Say what the broker's word is worth."""
    if not required:
        yield note(
            "receipts",
            'optional: a result rests once the broker has it; set receipts = "required" where'
            " the record system sends them",
        )
