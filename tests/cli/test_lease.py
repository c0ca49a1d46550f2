"""The commands of a port beside a running daemon: it lends the port, and takes it back."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from dynod.daemon.control_client import ControlClient, DaemonNotRunningError
from dynod.simulate.broker import free_port
from tests.support.gauge import Gauge
from tests.support.station import Daemon, battery, force_test

DEVICE = "devices/hhd-1/status"
TIMEOUT_S = 20.0


class Watcher:
    """Follows what the daemon tells, and remembers every state of the device."""

    def __init__(self, socket: Path) -> None:
        self.states: list[str] = []
        self._changed = threading.Condition()
        self._client = ControlClient(socket)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of a daemon that was stopped."""
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()

    def wait(self, what: str, condition: Callable[[list[str]], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.states), TIMEOUT_S), (
                what,
                self.states,
            )

    def _follow(self) -> None:
        with self._client, suppress(DaemonNotRunningError):
            for message in self._client.watch():
                payload: Any = message["payload"]
                if message["topic"] == DEVICE:
                    with self._changed:
                        self.states.append(payload["state"])
                        self._changed.notify_all()


@contextmanager
def station(folder: Path) -> Iterator[tuple[Daemon, Watcher]]:
    """A daemon without a broker, and a gauge that streams through it."""
    with (
        Gauge(folder / "gauge"),
        Daemon(folder, free_port(), battery=battery(force_test())) as daemon,
    ):
        watcher = Watcher(folder / "control.sock")
        try:
            watcher.wait("streaming", lambda states: "streaming" in states)
            yield daemon, watcher
        finally:
            daemon.stop()
            watcher.join()


def streams_again(watcher: Watcher, since: int) -> None:
    def again(states: list[str]) -> bool:
        later = states[since:]
        return "leased" in later and "streaming" in later[later.index("leased") :]

    watcher.wait("leased, and streaming again", again)


@pytest.mark.parametrize("by", ["port", "device"])
def test_a_capture_borrows_the_port_and_the_device_streams_again(tmp_path: Path, by: str) -> None:
    with station(tmp_path) as (daemon, watcher):
        where = ["gauge"] if by == "port" else ["--device", "hhd-1"]
        seen = len(watcher.states)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "dynod", "devices", "capture", *where),
                *("--seconds", "0.3", "--out", "case", "--json", "-c", str(daemon.config)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=tmp_path,
        )
        assert (done.returncode, done.stderr) == (0, "")
        report = json.loads(done.stdout)
        # Without --profile: the config knows what is on this port.
        assert (report["profile"], report["identified"]) == ("quick_gauge", "Force_Sensor-0.6")
        assert report["samples"] >= 15
        assert (tmp_path / "case.bin").read_bytes().startswith(b"Force_Sensor-0.6\r\n")
        streams_again(watcher, seen)


def test_a_link_to_the_port_is_the_port(tmp_path: Path) -> None:
    (tmp_path / "other-name").symlink_to("gauge")
    with station(tmp_path) as (daemon, watcher):
        seen = len(watcher.states)
        done = daemon.command_line(
            *("devices", "diagnose", str(tmp_path / "other-name"), "--seconds", "0.5", "--json")
        )
        assert (done.returncode, done.stderr) == (0, "")
        report = json.loads(done.stdout)
        assert report["profile"] == "quick_gauge"
        assert report["timing"]["rate_hz"] == pytest.approx(80.0, rel=0.02)
        streams_again(watcher, seen)


def test_a_probe_borrows_the_port(tmp_path: Path) -> None:
    with station(tmp_path) as (daemon, watcher):
        seen = len(watcher.states)
        done = daemon.command_line(
            *("devices", "probe", str(tmp_path / "gauge"), "--profile", "quick_gauge")
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "it answers: Force_Sensor-0.6" in done.stdout
        streams_again(watcher, seen)


def test_a_device_that_is_lent_is_not_lent_twice(tmp_path: Path) -> None:
    with station(tmp_path) as (daemon, watcher):
        seen = len(watcher.states)
        with ControlClient(tmp_path / "control.sock") as client:
            assert client.lease("device", "hhd-1")
            second = daemon.command_line("devices", "capture", "--device", "hhd-1")
            assert second.returncode == 4
            assert "the daemon keeps it: hhd-1: is leased to another command" in second.stderr
            assert second.stderr.count("\n") == 1
        streams_again(watcher, seen)


def test_a_port_that_is_no_device_of_the_station_needs_no_lease(tmp_path: Path) -> None:
    with station(tmp_path), ControlClient(tmp_path / "control.sock") as client:
        assert not client.lease("port", str(tmp_path / "elsewhere"))
