"""The daemon under a service manager of the test's own: what it says, and when."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, ROOT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto

GOODBYE_S = 5.0
ASK = b'{"request_id": "6a1e3c52-5d0e-4a3b-9d7e-0f6b1c2d3e4f"}'


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


# Runs the program so that the writer's thread hangs once a file is there.
HANGING = """
import sys
import time
from pathlib import Path
from dynod.cli.main import run
from dynod.store.store import Store

mark, whole = Path(sys.argv[-1]).with_name("hang"), Store.reply


def reply(self, request_id):
    while mark.exists():
        time.sleep(0.05)
    return whole(self, request_id)


Store.reply = reply
run()
"""


def test_a_writer_that_hangs_feeds_no_watchdog(tmp_path: Path, manager: socket.socket) -> None:
    """As a card does that no longer answers; when it answers again, all goes on."""
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge"),
    ):
        daemon = Daemon(tmp_path, broker.port, battery=battery(force_test()))
        daemon.run_as("-c", HANGING)
        daemon.environment = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "300000"}
        with daemon:
            records.streaming("hhd-1")
            (tmp_path / "hang").touch()
            records.publish("commands/status.get", ASK, reply_to=f"{ROOT}/replies/here")
            daemon.wait_log("the writer of the database stands still")
            manager.settimeout(0.01)
            with suppress(TimeoutError):
                while heard(manager):
                    pass
            daemon.wait_log("stands still", len(daemon.lines("stands still")) + 3)
            with pytest.raises(TimeoutError):
                heard(manager)
            (tmp_path / "hang").unlink()
            manager.settimeout(20.0)
            assert heard(manager) == "WATCHDOG=1"


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


def test_a_broker_that_falls_silent_does_not_hold_up_the_goodbye(tmp_path: Path) -> None:
    """What can be said in five seconds is said; the process ends by itself, and in order."""
    with Mosquitto(tmp_path) as broker, Gauge(tmp_path / "gauge"):
        daemon = Daemon(tmp_path, broker.port, battery=battery(force_test()))
        daemon.start()
        with RecordSystem(broker.port) as records:
            records.streaming("hhd-1")
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            asked_s = time.monotonic()
            daemon.stop()
            assert time.monotonic() - asked_s < GOODBYE_S
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        assert daemon.lines("its last will speaks instead")


def test_stopped_in_the_moment_of_a_trials_end(tmp_path: Path) -> None:
    """The running commit is finished: the trial stands, and nothing of it is said twice."""
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        Daemon(
            tmp_path, broker.port, battery=battery(force_test()), session="confirm_change = false"
        ) as daemon,
    ):
        records.streaming("hhd-1")
        assert records.command("session.start", patient=PATIENT)["ok"]
        records.state(phase="ready")
        gauge.trial(100.0)
        records.state(phase="analysing")
        asked_s = time.monotonic()
        daemon.stop()
        assert time.monotonic() - asked_s < GOODBYE_S
        assert records.retained["status"]["state"] == "offline"
        told = daemon.command_line("results", "list", "--json")
    (trial,) = json.loads(told.stdout)
    assert trial["value"] == pytest.approx(100.0, abs=1.0)
