"""Norms: a site's own rows before those that came with dynod."""

from pathlib import Path

from dynod.config.paths import error_table_file
from dynod.config.toml_file import read_toml
from dynod.core.norms import Norm, load_norms
from dynod.model.errors import ConfigError

SITE_FILE = "norms.toml"


def norms_file() -> Path:
    """Return the norms that came with dynod; they stand beside its table of errors."""
    return error_table_file().with_name(SITE_FILE)


def load_norm_table(config_folder: Path | None) -> tuple[Norm, ...]:
    """Return the rows, the site's from ``norms.toml`` beside the config file first.

    Raises ConfigError that names file, row and key.
    """
    shipped = _rows(norms_file(), site=False)
    own = config_folder / SITE_FILE if config_folder is not None else None
    if own is None or not own.is_file():
        return shipped
    return (*_rows(own, site=True), *shipped)


def _rows(path: Path, *, site: bool) -> tuple[Norm, ...]:
    data = read_toml(path)
    try:
        return load_norms(data, site=site)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
