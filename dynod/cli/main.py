"""The program: each command imports what it needs when it runs, so that none is slow to start."""

import gc
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dynod.cli.calibrate import calibrate
from dynod.cli.options import (
    DEFAULT_CONFIG,
    AddressFact,
    BaudrateFact,
    Config,
    Device,
    Json,
    Port,
    ProfileName,
    PushSignFact,
    RateFact,
    UnitFact,
)
from dynod.model.clinical import Fixation, InvolvedSide, Movement, Side
from dynod.model.device import Trigger
from dynod.model.errors import DynodError
from dynod.model.export import ExportFormat

app = typer.Typer(
    name="dynod",
    help="Hip strength and range of motion: from a dynamometer's button to the record system.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
devices = typer.Typer(help="Ports and devices: find, look at, set and record them.")
results = typer.Typer(help="What was measured on this station.")
session = typer.Typer(help="Begin and end a session, as the record system would.")
for name, group in (
    ("devices", devices),
    ("results", results),
    ("session", session),
    ("calibrate", calibrate),
):
    group.info.no_args_is_help = True
    app.add_typer(group, name=name)


class Speed(StrEnum):
    """How fast a capture is replayed."""

    MAX = "max"
    WIRE = "wire"


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


@devices.command("list")
def devices_list(config: Config = DEFAULT_CONFIG, *, json: Json = False) -> None:
    """List the serial ports of this machine and the device profiles that dynod has."""
    from dynod.cli.devices import run_list

    run_list(config, as_json=json)


@devices.command("probe")
def devices_probe(
    port: Annotated[str, typer.Argument(help="A port, as /dev/ttyUSB0.")],
    profile: Annotated[
        list[str] | None, typer.Option(help="Look only for this one; may be repeated.")
    ] = None,
    baudrate: Annotated[
        list[int] | None, typer.Option(help="Try this rate too; may be repeated.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    json: Json = False,
) -> None:
    """Find out which model is on a port: listens first, then asks only what harms no device."""
    from dynod.cli.probe import run_probe

    run_probe(config, port, profile or [], baudrate or [], as_json=json)


@devices.command("capture")
def devices_capture(
    port: Port = None,
    *,
    device: Device = None,
    profile: ProfileName = None,
    out: Annotated[
        Path | None, typer.Option(help="CASE: writes CASE.bin and CASE.chunks.json.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="How long; without it until Ctrl-C.")
    ] = None,
    unit: UnitFact = None,
    push_sign: PushSignFact = None,
    rate_hz: RateFact = None,
    baudrate: BaudrateFact = None,
    address: AddressFact = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Record what a device sends, byte for byte and with its timing. Ctrl-C ends it."""
    from dynod.cli.capture import CaptureRequest, run_capture
    from dynod.cli.port_session import Wanted
    from dynod.cli.site_options import site_facts

    facts = site_facts(unit, push_sign, rate_hz, baudrate, address)
    request = CaptureRequest(Wanted(port, device, profile, facts), out, seconds)
    run_capture(request, config, as_json=json)


@devices.command("diagnose")
def devices_diagnose(
    port: Annotated[
        str | None,
        typer.Argument(help="A port, or the .bin file of a capture.", show_default=False),
    ] = None,
    *,
    device: Device = None,
    profile: ProfileName = None,
    seconds: Annotated[float, typer.Option(min=0.5, help="How long to look.")] = 10,
    unit: UnitFact = None,
    push_sign: PushSignFact = None,
    rate_hz: RateFact = None,
    baudrate: BaudrateFact = None,
    address: AddressFact = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Say in plain words how well a device works: rate, damage, noise. Leave it alone meanwhile."""
    from dynod.cli.diagnose import run_diagnose
    from dynod.cli.port_session import Wanted
    from dynod.cli.site_options import site_facts

    facts = site_facts(unit, push_sign, rate_hz, baudrate, address)
    run_diagnose(config, Wanted(port, device, profile, facts), seconds, as_json=json)


@devices.command("configure")
def devices_configure(
    port: Annotated[str, typer.Argument(help="A port, as /dev/ttyUSB0.")],
    profile: ProfileName = None,
    set_rate: Annotated[float | None, typer.Option(help="Samples a second.")] = None,
    set_baudrate: Annotated[int | None, typer.Option(help="The new baud rate.")] = None,
    baudrate: BaudrateFact = None,
    config: Config = DEFAULT_CONFIG,
    *,
    save: Annotated[bool, typer.Option("--save", help="Let it last over power-off.")] = False,
    json: Json = False,
) -> None:
    """Set rate and baud rate of a unit, and measure what it really does."""
    from dynod.cli.configure import ConfigureRequest, run_configure
    from dynod.cli.port_session import Wanted
    from dynod.cli.site_options import site_facts

    wanted = Wanted(port, None, profile, site_facts(baudrate=baudrate))
    request = ConfigureRequest(wanted, set_rate, set_baudrate, save)
    run_configure(request, config, as_json=json)


@devices.command("replay")
def devices_replay(
    capture: Annotated[Path, typer.Argument(help="The .bin file of a capture.")],
    profile: Annotated[str, typer.Option(help="The profile that the bytes belong to.")],
    *,
    trigger: Annotated[Trigger | None, typer.Option(help="What begins a trial.")] = None,
    movement: Annotated[Movement, typer.Option(help="Label of the trials.")] = (
        Movement.HIP_ABDUCTION
    ),
    side: Annotated[Side, typer.Option(help="Label of the trials.")] = Side.RIGHT,
    fixation: Annotated[Fixation, typer.Option(help="What held the device.")] = Fixation.HAND,
    axis: Annotated[str | None, typer.Option(help="Channel of an inclinometer.")] = None,
    speed: Annotated[Speed, typer.Option(help="As fast as possible, or as on the wire.")] = (
        Speed.MAX
    ),
    unit: UnitFact = None,
    push_sign: PushSignFact = None,
    rate_hz: RateFact = None,
    baudrate: BaudrateFact = None,
    address: AddressFact = None,
    source: Annotated[
        str | None, typer.Option(help="For --write-expect: which unit, recorded by whom.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    samples: Annotated[bool, typer.Option("--samples", help="Print the samples as CSV.")] = False,
    write_expect: Annotated[
        bool, typer.Option("--write-expect", help="Write FILE.expect.json beside it.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE.expect.json.")] = False,
    json: Json = False,
) -> None:
    """Decode a capture and compute the trials in it, with the nominal scale."""
    from dynod.cli.replay import ReplayRequest, run_replay
    from dynod.cli.site_options import site_facts

    request = ReplayRequest(
        capture,
        profile,
        trigger,
        movement,
        side,
        axis,
        speed is Speed.WIRE,
        fixation,
        site_facts(unit, push_sign, rate_hz, baudrate, address),
        samples,
        write_expect,
        source,
        force,
    )
    run_replay(request, config, as_json=json)


@results.command("list")
def results_list(
    config: Config = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    *,
    json: Json = False,
) -> None:
    """List the trials of this station, newest first."""
    from dynod.cli.results import run_list

    run_list(config, limit, as_json=json)


@results.command("show")
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


@results.command("void")
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


@results.command("resend")
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


@results.command("purge")
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


@results.command("audit")
def results_audit(
    config: Config = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    *,
    json: Json = False,
) -> None:
    """Show who assigned, amended, voided, exported or removed what, newest first."""
    from dynod.cli.audit import run_audit

    run_audit(config, limit, as_json=json)


@results.command("export")
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


@session.command("list")
def session_list(
    config: Config = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    *,
    json: Json = False,
) -> None:
    """List the sessions of this station, newest first, and which have no patient yet."""
    from dynod.cli.session import run_list

    run_list(config, limit, as_json=json)


@session.command("assign")
def session_assign(
    session_id: Annotated[
        str, typer.Argument(help="From `dynod session list`: its beginning, or the code.")
    ],
    patient: Annotated[str, typer.Option(help="SYSTEM|ID, as the record system names them.")],
    sex: Annotated[str | None, typer.Option(help="male, female, other or unknown.")] = None,
    birth_year: Annotated[int | None, typer.Option(help="For norms by age.")] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    json: Json = False,
) -> None:
    """Say whose session it is; one that is published already moves to the new patient."""
    from dynod.cli.session import run_assign

    details: dict[str, object] = {"patient": patient, "sex": sex, "birth_year": birth_year}
    run_assign(config, session_id, details, as_json=json)


@session.command("start")
def session_start(
    patient: Annotated[
        str | None, typer.Option(help="SYSTEM|ID, as the record system names the patient.")
    ] = None,
    body_mass_kg: Annotated[float | None, typer.Option(help="Body mass in kg.")] = None,
    involved_side: Annotated[InvolvedSide | None, typer.Option(help="The side at issue.")] = None,
    battery: Annotated[str | None, typer.Option(help="Which battery of tests.")] = None,
    lever_arm: Annotated[
        list[str] | None, typer.Option(help="MOVEMENT:SIDE=METRES; may be repeated.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    json: Json = False,
) -> None:
    """Begin a session; prints the code that the display must show."""
    from dynod.cli.session import run_start

    run_start(
        config,
        {
            "patient": patient,
            "body_mass_kg": body_mass_kg,
            "involved_side": involved_side,
            "battery": battery,
        },
        lever_arm or [],
        as_json=json,
    )


@session.command("end")
def session_end(config: Config = DEFAULT_CONFIG, *, json: Json = False) -> None:
    """End the session; its results are published."""
    from dynod.cli.session import run_end

    run_end(config, as_json=json)


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
