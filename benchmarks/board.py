"""A Chronojump board on a pty that speaks the handshake, and pulls as fast as it is asked to.

The trials carry their time in their stamps, so that five seconds of data need not take five.
"""

import array
import fcntl
import os
import select
import termios
import threading
import time
import tty
from types import TracebackType
from typing import Self

from dynod.simulate.patient import Patient

INTERVAL_US = 12_195  # 82 Hz
QUIET_US, TRIAL_US, HELD_US = 1_200_000, 5_000_000, 100_000
PEAK_N, RISE_S, HOLD_S = 150.0, 0.3, 3.6
POLL_S = 0.05
SETTLE_S = 0.05
WRITE_TIMEOUT_S = 5.0

_ANSWERS = {
    b"get_version:": b"Force_Sensor-0.6\r\n",
    b"start_capture:": b"Starting capture...\r\n",
    b"end_capture:": b"Capture ended:\r\n",
}


class Board:
    """Answers commands in a thread. Use as a context manager."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._patient = Patient(resting=3.0, noise=0.25, tremor=1.2, seed=1)
        self._now_us = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer, name="board", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def pull(self) -> None:
        """Send a trial but for its last line, and wait until it is read and dealt with."""
        rest = self._samples(QUIET_US)
        begin = self._pressed() + self._released()
        self._patient.pull(self._now_us * 1e-6 + 0.3, PEAK_N, HOLD_S, RISE_S)
        self._write(rest + begin + self._samples(TRIAL_US) + self._pressed())
        self._settle()

    def end(self) -> float:
        """Send the last line of the trial; return when that was about to happen."""
        last = self._released()
        begun_s = time.perf_counter()
        self._write(last)
        return begun_s

    def _settle(self) -> None:
        unread = array.array("i", [1])
        while unread[0]:
            time.sleep(SETTLE_S)
            fcntl.ioctl(self._slave, termios.FIONREAD, unread)
        time.sleep(SETTLE_S)

    def _samples(self, length_us: int) -> bytes:
        lines = bytearray()
        for _ in range(length_us // INTERVAL_US):
            self._now_us += INTERVAL_US
            lines += b"%d;%.2f\r\n" % (self._now_us, self._patient(self._now_us * 1e-6))
        return bytes(lines)

    def _pressed(self) -> bytes:
        return b"%d;R\r\n" % self._now_us + self._samples(HELD_US)

    def _released(self) -> bytes:
        return b"%d;r\r\n" % self._now_us

    def _write(self, data: bytes) -> None:
        while data:
            _, ready, _ = select.select([], [self._master], [], WRITE_TIMEOUT_S)
            if not ready:
                raise RuntimeError("dynod does not read from the board")
            data = data[os.write(self._master, data) :]

    def _answer(self) -> None:
        heard = b""
        while not self._over.is_set():
            if not select.select([self._master], [], [], POLL_S)[0]:
                continue
            heard += os.read(self._master, 4096)
            for command, answer in _ANSWERS.items():
                if command in heard:
                    heard = b""
                    self._write(answer)
