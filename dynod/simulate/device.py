"""A simulated device of any profile: it answers, streams and sends as the profile says."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from dynod.model.units import Unit, factor_to_base
from dynod.simulate.encode import make_encoder
from dynod.simulate.patient import TimeCurve
from dynod.wire.framing import LengthPrefixed
from dynod.wire.phrases import phrase_bytes
from dynod.wire.prefixed import request
from dynod.wire.profile import DeviceClock, FreeRunning, Polled, PressToSend, Profile, StartStop

_LONGEST_COMMAND = 256
_ANY_RATE_HZ = 10.0


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """How this unit behaves.

    ``rate_hz`` other than the profile's; ``answer_s`` how long an answer takes; ``bad_checksum``
    and ``deaf`` are probabilities: of a sample with a wrong last byte, of a command not heard.
    """

    rate_hz: float | None = None
    answer_s: float = 0.0
    bad_checksum: float = 0.0
    deaf: float = 0.0
    banner: bytes | None = None
    seed: int = 0


class ProfileDevice:
    """Speaks a profile's protocol. ``curve`` is newtons (push positive) or degrees over time.

    ``axis`` is the channel that the curve moves; the others rest at 0. ``received`` is all that
    the host ever sent, ``sent_values`` the samples as they stood on the wire.
    """

    def __init__(
        self,
        profile: Profile,
        curve: TimeCurve,
        options: DeviceOptions | None = None,
        *,
        axis: str | None = None,
    ) -> None:
        self.samples_sent = 0
        self.received = bytearray()
        self.sent_values: list[tuple[float, ...]] = []
        self.streaming = isinstance(profile.dialogue, FreeRunning)
        self._profile = profile
        self._curve = curve
        self._options = options or DeviceOptions()
        self._axis = profile.channels.index(axis) if axis is not None else 0
        self._encode = make_encoder(profile)
        self._factor = _base_per_device(profile)
        self._interval_s = 1.0 / (self._options.rate_hz or profile.rate_hz or _ANY_RATE_HZ)
        self._random = random.Random(self._options.seed)  # noqa: S311 - faults, no secret
        self._commands = _commands(profile)
        self._heard = bytearray()
        self._begun_s: float | None = None
        self._count = 0
        self._out: list[tuple[float, bytes]] = []
        self._keys: list[tuple[float, bool]] = []

    def opened(self, now_s: float) -> None:
        """Send the banner, where there is one."""
        banner = self._options.banner
        if banner is None:
            banner = self._profile.simulation.banner.encode("latin-1")
        self._heard.clear()
        if banner:
            self._out.append((now_s, banner))

    def receive(self, data: bytes, now_s: float) -> None:
        """Carry out the commands in what the host sent."""
        self.received += data
        self._heard += data
        while (found := self._command()) is not None:
            if not (self._options.deaf and self._random.random() < self._options.deaf):
                self._carry_out(found, now_s)
        del self._heard[:-_LONGEST_COMMAND]

    def press(self, now_s: float) -> None:
        """Press the key."""
        self._keys.append((now_s, True))

    def release(self, now_s: float) -> None:
        """Let the key go."""
        self._keys.append((now_s, False))

    def advance(self, now_s: float) -> bytes:
        """Return what was sent until now."""
        if self.streaming:
            self._stream(now_s)
        self._key_events(now_s)
        due = [data for at_s, data in self._out if at_s <= now_s]
        self._out = [(at_s, data) for at_s, data in self._out if at_s > now_s]
        return b"".join(due)

    def _command(self) -> bytes | None:
        """Take the first command out of what was heard; of two at one place the longer."""
        places = [
            (place, -len(command), command)
            for command in self._commands
            if (place := self._heard.find(command)) >= 0
        ]
        if not places:
            return None
        place, _, command = min(places)
        del self._heard[: place + len(command)]
        return command

    def _carry_out(self, command: bytes, now_s: float) -> None:
        dialogue = self._profile.dialogue
        answer = self._commands[command]
        if answer is not None:
            self._say(answer, now_s)
        if isinstance(dialogue, Polled) and command == _sent(self._profile, dialogue.poll):
            self._say(self._sample(now_s, 0), now_s)
        if isinstance(dialogue, StartStop):
            if command == _sent(self._profile, dialogue.start):
                self.streaming, self._begun_s, self._count = True, now_s, 0
            elif command == _sent(self._profile, dialogue.stop):
                self.streaming = False

    def _say(self, data: bytes, now_s: float) -> None:
        self._out.append((now_s + self._options.answer_s, data))

    def _stream(self, now_s: float) -> None:
        if self._begun_s is None:
            self._begun_s = now_s
        while (due_s := self._begun_s + self._count * self._interval_s) <= now_s:
            self._key_events(due_s)
            self._out.append((due_s, self._sample(due_s, self._stamp(due_s))))
            self._count += 1

    def _stamp(self, at_s: float) -> int:
        clock = self._profile.clock
        if not isinstance(clock, DeviceClock):
            return 0
        return round((at_s - (self._begun_s or at_s)) / clock.unit_s) % (1 << clock.bits)

    def _sample(self, at_s: float, stamp: int) -> bytes:
        """Return the bytes of one sample, and count it."""
        values = [0.0] * len(self._profile.channels)
        values[self._axis] = self._curve(at_s) / self._factor
        data, rounded = self._limited(values, stamp)
        self.samples_sent += 1
        self.sent_values.append(rounded)
        wrong = self._options.bad_checksum
        if wrong and self._random.random() < wrong:
            end = len(data.rstrip(b"\r\n")) - 1
            data = data[:end] + bytes([data[end] ^ 0x01]) + data[end + 1 :]
        return data

    def _limited(self, values: Sequence[float], stamp: int) -> tuple[bytes, tuple[float, ...]]:
        simulation = self._profile.simulation
        data, rounded = self._encode(values, stamp)
        if simulation.full_scale is None or abs(values[self._axis]) <= simulation.full_scale:
            return data, rounded
        if simulation.overload is not None:
            return simulation.overload.encode("latin-1"), (float("nan"),) * len(values)
        if self._profile.saturation:
            ends = sorted(end.value for end in self._profile.saturation)
            end = ends[-1] if values[self._axis] > 0 else ends[0]
            return self._encode([end] * len(values), stamp)
        return data, rounded

    def _key_events(self, until_s: float) -> None:
        while self._keys and self._keys[0][0] <= until_s:
            at_s, down = self._keys.pop(0)
            line = self._key_line(at_s, down=down)
            if line:
                self._out.append((at_s, line))

    def _key_line(self, at_s: float, *, down: bool) -> bytes:
        dialogue = self._profile.dialogue
        if isinstance(dialogue, PressToSend) or (isinstance(dialogue, Polled) and dialogue.press):
            if not down:
                return b""
            counted, kept = self.samples_sent, len(self.sent_values)
            line = self._sample(at_s, 0)
            if isinstance(dialogue, Polled):  # a press, and no sample of the schedule
                self.samples_sent = counted
                del self.sent_values[kept:]
            return line
        text = self._profile.simulation.press if down else self._profile.simulation.release
        if text is None or not self.streaming:
            return b""
        return text.replace("{stamp}", str(self._stamp(at_s))).encode("latin-1")


def _commands(profile: Profile) -> dict[bytes, bytes | None]:
    """Return every command that the device knows, with its answer."""
    known: dict[bytes, bytes | None] = {
        _sent(profile, command): None for command in commands_of(profile)
    }
    for command, answer in profile.simulation.answers.items():
        known[_sent(profile, command)] = phrase_bytes(answer)
    return known


def commands_of(profile: Profile) -> list[str]:
    """Return every command that the profile's dialogue may send."""
    dialogue = profile.dialogue
    if isinstance(dialogue, FreeRunning):
        return []
    asked = [dialogue.hush, dialogue.greet, dialogue.identify, dialogue.units, *dialogue.settings]
    if isinstance(dialogue, StartStop):
        asked += [dialogue.start, dialogue.stop]
    if isinstance(dialogue, Polled):
        asked += [dialogue.poll, dialogue.acknowledge]
    return [command for command in asked if command is not None]


def _sent(profile: Profile, command: str) -> bytes:
    framing, sent = profile.framing, phrase_bytes(command)
    return request(framing, sent) if isinstance(framing, LengthPrefixed) else sent


def _base_per_device(profile: Profile) -> float:
    """Return how many N (push positive) or degrees one unit of the wire's numbers is."""
    simulation, sign = profile.simulation, profile.push_sign or 1
    unit = profile.units.get(simulation.unit or "", profile.unit)
    if unit is Unit.COUNT or unit is None:
        return sign / simulation.counts_per_newton
    return sign * factor_to_base(unit)
