"""``dynod calibrate``: its commands and their options."""

from pathlib import Path
from typing import Annotated

import typer

from dynod.cli.options import DEFAULT_CONFIG, Config, Json

CertificateId = Annotated[
    str, typer.Argument(metavar="ID", help="From `dynod calibrate list`.", show_default=False)
]

app = typer.Typer(help="Calibrate with weights or angles, check weekly, keep certificates.")

Operator = Annotated[str | None, typer.Option(help="Who calibrates; default the user.")]
TemperatureC = Annotated[float | None, typer.Option(help="Of the room, in °C.")]
Note = Annotated[str | None, typer.Option(help="Kept on the certificate.")]
NewCertificateId = Annotated[str | None, typer.Option(help="Default: unit, day, number.")]
ValidityMonths = Annotated[
    int | None, typer.Option(min=1, max=60, help="Default: as the procedure says.")
]
Plot = Annotated[Path | None, typer.Option(help="Draw what is left over into this SVG.")]
Again = Annotated[
    bool | None, typer.Option("--resume/--restart", help="What to do with an unfinished run.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Store without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Store nothing.")]
Resolution = Annotated[
    float | None, typer.Option(min=0, help="Smallest step of the device's own number.")
]


@app.command("verify")
def calibrate_verify(
    device: Annotated[str, typer.Option(help="A device of the config.")],
    *,
    weights: Annotated[
        str | None, typer.Option(help="Weights of a set, as A1+B1.", metavar="NAMES")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="The set that they are of.")] = None,
    load_n: Annotated[float | None, typer.Option(help="Instead of weights: a force in N.")] = None,
    angle_deg: Annotated[float | None, typer.Option(help="A known angle, for inclinometers.")] = (
        None
    ),
    operator: Annotated[str | None, typer.Option(help="Who checks; default the user.")] = None,
    note: Annotated[str | None, typer.Option(help="Kept with the check.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw all checks into this SVG.")] = None,
    window_s: Annotated[
        float, typer.Option(min=0.2, max=60, help="How long a reading must stay quiet.")
    ] = 2.0,
    config: Config = DEFAULT_CONFIG,
    history: Annotated[bool, typer.Option("--history", help="Show the past checks.")] = False,
    json: Json = False,
) -> None:
    """Check a device with one weight or one known angle, every week; exits with 1 if it fails."""
    from dynod.cli.calibrate_reference import known_load
    from dynod.cli.calibrate_verify import VerifyRequest, run_verify

    load = known_load(weights, reference, load_n, angle_deg)
    request = VerifyRequest(device, load, history, plot, operator, note, window_s)
    run_verify(request, config, as_json=json)


