"""``dynod calibrate``: its commands and their options."""

from pathlib import Path
from typing import Annotated

import typer

from dynod.cli.options import DEFAULT_CONFIG, Config, Json

calibrate = typer.Typer(
    help="Calibrate with weights or angles, check weekly, keep certificates.", no_args_is_help=True
)


@calibrate.command("verify")
def calibrate_verify(  # noqa: PLR0913 - an option is an argument
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
    """Check a device with one weight or one known angle, as every week, or show its checks.

    A device that fails is not trusted until it passes or has a new certificate; exits with 1 then.
    """
    from dynod.cli.calibrate_reference import known_load
    from dynod.cli.calibrate_verify import VerifyRequest, run_verify

    load = known_load(weights, reference, load_n, angle_deg)
    request = VerifyRequest(device, load, history, plot, operator, note, window_s)
    run_verify(request, config, as_json=json)
