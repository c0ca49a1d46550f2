"""Tells systemd how the daemon is: ready, alive, stopping (sd_notify(3)).

Three kinds of datagram to one socket are all there is to the protocol.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Self

log = logging.getLogger(__name__)

_FEEDS_IN_TIME = 3  # how often within the watchdog's time a well daemon says so


class Notifier:
    """A service manager's socket; without one every call does nothing.

    ``watchdog_s`` is the time within which the manager wants to hear, or None.
    """

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self._address = _of_kernel(address) if address else None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the notifier of the manager that started this very process."""
        own = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        period = environment.get("WATCHDOG_USEC", "") if own else ""
        watchdog_s = int(period) / 1e6 if period.isdigit() and int(period) > 0 else None
        return cls(environment.get("NOTIFY_SOCKET"), watchdog_s)

    def ready(self, status: str) -> None:
        """Say that the service does its work; ``status`` stands in ``systemctl status``."""
        self._say(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """Say that the service is on its way out."""
        self._say("STOPPING=1\nSTATUS=finishing what is running")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._say("WATCHDOG=1")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _say(self, text: str) -> None:
        if self._address is None:
            return
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError as error:
            log.warning("the service manager does not listen: %s", error.strerror)


async def feed_watchdog(notifier: Notifier, check: Callable[[], Awaitable[str | None]]) -> None:
    """Feed the watchdog as long as ``check`` finds nothing; for ever.

    ``check`` returns what stands still, or None. It may take as long as it likes: a check that
    hangs feeds nobody, and the manager then ends the process and starts it again.
    """
    if notifier.watchdog_s is None:
        return
    while True:
        stuck = await check()
        if stuck is None:
            notifier.alive()
        else:
            log.error("%s: the watchdog is not fed", stuck)
        await asyncio.sleep(notifier.watchdog_s / _FEEDS_IN_TIME)


def _of_kernel(address: str) -> str:
    """Return the address as the kernel knows it: ``@`` stands for an abstract name."""
    return "\0" + address[1:] if address.startswith("@") else address
