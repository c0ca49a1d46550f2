"""The program from its command line: help, JSON, and exit codes with one line on stderr."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.main import get_command

from dynod.cli.main import app, run
from dynod.config.profiles import load_profiles
from dynod.daemon.ports import PortInfo
from dynod.wire.profile import UsbMatch


class Done(NamedTuple):
    code: int
    out: str
    err: str


Program = Callable[..., Done]


@pytest.fixture
def dynod(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Run the program as ``dynod WORDS``."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    monkeypatch.delenv("DYNOD_CONFIG", raising=False)

    def call(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["dynod", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            run()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Done(code or 0, *capsys.readouterr())

    return call


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every command and group with the words that name it and its help."""
    yield words, command.help or ""
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


COMMANDS = dict(commands(get_command(app)))


def test_the_commands_are_these() -> None:
    leaves = {" ".join(words) for words in COMMANDS} - {"", "devices", "results", "session"}
    assert leaves == {
        "run",
        "demo",
        "check",
        "watch",
        "simulate",
        "schema",
        "devices list",
        "devices replay",
        "results list",
        "results show",
        "session start",
        "session end",
    }


@pytest.mark.parametrize("words", sorted(COMMANDS), ids=lambda words: " ".join(words) or "dynod")
def test_every_command_explains_itself_in_a_sentence(
    dynod: Program, words: tuple[str, ...]
) -> None:
    done = dynod(*words, "--help")
    assert (done.code, done.err) == (0, "")
    sentence = COMMANDS[words]
    assert sentence[0].isupper()
    assert sentence.rstrip().endswith(".")
    assert sentence.split(":")[0].split("`")[0].strip() in " ".join(done.out.split())


# -- JSON -------------------------------------------------------------------------------------


