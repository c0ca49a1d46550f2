"""The program from its command line: help, JSON, and exit codes with one line on stderr."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from dynod.cli.main import app
from tests.cli.program import Program, is_one_line

REPOSITORY = Path(__file__).resolve().parents[2]


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every command and group with the words that name it and its help."""
    yield words, command.help or ""
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


COMMANDS = dict(commands(get_command(app)))


def test_the_commands_are_these() -> None:
    groups = {"", "calibrate", "devices", "results", "session"}
    leaves = {" ".join(words) for words in COMMANDS} - groups
    assert leaves == {
        "run",
        "demo",
        "check",
        "doctor",
        "watch",
        "simulate",
        "subscribe",
        "contract-test",
        "schema",
        "report",
        "reanalyse",
        "reliability",
        "calibrate angle",
        "calibrate export",
        "calibrate force",
        "calibrate import",
        "calibrate list",
        "calibrate revoke",
        "calibrate show",
        "calibrate verify",
        "devices list",
        "devices probe",
        "devices capture",
        "devices diagnose",
        "devices configure",
        "devices replay",
        "results export",
        "results list",
        "results show",
        "results audit",
        "results purge",
        "results resend",
        "results void",
        "outbox",
        "session start",
        "session assign",
        "session end",
        "session list",
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


def test_it_says_which_version_it_is(dynod: Program) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    assert dynod("--version").out == f"dynod {project['version']}\n"


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


# -- mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "explode",
        "run --loud",
        "devices explode",
        "devices probe",
        "devices probe /dev/null --baudrate fast",
        "devices capture port --seconds 0",
        "devices diagnose port --unit stone",
        "devices configure",
        "devices configure port --set-rate fast",
        "simulate",
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
