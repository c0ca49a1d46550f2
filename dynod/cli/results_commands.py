"""``dynod results``: the commands about what was measured; each imports what it needs."""

from pathlib import Path
from typing import Annotated

import typer

from dynod.cli.options import DEFAULT_CONFIG, Config, Json
from dynod.model.export import ExportFormat

app = typer.Typer(help="What was measured on this station.")


@app.command("list")
def results_list(
    config: Config = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    *,
    json: Json = False,
) -> None:
    """List the trials of this station, newest first."""
    from dynod.cli.results import run_list

    run_list(config, limit, as_json=json)


@app.command("show")
def results_show(
    result_id: Annotated[
        str, typer.Argument(help="From `dynod results list`; its beginning is enough.")
    ],
    config: Config = DEFAULT_CONFIG,
    svg: Annotated[Path | None, typer.Option(help="Draw the trial into this file.")] = None,
    *,
    json: Json = False,
) -> None:
    """Show one trial: verdict, metrics, calibration and its curve."""
    from dynod.cli.results import run_show

    run_show(config, result_id, svg, as_json=json)


@app.command("void")
def results_void(
    result_id: Annotated[str, typer.Argument(help="Of a trial, deficit or session result.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the station's audit.")],
    by: Annotated[str, typer.Option(help="Who says so; kept in the station's audit.")],
    config: Config = DEFAULT_CONFIG,
    *,
    json: Json = False,
) -> None:
    """Take a result back as entered in error; what rests on it follows."""
    from dynod.cli.amending import run_void

    run_void(config, result_id, reason, by, as_json=json)


@app.command("resend")
def results_resend(
    first: Annotated[int, typer.Option("--from", min=1, help="First sequence number.")],
    last: Annotated[int, typer.Option("--to", min=1, help="Last sequence number.")],
    stream: Annotated[
        str | None, typer.Option(help="Of which database; default this station's.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    json: Json = False,
) -> None:
    """Send results again by their numbers, byte for byte as they were."""
    from dynod.cli.amending import run_resend

    run_resend(config, first, last, stream, as_json=json)


@app.command("purge")
def results_purge(
    older_than: Annotated[
        str, typer.Option(help="Days since the session ended, as 365, or a day, as 2026-03-02.")
    ],
    config: Config = DEFAULT_CONFIG,
    *,
    raw_only: Annotated[
        bool, typer.Option("--raw-only", help="Only the raw samples; the results stay.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Remove old sessions that the record system has; what it does not have yet stays."""
    from dynod.cli.purge import PurgeWish, run_purge

    run_purge(config, PurgeWish(older_than, raw_only, dry_run, yes, json))


@app.command("audit")
def results_audit(
    config: Config = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    *,
    json: Json = False,
) -> None:
    """Show who assigned, amended, voided, exported or removed what, newest first."""
    from dynod.cli.audit import run_audit

    run_audit(config, limit, as_json=json)


@app.command("export")
def results_export(
    what: Annotated[ExportFormat, typer.Option("--format", help="What the file shall be.")],
    out: Annotated[
        Path | None, typer.Option(help="The file; default a name without patient, in this folder.")
    ] = None,
    session_id: Annotated[
        str | None, typer.Option("--session", help="Only this session; its beginning is enough.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="All sessions that began from this day or time on.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write sessions that have ended into a file that only you can read."""
    from dynod.cli.export import WantedExport, run_export

    run_export(config, WantedExport(what, session_id, since, out, force, json))
