"""A real mosquitto for tests: own configuration, free loopback port, ended by its own id."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 10.0
MISSING = "mosquitto is not installed; try: sudo apt-get install mosquitto"


def find_program(name: str, advice: str) -> str:
    """Return the path of a program; skip the test without it, fail where CI is set."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail(advice)
    if path is None:
        pytest.skip(advice)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """A broker that can be ended and started again on the same port.

    ``lines`` are added to its configuration, ``listener`` to that of its one listener.
    """

    def __init__(
        self, folder: Path, lines: tuple[str, ...] = (), listener: tuple[str, ...] = ()
    ) -> None:
        self.port = free_port()
        self._program = find_program("mosquitto", MISSING)
        self._config = folder / f"mosquitto-{self.port}.conf"
        self.log = folder / f"mosquitto-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None
        if not any(line.startswith("allow_anonymous") for line in lines):
            lines = (*lines, "allow_anonymous true")
        head = ("persistence false", "set_tcp_nodelay true", f"listener {self.port} {LOOPBACK}")
        user = ("user root",) if os.geteuid() == 0 else ()  # else it cannot read our files
        self._config.write_text("\n".join((*user, *head, *listener, *lines)) + "\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._config)], stdout=log, stderr=subprocess.STDOUT
            )
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.stop()
                pytest.fail(f"mosquitto did not start:\n{self.log.read_text()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it answer nothing; the connections stay."""
        os.kill(self.pid, signal.SIGSTOP)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0
