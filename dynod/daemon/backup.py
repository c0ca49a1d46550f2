"""The nightly backup: when it is due, that it holds nobody up, and what is said when it fails."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from dynod.daemon.clock import instant
from dynod.daemon.disk import room_of
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.model.errors import StorageError
from dynod.model.session import Phase
from dynod.store.backup import backup_folder, backups, make_backup

log = logging.getLogger(__name__)

LOOK_S = 60.0
NIGHT_HOURS = range(1, 5)  # local time
IN_THE_NIGHT_AFTER = timedelta(hours=12)
WITHOUT_SESSION_AFTER = timedelta(hours=26)
WHATEVER_AFTER = timedelta(hours=36)
AGAIN_AFTER_S = 3600.0
SPARE = 2.0  # times its size must be free: the copy, and its log while it is made ready


class Backups:
    """Makes a copy of the database every night; ``notices`` say when there is none of late."""

    def __init__(
        self,
        database: Path,
        keep: int,
        writer: Writer,
        station: Station,
        changed: Callable[[], None],
    ) -> None:
        self._database = database
        self._folder = backup_folder(database)
        self._keep = keep
        self._writer = writer
        self._station = station
        self._changed = changed
        self._not_before_s = float("-inf")
        self._enough = threading.Event()
        self.notices: tuple[str, ...] = ()

    async def run(self) -> None:
        """Look every minute whether one is due."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Make a backup if one is due. A failure is told, and tried again an hour later."""
        now_s = time.monotonic()
        if now_s < self._not_before_s or self._station.state.running is not None:
            return
        idle = self._station.state.phase is Phase.IDLE
        try:
            latest = await self._writer.call(self._writer.store.latest_time)
            now = max(instant().wall, latest)  # a clock that starts in the past names no copy
            made = await asyncio.to_thread(self._make_due, now, idle=idle)
        except StorageError as error:
            if self._enough.is_set():
                return
            self._not_before_s = now_s + AGAIN_AFTER_S
            log.warning("backup: %s", error)
            self._say((f"no backup of the database: {error}",))
        else:
            if made is not None:
                log.info("backup: %s", made)
                self._say(())

    def rest(self) -> None:
        """Give up what is being copied."""
        self._enough.set()

    def _make_due(self, now: datetime, *, idle: bool) -> Path | None:
        """Make a backup in a thread of its own; None when none is due."""
        made_s = max((item.made_s for item in backups(self._folder)), default=0.0)
        if not is_due(timedelta(seconds=now.timestamp() - made_s), now, idle=idle):
            return None
        room = room_of(self._database.parent)
        if room.fault is not None:
            raise StorageError(f"{self._folder}: {room.fault}")
        needed = self._needed_bytes()
        if room.free_bytes < needed:
            raise StorageError(
                f"{self._folder}: {room.free_bytes / 1e6:.0f} MB are free,"
                f" {needed / 1e6:.0f} MB are needed; make room"
            )
        return make_backup(self._database, self._folder, now, keep=self._keep, enough=self._enough)

    def _needed_bytes(self) -> float:
        try:
            return SPARE * sum(part.stat().st_size for part in self._parts())
        except OSError as error:
            raise StorageError(f"{self._database}: {error.strerror}") from error

    def _parts(self) -> Iterator[Path]:
        """Yield the database's file and its log, where there is one."""
        log_file = self._database.with_name(self._database.name + "-wal")
        yield self._database
        if log_file.exists():
            yield log_file

    def _say(self, notices: tuple[str, ...]) -> None:
        if notices != self.notices:
            self.notices = notices
            self._changed()


def is_due(age: timedelta, now: datetime, *, idle: bool) -> bool:
    """Tell whether a backup is due: ``age`` is that of the last one, ``idle`` without a session.

    In the night, or at the latest before a second night has gone by.
    """
    if age < timedelta(0):  # the clock was ahead then, or is behind now
        return True
    night = now.astimezone().hour in NIGHT_HOURS
    return (
        age > WHATEVER_AFTER
        or (idle and age > WITHOUT_SESSION_AFTER)
        or (idle and night and age > IN_THE_NIGHT_AFTER)
    )
