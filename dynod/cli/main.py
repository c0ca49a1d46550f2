"""The program: each command imports what it needs when it runs, so that none is slow to start."""

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from dynod.cli import calibrate_commands, devices_commands, results_commands, session_commands
from dynod.cli.options import (
    DEFAULT_CONFIG,
    Config,
    Json,
    PushSignFact,
    RateFact,
    UnitFact,
)
from dynod.model.errors import DynodError

app = typer.Typer(
    name="dynod",
    help="Hip strength and range of motion: from a dynamometer's button to the record system.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for name, group in (
    ("devices", devices_commands.app),
    ("results", results_commands.app),
    ("session", session_commands.app),
    ("calibrate", calibrate_commands.app),
):
    group.info.no_args_is_help = True
    app.add_typer(group, name=name)


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - called by the option
    if wanted:
        from dynod import __version__

        print(f"dynod {__version__}")  # noqa: T201
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Take what belongs to no command."""


@app.command("run")
def run_command(
    config: Config = DEFAULT_CONFIG,
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log details.")] = False,
) -> None:
    """Run the daemon: read the devices, record trials, publish results."""
    # Imports make many objects that stay: collecting among them costs a tenth of the start.
    gc.disable()
    try:
        from dynod.cli.daemon import run_daemon
    finally:
        gc.freeze()
        gc.enable()
    run_daemon(config, verbose=verbose)


@app.command()
def demo(*, json: Json = False) -> None:
    """Show the whole path in about a minute: simulated devices, patient, therapist and broker."""
    from dynod.cli.demo import run_demo

    run_demo(as_json=json)


@app.command()
def check(config: Config = DEFAULT_CONFIG, *, json: Json = False) -> None:
    """Check the config and everything that it names; opens no port."""
    from dynod.cli.check import run_check

    run_check(config, as_json=json)


@app.command()
def doctor(config: Config = DEFAULT_CONFIG, *, json: Json = False) -> None:
    """Look at everything that the station needs, and say what to do; exits 1 with a problem."""
    from dynod.cli.doctor.run import run_doctor

    run_doctor(config, as_json=json)


@app.command()
def watch(
    config: Config = DEFAULT_CONFIG,
    *,
    json: Json = False,
    mute: Annotated[bool, typer.Option("--mute", help="Make no sounds.")] = False,
) -> None:
    """Follow the session full-screen, legible from across the room. Ctrl-C ends it."""
    from dynod.cli.watch import run_watch

    run_watch(config, as_json=json, mute=mute)


@app.command()
def simulate(
    device: Annotated[str, typer.Argument(help="A profile, for instance witmotion_wt901.")],
    link: Annotated[Path, typer.Option(help="Where the port shall appear.")] = Path("dynod-sim"),
    *,
    peak: Annotated[float, typer.Option(help="Newtons or degrees that the patient reaches.")] = 150,
    every: Annotated[float, typer.Option(help="Seconds from one pull to the next; 0: none.")] = 8,
    axis: Annotated[str | None, typer.Option(help="Channel that the patient moves.")] = None,
    rate: RateFact = None,
    unit: UnitFact = None,
    push_sign: PushSignFact = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE, for instance lost=0.001; may be repeated."),
    ] = None,
    cell: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE of scale, offset, curvature, hysteresis; may be repeated."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Be a device without hardware: speaks its protocol on a pty.

    Enter presses its button; a number and Enter let it feel so many newtons or degrees.
    """
    from dynod.cli.simulate import SimulateRequest, run_simulate
    from dynod.cli.site_options import site_facts

    facts = site_facts(unit=unit, push_sign=push_sign, rate_hz=rate)
    request = SimulateRequest(
        device,
        link,
        peak=peak,
        every_s=every,
        axis=axis,
        facts=facts,
        faults=fault or [],
        cell=cell or [],
    )
    run_simulate(request, config)


