"""``dynod devices``: the commands about ports and devices; each imports what it needs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

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
from dynod.model.clinical import Fixation, Movement, Side
from dynod.model.device import Trigger

app = typer.Typer(help="Ports and devices: find, look at, set and record them.")


class Speed(StrEnum):
    """How fast a capture is replayed."""

    MAX = "max"
    WIRE = "wire"


@app.command("list")
def devices_list(config: Config = DEFAULT_CONFIG, *, json: Json = False) -> None:
    """List the serial ports of this machine and the device profiles that dynod has."""
    from dynod.cli.devices import run_list

    run_list(config, as_json=json)


@app.command("probe")
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


@app.command("capture")
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


@app.command("diagnose")
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


@app.command("configure")
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


@app.command("replay")
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
