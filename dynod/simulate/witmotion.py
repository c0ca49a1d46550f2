"""A WitMotion inclinometer: 11-byte frames, the angles among other kinds, and its registers.

Commands are ``FF AA register low high``, without checksum and mostly without answer (WITMOTION/
WitStandardProtocol_JY901, REG.h at e8f4e3af; wit-motion.gitbook.io, WIT standard protocol).
"""

import struct
from dataclasses import dataclass, replace

from dynod.simulate.patient import TimeCurve

MARK = 0x55
ACCELERATION, ANGULAR_RATE, ANGLE, REGISTERS = 0x51, 0x52, 0x53, 0x5F
_RATES_HZ = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
RATES_HZ = {**dict(enumerate(_RATES_HZ, 0x01)), 0x0B: 200.0}
BAUDRATES = dict(enumerate((4800, 9600, 19200, 38400, 57600, 115200, 230400), 0x01))
UNLOCKED_S = 10.0

_COUNTS_PER_DEGREE = 32768 / 180.0
_COMMAND = b"\xff\xaa"
_COMMAND_BYTES = 5
_SAVE, _CALIBRATE, _CONTENT, _RATE, _BAUD, _READ, _KEY = 0x00, 0x01, 0x02, 0x03, 0x04, 0x27, 0x69
_UNLOCK = 0xB588
_ALL_CONTENT = 0x000E  # acceleration, angular rate, angle
_FRAMES_PER_SAMPLE = 3
_FRAME_BYTES = 11
_BITS_PER_BYTE = 10  # start, eight data bits, stop


def frame(kind: int, *words: int) -> bytes:
    """Return a frame of four 16-bit words, little-endian, with its sum."""
    body = struct.pack("<BB4h", MARK, kind, *words)
    return body + bytes([sum(body) & 0xFF])


def counts(angle_deg: float) -> int:
    """Return an angle in counts; ±180° wraps as in the device."""
    return (round(angle_deg * _COUNTS_PER_DEGREE) + 32768) % 65536 - 32768


@dataclass(frozen=True, slots=True)
class Registers:
    """What the unit keeps: codes of its rate and its baud rate."""

    rate: int = 0x06
    baud: int = 0x02

    @property
    def rate_hz(self) -> float:
        """How often it sends: as set, or the highest rate below that its baud rate carries."""
        per_sample = _FRAMES_PER_SAMPLE * _FRAME_BYTES * _BITS_PER_BYTE
        most_hz = BAUDRATES[self.baud] / per_sample
        carried = [rate for rate in RATES_HZ.values() if rate <= min(most_hz, RATES_HZ[self.rate])]
        return max(carried, default=min(RATES_HZ.values()))


class WitMotionFirmware:
    """Streams acceleration, angular rate and angle frames at a fixed rate. It has no button.

    ``rate_hz`` is what it is set to at first, and may be one that its registers cannot name.
    ``zeroed`` tells whether anybody sent it a calibration.
    """

    def __init__(self, roll_deg: TimeCurve, rate_hz: float = 10.0, *, baudrate: int = 9600) -> None:
        self.samples_sent = 0
        self.zeroed = False
        self.registers = Registers(_code(RATES_HZ, rate_hz, 0x06), _code(BAUDRATES, baudrate, 0x02))
        self._saved = self.registers
        self._roll_deg = roll_deg
        self._rate_hz = rate_hz
        self._begun_s: float | None = None
        self._count = 0
        self._heard = bytearray()
        self._unlocked_until_s = float("-inf")
        self._answers = bytearray()

    @property
    def baudrate(self) -> int:
        """The baud rate at which it speaks and hears."""
        return BAUDRATES[self.registers.baud]

    def opened(self, now_s: float) -> None:
        """Go on streaming: nothing happens."""

    def power_cycle(self) -> None:
        """Forget what was not saved."""
        self._set(self._saved)
        self._unlocked_until_s = float("-inf")

    def receive(self, data: bytes, now_s: float) -> None:
        """Take configuration commands; most of them are never answered."""
        self._heard += data
        while (place := self._heard.find(_COMMAND)) >= 0:
            command = bytes(self._heard[place : place + _COMMAND_BYTES])
            if len(command) < _COMMAND_BYTES:
                return
            del self._heard[: place + _COMMAND_BYTES]
            _, register, value = struct.unpack("<HBH", command)
            self._carry_out(register, value, now_s)
        del self._heard[:-_COMMAND_BYTES]

    def press(self, now_s: float) -> None:
        """There is no switch."""

    def release(self, now_s: float) -> None:
        """There is no switch."""

    def advance(self, now_s: float) -> bytes:
        """Return the frames sent until now."""
        if self._begun_s is None:
            self._begun_s = now_s
        sent = bytearray()
        while (due_s := self._begun_s + self._count / self._rate_hz) <= now_s:
            roll = counts(self._roll_deg(due_s))
            sent += frame(ACCELERATION, 0, 0, 2048, 2500)
            sent += frame(ANGULAR_RATE, 0, 0, 0, 2500)
            sent += frame(ANGLE, roll, 0, 0, 0)
            self._count += 1
            self.samples_sent += 1
        sent += self._answers
        self._answers.clear()
        return bytes(sent)

    def _carry_out(self, register: int, value: int, now_s: float) -> None:
        if register == _READ:
            self._answers += frame(REGISTERS, *(self._word(value + offset) for offset in range(4)))
        elif (register, value) == (_KEY, _UNLOCK):
            self._unlocked_until_s = now_s + UNLOCKED_S
        elif now_s <= self._unlocked_until_s:
            self._write(register, value)

    def _write(self, register: int, value: int) -> None:
        if register == _RATE and value in RATES_HZ:
            self._set(replace(self.registers, rate=value))
        elif register == _BAUD and value in BAUDRATES:
            self._set(replace(self.registers, baud=value))
        elif register == _SAVE and value == 0:
            self._saved = self.registers
        elif register == _CALIBRATE and value:
            self.zeroed = True

    def _set(self, registers: Registers) -> None:
        self.registers = registers
        self._rate_hz = registers.rate_hz
        self._begun_s, self._count = None, 0

    def _word(self, register: int) -> int:
        words = {
            _CONTENT: _ALL_CONTENT,
            _RATE: self.registers.rate,
            _BAUD: self.registers.baud,
        }
        return words.get(register, 0)


def _code(codes: dict[int, float] | dict[int, int], value: float, default: int) -> int:
    return next((code for code, meaning in codes.items() if meaning == value), default)