@app.command()
def report(
    config: Config = DEFAULT_CONFIG,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; default dynod-report.tar.gz.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Write a de-identified bundle for support: what the devices sent, profiles and versions."""
    from dynod.cli.report import run_report

    run_report(config, out, as_json=json)


@app.command()
def reliability(
    study: Annotated[
        Path,
        typer.Argument(
            help="CSV with subject, session, movement, position, fixation, side, and value_n,"
            " value_nm or value_deg."
        ),
    ],
    write: Annotated[
        Path | None, typer.Option(help="Write the rows as a measurement_error.toml.")
    ] = None,
    summary: Annotated[
        str | None, typer.Option(help="How several trials of a leg become one: mean, best …")
    ] = None,
    *,
    update: Annotated[
        bool, typer.Option("--update", help="Keep the other rows of the file that is written.")
    ] = False,
    json: Json = False,
) -> None:
    """Compute your own measurement error from a retest study, and write your table of it."""
    from dynod.cli.reliability import run_reliability

    run_reliability(study, write, update=update, summary=summary, as_json=json)


@app.command()
def schema(
    write: Annotated[
        Path | None, typer.Option(help="Write all documents into this folder instead.")
    ] = None,
    *,
    asyncapi: Annotated[bool, typer.Option("--asyncapi", help="Print the AsyncAPI.")] = False,
) -> None:
    """Print the JSON Schemas of every message, or the AsyncAPI document of every channel."""
    from dynod.cli.schema import run_schema

    run_schema(write, asyncapi=asyncapi)


@app.command()
def subscribe(
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The subscriber's config file.")
    ] = Path("/etc/dynod/subscriber.toml"),
    client_id: Annotated[
        str | None, typer.Option(help="For one more process of a group: its own client id.")
    ] = None,
    *,
    requeue: Annotated[
        bool, typer.Option("--requeue", help="Post the Bundles again that were refused.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log details.")] = False,
    json: Json = False,
) -> None:
    """Be the record system's side: store results, send receipts, fill gaps, feed a FHIR server."""
    from dynod.cli.subscribe import run_subscriber

    run_subscriber(config, client_id, requeue=requeue, as_json=json, verbose=verbose)


@app.command("contract-test")
def contract_test(
    broker: Annotated[str, typer.Option(help="Where your subscriber listens, as mqtts://host.")],
    username: Annotated[str | None, typer.Option(help="At the broker.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with the password.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to check it against.")] = None,
    client_certificate: Annotated[Path | None, typer.Option(help="Ours, as PEM.")] = None,
    client_key_file: Annotated[Path | None, typer.Option(help="Its key, as PEM.")] = None,
    limit: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Seconds for a receipt or a request.")
    ] = 60,
    quiet: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds to listen at the end.")
    ] = 10,
    *,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow mqtt:// to another machine.")
    ] = False,
    json: Json = False,
) -> None:
    """Try your own subscriber: play a script at it as a station would, and judge its answers.

    Its patients are made up; site and station are both called dynod-contract-test.
    """
    from dynod.cli.contract_test import BrokerOptions, run_contract_test

    options = BrokerOptions(
        broker, username, password_file, ca_file, client_certificate, client_key_file, insecure
    )
    run_contract_test(options, limit_s=limit, quiet_s=quiet, as_json=json)


@app.command()
def reanalyse(
    session_id: Annotated[
        str | None, typer.Option("--session", help="Only this session; its beginning is enough.")
    ] = None,
    trial: Annotated[
        list[str] | None, typer.Option(help="Only this trial; may be repeated.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Only trials of this device.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from this day or time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Only up to this day or time.")] = None,
    certificate: Annotated[
        str | None, typer.Option(help="Under this one; else each under that of its time.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Change what is shown.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Compute stored trials anew, and show what changes; change and publish it with --apply."""
    from dynod.cli.reanalyse import ReanalyseRequest, run_reanalyse

    fields: dict[str, object] = {
        "session": session_id,
        "trials": trial or [],
        "device": device,
        "since": since,
        "until": until,
        "certificate": certificate,
    }
    run_reanalyse(config, ReanalyseRequest(fields, apply=apply, yes=yes, as_json=json))


@app.command()
def outbox(
    config: Config = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(min=1, help="How many messages, newest first.")] = 20,
    state: Annotated[str | None, typer.Option(help="pending, sent or received.")] = None,
    *,
    json: Json = False,
) -> None:
    """Show which results wait, which went out, and which the record system received."""
    from dynod.cli.outbox import run_outbox

    run_outbox(config, limit, state, as_json=json)


def run() -> None:
    """Run the program: expected failures are one line on stderr and an exit code."""
    try:
        app()
    except DynodError as error:
        print(f"dynod: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
