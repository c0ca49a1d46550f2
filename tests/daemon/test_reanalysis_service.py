"""Re-analysis beside a station that measures: it waits, and it stops when nobody listens."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from dynod.daemon.reanalysis_service import ReanalysisService, _ThroughTheLoop
from dynod.daemon.station import Station
from dynod.model.session import Phase
from dynod.session.state import State

TIMEOUT_S = 10.0


@dataclass
class QuietStation:
    """As much of a station as the service looks at."""

    state: State = field(default_factory=State)
    changed: list[Callable[[], None]] = field(default_factory=list)

    def show(self, phase: Phase) -> None:
        self.state = State(phase)
        for listener in self.changed:
            listener()


class NoWriter:
    """A writer without a store, which is not asked here."""

    store = None


async def untold(_line: bytes) -> None:
    """Hear nothing."""


def access(station: QuietStation, enough: asyncio.Event) -> _ThroughTheLoop:
    return _ThroughTheLoop(
        cast("Any", NoWriter()), cast("Station", station), lambda _rows: None, untold, enough
    )


async def waits(station: QuietStation) -> None:
    """Return once somebody waits for the station to change."""
    while not station.changed:  # noqa: ASYNC110 - the loop's own turn is what is waited for
        await asyncio.sleep(0)


@pytest.mark.parametrize("busy", [Phase.RECORDING, Phase.ANALYSING])
def test_it_waits_while_a_trial_is_recorded_or_analysed(busy: Phase) -> None:
    async def scene() -> None:
        async with asyncio.timeout(TIMEOUT_S):
            station, enough = QuietStation(State(busy)), asyncio.Event()
            work = asyncio.ensure_future(asyncio.to_thread(access(station, enough).go_on))
            await waits(station)
            station.show(Phase.ANALYSING)
            assert not work.done()
            station.show(Phase.READY)
            assert await work
            assert station.changed == []

    asyncio.run(scene())


def test_a_client_that_hangs_up_ends_the_waiting() -> None:
    async def scene() -> None:
        async with asyncio.timeout(TIMEOUT_S):
            station, enough = QuietStation(State(Phase.RECORDING)), asyncio.Event()
            work = asyncio.ensure_future(asyncio.to_thread(access(station, enough).go_on))
            await waits(station)
            enough.set()
            assert not await work

    asyncio.run(scene())


def test_a_wrong_request_is_answered_and_nothing_runs() -> None:
    async def scene() -> list[bytes]:
        told: list[bytes] = []

        async def tell(line: bytes) -> None:
            told.append(line)

        station = cast("Station", QuietStation())
        nobody = cast("Any", None)
        service = ReanalysisService(nobody, cast("Any", NoWriter()), station, lambda _rows: None)
        await service.serve({"op": "reanalyse", "trails": []}, tell, asyncio.Event())
        await service.rest()
        service.close()
        return told

    (line,) = asyncio.run(scene())
    assert b"unknown key 'trails'; do you mean 'trials'?" in line
    assert b'"exit_code": 2' in line
