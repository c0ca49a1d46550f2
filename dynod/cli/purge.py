"""``dynod results purge``: what would go, a question, then the removal, session by session."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from dynod.cli.job import Lines, job_lines, open_existing, told
from dynod.cli.output import console, print_json, say
from dynod.cli.shelf import user_name
from dynod.config.load import load_config
from dynod.config.settings import Config
from dynod.model.errors import StorageError, UsageError

_KEEP = {
    "not_sent": "stays: not all of it was sent",
    "no_receipt": "stays: the record system has not confirmed all of it",
    "no_patient": "stays: it has no patient yet and was never published",
}


@dataclass(frozen=True, slots=True)
class PurgeWish:
    """What the command line asks for."""

    older_than: str
    raw_only: bool
    dry_run: bool
    yes: bool
    as_json: bool


def run_purge(config_path: Path, wish: PurgeWish) -> None:
    """Show which sessions would go, and remove them where that is wanted."""
    before = moment(wish.older_than, datetime.now(UTC))
    if not wish.dry_run and not wish.yes and (wish.as_json or not sys.stdin.isatty()):
        raise UsageError("purge asks before it removes anything; in a script say --yes as well")
    if wish.dry_run or not wish.yes:
        totals = _pass(config_path, wish, before, dry_run=True)
        if wish.dry_run or not totals["sessions"] or not _agreed():
            return
    _pass(config_path, wish, before, dry_run=False)


def moment(text: str, now: datetime) -> datetime:
    """Return the moment that ``--older-than`` means: days before ``now``, or a day's begin in UTC.

    Raises UsageError for what is neither, or lies in the future.
    """
    try:
        if text.isdecimal():
            return now - timedelta(days=int(text))
        before = datetime.combine(date.fromisoformat(text), time.min, UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            "--older-than should be a number of days, as 365, or a day, as 2026-03-02"
        ) from None
    if before > now:
        raise UsageError("--older-than should name a day in the past")
    return before


def _agreed() -> bool:
    import typer

    if typer.confirm("Remove these for good?"):
        return True
    say("nothing was removed")
    return False


def _pass(config_path: Path, wish: PurgeWish, before: datetime, *, dry_run: bool) -> dict[str, int]:
    """Carry out one pass, show it, and return its totals."""
    fields: dict[str, object] = {
        "before": before.isoformat(),
        "raw_only": wish.raw_only,
        "dry_run": dry_run,
        "by": user_name(),
    }
    sessions: list[dict[str, Any]] = []
    totals: dict[str, int] = {}
    config = load_config(config_path, os.environ)
    directly = partial(_directly, config, fields)
    with job_lines(config, {"op": "purge", **fields}, directly) as lines:
        for line in told(lines):
            if "session" in line:
                sessions.append(line["session"])
            if "end" in line:
                totals = line["end"]
    if wish.as_json:
        print_json({"removed": not dry_run, "counts": totals, "sessions": sessions})
    else:
        _show(sessions, totals, wish, dry_run=dry_run)
    if totals["sessions"] and not dry_run:
        _remind(config)
    return totals


def _remind(config: Config) -> None:
    """Say on stderr that copies of the database are as they were."""
    from dynod.store.backup import backup_folder, backups

    folder = backup_folder(config.storage.path)
    try:
        left = len(backups(folder))
    except StorageError:  # closed to whoever asks the daemon
        left = None
    if left == 0:
        return
    which = "backups" if left is None else f"{left} backup{'s' if left > 1 else ''}"
    message = (
        f"{which} in {folder} may still hold what was removed; each is dropped after"
        f" {config.storage.backup_keep} later ones, or remove them by hand"
    )
    print(f"dynod: {message}", file=sys.stderr)  # noqa: T201


def _show(
    sessions: list[dict[str, Any]], totals: dict[str, int], wish: PurgeWish, *, dry_run: bool
) -> None:
    if not sessions:
        say("no session is that old" + (" and has raw samples" if wish.raw_only else ""))
        return
    if dry_run:
        table = Table(box=None, pad_edge=False)
        for heading in ("session", "ended", "trials", "raw", "messages", ""):
            table.add_column(heading, no_wrap=heading != "")
        for row in sessions:
            table.add_row(
                row["session_id"][:8],
                row["ended_at"][:16].replace("T", " "),
                str(row["trials"]),
                f"{row['raw_bytes'] / 1000:.0f} kB",
                str(row["messages"]),
                _KEEP.get(row["keep"], "goes"),
            )
        console.print(table)
    what = "raw samples" if wish.raw_only else "everything"
    say(
        f"{what} of {totals['sessions']} sessions {'would go' if dry_run else 'is removed'}"
        f" ({totals['trials']} trials, {totals['raw_bytes'] / 1e6:.1f} MB of raw samples);"
        f" {totals['kept']} sessions stay"
    )


@contextmanager
def _directly(config: Config, fields: dict[str, object]) -> Iterator[Lines]:
    from dynod.daemon.purge import parse_purge, purge_lines

    now = datetime.now(UTC)
    asked = parse_purge(fields, now)
    with open_existing(config.storage.path, now) as store:
        yield purge_lines(store, asked, now, config)
