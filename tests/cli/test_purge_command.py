"""``dynod results purge`` and ``results audit`` on a database whose daemon does not run."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dynod.cli.purge import moment
from dynod.model.errors import UsageError
from dynod.model.session import Session
from dynod.store.backup import make_backup
from dynod.store.change import Change
from dynod.store.store import Store
from tests.cli.program import Program, is_one_line
from tests.store.samples import NOW, at, draft, session, trial

CONFIG = """\
[station]
site = "clinic"
name = "room"

[broker]
url = "mqtt://127.0.0.1:1"
receipts = "{receipts}"

[[device]]
id = "hhd-1"
profile = "chronojump_force_sensor"
port = "/dev/null"

[storage]
path = "dynod.db"

[control]
socket = "control.sock"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "dynod.toml").write_text(CONFIG.format(receipts="optional"))
    yield tmp_path
    assert not (tmp_path / "control.sock").exists()


def filled(folder: Path) -> tuple[Session, Session]:
    """Store two sessions that ended on 2 March 2026; of the second one a message waits."""
    made = [session(ended_at=at(600)), session(ended_at=at(1200))]
    with Store.open(folder / "dynod.db", now=NOW) as store:
        for of in made:
            result = trial(of)
            messages = (draft(result.result_id),)
            store.commit(Change(at=NOW, sessions=(of,), trials=(result,), outbox=messages))
        store.mark_sent([1], NOW)
    return made[0], made[1]


def sessions_in(folder: Path) -> set[str]:
    with Store.open(folder / "dynod.db", now=NOW, readonly=True) as store:
        return {str(item.session_id) for item in store.sessions()}


def test_a_dry_run_shows_and_removes_nothing(dynod: Program, folder: Path) -> None:
    first, second = filled(folder)
    done = dynod(
        *("results", "purge", "--older-than", "2026-03-03"),
        *("--dry-run", "-c", folder / "dynod.toml"),
    )
    assert (done.code, done.err) == (0, "")
    assert "goes" in done.out
    assert "stays: not all of it was sent" in done.out
    assert "everything of 1 sessions would go" in done.out
    assert "4711" not in done.out  # the patient of both
    assert sessions_in(folder) == {str(first.session_id), str(second.session_id)}


def test_what_was_sent_goes_and_the_rest_stays(dynod: Program, folder: Path) -> None:
    first, second = filled(folder)
    config = ("-c", folder / "dynod.toml")
    done = dynod("results", "purge", "--older-than", "2026-03-03", "--yes", "--json", *config)
    assert done.code == 0
    told = json.loads(done.out)
    assert told["removed"] is True
    assert {row["session_id"]: row["keep"] for row in told["sessions"]} == {
        str(first.session_id): None,
        str(second.session_id): "not_sent",
    }
    assert (told["counts"]["sessions"], told["counts"]["kept"]) == (1, 1)
    assert sessions_in(folder) == {str(second.session_id)}
    book = json.loads(dynod("results", "audit", "--json", *config).out)
    assert [(row["action"], row["subject"]) for row in book] == [
        ("results.purge", str(first.session_id))
    ]
    assert "results.purge" in dynod("results", "audit", *config).out


def test_required_receipts_are_waited_for(dynod: Program, folder: Path) -> None:
    filled(folder)
    (folder / "dynod.toml").write_text(CONFIG.format(receipts="required"))
    done = dynod(
        *("results", "purge", "--older-than", "2026-03-03"),
        *("--yes", "--json", "-c", folder / "dynod.toml"),
    )
    assert {row["keep"] for row in json.loads(done.out)["sessions"]} == {"no_receipt", "not_sent"}
    assert len(sessions_in(folder)) == 2


def test_backups_are_left_and_that_is_said(dynod: Program, folder: Path) -> None:
    filled(folder)
    copy = make_backup(folder / "dynod.db", folder / "backups", NOW, keep=7)
    before = copy.read_bytes()
    words = ("results", "purge", "--older-than", "2026-03-03", "-c", folder / "dynod.toml")
    assert dynod(*words, "--dry-run").err == ""
    done = dynod(*words, "--yes")
    assert (done.code, "is removed" in done.out) == (0, True)
    assert is_one_line(done.err)
    assert f"1 backup in {folder / 'backups'} may still hold what was removed" in done.err
    assert copy.read_bytes() == before
    assert dynod(*words, "--yes").err == ""  # nothing is left to remove


@pytest.mark.parametrize("agreed", [False, True])
def test_it_asks_first(
    dynod: Program, folder: Path, monkeypatch: pytest.MonkeyPatch, *, agreed: bool
) -> None:
    filled(folder)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda _question: agreed)
    done = dynod("results", "purge", "--older-than", "2026-03-03", "-c", folder / "dynod.toml")
    assert done.code == 0
    assert ("is removed" in done.out) is agreed
    assert len(sessions_in(folder)) == (1 if agreed else 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--older-than", "365"], "in a script say --yes as well"),
        (["--older-than", "365", "--json"], "in a script say --yes as well"),
        (["--older-than", "a year", "--yes"], "--older-than should be a number of days"),
        (["--older-than", "-3", "--yes"], "--older-than should be a number of days"),
        (["--older-than", "9" * 30, "--yes"], "--older-than should be a number of days"),
        (["--older-than", "2999-01-01", "--yes"], "a day in the past"),
    ],
    ids=lambda value: value if isinstance(value, str) else "_".join(value),
)
def test_what_it_refuses(dynod: Program, folder: Path, words: list[str], message: str) -> None:
    filled(folder)
    done = dynod("results", "purge", *words, "-c", folder / "dynod.toml")
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert message in done.err
    assert len(sessions_in(folder)) == 2


def test_without_a_database(dynod: Program, folder: Path) -> None:
    config = ("-c", folder / "dynod.toml")
    done = dynod("results", "purge", "--older-than", "1", "--yes", *config)
    assert (done.code, is_one_line(done.err)) == (5, True)
    assert not (folder / "dynod.db").exists()


def test_days_are_counted_back_and_a_day_begins_in_utc() -> None:
    now = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
    assert moment("10", now) == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert moment("2026-03-02", now) == datetime(2026, 3, 2, tzinfo=UTC)
    with pytest.raises(UsageError):
        moment("2026-03-13", now)
