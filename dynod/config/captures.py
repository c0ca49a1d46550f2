"""Captures in a device's folder."""

from pathlib import Path

from dynod.model.errors import ConfigError
from dynod.wire.capture import parse_expectation


def capture_origins(folder: Path) -> list[str]:
    """Return the origin of every capture of a device: documented, recorded or simulated.

    Raises ConfigError that names the file.
    """
    origins: list[str] = []
    for path in sorted((folder / "captures").glob("*.expect.json")):
        try:
            origins.append(parse_expectation(path.read_text(encoding="utf-8")).origin)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
    return origins
