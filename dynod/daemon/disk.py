"""The room on the disk: a warning while it gets less, no new session when there is too little."""

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

LOOK_S = 10.0
WARN_SHARE = 0.20
FLOOR_SHARE = 0.02
LOW = 2  # times the floor: the trials are first, the flight recorder is not


@dataclass(frozen=True, slots=True)
class Room:
    """What a file system has left. ``fault``: why it cannot be used, or None."""

    free_bytes: int = 0
    total_bytes: int = 0
    fault: str | None = None

    @property
    def share(self) -> float:
        """How much of it is free, 0 to 1."""
        return self.free_bytes / self.total_bytes if self.total_bytes else 0.0


def floor_of(room: Room, least_bytes: float) -> float:
    """Return how many bytes must be free for a session to begin: a part of the disk, or more."""
    return max(least_bytes, FLOOR_SHARE * room.total_bytes)


def room_of(folder: Path) -> Room:
    """Look at the file system of a folder; a fault is an answer."""
    try:
        found = os.statvfs(folder)
    except OSError as error:
        return Room(fault=error.strerror or "cannot be read")
    fault = "the file system is read-only" if found.f_flag & os.ST_RDONLY else None
    return Room(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, fault)


class DiskWatch:
    """Looks at the disk of the database every few seconds.

    ``notices`` are for whoever looks after the station; ``refusal`` says why no session may begin
    now, or None. A session that runs is finished: its trials are small, and the floor has room for
    them. ``low``: what can be done without should write nothing.
    """

    def __init__(self, folder: Path, floor_bytes: int, changed: Callable[[], None]) -> None:
        self._folder = folder
        self._floor_bytes = floor_bytes
        self._changed = changed
        self.notices: tuple[str, ...] = ()
        self.refusal: str | None = None
        self.low = False

    async def run(self) -> None:
        """Look again and again, in a thread: a disk that hangs must hold up nothing else."""
        while True:
            self.take(await asyncio.to_thread(room_of, self._folder))
            await asyncio.sleep(LOOK_S)

    def take(self, room: Room) -> None:
        """Judge what was found."""
        floor_bytes = floor_of(room, self._floor_bytes)
        left = f"{room.free_bytes / 1e6:.0f} MB ({100.0 * room.share:.0f} %) of the disk are free"
        refusal, notice = None, None
        if room.fault is not None:
            refusal = notice = f"nothing can be stored: {room.fault} ({self._folder})"
        elif room.free_bytes < floor_bytes:
            refusal = f"{left}: no new session before there is more room"
            notice = f"{refusal}; `dynod results purge` or a larger card"
        elif room.share < WARN_SHARE:
            notice = f"{left}: make room, with `dynod results purge` or a larger card"
        self.refusal = refusal
        self.low = room.fault is not None or room.free_bytes < LOW * floor_bytes
        if self.low and room.fault is None:
            notice = f"{notice or left}; the flight recorder rests"
        notices = () if notice is None else (notice,)
        if _without_numbers(notices) != _without_numbers(self.notices):
            if notice is not None:
                log.warning("%s", notice)
            self.notices = notices
            self._changed()


def _without_numbers(notices: tuple[str, ...]) -> tuple[str, ...]:
    """Return notices such that a megabyte more or less is no news."""
    return tuple("".join(c for c in notice if not c.isdigit()) for notice in notices)
