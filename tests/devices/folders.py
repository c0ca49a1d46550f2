"""The folders of devices/, their profiles and captures, and a device driven in its own time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from dynod.config.profiles import read_profiles
from dynod.model.samples import Chunk, Decoded, SampleBlock
from dynod.simulate.firmware import Firmware
from dynod.wire.capture import Expectation, joined_blocks, parse_expectation, parse_timing, play
from dynod.wire.decoder import Decoder
from dynod.wire.dialogue import Dialogue, DialoguePhase, Step, make_dialogue
from dynod.wire.profile import Profile

DEVICES = Path(__file__).parents[2] / "devices"
FOLDERS = sorted(path for path in DEVICES.iterdir() if path.is_dir())
BINARIES = sorted(DEVICES.glob("*/captures/**/*.bin"))
TICK_S = 0.005


@cache
def profiles_in(folder: Path) -> dict[str, Profile]:
    """Return the profile of a folder and its variants, by key."""
    return read_profiles(folder)


def folder_of(binary: Path) -> Path:
    return DEVICES / binary.relative_to(DEVICES).parts[0]


def profile_of(binary: Path) -> Profile:
    """Return the profile of a capture: of a variant where it lies in the variant's folder."""
    folder, parent = folder_of(binary), binary.parent.name
    key = folder.name if parent == "captures" else f"{folder.name}/{parent}"
    return profiles_in(folder)[key]


def expectation_of(binary: Path) -> Expectation:
    return parse_expectation(binary.with_suffix(".expect.json").read_text(encoding="utf-8"))


def replay(profile: Profile, binary: Path) -> list[Decoded]:
    timing = parse_timing(binary.with_suffix(".chunks.json").read_text(encoding="utf-8"))
    decoder = Decoder(profile, aligned=timing.aligned)
    decoded = []
    for item in play(binary.read_bytes(), timing):
        if isinstance(item, Chunk):
            decoded.append(decoder.feed(item))
        else:
            decoder.asked(item)
    return [*decoded, decoder.idle(float("inf"))]


@dataclass(slots=True)
class Talk:
    """What became of a conversation in simulated time."""

    step: Step
    decoded: list[Decoded] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    identified: str | None = None

    @property
    def blocks(self) -> list[SampleBlock]:
        return joined_blocks(self.decoded)


def converse(
    profile: Profile,
    device: Firmware,
    *,
    until_s: float,
    stop_s: float,
    each: Callable[[float], None] | None = None,
) -> Talk:
    """Drive the profile's dialogue and decoder against a device, with a clock of our own.

    ``stop_s`` is when the dialogue is told to stop; ``each`` is called at every tick.
    """
    decoder, dialogue = Decoder(profile), make_dialogue(profile)
    device.opened(0.0)
    talk = Talk(dialogue.start(0.0))
    stopped = False
    for tick in range(1, round(until_s / TICK_S)):
        now_s = tick * TICK_S
        if each is not None:
            each(now_s)
        data = device.advance(now_s)
        if data:
            _take(talk, decoder, device, now_s, decoder.feed(Chunk(data, now_s)), dialogue)
        if decoder.deadline_s is not None and now_s >= decoder.deadline_s:
            _take(talk, decoder, device, now_s, decoder.idle(now_s), dialogue)
        if not stopped and now_s >= stop_s:
            stopped = True
            _act(talk, decoder, device, now_s, dialogue.stop(now_s))
        if talk.step.wake_s is not None and now_s >= talk.step.wake_s:
            _act(talk, decoder, device, now_s, dialogue.tick(now_s))
        if talk.step.phase in {DialoguePhase.FAILED, DialoguePhase.STOPPED}:
            break
    talk.identified = dialogue.identified
    return talk


def _take(
    talk: Talk,
    decoder: Decoder,
    device: Firmware,
    now_s: float,
    decoded: Decoded,
    dialogue: Dialogue,
) -> None:
    talk.decoded.append(decoded)
    step = dialogue.receive(decoded.replies, now_s, data_seen=bool(decoded.blocks))
    _act(talk, decoder, device, now_s, step)


def _act(talk: Talk, decoder: Decoder, device: Firmware, now_s: float, step: Step) -> None:
    begins = step.phase is DialoguePhase.STREAMING is not talk.step.phase
    talk.step = step
    if step.send or begins:
        decoder.settle()
    if step.unit is not None:
        decoder.use_unit(step.unit)
    if step.polls:
        decoder.asked(now_s)
    if step.send:
        talk.sent.append(step.send)
        device.receive(step.send, now_s)
