"""Where the data folders are, in a checkout and in an installed package alike."""

from pathlib import Path

import dynod
from dynod.model.errors import ConfigError

DEFAULT_CONFIG = Path("/etc/dynod/dynod.toml")
CODES_FILE = "codes.toml"  # of the code map, shipped and beside a config

_PACKAGE = Path(dynod.__file__).resolve().parent


def data_folder(name: str, *, package: Path = _PACKAGE) -> Path:
    """Return the folder ``devices``, ``calibration`` or ``batteries`` that came with dynod.

    An installed package has all of them under ``dynod/data``; in a checkout the first two stand
    beside the package. Raises ConfigError when the installation is incomplete.
    """
    shipped = package / "data" / name
    if shipped.is_dir():
        return shipped
    beside = package.parent / name
    if (package.parent / "pyproject.toml").is_file() and beside.is_dir():
        return beside
    raise ConfigError(f"{shipped}: missing; dynod is not completely installed, install it again")


def error_table_file(*, package: Path = _PACKAGE) -> Path:
    """Return the table of measurement errors that came with dynod."""
    return package / "data" / "measurement_error.toml"
