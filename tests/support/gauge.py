"""A Chronojump gauge written for the tests from the firmware's protocol, not from dynod's code.

It sits on a pty and answers commands at once. Its stamps are its own clock, so seconds of a pull
can be written in a moment; whenever nothing is scripted it streams its last level in real time.
"""

import math
import os
import select
import threading
import time
import tty
from pathlib import Path
from typing import Self

RATE_HZ = 80.0


class Gauge:
    """The device behind a link; ``t_us`` is the time on its counter."""

    def __init__(
        self,
        link: Path,
        *,
        version: str = "Force_Sensor-0.6",
        rest_n: float = 4.0,
        idle: bool = True,
    ) -> None:
        self.link = link
        self.version = version
        self.rest_n = rest_n
        self.t_us = 0
        self.received = bytearray()
        self.started = threading.Event()
        self._over = threading.Event()
        self._cut = threading.Event()
        self._lock = threading.RLock()
        self._level_n = rest_n
        self._idles = idle
        self._pace = (time.monotonic(), 0)
        self._master = -1
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self.plug()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()
        self.unplug()

    def plug(self) -> None:
        with self._lock:
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._master = master
            self.link.symlink_to(os.ttyname(slave))
            os.close(slave)
            self.t_us = 0
            self.started.clear()

    def unplug(self) -> None:
        with self._lock:
            if self._master >= 0:
                self.link.unlink()
                os.close(self._master)
                self._master = -1

    def replug(self) -> None:
        """Pull the plug, whatever is being written and whether or not anybody reads it; plug in."""
        self._cut.set()
        with self._lock:
            self.unplug()
            self._cut.clear()
            self.plug()

    def write(self, data: bytes) -> None:
        """Send all of it; only a pulled plug and the end of the gauge cut it short."""
        with self._lock:
            view = memoryview(data)
            while view and not (self._over.is_set() or self._cut.is_set()):
                try:
                    view = view[os.write(self._master, view) :]
                except BlockingIOError:
                    select.select([], [self._master], [], 0.02)

    # -- what a patient and a therapist do ------------------------------------------------

    def press(self, held_s: float = 0.1) -> None:
        """Press and let go; the samples go on meanwhile."""
        with self._lock:
            self.write(f"{self.t_us + 100};R\r\n".encode())
            self.hold(held_s, self.rest_n)
            self.write(f"{self.t_us - 100};r\r\n".encode())

    def hold(self, seconds: float, level_n: float) -> None:
        """Send a constant force."""
        self.send([level_n] * round(seconds * RATE_HZ))

    def ramp(self, seconds: float, start_n: float, end_n: float) -> None:
        """Send a raised cosine from one force to another."""
        count = round(seconds * RATE_HZ)
        shares = (0.5 * (1.0 - math.cos(math.pi * i / count)) for i in range(1, count + 1))
        self.send([start_n + (end_n - start_n) * share for share in shares])

    def send(self, forces_n: list[float]) -> None:
        """Send samples at the gauge's rate."""
        with self._lock:
            lines = []
            for force_n in forces_n:
                lines.append(f"{self.t_us};{force_n:.2f}\r\n")
                self.t_us += round(1e6 / RATE_HZ)
                self._level_n = force_n
            self.write("".join(lines).encode())
            self._pace = (time.monotonic(), self.t_us)

    def pull(self, peak_n: float, hold_s: float = 2.0) -> None:
        """Pull to a force above the resting level, hold, let go."""
        top_n = self.rest_n + peak_n
        self.hold(0.3, self.rest_n)
        self.ramp(1.0, self.rest_n, top_n)
        self.hold(hold_s, top_n)
        self.ramp(1.0, top_n, self.rest_n)
        self.hold(0.3, self.rest_n)

    def trial(self, peak_n: float, hold_s: float = 2.0) -> None:
        """A whole trial: quiet second, press, pull, press."""
        with self._lock:
            self.hold(1.2, self.rest_n)
            self.press()
            self.pull(peak_n, hold_s)
            self.press()

    # -- the firmware ---------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._over.is_set():
            with self._lock:
                master = self._master
            self._idle()
            if master < 0 or not _readable(master):
                continue
            try:
                self.received += os.read(master, 1024)
            except OSError:
                self._over.wait(0.01)
                continue
            self._answer()

    def _idle(self) -> None:
        """Stream the last level up to now."""
        with self._lock:
            begun_s, begun_us = self._pace
            due_us = begun_us + (time.monotonic() - begun_s) * 1e6
            missing = int((due_us - self.t_us) * 1e-6 * RATE_HZ)
            if self._idles and self.started.is_set() and self._master >= 0 and missing > 0:
                pace = self._pace
                self.send([self._level_n] * missing)
                self._pace = pace

    def _answer(self) -> None:
        while b":" in self.received:
            command, _, rest = bytes(self.received).partition(b":")
            self.received[:] = rest
            if command == b"get_version":
                self.write(self.version.encode() + b"\r\n")
            elif command == b"start_capture":
                with self._lock:
                    self.write(b"Starting capture...\r\n")
                    self._pace = (time.monotonic(), self.t_us)
                    self.started.set()
            elif command == b"end_capture":
                with self._lock:
                    self.started.clear()
                    self.write(b"Capture ended:\r\n")
            else:
                self.write(b"Not a valid command\r\n")


def _readable(descriptor: int) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return any(event & select.POLLIN for _, event in poller.poll(20))
