"""When a clock counts as set, and what is corrected then. The whole way: tests/blackbox."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from dynod.daemon import clock_correction
from dynod.daemon.clock_base import base_s, boot_id, clock_base
from dynod.daemon.clock_correction import ClockCorrections
from dynod.daemon.records import Letterhead
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.session import Phase
from dynod.publish.topics import Topics
from dynod.session.inputs import Instant
from dynod.session.state import State
from dynod.store.change import Change
from dynod.store.outbox import OutboxRow
from dynod.store.store import Store
from tests.store.samples import session, trial
from tests.support.builders import rules

THEN = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
TRUE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OFF = TRUE - THEN


class Room:
    """A station in a phase, which counts what was sealed."""

    def __init__(self) -> None:
        self.state = State()
        self.rows = 0

    def sealed(self, rows: list[OutboxRow]) -> None:
        self.rows += len(rows)


class Scene:
    """A session of 1970, and a clock that the test sets."""

    def __init__(self, path: Path) -> None:
        self.store = Store.open(path, now=THEN)
        self.now = Instant(300.0, THEN, clock_synced=False)
        of = replace(session(ended_at=None), started_at=THEN, clock_synced=False, patient=None)
        self.trial = replace(trial(of), recorded_at=THEN, clock_synced=False)
        ended = replace(of, ended_at=THEN + timedelta(seconds=1))
        base = clock_base(self.now)
        self.store.commit(Change(at=THEN, sessions=(of,), clock=base))
        self.store.commit(Change(at=THEN, trials=(self.trial,), sessions=(ended,), clock=base))
        self.room = Room()
        self.told: list[datetime] = []
        letterhead = Letterhead(Topics("clinic", "room"), "clinic", "room", str(self.store.stream))
        self.writer = Writer(self.store)
        self.made = ClockCorrections(
            cast("Station", self.room),
            self.writer,
            letterhead,
            rules().judge,
            self.told.append,
            lambda: self.now,
        )

    async def look(self, at_s: float, *, synced: bool = True, off: timedelta = OFF) -> None:
        wall = THEN + timedelta(seconds=at_s - 300.0) + off
        self.now = Instant(at_s, wall, clock_synced=synced)
        await self.made.look()

    def corrected(self) -> bool:
        stored = self.store.trial(self.trial.result_id)
        assert stored is not None
        return stored.revision == 2


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "dynod.db")


def test_the_base_stays_while_the_clock_is_let_alone() -> None:
    early, late = (Instant(s, THEN + timedelta(seconds=s), clock_synced=False) for s in (5.0, 90.0))
    assert base_s(early) == pytest.approx(base_s(late))
    assert clock_base(replace(early, clock_synced=True)) is None


def test_the_boot_is_systemds_word_else_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A UUID (random(4)), which ``%b`` writes without hyphens (systemd.unit(5))."""
    boot_id.cache_clear()
    assert len(boot_id() or "") == 32
    boot_id.cache_clear()
    monkeypatch.setenv("BOOT_ID", "0123456789abcdef0123456789abcdef")
    assert boot_id() == "0123456789abcdef0123456789abcdef"
    boot_id.cache_clear()
    monkeypatch.delenv("BOOT_ID")
    monkeypatch.setattr("dynod.daemon.clock_base._FILE", Path("/nowhere"))
    assert clock_base(Instant(1.0, THEN, clock_synced=False)) is None
    boot_id.cache_clear()


async def test_a_clock_that_is_set_and_stands_still_corrects(scene: Scene) -> None:
    await scene.look(310.0, synced=False, off=timedelta(0))
    await scene.look(315.0)
    assert not scene.corrected()  # one look may have met it while it was being set
    await scene.look(320.0)
    assert scene.corrected()
    stored = scene.store.trial(scene.trial.result_id)
    assert stored is not None
    assert stored.recorded_at == TRUE
    assert stored.clock_correction_s == pytest.approx(OFF.total_seconds())
    assert scene.told == [scene.now.wall]
    assert scene.made.notices == ()
    scene.writer.close()


async def test_a_certificate_that_had_ended_by_the_true_time_is_told(scene: Scene) -> None:
    """In 1970 it was valid until 1999."""
    stored = scene.store.trial(scene.trial.result_id)
    assert stored is not None
    until = datetime(1999, 12, 31, tzinfo=UTC)
    then = Calibration(CalibrationStatus.CERTIFIED, (0.0, 1.0), "C-1", until)
    certified = replace(stored, calibration=then, revision=2)
    scene.store.commit(Change(at=THEN, trials=(certified,)))
    await scene.look(315.0)
    await scene.look(320.0)
    (notice,) = scene.made.notices
    assert f"dynod reanalyse --session {scene.trial.session_id}" in notice
    scene.writer.close()


async def test_one_that_is_still_being_set_waits(scene: Scene) -> None:
    for number in range(5):
        await scene.look(310.0 + 5.0 * number, off=OFF - timedelta(seconds=10 - 2 * number))
    assert not scene.corrected()
    scene.writer.close()


async def test_a_trial_that_runs_is_not_held_up(scene: Scene) -> None:
    scene.room.state = State(phase=Phase.RECORDING)
    await scene.look(315.0)
    await scene.look(320.0)
    assert not scene.corrected()
    scene.room.state = State()
    await scene.look(325.0)
    assert scene.corrected()
    scene.writer.close()


async def test_another_boot_corrects_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_correction, "boot_id", lambda: "another")
    await scene.look(315.0)
    await scene.look(320.0)
    assert not scene.corrected()
    scene.writer.close()
