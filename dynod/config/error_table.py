"""The table of measurement errors: a site's rows before those that came with dynod."""

from dataclasses import replace
from pathlib import Path

from dynod.config.paths import error_table_file
from dynod.config.toml_file import read_toml
from dynod.core.measurement_error import load_table
from dynod.model.deficit import MeasurementError
from dynod.model.errors import ConfigError

SITE_FILE = "measurement_error.toml"


def load_error_table(config_folder: Path | None) -> tuple[MeasurementError, ...]:
    """Return the rows, the site's from ``measurement_error.toml`` beside the config file first.

    Raises ConfigError that names file, row and key.
    """
    shipped = _rows(error_table_file())
    site = config_folder / SITE_FILE if config_folder is not None else None
    if site is None or not site.is_file():
        return shipped
    return (*(replace(row, site=True) for row in _rows(site)), *shipped)


def _rows(path: Path) -> tuple[MeasurementError, ...]:
    try:
        return load_table(read_toml(path))
    except ConfigError as error:
        text = str(error)
        raise ConfigError(text if text.startswith(str(path)) else f"{path}: {text}") from None
