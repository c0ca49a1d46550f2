"""The Chronojump Force_Sensor firmware 0.6, as its source reads, faults included."""

import random
from collections import deque
from dataclasses import dataclass

from dynod.simulate.patient import TimeCurve

VERSION = b"Force_Sensor-0.6"
READ_STRING_S = 1.0  # Serial.readString() collects for this long after the last byte
STAMP_RANGE = 1 << 32
# The first conversions after a start come early, as in real recordings of this board.
FIRST_OFFSETS_US = (0, 972, 10836)


@dataclass(frozen=True, slots=True)
class ChronojumpOptions:
    """How this board behaves.

    ``rate_hz`` as seen on a real unit; ``drop_probability`` per command character while
    streaming; ``stamp_offset_us`` lets the counter begin near its wrap; ``boot_s`` is how long
    the board is deaf after a reset.
    """

    rate_hz: float = 82.36
    drop_probability: float = 0.1
    stamp_offset_us: int = 0
    boot_s: float = 1.5
    resets_on_open: bool = True
    version: bytes = VERSION
    seed: int = 0


class ChronojumpFirmware:
    """Text protocol with start and stop, and a switch on the RCA trigger input."""

    def __init__(self, force_n: TimeCurve, options: ChronojumpOptions | None = None) -> None:
        self.samples_sent = 0
        self.streaming = False
        self.commands: list[str] = []
        self._force_n = force_n
        self._options = options or ChronojumpOptions()
        self._random = random.Random(self._options.seed)  # noqa: S311 - faults, no secret
        self._command = bytearray()
        self._heard_s = 0.0
        self._deaf_until_s = 0.0
        self._started_s = 0.0
        self._count = 0
        self._switch: deque[tuple[float, bytes]] = deque()
        self._out = bytearray()

    def opened(self, now_s: float) -> None:
        """Reset, as most Arduino boards do when DTR rises."""
        if self._options.resets_on_open:
            self.streaming = False
            self._command.clear()
            self._deaf_until_s = now_s + self._options.boot_s

    def receive(self, data: bytes, now_s: float) -> None:
        """Collect command characters; while streaming some get lost."""
        if now_s < self._deaf_until_s:
            return
        self._heard_s = now_s
        for byte in data:
            lost = self.streaming and self._random.random() < self._options.drop_probability
            if not lost:
                self._command.append(byte)

    def press(self, now_s: float) -> None:
        """Close the switch on the trigger input."""
        self._switch.append((now_s, b"R"))

    def release(self, now_s: float) -> None:
        """Open the switch on the trigger input."""
        self._switch.append((now_s, b"r"))

    def advance(self, now_s: float) -> bytes:
        """Return the lines printed until now."""
        if self.streaming:
            self._stream(now_s)
        else:
            self._switch.clear()  # the trigger is read only while capturing
        # readString() returns a second after the last character: commands that come closer
        # together than that are one (unknown) command.
        if self._command and now_s - self._heard_s >= READ_STRING_S:
            self._carry_out(bytes(self._command).strip(), now_s)
            self._command.clear()
        sent = bytes(self._out)
        self._out.clear()
        return sent

    def _carry_out(self, text: bytes, now_s: float) -> None:
        self.commands.append(text.decode("ascii", "replace"))
        match text:
            case b"get_version:":
                self._print(self._options.version)
            case b"start_capture:":
                self._print(b"Starting capture...")
                self.streaming, self._started_s, self._count = True, now_s, 0
            case b"end_capture:":
                self._print(b"Capture ended:")
                self.streaming = False
            case b"get_transmission_format:":
                self._print(b"text")
            case _:
                self._print(b"Not a valid command")

    def _stream(self, now_s: float) -> None:
        while (due_s := self._started_s + self._offset_us(self._count) * 1e-6) <= now_s:
            self._switches(due_s)
            self._line(due_s, f"{self._force_n(due_s):.2f}".encode())
            self._count += 1
            self.samples_sent += 1
        self._switches(now_s)

    def _switches(self, until_s: float) -> None:
        while self._switch and self._switch[0][0] <= until_s:
            t_s, letter = self._switch.popleft()
            self._line(max(t_s, self._started_s), letter)

    def _line(self, t_s: float, text: bytes) -> None:
        micros = self._options.stamp_offset_us + round((t_s - self._started_s) * 1e6)
        self._print(b"%d;%s" % (micros % STAMP_RANGE, text))

    def _offset_us(self, index: int) -> int:
        if index < len(FIRST_OFFSETS_US):
            return FIRST_OFFSETS_US[index]
        later = index - len(FIRST_OFFSETS_US) + 1
        return FIRST_OFFSETS_US[-1] + round(later * 1e6 / self._options.rate_hz)

    def _print(self, text: bytes) -> None:
        self._out += text + b"\r\n"
