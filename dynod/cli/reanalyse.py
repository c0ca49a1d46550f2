"""``dynod reanalyse``: what would change, a question, then the change, session by session."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from dynod.cli.job import Lines, job_lines, open_existing, with_progress
from dynod.cli.output import print_json, say
from dynod.cli.reanalyse_tables import show_session, show_total
from dynod.cli.shelf import user_name
from dynod.config.load import load_config
from dynod.model.errors import UsageError

STOPPED = 130  # as a shell says of a command that Ctrl-C ended


@dataclass(frozen=True, slots=True)
class ReanalyseRequest:
    """What the command line asks for; ``fields`` are those of the operation ``reanalyse``."""

    fields: dict[str, object]
    apply: bool
    yes: bool
    as_json: bool


@dataclass(slots=True)
class _Told:
    """What a run told: the sessions in which something changes, and its last line."""

    sessions: list[dict[str, Any]] = field(default_factory=list)
    total: dict[str, int] = field(default_factory=dict)
    stopped: bool = False


def run_reanalyse(config_path: Path, request: ReanalyseRequest) -> None:
    """Show what a re-analysis changes, and change it where that is wanted."""
    if request.apply and not request.yes and (request.as_json or not sys.stdin.isatty()):
        raise UsageError("--apply asks before it changes anything; in a script say --yes as well")
    if not (request.apply and request.yes):
        told = _run(config_path, request, apply=False)
        _finish_if(told.stopped, "stopped; nothing was changed")
        if not request.apply:
            if not told.total["trials_changed"] or request.as_json:
                return
            say("nothing was changed yet; the same with --apply changes it")
            return
        if not told.total["trials_changed"] or not _agreed():
            return
    told = _run(config_path, request, apply=True)
    _finish_if(told.stopped, "stopped; the same command goes on where this one stopped")


def _agreed() -> bool:
    import typer

    if typer.confirm("Amend these, and publish them with a higher revision?"):
        return True
    say("nothing was changed")
    return False


def _finish_if(stopped: bool, message: str) -> None:  # noqa: FBT001 - reads as a sentence
    if stopped:
        print(f"dynod: {message}", file=sys.stderr)  # noqa: T201
        sys.exit(STOPPED)


def _run(config_path: Path, request: ReanalyseRequest, *, apply: bool) -> _Told:
    """Carry out one pass and show it."""
    told = _Told()
    fields = {**request.fields, "apply": apply, "by": user_name()}
    config = load_config(config_path, os.environ)
    directly = partial(_directly, config_path, fields)
    asked = {"op": "reanalyse", **fields}
    with job_lines(config, asked, directly, _first_interrupt) as lines:
        for line in with_progress(lines):
            if "session" in line:
                told.sessions.append(line["session"])
                if not request.as_json:
                    show_session(line["session"])
            if "end" in line:
                told.total, told.stopped = line["end"], line["stopped"]
    if request.as_json:
        print_json(
            {
                "applied": apply,
                "stopped": told.stopped,
                "counts": told.total,
                "sessions": told.sessions,
            }
        )
    else:
        show_total(told.total, applied=apply)
    return told


@contextmanager
def _directly(config_path: Path, fields: dict[str, object]) -> Iterator[Lines]:
    from dynod.config.site import load_site
    from dynod.daemon.plan import make_plan
    from dynod.daemon.reanalysis import DirectAccess, reanalyse
    from dynod.daemon.reanalysis_request import parse_request

    asked = parse_request(fields)
    plan = make_plan(load_site(config_path, os.environ))
    now = datetime.now(UTC)
    with open_existing(plan.config.storage.path, now) as store:
        store.add_certificates(plan.certificates, now)
        access = DirectAccess(store)
        with _first_interrupt(access.stop):
            yield reanalyse(asked, plan, access)


@contextmanager
def _first_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Have the first Ctrl-C stop in good order; the second ends the program."""

    def heard(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    before = signal.signal(signal.SIGINT, heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
