"""``dynod calibrate``: its commands and their options."""

import typer

calibrate = typer.Typer(
    help="Calibrate with weights or angles, check weekly, keep certificates.", no_args_is_help=True
)
