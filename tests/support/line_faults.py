"""What can happen to the bytes of a serial line: each fault as a `Line` of `virtual_line`.

A fault is named by its kind, which is a row of the table in docs/reliability.md, and by the detail:
which byte, which bit, which seed.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from dynod.daemon.ports import PortGoneError
from tests.support.virtual_line import Line, whole

# What another baud rate makes of bytes: never the same ones, mostly none that mean anything.
RUBBISH = bytes((byte * 37 + 0xA5) & 0xFF | 0x80 for byte in range(256))
SEEDS = range(8)


@dataclass(frozen=True)
class Fault:
    """``make`` returns a line of its own for each trial; ``whole_trial``: from its begin on.

    ``small``: is tried in the suite too, and not in the long run alone.
    """

    kind: str
    detail: str
    make: Callable[[], Line]
    whole_trial: bool = False
    rate: float = 1.0
    small: bool = True


@dataclass
class Once:
    """Does something to the first frames that are sent after the fault began.

    ``hurt`` takes that many frames, joined, and returns what arrives in their place; it arrives
    with the last of them.
    """

    hurt: Callable[[bytes], bytes]
    frames: int = 1
    _held: list[bytes] = field(default_factory=list)
    _done: bool = False

    def __call__(self, frame: bytes, since_s: float) -> list[bytes]:
        if self._done or not frame:
            return whole(frame, since_s)
        self._held.append(frame)
        if len(self._held) < self.frames:
            return []
        self._done = True
        return [self.hurt(b"".join(self._held))]


@dataclass
class Stall:
    """Nothing arrives for a while; what was sent meanwhile comes late, or never."""

    seconds: float
    late: bool
    _held: bytes = b""

    def __call__(self, frame: bytes, since_s: float) -> list[bytes]:
        if since_s < self.seconds:
            self._held += frame if self.late else b""
            return []
        held, self._held = self._held, b""
        return whole(held + frame, since_s)


def unplugged(_frame: bytes, _since_s: float) -> list[bytes]:
    raise PortGoneError("/dev/virtual is gone")


def other_baud_rate(frame: bytes, _since_s: float) -> list[bytes]:
    return [frame.translate(RUBBISH)]


def byte_by_byte(frame: bytes, _since_s: float) -> list[bytes]:
    return [frame[i : i + 1] for i in range(len(frame))]


@dataclass
class Clumps:
    """An adapter that collects for a tenth of a second before it passes on what came."""

    _held: bytes = b""
    _next_s: float = 0.0

    def __call__(self, frame: bytes, since_s: float) -> list[bytes]:
        self._held += frame
        if since_s < self._next_s:
            return []
        self._next_s = since_s + 0.1
        held, self._held = self._held, b""
        return [held]


def faults_of(frame: bytes, *, text: bool) -> Iterator[Fault]:
    """Yield every fault that is tried on a device which sends frames like this one."""
    yield from _of_the_line()
    yield from _of_frames()
    yield from _of_bytes(frame)
    if text:
        yield from _of_digits(frame)


def _of_the_line() -> Iterator[Fault]:
    yield Fault("unplugged", "", lambda: unplugged)
    yield Fault("silent for good", "", lambda: Stall(1e9, late=False))
    for seconds in (0.3, 2.0):
        for late, rest in ((True, "then all of it"), (False, "the rest lost")):
            yield Fault(f"stalled {seconds:g} s, {rest}", "", partial(Stall, seconds, late=late))
    yield Fault("another baud rate from then on", "", lambda: other_baud_rate)
    yield Fault("one byte a read", "", lambda: byte_by_byte, whole_trial=True)
    yield Fault("clumps of 0.1 s", "", Clumps, whole_trial=True)
    for percent in (90, 110, 50):
        kind = f"sampled at {percent} % of the rate"
        yield Fault(kind, "", lambda: whole, whole_trial=True, rate=percent / 100.0)


def _of_frames() -> Iterator[Fault]:
    yield _once("a frame lost", "", lambda _: b"")
    yield _once("a frame doubled", "", lambda f: f + f)
    yield _once("two frames swapped", "", _swapped, frames=2)
    for seed in SEEDS:
        here, small = f"seed {seed}", seed < 2
        yield _once("garbage between frames", here, partial(_behind, _noise(seed)), small=small)
        yield _once("garbage for a frame", here, partial(_instead, seed), small=small)
        yield _once("garbage into a frame", here, partial(_into, _noise(seed)), small=small)


def _of_bytes(frame: bytes) -> Iterator[Fault]:
    burst, step = 2 * len(frame), max(3, len(frame) // 5)
    for at in range(len(frame)):
        here, small = f"byte {at}", at % step == 0
        yield _once("a byte lost", here, partial(_cut, at, 1), small=small)
        yield _once("three bytes lost", here, partial(_cut, at, 3), small=small)
        yield _once("a burst of bytes lost", here, partial(_cut, at, burst), frames=3, small=small)
        yield _once("a byte doubled", here, partial(_doubled, at), small=small)
        if at:
            yield _once("the ends of a frame swapped", here, partial(_turned, at), small=small)
        for bit in range(8):
            flip = partial(_flipped, at, bit)
            yield _once("a bit flipped", f"{here}, bit {bit}", flip, small=small and bit == at % 8)


def _of_digits(frame: bytes) -> Iterator[Fault]:
    for at, byte in enumerate(frame):
        if not chr(byte).isdigit():
            continue
        for digit in range(10):
            small = len(frame) < 20 and digit == (byte - ord("0") + 3) % 10
            change = partial(_digit, at, ord("0") + digit)
            yield _once("a digit for another", f"byte {at}, {digit}", change, small=small)


def _once(
    kind: str,
    detail: str,
    hurt: Callable[[bytes], bytes],
    *,
    frames: int = 1,
    small: bool = True,
) -> Fault:
    return Fault(kind, detail, lambda: Once(hurt, frames), small=small)


def _cut(at: int, count: int, frame: bytes) -> bytes:
    return frame[:at] + frame[at + count :]


def _doubled(at: int, frame: bytes) -> bytes:
    return frame[: at + 1] + frame[at:]


def _turned(at: int, frame: bytes) -> bytes:
    return frame[at:] + frame[:at]


def _flipped(at: int, bit: int, frame: bytes) -> bytes:
    return _with(frame, at, frame[at] ^ 1 << bit) if at < len(frame) else frame


def _digit(at: int, digit: int, frame: bytes) -> bytes:
    return _with(frame, at, digit) if frame[at : at + 1].isdigit() else frame


def _with(frame: bytes, at: int, byte: int) -> bytes:
    return frame[:at] + bytes([byte]) + frame[at + 1 :]


def _swapped(two: bytes) -> bytes:
    half = len(two) // 2
    return two[half:] + two[:half]


def _behind(noise: bytes, frame: bytes) -> bytes:
    return frame + noise


def _into(noise: bytes, frame: bytes) -> bytes:
    half = len(frame) // 2
    return frame[:half] + noise + frame[half:]


def _instead(seed: int, frame: bytes) -> bytes:
    return random.Random(seed).randbytes(len(frame))


def _noise(seed: int) -> bytes:
    chance = random.Random(seed)
    return chance.randbytes(chance.randint(1, 12))
