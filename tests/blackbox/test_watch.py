"""``dynod watch`` on a terminal of its own, while the daemon goes and comes."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.mosquitto import Mosquitto
from tests.support.station import TIMEOUT_S, Daemon, battery, force_test

pytestmark = pytest.mark.mosquitto
WITHOUT_DEVICE = "! hhd-1:"
GIVEN_BACK = "\x1b[?1049l"  # back from the alternate screen (xterm's control sequences)


class Terminal:
    """What a program has written since the last look, without the terminal's own commands."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._master = master

    def shows(self, words: str) -> None:
        """Wait until the words are written anew."""
        seen = ""
        until_s = time.monotonic() + TIMEOUT_S
        while words not in seen:
            left_s = until_s - time.monotonic()
            assert left_s > 0.0, f"no {words!r} in {seen[-2000:]!r}"
            if select.select([self._master], [], [], left_s)[0]:
                seen += os.read(self._master, 65536).decode(errors="replace")
                seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)

    def rest(self) -> str:
        """Return what is written until the program ends and the terminal hangs up (EIO)."""
        seen = b""
        with suppress(OSError):
            while data := os.read(self._master, 65536):
                seen += data
        return seen.decode(errors="replace")


@contextmanager
def watching(config: Path) -> Iterator[Terminal]:
    master, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "dynod", "watch", "--mute", "-c", str(config)],
        stdin=other,
        stdout=other,
        stderr=other,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
        start_new_session=True,
    )
    os.close(other)
    try:
        yield Terminal(master, process)
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_the_screen_outlives_the_daemon(tmp_path: Path, how: str) -> None:
    """It says that it waits, and follows the next daemon by itself."""
    with (
        Mosquitto(tmp_path) as broker,
        Daemon(tmp_path, broker.port, battery=battery(force_test())) as daemon,
        watching(daemon.config) as terminal,
    ):
        terminal.shows(WITHOUT_DEVICE)
        if how == "stopped":
            daemon.stop()
        else:
            daemon.kill()
        terminal.shows("waiting for the daemon")
        daemon.start()
        terminal.shows(WITHOUT_DEVICE)
        terminal.process.send_signal(signal.SIGINT)
        assert GIVEN_BACK in terminal.rest()
        assert terminal.process.wait(TIMEOUT_S) == 130
