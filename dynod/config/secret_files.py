"""Secrets come from files that nobody else can read.

Under systemd root keeps them: the unit's ``LoadCredential=secrets:/etc/dynod/secrets`` puts each
file NAME of that folder as ``secrets_NAME`` into ``$CREDENTIALS_DIRECTORY``, for the service alone
(systemd.exec(5), "Credentials").
"""

import os
import stat
from pathlib import Path

from dynod.model.errors import ConfigError

SECRETS_FOLDER = Path("/etc/dynod/secrets")


def at_hand(path: Path) -> Path:
    """Return where a file of `SECRETS_FOLDER` is: among the service's credentials, or itself."""
    folder = _credentials()
    if folder is None or path.parent != SECRETS_FOLDER:
        return path
    credential = folder / f"secrets_{path.name}"
    return credential if credential.is_file() else path


def _credentials() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None


def check_private(path: Path) -> None:
    """Raise ConfigError unless a file is there, readable, and closed to group and world."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(Path(file.name).stat().st_mode)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if path.parent == _credentials():
        return  # systemd lets in the service alone, by an ACL that looks like a right of the group
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path}: other users can read this secret; run: chmod 600 {path}")


def is_closed_to_us(path: Path) -> bool:
    """Tell whether a file is there for others than us: whoever does not connect needs no secret."""
    try:
        with path.open("rb"):
            return False
    except PermissionError:
        return True
    except OSError:
        return False


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
