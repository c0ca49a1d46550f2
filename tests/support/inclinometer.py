"""A WitMotion inclinometer for the tests: angle frames at 10 Hz in real time, on a pty."""

import os
import struct
import threading
import tty
from pathlib import Path
from typing import Self


def angle_frame(roll_deg: float) -> bytes:
    """The documented frame: 55 53, roll pitch yaw as i16 (32768 = 180°), version, sum."""
    counts = round(roll_deg / 180.0 * 32768)
    body = b"\x55\x53" + struct.pack("<hhhh", counts, 0, 0, 0)
    return body + bytes([sum(body) % 256])


class Inclinometer:
    """Streams ``angle_deg`` until the context ends."""

    def __init__(self, link: Path) -> None:
        self.angle_deg = 0.0
        self._over = threading.Event()
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self._slave = slave
        link.symlink_to(os.ttyname(slave))
        self._thread = threading.Thread(target=self._stream)

    def __enter__(self) -> Self:
        os.set_blocking(self._master, False)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def _stream(self) -> None:
        while not self._over.wait(0.1):
            try:
                os.write(self._master, angle_frame(self.angle_deg))
            except BlockingIOError:  # nobody has opened the port yet
                continue
