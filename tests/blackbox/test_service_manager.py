"""The daemon under a service manager of the test's own: what it says, and when."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import Daemon, battery, force_test

pytestmark = pytest.mark.mosquitto

GOODBYE_S = 5.0


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20.0)
        yield listening


def heard(manager: socket.socket) -> str:
    return manager.recv(4096).decode()


def test_ready_alive_and_goodbye_in_time(tmp_path: Path, manager: socket.socket) -> None:
    """systemd's own words (sd_notify(3)); the watchdog's time here is three tenths of a second."""
    with Mosquitto(tmp_path) as broker, Gauge(tmp_path / "gauge"):
        config = Daemon(tmp_path, broker.port, battery=battery(force_test())).config
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": manager.getsockname(),
            "WATCHDOG_USEC": "300000",
        }
        with (tmp_path / "service.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dynod", "run", "-c", str(config)],
                env=environment,
                stdout=log,
                stderr=log,
            )
            try:
                first = [heard(manager), heard(manager)]
                assert "READY=1\nSTATUS=looking for 1 devices" in first
                assert "WATCHDOG=1" in [*first, heard(manager)]
                asked_s = time.monotonic()
                process.terminate()
                while not heard(manager).startswith("STOPPING=1"):
                    pass
                assert process.wait(20.0) == 0
                assert time.monotonic() - asked_s < GOODBYE_S
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()


def test_a_wrong_config_is_never_ready(tmp_path: Path, manager: socket.socket) -> None:
    config = tmp_path / "dynod.toml"
    config.write_text("[station]\n")
    environment = {**os.environ, "NOTIFY_SOCKET": manager.getsockname()}
    done = subprocess.run(
        [sys.executable, "-m", "dynod", "run", "-c", str(config)],
        env=environment,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 3  # RestartPreventExitStatus of the unit
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        heard(manager)
