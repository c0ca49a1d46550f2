"""Every profile's dialogue against its simulator and against devices that misbehave.

The clock is the test's own, so that a minute costs a moment. What is sent is read byte by byte.
"""

import math
from collections.abc import Callable

import pytest

from dynod.config.profiles import load_profiles
from dynod.model.samples import EventKind
from dynod.model.units import factor_to_base
from dynod.simulate.device import DeviceOptions, ProfileDevice, commands_of
from dynod.simulate.firmware import Firmware
from dynod.wire.dialogue import DialoguePhase
from dynod.wire.framing import DelimitedLine, FixedFrame, LengthPrefixed, PatternLine, has_unit
from dynod.wire.phrases import phrase_bytes, phrase_shown
from dynod.wire.prefixed import request
from dynod.wire.profile import FreeRunning, Polled, PressToSend, Profile, StartStop
from tests.devices.folders import Talk, converse

PROFILES = load_profiles(None)
ASKING = [profile for profile in PROFILES.values() if not isinstance(profile.dialogue, FreeRunning)]
LINES = (DelimitedLine, PatternLine)
OPEN_S = 12.0  # the slowest of them streams by then
each_asking = pytest.mark.parametrize("profile", ASKING, ids=[p.key for p in ASKING])


def swing(t_s: float) -> float:
    """A level that is another at every moment, and never 0."""
    return 40.0 + 20.0 * math.sin(t_s)


class Recorder:
    """Passes on to a device, and keeps what the host sent, each write by itself."""

    def __init__(self, device: Firmware) -> None:
        self.samples_sent = 0
        self.heard: list[bytes] = []
        self._device = device

    def opened(self, now_s: float) -> None:
        self._device.opened(now_s)

    def receive(self, data: bytes, now_s: float) -> None:
        self.heard.append(data)
        self._device.receive(data, now_s)

    def advance(self, now_s: float) -> bytes:
        return self._device.advance(now_s)

    def press(self, now_s: float) -> None:
        self._device.press(now_s)

    def release(self, now_s: float) -> None:
        self._device.release(now_s)


class Silent(ProfileDevice):
    """Hears everything and says nothing."""

    def advance(self, now_s: float) -> bytes:
        super().advance(now_s)
        return b""


class Stranger(Silent):
    """Answers every command with words of its own."""

    def __init__(self, profile: Profile, curve: Callable[[float], float]) -> None:
        super().__init__(profile, curve)
        self._words = b""

    def receive(self, data: bytes, now_s: float) -> None:  # noqa: ARG002
        self._words = b"an answer of something else\r\n"

    def advance(self, now_s: float) -> bytes:  # noqa: ARG002
        words, self._words = self._words, b""
        return words


class Babbler(ProfileDevice):
    """Streams from the start, as a device that nobody stopped."""

    def opened(self, now_s: float) -> None:
        super().opened(now_s)
        self.streaming = True


def commands_sent(profile: Profile) -> set[bytes]:
    framing = profile.framing
    sent = {phrase_bytes(command) for command in commands_of(profile)}
    return (
        {request(framing, command) for command in sent}
        if isinstance(framing, LengthPrefixed)
        else sent
    )


def check_sent(profile: Profile, heard: list[bytes]) -> None:
    """No tare, zero, calibration or setup; and nothing that the profile does not name."""
    assert set(heard) <= commands_sent(profile)
    stream = b"".join(heard)
    for command in profile.forbidden:
        assert phrase_bytes(command) not in stream
    setup = profile.setup
    if setup is not None:
        for setting in (*setup.rates.values(), *setup.baudrates.values(), setup.save):
            assert setting is None or phrase_bytes(setting) not in stream


def expected_values(profile: Profile, device: ProfileDevice) -> list[tuple[float, ...]]:
    """Return what the simulator meant, in the unit of the profile."""
    factor = 1.0
    wire = profile.units.get(profile.simulation.unit or "")
    if wire is not None and profile.unit is not None:
        factor = factor_to_base(wire) / factor_to_base(profile.unit)
    return [tuple(value * factor for value in row) for row in device.sent_values]


def decoded_values(talk: Talk) -> list[list[float]]:
    return [row for block in talk.blocks for row in block.values.tolist()]


