"""Opens the database for the daemon: a damaged one is set aside, and work goes on with a new one.

A clinic that cannot measure today is worse off than one whose old results wait for repair; but
nobody may overlook it, so it is logged, and shown as long as the damaged file lies there.
"""

import logging
from datetime import datetime
from pathlib import Path

from dynod.daemon.flight import flight_folder
from dynod.model.errors import DamagedError
from dynod.store.integrity import (
    check_not_emptied,
    note_missing,
    set_aside,
    were_missing,
    were_set_aside,
)
from dynod.store.store import Store

log = logging.getLogger(__name__)


def open_database(path: Path, now: datetime) -> Store:
    """Return the open database, looked through; a new one where the old one was damaged or lost.

    A file in which dynod never worked is left alone: it may be anything. Raises StorageError.
    """
    if not flight_folder(path).is_dir():
        return Store.open(path, now=now, check=True)
    if not path.exists():
        log.error("%s is gone; a new one begins, which %s tells of", path, note_missing(path, now))
        return Store.open(path, now=now)
    try:
        check_not_emptied(path)
        return Store.open(path, now=now, check=True)
    except DamagedError as error:
        log.error("%s", error)  # noqa: TRY400 - the line says it all
    aside = set_aside(path, now)
    log.error("it is set aside as %s, and a new one begins", aside)
    return Store.open(path, now=now)


def notices(path: Path) -> tuple[str, ...]:
    """Return a line for each database that is damaged or lost and waits for somebody."""
    damaged = (
        f"the database was damaged and is set aside as {item.name}: have it looked at, restore"
        " what is missing, then move the file away"
        for item in were_set_aside(path)
    )
    missing = (
        f"the database was gone at a start ({item.name}): look for it, restore what is missing,"
        " then remove that file"
        for item in were_missing(path)
    )
    return (*damaged, *missing)
