"""The program in a terminal of its own: what it shows is waited for, and lines are typed."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

TIMEOUT_S = 30.0
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """Runs ``dynod WORDS`` on a pty; the context ends the program."""

    def __init__(self, folder: Path, *words: object) -> None:
        self._master, slave = os.openpty()
        env = {name: value for name, value in os.environ.items() if not name.startswith("DYNOD_")}
        env |= {"COLUMNS": "200", "TERM": "xterm", "LINES": "50"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dynod", *map(str, words)],
            cwd=folder,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.text = ""
        self.raw = b""  # with the terminal's own commands
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def expect(self, words: str) -> None:
        """Wait until words are shown, after what was expected before."""
        limit_s = time.monotonic() + TIMEOUT_S
        while (place := self.text.find(words, self._seen)) < 0:
            left_s = limit_s - time.monotonic()
            assert self._read(left_s), f"{words!r} was never shown; it shows:\n{self.text}"
        self._seen = place + len(words)

    def type(self, line: str = "") -> None:
        """Type a line and Enter."""
        os.write(self._master, line.encode() + b"\n")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Wait for the program to end by itself; return its exit code."""
        limit_s = time.monotonic() + TIMEOUT_S
        while self._read(limit_s - time.monotonic()):
            pass
        return self._process.wait(max(limit_s - time.monotonic(), 0.1))

    def _read(self, seconds: float) -> bool:
        """Take what is shown; False at the end, or when nothing came in time."""
        ready, _, _ = select.select([self._master], [], [], max(seconds, 0.0))
        try:
            data = os.read(self._master, 65536) if ready else b""
        except OSError:  # the other side is closed
            data = b""
        self.raw += data
        self.text += _CONTROL.sub(b"", data).decode("utf-8", "replace")
        return bool(data)