def talk_to(profile: Profile, device: Firmware, *, until_s: float, stop_s: float) -> Talk:
    recorder = Recorder(device)
    talk = converse(profile, recorder, until_s=until_s, stop_s=stop_s)
    check_sent(profile, recorder.heard)
    return talk


@pytest.mark.parametrize(
    "profile",
    [p for p in PROFILES.values() if not p.single_reading],
    ids=lambda profile: profile.key,
)
def test_the_simulator_is_identified_streams_and_stops(profile: Profile) -> None:
    device = ProfileDevice(profile, swing)
    talk = talk_to(profile, device, until_s=OPEN_S + 8.0, stop_s=OPEN_S)
    assert talk.step.phase is DialoguePhase.STOPPED
    assert talk.identified
    got, meant = decoded_values(talk), expected_values(profile, device)
    late = int(isinstance(profile.framing, FixedFrame) and profile.framing.checksum == "none")
    assert len(meant) > 20
    free = isinstance(profile.dialogue, FreeRunning) and isinstance(profile.framing, LINES)
    if free and not profile.simulation.banner:
        del meant[0]  # the first line after opening may lack its beginning
    assert len(got) in {len(meant) - late, len(meant)}  # the last may wait for the next mark
    for row, wanted in zip(got, meant, strict=False):
        assert row == pytest.approx(wanted, rel=1e-12, abs=1e-9)


@each_asking
def test_a_silent_device_ends_in_a_timeout_that_names_the_command(profile: Profile) -> None:
    talk = talk_to(profile, Silent(profile, swing), until_s=60.0, stop_s=59.0)
    dialogue = profile.dialogue
    if isinstance(dialogue, PressToSend):
        assert talk.step.phase is DialoguePhase.STOPPED  # it may be silent for an hour
        return
    assert talk.step.phase is DialoguePhase.FAILED
    assert not isinstance(dialogue, FreeRunning)
    first = dialogue.greet or dialogue.identify or dialogue.units
    if first is None:
        first = dialogue.poll if isinstance(dialogue, Polled) else dialogue.start
    assert f"no answer to {phrase_shown(first)} after" in (talk.step.problem or "")


@each_asking
def test_a_device_that_answers_as_something_else_is_refused(profile: Profile) -> None:
    talk = talk_to(profile, Stranger(profile, swing), until_s=60.0, stop_s=59.0)
    if isinstance(profile.dialogue, PressToSend):
        assert talk.blocks == []
        return
    assert talk.step.phase is DialoguePhase.FAILED
    identified = getattr(profile.dialogue, "identify", None) and not profile.dialogue.greet  # type: ignore[union-attr]
    if identified and not isinstance(profile.framing, FixedFrame):
        assert "answers as 'an answer of something else'" in (talk.step.problem or "")


@each_asking
def test_a_device_that_streams_already_is_silenced_first(profile: Profile) -> None:
    if not isinstance(profile.dialogue, StartStop):
        return
    device = Babbler(profile, swing)
    talk = talk_to(profile, device, until_s=OPEN_S + 8.0, stop_s=OPEN_S)
    assert talk.step.phase is DialoguePhase.STOPPED
    assert talk.identified
    assert phrase_bytes(profile.dialogue.stop) == talk.sent[0]


@pytest.mark.parametrize(
    "profile",
    [p for p in ASKING if isinstance(p.dialogue, StartStop | Polled)],
    ids=lambda profile: profile.key,
)
@pytest.mark.parametrize("seed", range(3))
def test_a_third_of_all_commands_may_be_lost(profile: Profile, seed: int) -> None:
    """A dialogue ends: it streams, or says which command got no answer. It sends nothing else."""
    device = ProfileDevice(profile, swing, DeviceOptions(deaf=0.33, seed=seed))
    talk = talk_to(profile, device, until_s=90.0, stop_s=40.0)
    assert talk.step.phase in {DialoguePhase.STOPPED, DialoguePhase.FAILED}
    if talk.step.phase is DialoguePhase.FAILED:
        assert "no answer to" in (talk.step.problem or "")


