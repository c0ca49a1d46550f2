"""``dynod results export``: from the running daemon, or the database itself, into a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.markup import escape

from dynod.cli.job import Lines, job_lines, open_existing, with_progress
from dynod.cli.output import print_json, say
from dynod.cli.private_file import private_file
from dynod.cli.shelf import user_name
from dynod.config.load import load_config
from dynod.model.errors import UsageError
from dynod.model.export import ExportFormat

_SUFFIXES = {
    ExportFormat.CSV: ".csv",
    ExportFormat.JSON: ".json",
    ExportFormat.FHIR: ".fhir.json",
    ExportFormat.HL7V2: ".hl7",
    ExportFormat.PARQUET: ".parquet",
}


@dataclass(frozen=True, slots=True)
class WantedExport:
    """What the command line asks for; ``out`` None is a name of dynod's in this folder."""

    what: ExportFormat
    session: str | None
    since: str | None
    out: Path | None
    force: bool
    as_json: bool


@dataclass(slots=True)
class _Pieces:
    """What is exported, piece by piece, and how much it was in the end."""

    lines: Lines
    counts: dict[str, int] = field(default_factory=dict)

    def sessions(self) -> Iterator[list[Any]]:
        """Yield the pieces of each session. Raises UsageError when none may be exported."""
        for line in with_progress(self.lines):
            if line.get("pieces") is not None:
                yield line["pieces"]
            if "end" in line:
                self.counts = line["end"]
        if not self.counts["sessions"]:
            left = self.counts["left_out"]
            raise UsageError(f"nothing to export: no session, {left} left out; no file was written")


def run_export(config_path: Path, wanted: WantedExport) -> None:
    """Write the file and say what is in it."""
    path = wanted.out or Path(_name(wanted))
    if path.exists() and not wanted.force:
        raise UsageError(f"{path} is there already; name another file, or say --force")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file")
    fields: dict[str, object] = {
        "session": wanted.session,
        "since": wanted.since,
        "format": wanted.what.value,
        "by": user_name(),
    }
    config = load_config(config_path, os.environ)
    directly = partial(_directly, config_path, fields)
    with job_lines(config, {"op": "export", **fields}, directly) as lines:
        pieces = _Pieces(lines)
        _write(path, wanted.what, pieces)
    if wanted.as_json:
        print_json({"file": str(path), **pieces.counts})
        return
    say(f"{_sessions(pieces.counts['sessions'])} in {escape(str(path))}")
    if pieces.counts["left_out"]:
        say(f"[yellow]left out: {_sessions(pieces.counts['left_out'])}, not ended or no patient[/]")


def _name(wanted: WantedExport) -> str:
    of = "".join(c for c in wanted.session or f"since-{wanted.since}" if c.isalnum() or c == "-")
    return f"dynod-{of}{_SUFFIXES[wanted.what]}"


def _sessions(count: int) -> str:
    return f"{count} session" + ("" if count == 1 else "s")


def _write(path: Path, what: ExportFormat, pieces: _Pieces) -> None:
    if what is ExportFormat.PARQUET:
        from dynod.cli.parquet import write_curves

        write_curves(path, (row for rows in pieces.sessions() for row in rows))
        return
    with private_file(path) as file:
        for part in _parts(what, pieces.sessions()):
            file.write(part)


def _parts(what: ExportFormat, sessions: Iterator[list[str]]) -> Iterator[bytes]:
    """Yield the parts of a file: one heading for a table, one list of messages."""
    if what is ExportFormat.JSON:
        from dynod.publish.export import export_json

        yield from export_json(text.encode() for texts in sessions for text in texts)
        return
    for number, texts in enumerate(sessions):
        heading = what is ExportFormat.CSV and number > 0
        yield from (text.encode() for text in texts[heading:])


@contextmanager
def _directly(config_path: Path, fields: dict[str, object]) -> Iterator[Lines]:
    from dynod.config.site import load_site
    from dynod.daemon.clock import instant
    from dynod.daemon.exporter import export_lines, exporter, parse_export
    from dynod.daemon.plan import make_plan

    asked = parse_export(fields)
    plan = make_plan(load_site(config_path, os.environ))
    # Not for reading alone: each export is written down.
    with open_existing(plan.config.storage.path, instant().wall) as store:
        yield export_lines(exporter(plan, store), store, asked, instant)
