"""What every folder of devices/ owes: a strict profile, a README, captures that decode."""

import math
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from dynod.model.samples import Decoded
from dynod.wire.capture import (
    Expectation,
    chunks_of,
    joined_blocks,
    parse_expectation,
    parse_timing,
)
from dynod.wire.decoder import Decoder
from dynod.wire.dialogue import DialoguePhase, make_dialogue
from dynod.wire.profile import Profile, StartStop

DEVICES = Path(__file__).parents[2] / "devices"
FOLDERS = sorted(path for path in DEVICES.iterdir() if path.is_dir())
BINARIES = sorted(DEVICES.glob("*/captures/*.bin"))
Peer = Callable[[str, StartStop], list[bytes]]

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
each_capture = pytest.mark.parametrize(
    "binary", BINARIES, ids=lambda path: f"{path.parents[1].name}-{path.stem}"
)


def profile_in(folder: Path) -> Profile:
    text = (folder / "profile.toml").read_text(encoding="utf-8")
    return Profile.model_validate(tomllib.loads(text))


def incomplete(captures: Path) -> set[str]:
    """Name the cases that lack one of their three files."""
    suffixes = (".bin", ".chunks.json", ".expect.json")
    cases = [
        {path.name.removesuffix(suffix) for path in captures.glob(f"*{suffix}")}
        for suffix in suffixes
    ]
    return cases[0].union(*cases) - cases[0].intersection(*cases)


def expectation_of(binary: Path) -> Expectation:
    return parse_expectation(binary.with_suffix(".expect.json").read_text(encoding="utf-8"))


def replay(profile: Profile, binary: Path) -> list[Decoded]:
    timing = parse_timing(binary.with_suffix(".chunks.json").read_text(encoding="utf-8"))
    decoder = Decoder(profile, aligned=timing.aligned)
    return [decoder.feed(chunk) for chunk in chunks_of(binary.read_bytes(), timing)]


@each_folder
def test_the_folder_is_named_as_its_profile(folder: Path) -> None:
    assert profile_in(folder).name == folder.name


@each_folder
def test_the_readme_says_whether_it_ran_on_hardware(folder: Path) -> None:
    text = " ".join((folder / "README.md").read_text(encoding="utf-8").split())
    assert "hardware" in text
    never = profile_in(folder).hardware == "never"
    assert ("never been tried on hardware" in text) == never


@each_folder
def test_there_are_captures_and_none_is_incomplete(folder: Path) -> None:
    assert incomplete(folder / "captures") == set()
    names = {path.stem for path in (folder / "captures").glob("*.bin")}
    assert {"idle", "load", "garbage"} <= names


@each_folder
def test_a_capture_proves_the_profile_that_no_simulator_made(folder: Path) -> None:
    origins = {expectation_of(path).origin for path in (folder / "captures").glob("*.bin")}
    assert origins & {"documented", "recorded"}


def test_a_capture_without_expectation_is_noticed(tmp_path: Path) -> None:
    for name in ("a.bin", "a.chunks.json", "a.expect.json", "b.bin", "c.expect.json"):
        (tmp_path / name).touch()
    assert incomplete(tmp_path) == {"b", "c"}


@each_capture
def test_a_capture_decodes_to_what_it_means(binary: Path) -> None:
    expected = expectation_of(binary)
    decoded = replay(profile_in(binary.parents[1]), binary)
    blocks = joined_blocks(decoded)
    values = [
        tuple(None if math.isnan(value) else value for value in row)
        for block in blocks
        for row in block.values.tolist()
    ]
    assert values == list(expected.values)
    assert {block.channels for block in blocks} <= {expected.channels}
    if expected.t_s is not None:
        times = [t_s for block in blocks for t_s in block.t_s.tolist()]
        assert times == pytest.approx(list(expected.t_s), abs=1e-9)


