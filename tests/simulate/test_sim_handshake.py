"""Dialogue and firmware talk to each other in simulated time, faults included."""

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from dynod.model.samples import Chunk, EventKind
from dynod.simulate.chronojump import ChronojumpFirmware, ChronojumpOptions
from dynod.wire.decoder import Decoder
from dynod.wire.dialogue import DialoguePhase, Step, make_dialogue
from dynod.wire.profile import Profile

FOLDER = Path(__file__).parents[2] / "devices" / "chronojump_force_sensor"
PROFILE = Profile.model_validate(tomllib.loads((FOLDER / "profile.toml").read_text("utf-8")))
TICK_S = 0.02
# So that three commands in ten lose a character: 1 − (1 − p)^12 = 0.3 for `end_capture:`.
THREE_IN_TEN = 1.0 - 0.7 ** (1 / 12)


class Exchange:
    """A port that has just been opened, with a board behind it."""

    def __init__(self, firmware: ChronojumpFirmware) -> None:
        self.firmware = firmware
        self.decoder = Decoder(PROFILE)
        self.dialogue = make_dialogue(PROFILE)
        self.now_s = 100.0
        self.sent: list[tuple[float, bytes]] = []
        self.events: list[EventKind] = []
        self.times: list[float] = []
        firmware.opened(self.now_s)
        self.apply(self.dialogue.start(self.now_s))

    def apply(self, step: Step) -> None:
        self.phase, self.problem = step.phase, step.problem
        if step.send:
            self.sent.append((self.now_s, step.send))
            self.firmware.receive(step.send, self.now_s)

    def run(self, seconds: float, until: DialoguePhase | None = None) -> DialoguePhase:
        """Let time pass, until a phase is reached when one is named."""
        limit_s = self.now_s + seconds
        while self.now_s < limit_s and (until is None or self.phase is not until):
            self.now_s += TICK_S
            data = self.firmware.advance(self.now_s)
            if data:
                self.take(data)
            self.apply(self.dialogue.tick(self.now_s))
        return self.phase

    def take(self, data: bytes) -> None:
        decoded = self.decoder.feed(Chunk(data, self.now_s))
        self.events.extend(event.kind for event in decoded.events)
        for block in decoded.blocks:
            self.times.extend(block.t_s.tolist())
        step = self.dialogue.receive(decoded.replies, self.now_s, data_seen=bool(decoded.blocks))
        self.apply(step)

    def stop(self) -> None:
        self.apply(self.dialogue.stop(self.now_s))


def board(**options: float) -> ChronojumpFirmware:
    return ChronojumpFirmware(lambda _t_s: 27.3, ChronojumpOptions(**options))  # type: ignore[arg-type]


def test_from_opening_to_stop() -> None:
    firmware = board(drop_probability=0.0)
    exchange = Exchange(firmware)
    assert exchange.run(10.0, DialoguePhase.STREAMING) is DialoguePhase.STREAMING
    assert exchange.dialogue.identified == "Force_Sensor-0.6"
    firmware.press(exchange.now_s + 0.5)
    firmware.release(exchange.now_s + 0.6)
    exchange.run(2.0)
    exchange.stop()
    assert exchange.run(5.0, DialoguePhase.STOPPED) is DialoguePhase.STOPPED
    assert not firmware.streaming
    assert firmware.commands == ["get_version:", "start_capture:", "end_capture:"]
    assert exchange.events == [EventKind.PRESS, EventKind.RELEASE]
    assert len(exchange.times) == firmware.samples_sent
    assert exchange.times[:3] == pytest.approx([0.0, 0.000972, 0.010836])
    assert not exchange.decoder.rejects


def test_starts_and_stops_though_three_commands_in_ten_lose_characters() -> None:
    retried = 0
    for seed in range(40):
        firmware = board(drop_probability=THREE_IN_TEN, seed=seed)
        exchange = Exchange(firmware)
        assert exchange.run(10.0, DialoguePhase.STREAMING) is DialoguePhase.STREAMING
        exchange.stop()
        assert exchange.run(40.0, DialoguePhase.STOPPED) is DialoguePhase.STOPPED
        assert not firmware.streaming
        retried += len(exchange.sent) > 3
        times = [t_s for t_s, _ in exchange.sent]
        assert all(after - before > 1.1 for before, after in pairwise(times))
    assert retried > 5  # of 12 expected


def test_stops_a_board_that_streams_already_though_it_drops_characters() -> None:
    for seed in range(10):
        firmware = board(drop_probability=THREE_IN_TEN, seed=seed, resets_on_open=False)
        firmware.receive(b"start_capture:", 90.0)
        firmware.advance(91.0)
        exchange = Exchange(firmware)
        assert exchange.run(40.0, DialoguePhase.STREAMING) is DialoguePhase.STREAMING
        assert firmware.commands[-3:] == ["end_capture:", "get_version:", "start_capture:"]


def test_starts_though_three_characters_in_ten_are_dropped() -> None:
    """At rest the board hears everything; opening the port has put it to rest."""
    exchange = Exchange(board(drop_probability=0.3))
    assert exchange.run(10.0, DialoguePhase.STREAMING) is DialoguePhase.STREAMING


@pytest.mark.parametrize("drop_probability", [0.3, 1.0])
def test_stop_ends_in_bounded_time_whatever_is_dropped(drop_probability: float) -> None:
    """Of twelve characters all arrive in 0.7^12 = 1.4 % of attempts: no retry can rely on that."""
    exchange = Exchange(board(drop_probability=drop_probability))
    exchange.run(10.0, DialoguePhase.STREAMING)
    exchange.stop()
    assert exchange.run(8 * 3.0 + 1.0, DialoguePhase.STOPPED) is DialoguePhase.STOPPED
    assert {text for _, text in exchange.sent[2:]} == {b"end_capture:"}


def test_another_version_string_is_another_device() -> None:
    options = ChronojumpOptions(version=b"Force_Platform-0.1")
    exchange = Exchange(ChronojumpFirmware(lambda _t_s: 0.0, options))
    exchange.run(10.0, DialoguePhase.FAILED)
    assert exchange.problem is not None
    assert "answers as 'Force_Platform-0.1'" in exchange.problem


def test_the_stamps_wrap_during_a_session() -> None:
    exchange = Exchange(board(stamp_offset_us=2**32 - 500_000))
    exchange.run(10.0, DialoguePhase.STREAMING)
    exchange.run(1.0)
    steps = [after - before for before, after in pairwise(exchange.times)]
    assert exchange.decoder.segment == 0
    assert exchange.times[-1] > 2**32 * 1e-6
    assert steps[3:] == pytest.approx([1 / 82.36] * len(steps[3:]), abs=2e-6)
