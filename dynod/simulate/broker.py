"""A broker inside the demo: MQTT 5, on the loopback address alone, gone when we are."""

import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dynod.model.errors import BrokerError, UsageError

if TYPE_CHECKING:
    from iotcore import Broker

LOOPBACK = "127.0.0.1"

# The configuration of rumqttd, the broker inside iotcore; MQTT 5 needs a listener of its own.
_CONFIG = """\
id = 0

[router]
id = 0
max_connections = 64
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10

[v5.1]
name = "dynod"
listen = "{listen}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 10000
max_payload_size = 262144
max_inflight_count = 100
"""


class EmbeddedBroker:
    """An MQTT 5 broker in a child process; use as a context manager.

    Without a port it takes a free one, which ``port`` tells. Entering waits until it listens;
    the child ends with the context, and also when this process is killed.
    """

    def __init__(self, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self._broker: Broker | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"mqtt://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start the broker and wait until it listens.

        Raises UsageError when it is not installed, BrokerError when it does not start.
        """
        try:
            from iotcore import Broker
        except ImportError as error:
            raise UsageError(
                "the embedded broker is not installed; install dynod with its extra `demo`"
            ) from error
        with tempfile.TemporaryDirectory(prefix="dynod-broker-") as folder:
            config = Path(folder) / "broker.toml"
            config.write_text(_CONFIG.format(listen=f"{LOOPBACK}:{self.port}"))
            broker = Broker(config_path=str(config))
            try:
                broker.start()
            except (OSError, RuntimeError) as error:
                raise BrokerError(
                    f"the embedded broker did not start on {LOOPBACK}:{self.port}; "
                    "check that the port is free"
                ) from error
        self._broker = broker

    def stop(self) -> None:
        """End the child process. Safe to call twice."""
        if self._broker is not None:
            self._broker.stop()
            self._broker = None


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