@each_capture
def test_a_capture_gives_its_events_and_rejects(binary: Path) -> None:
    expected = expectation_of(binary)
    decoded = replay(profile_in(binary.parents[1]), binary)
    events = [(event.kind.value, event.t_s) for item in decoded for event in item.events]
    assert [kind for kind, _ in events] == [kind for kind, _ in expected.events]
    assert [t_s for _, t_s in events] == pytest.approx([t_s for _, t_s in expected.events])
    rejects = [(reject.reason.value, reject.length) for item in decoded for reject in item.rejects]
    assert rejects == list(expected.rejects)


@each_capture
def test_a_capture_says_where_it_comes_from(binary: Path) -> None:
    expected = expectation_of(binary)
    assert expected.source
    assert expected.channels == profile_in(binary.parents[1]).channels


@each_capture
def test_no_other_profile_reads_a_sample(binary: Path) -> None:
    for folder in FOLDERS:
        if folder != binary.parents[1]:
            assert joined_blocks(replay(profile_in(folder), binary)) == []


def obliging(command: str, settings: StartStop) -> list[bytes]:
    answers = {
        settings.identify: settings.identified_by,
        settings.start: settings.started_by,
        settings.stop: settings.stopped_by,
    }
    return [answers[command].encode()]


def refusing(_command: str, settings: StartStop) -> list[bytes]:
    return [settings.refused_by.encode()]


def silent(_command: str, _settings: StartStop) -> list[bytes]:
    return []


def stranger(_command: str, _settings: StartStop) -> list[bytes]:
    return [b"an answer of something else"]


def starts_only(command: str, settings: StartStop) -> list[bytes]:
    return [] if command == settings.stop else obliging(command, settings)


PEERS: list[Peer] = [obliging, refusing, silent, stranger, starts_only]


def conversation(profile: Profile, peer: Peer, *, data: bool, stop_s: float) -> list[bytes]:
    """Drive a whole dialogue, two minutes of it; return what it sent."""
    dialogue = make_dialogue(profile)
    settings = profile.dialogue
    sent: list[bytes] = []
    step = dialogue.start(0.0)
    stopped = False
    for tick in range(1, 1200):
        now_s = 0.1 * tick
        replies: list[bytes] = []
        if step.send:
            sent.append(step.send)
            assert isinstance(settings, StartStop)
            replies = peer(step.send.decode("ascii"), settings)
            data = data and settings.stopped_by.encode() not in replies
        step = dialogue.receive(replies, now_s, data_seen=data)
        if not step.send and not stopped and now_s >= stop_s:
            step, stopped = dialogue.stop(now_s), True
        elif not step.send:
            step = dialogue.tick(now_s)
    assert step.phase in {DialoguePhase.STOPPED, DialoguePhase.FAILED}
    return sent


def spellings(command: str) -> Iterable[bytes]:
    """Give a forbidden command as text, and as bytes when it is written in hex."""
    yield command.encode()
    if all(len(part) == 2 and set(part) <= set("0123456789ABCDEF") for part in command.split()):
        yield bytes.fromhex(command)


@each_folder
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("data", [False, True], ids=["at rest", "streaming"])
@pytest.mark.parametrize("stop_s", [1.0, 4.0, 30.0])
def test_no_forbidden_command_is_ever_sent(
    folder: Path, peer: Peer, data: bool, stop_s: float
) -> None:
    profile = profile_in(folder)
    assert profile.forbidden
    sent = conversation(profile, peer, data=data, stop_s=stop_s)
    if isinstance(profile.dialogue, StartStop):
        settings = profile.dialogue
        allowed = {settings.identify, settings.start, settings.stop}
        assert {text.decode() for text in sent} <= allowed
    else:
        assert sent == []
    for command in profile.forbidden:
        assert not any(form in text for form in spellings(command) for text in sent)


@each_folder
def test_the_whole_dialogue_was_driven(folder: Path) -> None:
    profile = profile_in(folder)
    sent = conversation(profile, obliging, data=False, stop_s=30.0)
    if isinstance(profile.dialogue, StartStop):
        settings = profile.dialogue
        wanted = [settings.identify, settings.start, settings.stop]
        assert [text.decode() for text in sent] == wanted
