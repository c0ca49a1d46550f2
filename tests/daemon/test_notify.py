"""What systemd hears, on a socket of the test's own (sd_notify(3))."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynod.daemon.notify import Notifier, feed_watchdog


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5.0)
        yield listening


def said(manager: socket.socket) -> list[str]:
    return manager.recv(4096).decode().split("\n")


def test_ready_and_stopping(manager: socket.socket) -> None:
    notifier = Notifier.of_environment({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready("looking for 2 devices")
    assert said(manager) == ["READY=1", "STATUS=looking for 2 devices"]
    notifier.stopping()
    assert said(manager)[0] == "STOPPING=1"
    notifier.close()


def test_an_abstract_address_is_understood() -> None:
    name = f"dynod-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name)
        listening.settimeout(5.0)
        notifier = Notifier("@" + name)
        notifier.alive()
        assert listening.recv(100) == b"WATCHDOG=1"
        notifier.close()


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_s_time(environment: dict[str, str], watchdog_s: float | None) -> None:
    notifier = Notifier.of_environment(environment)
    assert notifier.watchdog_s == watchdog_s
    notifier.ready("nobody listens")
    notifier.close()


def test_a_manager_that_is_gone_is_no_reason_to_fall(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    notifier.alive()
    assert "does not listen" in caplog.text
    notifier.close()


async def test_the_watchdog_is_fed_while_all_is_well_and_no_longer(
    manager: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    found = [None, None, "the reader of hhd-1 stands still"]
    checked = asyncio.Event()

    async def check() -> str | None:
        if len(found) == 1:
            checked.set()
            return found[0]
        return found.pop(0)

    notifier = Notifier(manager.getsockname(), watchdog_s=0.003)
    feeding = asyncio.create_task(feed_watchdog(notifier, check))
    await asyncio.wait_for(checked.wait(), 5.0)
    feeding.cancel()
    manager.setblocking(False)
    assert [said(manager), said(manager)] == [["WATCHDOG=1"], ["WATCHDOG=1"]]
    with pytest.raises(BlockingIOError):
        said(manager)
    assert "the reader of hhd-1 stands still: the watchdog is not fed" in caplog.text
    notifier.close()
