"""When a backup is due, and what is said when there is none."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from dynod.daemon.backup import Backups, is_due
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.session.inputs import Instant
from dynod.session.state import Running, State
from dynod.store.backup import backups
from dynod.store.store import Store

NOON = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_london(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nights are those of the tests: in March London's time is UTC."""
    import time

    monkeypatch.setenv("TZ", "Europe/London")
    time.tzset()


@pytest.mark.parametrize(
    ("hours", "at", "idle", "due"),
    [
        (11, 2, True, False),  # made this day
        (13, 2, True, True),  # in the night
        (13, 2, False, False),  # somebody works late
        (13, 14, True, False),  # not by day
        (27, 14, True, True),  # the Pi was off last night
        (27, 14, False, False),
        (37, 14, False, True),  # a session that nobody ends holds nothing up
        (-1, 14, False, True),  # the clock was put back
    ],
)
def test_in_the_night_or_at_the_latest_before_another_is_gone(
    hours: int, at: int, *, idle: bool, due: bool
) -> None:
    now = NOON.replace(hour=at)
    assert is_due(timedelta(hours=hours), now, idle=idle) is due


@dataclass
class Room:
    """A station that does nothing, and what was shown."""

    state: State = field(default_factory=State)
    shown: list[tuple[str, ...]] = field(default_factory=list)


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[tuple[Room, Backups]]:
    room, writer = Room(), Writer(Store.open(folder / "dynod.db", now=NOON))

    def changed() -> None:
        room.shown.append(made.notices)

    made = Backups(folder / "dynod.db", 3, writer, cast("Station", room), changed)
    try:
        yield room, made
    finally:
        writer.close()


async def test_the_first_is_made_at_once_and_none_soon_after(tmp_path: Path) -> None:
    async with bench(tmp_path) as (room, service):
        await service.look()
        (first,) = backups(tmp_path / "backups")
        await service.look()
        assert backups(tmp_path / "backups") == (first,)
        assert room.shown == []


async def test_none_while_a_trial_runs(tmp_path: Path) -> None:
    async with bench(tmp_path) as (room, service):
        room.state = State(running=cast("Running", object()))
        await service.look()
        assert backups(tmp_path / "backups") == ()


async def test_a_failure_is_shown_until_one_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as (room, service):
        (tmp_path / "backups").write_text("in the way")
        await service.look()
        ((notice,),) = room.shown
        assert notice.startswith("no backup of the database: ")
        assert "File exists" in notice
        (tmp_path / "backups").unlink()
        await service.look()  # an hour has not gone by
        assert not (tmp_path / "backups").exists()
        monkeypatch.setattr(service, "_not_before_s", 0.0)
        await service.look()
        assert room.shown[1:] == [()]
        assert len(backups(tmp_path / "backups")) == 1


async def test_without_room_none_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nearly_full(_folder: Path) -> Any:
        return os.statvfs_result((4096, 4096, 100_000, 10, 10, 1000, 1000, 1000, 0, 255))

    async with bench(tmp_path) as (room, service):
        monkeypatch.setattr("dynod.daemon.disk.os.statvfs", nearly_full)
        await service.look()
        ((notice,),) = room.shown
        assert "0 MB are free" in notice
        assert not (tmp_path / "backups").exists()


async def test_a_clock_that_starts_in_the_past_names_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest time in the database does."""
    early = Instant(0.0, datetime(1970, 1, 1, tzinfo=UTC), clock_synced=False)
    async with bench(tmp_path) as (_, service):
        monkeypatch.setattr("dynod.daemon.backup.instant", lambda: early)
        await service.look()
        assert [item.path.name for item in backups(tmp_path / "backups")] == ["dynod-20260309.db"]