def test_devices_as_json(dynod: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    profiles = load_profiles(None)
    usb = UsbMatch(vendor_id=0x2341, product_id=0x43)
    gauge = profiles["chronojump_force_sensor"].model_copy(update={"usb": (usb,)})
    profiles = {**profiles, gauge.name: gauge}
    monkeypatch.setattr("dynod.cli.devices.load_profiles", lambda _: profiles)
    ports = [
        PortInfo("/dev/ttyACM0", "a board", 0x2341, 0x43, "SN-1"),
        PortInfo("/dev/ttyS0", "built in", None, None, None),
    ]
    monkeypatch.setattr("dynod.cli.devices.find_ports", lambda: ports)
    (tmp_path / "dynod.toml").touch()
    done = dynod("devices", "list", "--json", "-c", tmp_path / "dynod.toml")
    assert done.code == 0
    report = json.loads(done.out)
    board, built_in = report["ports"]
    assert (board["usb"], board["fits"]) == ("2341:0043", [gauge.name])
    assert (built_in["usb"], built_in["fits"]) == (None, [])
    assert {item["name"] for item in report["profiles"]} == set(profiles)
    assert {item["proof"] for item in report["profiles"]} <= {"proven", "unproven"}


def test_devices_as_text(dynod: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dynod.cli.devices.find_ports", list)
    missing = dynod("devices", "list", "-c", tmp_path / "dynod.toml")
    assert (missing.code, missing.out) == (3, "")
    (tmp_path / "dynod.toml").touch()
    done = dynod("devices", "list", "-c", tmp_path / "dynod.toml")
    assert done.code == 0
    assert "no serial port on this machine" in done.out
    assert all(name in done.out for name in load_profiles(None))


def test_the_schemas_name_every_message(dynod: Program) -> None:
    """The names are those of docs/contract.md, section 7, item 11."""
    done = dynod("schema")
    assert done.code == 0
    json.loads(done.out)
    results = ["trial", "deficit", "session"]
    for name in [*results, "status", "device_status", "session_state", "live", "reply", "receipts"]:
        assert f"dynod.{name}/1" in done.out, name


def test_the_asyncapi_document(dynod: Program) -> None:
    document = json.loads(dynod("schema", "--asyncapi").out)
    assert document["asyncapi"].startswith("3.")


def test_schemas_are_written_to_a_folder(dynod: Program, tmp_path: Path) -> None:
    assert dynod("schema", "--write", tmp_path / "schemas").code == 0
    written = list((tmp_path / "schemas").rglob("*.json"))
    assert written
    for path in written:
        json.loads(path.read_text(encoding="utf-8"))


# -- replay -----------------------------------------------------------------------------------


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """The gauge's lines at 80 Hz: two seconds at 4 N, three at 104 N, two at 4 N."""
    levels = [4.0] * 160 + [104.0] * 240 + [4.0] * 160
    path = tmp_path / "pull.bin"
    path.write_text("".join(f"{i * 12500};{n:.2f}\r\n" for i, n in enumerate(levels)))
    return path


def replay(dynod: Program, capture: Path, *words: object) -> Done:
    config = capture.parent / "dynod.toml"
    return dynod("devices", "replay", capture, "-c", config, *words)


GAUGE = "--profile=chronojump_force_sensor"


def test_a_replay_as_json(dynod: Program, capture: Path) -> None:
    done = replay(dynod, capture, GAUGE, "--trigger=onset", "--side=left", "--json")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert (report["samples"], report["events"], report["rejects"]) == (560, 0, {})
    (trial,) = report["trials"]
    assert (trial["movement"], trial["side"], trial["start_s"]) == ("hip_abduction", "left", 2.0)
    assert trial["tare_n"] == pytest.approx(4.0)
    assert trial["metrics"]["raw_peak_force_n"] == pytest.approx(104.0)


def test_a_replay_as_text(dynod: Program, capture: Path) -> None:
    done = replay(dynod, capture, GAUGE, "--trigger=onset")
    assert done.code == 0
    assert "560 samples, 0 events" in done.out
    assert "hip_abduction, right:" in done.out


def test_a_replay_without_a_trial_says_what_to_try(dynod: Program, capture: Path) -> None:
    done = replay(dynod, capture, GAUGE)
    assert (done.code, "try another --trigger" in done.out) == (0, True)


# -- mistakes ---------------------------------------------------------------------------------


def is_one_line(text: str) -> bool:
    return text.startswith("dynod: ") and text.count("\n") == 1


def test_an_unknown_profile(dynod: Program, capture: Path) -> None:
    done = replay(dynod, capture, "--profile=nothing")
    assert done.code == 2
    assert is_one_line(done.err)
    assert all(name in done.err for name in ("nothing", *load_profiles(None)))


def test_an_axis_that_the_profile_lacks(dynod: Program, capture: Path) -> None:
    done = replay(dynod, capture, GAUGE, "--axis=roll")
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "force" in done.err


def test_a_capture_that_is_not_there(dynod: Program, tmp_path: Path) -> None:
    done = replay(dynod, tmp_path / "gone.bin", GAUGE)
    assert (done.code, is_one_line(done.err)) == (4, True)
    assert "gone.bin" in done.err


@pytest.mark.parametrize(
    "words",
    [
        "explode",
        "run --loud",
        "devices explode",
        "devices replay",
        "devices replay x.bin",
        "devices replay x.bin --profile y --side middle",
        "devices replay x.bin --profile y --speed warp",
        "devices replay x.bin --profile y --movement knee",
        "results list --limit 0",
        "results list --limit many",
        "results show",
        "session start --involved-side up",
        "session start --body-mass-kg heavy",
    ],
)
def test_what_the_command_line_cannot_mean_is_refused(dynod: Program, words: str) -> None:
    done = dynod(*words.split())
    assert done.code == 2
    assert done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["--patient", "12345"],
        ["--patient", "|12345"],
        ["--patient", "urn:x|"],
        ["--lever-arm", "hip_abduction=0.4"],
        ["--lever-arm", "hip_abduction:left=long"],
        ["--lever-arm", "hip_abduction:left=-1"],
        ["--lever-arm", "hip_abduction:left"],
    ],
    ids=" ".join,
)
def test_a_mistyped_detail_of_a_session(dynod: Program, tmp_path: Path, words: list[str]) -> None:
    done = dynod("session", "start", *words, "-c", tmp_path / "dynod.toml")
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert f"{words[0]} needs" in done.err
    assert "12345'" in done.err or "12345" not in done.err  # only the example, never what was typed


def test_a_config_that_is_not_there(dynod: Program, tmp_path: Path) -> None:
    for command in ("check", "run"):
        done = dynod(command, "-c", tmp_path / "nothing.toml")
        assert (done.code, is_one_line(done.err)) == (3, True)
        assert "nothing.toml" in done.err


def test_a_device_that_cannot_be_simulated(dynod: Program, tmp_path: Path) -> None:
    done = dynod("simulate", "nothing", "--link", tmp_path / "port")
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "chronojump_force_sensor" in done.err


def test_a_file_in_the_place_of_the_simulated_port_is_kept(dynod: Program, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("precious")
    done = dynod("simulate", "chronojump_force_sensor", "--link", tmp_path / "port")
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert (tmp_path / "port").read_text() == "precious"