@pytest.mark.parametrize(
    "profile",
    [p for p in ASKING if isinstance(p.dialogue, Polled)],
    ids=lambda profile: profile.key,
)
def test_polls_keep_to_their_schedule(profile: Profile) -> None:
    """Poll k is due k intervals after the first; a clock of 5 ms cannot be nearer than that."""
    device = ProfileDevice(profile, swing, DeviceOptions(answer_s=0.008))
    talk = talk_to(profile, device, until_s=22.0, stop_s=20.0)
    assert profile.rate_hz is not None
    times = [t_s for block in talk.blocks for t_s in block.t_s.tolist()]
    assert len(times) > 100
    for index, t_s in enumerate(times):
        assert t_s - times[0] == pytest.approx(index / profile.rate_hz, abs=0.006)


@pytest.mark.parametrize(
    "profile",
    [p for p in ASKING if isinstance(p.dialogue, Polled)],
    ids=lambda profile: profile.key,
)
def test_an_answer_that_comes_too_late_is_neither_sample_nor_press(profile: Profile) -> None:
    """The device answers after the dialogue gave up waiting, every time."""
    dialogue = profile.dialogue
    assert isinstance(dialogue, Polled)
    device = ProfileDevice(profile, swing, DeviceOptions(answer_s=dialogue.reply_s * 1.5))
    asked = {phrase_bytes(dialogue.poll)}
    talk = converse(profile, device, until_s=20.0, stop_s=19.0)
    presses = [e for d in talk.decoded for e in d.events if e.kind is EventKind.PRESS]
    assert presses == []
    assert asked


@pytest.mark.parametrize(
    "profile",
    [p for p in ASKING if p.has_button and not isinstance(p.dialogue, StartStop)],
    ids=lambda profile: profile.key,
)
def test_a_reading_that_nobody_asked_for_is_a_press(profile: Profile) -> None:
    device = ProfileDevice(profile, swing)
    pressed = {round(at_s / 0.005): at_s for at_s in (8.013, 9.501, 10.777)}

    def press(now_s: float) -> None:
        if round(now_s / 0.005) in pressed:
            device.press(now_s)
            device.release(now_s)

    talk = converse(profile, device, until_s=14.0, stop_s=12.0, each=press)
    events = [event for decoded in talk.decoded for event in decoded.events]
    assert [event.kind for event in events] == [EventKind.PRESS] * 3
    for event, at_s in zip(events, pressed.values(), strict=True):
        assert event.t_s == pytest.approx(at_s, abs=0.012)
    if profile.single_reading:
        assert len(decoded_values(talk)) == 3
        assert device.samples_sent == 3
        times = [t_s for block in talk.blocks for t_s in block.t_s.tolist()]
        assert times == [event.t_s for event in events]
    else:
        assert len(decoded_values(talk)) == device.samples_sent


def test_a_unit_that_the_profile_does_not_know_is_refused() -> None:
    profile = PROFILES["loadstar_di"]
    answers = {**profile.simulation.answers, "UNITS\r": "stone\r\n"}
    simulation = profile.simulation.model_copy(update={"answers": answers})
    framing = profile.framing.model_copy(update={"replies": ("A", "E", ".*DI-.*", "stone")})
    other = profile.model_copy(update={"simulation": simulation, "framing": framing})
    dialogue = profile.dialogue.model_copy(update={"unit_in": "^(?P<unit>stone)$"})
    other = other.model_copy(update={"dialogue": dialogue})
    talk = converse(other, ProfileDevice(other, swing), until_s=20.0, stop_s=19.0)
    assert talk.step.phase is DialoguePhase.FAILED
    assert "measures in 'stone'" in (talk.step.problem or "")


@pytest.mark.parametrize(("word", "newtons"), [("LB", 4.4482216152605), ("Kg", 9.80665), ("N", 1)])
def test_what_the_device_says_of_its_unit_holds_for_its_numbers(word: str, newtons: float) -> None:
    """1 lbf = 0.45359237 kg x 9.80665 m/s2; the wire says 2.5 of each."""
    profile = PROFILES["loadstar_di"]
    answers = {**profile.simulation.answers, "UNITS\r": f"{word}\r\n"}
    simulation = profile.simulation.model_copy(update={"answers": answers, "line": "2.5\r\n"})
    other = profile.model_copy(update={"simulation": simulation})
    talk = converse(other, ProfileDevice(other, swing), until_s=6.0, stop_s=5.0)
    (value,) = {value for row in decoded_values(talk) for value in row}
    assert value == pytest.approx(2.5 * newtons)
    assert not has_unit(other.framing)
