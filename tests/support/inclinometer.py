"""A WitMotion inclinometer for the tests: angle frames at 10 Hz in real time, on a pty."""

import os
import struct
from contextlib import suppress
from pathlib import Path

from tests.support.pty_device import PtyDevice


def angle_frame(roll_deg: float, pitch_deg: float = 0.0) -> bytes:
    """The documented frame: 55 53, roll pitch yaw as i16 (32768 = 180°), version, sum."""
    roll, pitch = (round(angle_deg / 180.0 * 32768) for angle_deg in (roll_deg, pitch_deg))
    body = b"\x55\x53" + struct.pack("<hhhh", roll, pitch, 0, 0)
    return body + bytes([sum(body) % 256])


class Inclinometer(PtyDevice):
    """Streams ``angle_deg`` about its axis, and ``cross_deg`` across, until the context ends."""

    def __init__(self, link: Path) -> None:
        super().__init__(link, every_s=0.1)
        self.angle_deg = 0.0
        self.cross_deg = 0.0
        self.silent = False

    def turn(self) -> None:
        """Send a frame."""
        if self.silent:
            return
        with suppress(BlockingIOError):  # nobody has opened the port yet
            os.write(self.master, angle_frame(self.angle_deg, self.cross_deg))
