"""Who may read and change the files of the station."""

import stat
from collections.abc import Iterator
from pathlib import Path

from dynod.cli.doctor.findings import Finding, ok, problem
from dynod.config.site import Site


def rights(site: Site) -> Iterator[Finding]:
    """Look at the modes of the config, of the database's folder and of the control socket.

    Secrets that others can read are told with the config, which is refused for them; the
    database's own mode is told with the database.
    """
    others = stat.S_IRWXO
    places = (
        (site.path, stat.S_IWGRP | stat.S_IWOTH, "changed", "go-w"),
        (site.path.parent, stat.S_IWOTH, "changed", "o-w"),
        (site.config.storage.path.parent, stat.S_IWOTH, "changed", "o-w"),
        (site.config.control.socket, others, "used", "o-rwx"),
    )
    found = [
        problem("rights", f"{path} can be {what} by others; run: chmod {change} {path}")
        for path, bits, what, change in dict.fromkeys(places)
        if _mode(path) & bits
    ]
    yield from found
    if not found:
        yield ok("rights", "config, database folder and control socket are closed to others")


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return 0  # nothing there that could be open
