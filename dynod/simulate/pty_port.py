"""A simulated device behind a real pseudo-terminal.

A pty has a new number each time it is made, so the device is reached through a link that stays.
Unplugging closes the master: the other side sees a hang-up, as from a USB adapter that is pulled.
A pty carries bytes at any baud rate, but knows which one the other side has set: at a wrong one
nothing but rubbish passes, as on a wire.
"""

import os
import select
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from dynod.simulate.faults import FaultOptions, FaultyLine
from dynod.simulate.firmware import Firmware

TICK_S = 0.004
_RUBBISH = bytes((byte * 37 + 0xA5) & 0xFF | 0x80 for byte in range(256))
_RATES = {
    value: int(name.removeprefix("B"))
    for name, value in vars(termios).items()
    if name.startswith("B") and name[1:].isdigit()
}


class PtyPort:
    """Runs a firmware in a thread, on ``link``. Use as a context manager.

    ``baudrate`` tells the device's baud rate; without it, it hears and is heard at any.
    """

    def __init__(
        self,
        firmware: Firmware,
        link: Path,
        *,
        faults: FaultOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
        baudrate: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.firmware = firmware
        self.link = link
        self._faults = faults or FaultOptions()
        self._line = FaultyLine(self._faults)
        self._clock = clock
        self._baudrate = baudrate
        self._unplug_s: float | None = None
        self._replug_s: float | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._master: int | None = None
        self._attended = False
        self._thread = threading.Thread(target=self._run, name=f"pty {link.name}", daemon=True)

    def __enter__(self) -> Self:
        self.plug()
        if self._faults.unplug_after_s is not None:
            self._unplug_s = self._clock() + self._faults.unplug_after_s
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
        self.unplug()

    def plug(self) -> None:
        """Make the pty and point the link at it."""
        with self._lock:
            master, slave = os.openpty()
            tty.setraw(master)
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._master = master
            self.link.unlink(missing_ok=True)
            self.link.symlink_to(os.ttyname(slave))
            os.close(slave)
            self._attended = False

    def unplug(self) -> None:
        """Close the pty: whoever has it open sees a hang-up."""
        with self._lock:
            self.link.unlink(missing_ok=True)
            if self._master is not None:
                os.close(self._master)
                self._master = None

    def press(self, held_s: float = 0.1) -> None:
        """Press the button and let it go ``held_s`` later, on the device's own clock."""
        with self._lock:
            now_s = self._clock()
            self.firmware.press(now_s)
            self.firmware.release(now_s + held_s)

    def _run(self) -> None:
        while not self._over.is_set():
            self._pull_plug(self._clock())
            with self._lock:
                if self._master is not None:
                    self._exchange(self._master)
            self._over.wait(TICK_S)

    def _pull_plug(self, now_s: float) -> None:
        """Pull the plug when its time has come, and put it in again."""
        if self._unplug_s is not None and now_s >= self._unplug_s:
            self._unplug_s, self._replug_s = None, now_s + self._faults.replug_s
            self.unplug()
        elif self._replug_s is not None and now_s >= self._replug_s:
            self._replug_s = None
            self.plug()

    def _exchange(self, master: int) -> None:
        """Read commands and write what is due; with nobody at the other end, wait."""
        now_s = self._clock()
        events = dict(_poll(master))
        attended = not events.get(master, 0) & select.POLLHUP
        if attended and not self._attended:
            self.firmware.opened(now_s)
        self._attended = attended
        if not attended:
            self.firmware.advance(now_s)  # nobody listens: what is sent is lost
            return
        if events.get(master, 0) & select.POLLIN:
            self.firmware.receive(self._as_heard(master, os.read(master, 4096)), now_s)
        sent = self.firmware.advance(now_s)
        for data in self._line.carry(self._as_heard(master, sent), now_s):
            _write(master, data)

    def _as_heard(self, master: int, data: bytes) -> bytes:
        """Return bytes as the other end hears them: rubbish, when it has another baud rate."""
        own = self._baudrate()
        if own is None or not data or _baudrate_of(master) in {None, own}:
            return data
        return data.translate(_RUBBISH)


def _poll(master: int) -> list[tuple[int, int]]:
    poller = select.poll()
    poller.register(master, select.POLLIN)
    return poller.poll(0)


def _baudrate_of(master: int) -> int | None:
    """Return the baud rate that the other side has set; None for one without a name."""
    return _RATES.get(termios.tcgetattr(master)[5])


def _write(master: int, data: bytes) -> None:
    try:
        os.write(master, data)
    except (BlockingIOError, OSError):
        return  # a full buffer or a closed end: a device does not wait for its host
