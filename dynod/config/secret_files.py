"""Secrets come from files that nobody else can read."""

import stat
from pathlib import Path

from dynod.model.errors import ConfigError


def check_private(path: Path) -> None:
    """Raise ConfigError unless a file is there, readable, and closed to group and world."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(Path(file.name).stat().st_mode)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path}: other users can read this secret; run: chmod 600 {path}")


def read_secret(path: Path) -> str:
    """Return the secret in a file, without the end of its line.

    Raises ConfigError when the file is open to others, empty, or has more than one line.
    """
    check_private(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        lines = []
    if len(lines) != 1 or not lines[0]:
        raise ConfigError(f"{path}: should hold the secret on a single line, as UTF-8 text")
    return lines[0]
