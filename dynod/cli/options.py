"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from dynod.model.units import Unit

DEFAULT_CONFIG = Path("/etc/dynod/dynod.toml")

Config = Annotated[
    Path, typer.Option("--config", "-c", envvar="DYNOD_CONFIG", help="The config file.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Port = Annotated[str | None, typer.Argument(help="A port, as /dev/ttyUSB0.", show_default=False)]
Device = Annotated[str | None, typer.Option(help="Instead of a port: a device of the config.")]
ProfileName = Annotated[str | None, typer.Option(help="From `dynod devices list`.")]
BaudrateFact = Annotated[int | None, typer.Option(min=300, help="How its line is set.")]
UnitFact = Annotated[Unit | None, typer.Option(help="The unit that it shows.")]
PushSignFact = Annotated[
    int | None, typer.Option(min=-1, max=1, help="1 when pushing reads as positive, else -1.")
]
RateFact = Annotated[float | None, typer.Option(min=0.01, max=10000, help="Samples a second.")]
AddressFact = Annotated[
    str | None, typer.Option(help="Its address on the line, in hex, as '00 00 00 01'.")
]