@app.command("angle")
def calibrate_angle(
    device: Annotated[str, typer.Option(help="An inclinometer of the config.")],
    *,
    procedure: Annotated[
        str | None, typer.Option(help="Which poses; default angle_squares.", show_default=False)
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="CSV with measured,real[,cross][,own][,common]."),
    ] = None,
    resolution: Resolution = None,
    operator: Operator = None,
    temperature_c: TemperatureC = None,
    note: Note = None,
    certificate_id: NewCertificateId = None,
    validity_months: ValidityMonths = None,
    plot: Plot = None,
    again: Again = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Calibrate an inclinometer: turned round by 180°, and in known angles.

    Says which pose comes next and waits until the reading is steady. A run can be interrupted and
    gone on with; at its end a certificate may be stored.
    """
    from dynod.cli.calibrate_angle import AngleRequest, run_angle
    from dynod.cli.calibrate_finish import Issue

    issue = Issue(
        operator, certificate_id, validity_months, temperature_c, note, plot, yes, dry_run
    )
    request = AngleRequest(device, procedure, source, resolution, again, issue)
    run_angle(request, config, as_json=json)


@app.command("force")
def calibrate_force(
    device: Annotated[
        str | None, typer.Option(help="A dynamometer of the config.", show_default=False)
    ] = None,
    *,
    procedure: Annotated[
        str | None, typer.Option(help="Which steps; default force_dead_weight.", show_default=False)
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Which set of masses; default the site's only one.")
    ] = None,
    max_load_n: Annotated[
        float | None, typer.Option(min=1, help="The highest load; default as far as both reach.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="CSV with measured,real[,uncertainty][,branch][,run]."),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="For --from: instead of a device.")] = None,
    serial: Annotated[str | None, typer.Option(help="For --from: with --profile.")] = None,
    degree: Annotated[
        int | None, typer.Option(min=1, max=3, help="Highest degree that an F-test may earn.")
    ] = None,
    resolution: Resolution = None,
    through_zero: Annotated[
        bool, typer.Option("--through-zero", help="Let the device's number 0 be no load.")
    ] = False,
    weighted: Annotated[
        bool, typer.Option("--weighted", help="Weight loads by their uncertainty.")
    ] = False,
    operator: Operator = None,
    temperature_c: TemperatureC = None,
    note: Note = None,
    certificate_id: NewCertificateId = None,
    validity_months: ValidityMonths = None,
    plot: Plot = None,
    again: Again = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Calibrate a dynamometer: with weights, or from points that were recorded elsewhere.

    Says which weight comes next and waits until the reading is steady. A run can be interrupted and
    gone on with; at its end a certificate may be stored.
    """
    from dynod.cli.calibrate_finish import Issue
    from dynod.cli.calibrate_force import Fitting, ForceRequest, run_force
    from dynod.cli.calibrate_force_run import Choice

    request = ForceRequest(
        device=device,
        profile=profile,
        serial_number=serial,
        choice=Choice(procedure, reference, max_load_n),
        source=source,
        again=again,
        fitting=Fitting(degree, through_zero, weighted, resolution),
        issue=Issue(
            operator, certificate_id, validity_months, temperature_c, note, plot, yes, dry_run
        ),
    )
    run_force(request, config, as_json=json)


@app.command("list")
def calibrate_list(config: Config = DEFAULT_CONFIG, *, json: Json = False) -> None:
    """List every certificate: which unit, how long it holds, how it stands, the last check."""
    from dynod.cli.certificates import run_list

    run_list(config, as_json=json)


@app.command("show")
def calibrate_show(
    certificate_id: CertificateId,
    plot: Annotated[
        Path | None, typer.Option(help="Draw what is left over at its points into this SVG.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    json: Json = False,
) -> None:
    """Say in plain words what a certificate says: range, uncertainty, class, points, budget."""
    from dynod.cli.certificates import run_show

    run_show(config, certificate_id, plot, as_json=json)


@app.command("import")
def calibrate_import(
    file: Annotated[Path, typer.Argument(help="The TOML file of a certificate.")],
    config: Config = DEFAULT_CONFIG,
    *,
    any_unit: Annotated[
        bool, typer.Option("--any-unit", help="Also for a unit that is not configured here.")
    ] = False,
) -> None:
    """Add a certificate from a file: exported elsewhere, or typed in from a laboratory's paper."""
    from dynod.cli.certificates import run_import

    run_import(config, file, any_unit=any_unit)


@app.command("export")
def calibrate_export(
    certificate_id: CertificateId,
    config: Config = DEFAULT_CONFIG,
    out: Annotated[Path | None, typer.Option(help="The file; default ID.toml here.")] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
) -> None:
    """Write a certificate into a TOML file, with all its points and a hash over its content."""
    from dynod.cli.certificates import run_export

    run_export(config, certificate_id, out, force=force)


@app.command("revoke")
def calibrate_revoke(
    certificate_id: CertificateId,
    reason: Annotated[str, typer.Option(help="Why: dropped, repaired, wrong weights …")],
    by: Annotated[str | None, typer.Option(help="Who withdraws it; default the user.")] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Withdraw a certificate for good: trials under it do not count from now on."""
    from dynod.cli.certificates import run_revoke
    from dynod.cli.shelf import user_name

    run_revoke(config, certificate_id, reason, by or user_name())
