"""A WitMotion inclinometer: 11-byte frames, the angles among other kinds."""

import struct

from dynod.simulate.patient import TimeCurve

MARK = 0x55
ACCELERATION, ANGULAR_RATE, ANGLE = 0x51, 0x52, 0x53
_COUNTS_PER_DEGREE = 32768 / 180.0


def frame(kind: int, *words: int) -> bytes:
    """Return a frame of four 16-bit words, little-endian, with its sum."""
    body = struct.pack("<BB4h", MARK, kind, *words)
    return body + bytes([sum(body) & 0xFF])


def counts(angle_deg: float) -> int:
    """Return an angle in counts; ±180° wraps as in the device."""
    return (round(angle_deg * _COUNTS_PER_DEGREE) + 32768) % 65536 - 32768


class WitMotionFirmware:
    """Streams acceleration, angular rate and angle frames at a fixed rate. It has no button."""

    def __init__(self, roll_deg: TimeCurve, rate_hz: float = 10.0) -> None:
        self.samples_sent = 0
        self._roll_deg = roll_deg
        self._interval_s = 1.0 / rate_hz
        self._begun_s: float | None = None
        self._count = 0

    def opened(self, now_s: float) -> None:
        """Go on streaming: nothing happens."""

    def receive(self, data: bytes, now_s: float) -> None:
        """Take configuration commands, which are never answered."""

    def press(self, now_s: float) -> None:
        """There is no switch."""

    def release(self, now_s: float) -> None:
        """There is no switch."""

    def advance(self, now_s: float) -> bytes:
        """Return the frames sent until now."""
        if self._begun_s is None:
            self._begun_s = now_s
        sent = bytearray()
        while (due_s := self._begun_s + self._count * self._interval_s) <= now_s:
            roll = counts(self._roll_deg(due_s))
            sent += frame(ACCELERATION, 0, 0, 2048, 2500)
            sent += frame(ANGULAR_RATE, 0, 0, 0, 2500)
            sent += frame(ANGLE, roll, 0, 0, 0)
            self._count += 1
            self.samples_sent += 1
        return bytes(sent)
