"""Re-analysis inside a running daemon: in a thread of its own, one at a time, while no trial runs.

The thread computes; every access to the database goes through the writer's thread, and before each
trial it waits until no recording runs and no press waits for its verdict.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from dynod.daemon.control import Tell, refusal_of
from dynod.daemon.plan import Plan
from dynod.daemon.reanalysis import reanalyse
from dynod.daemon.reanalysis_request import Request, parse_request
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.model.errors import DynodError
from dynod.model.session import Phase
from dynod.store.outbox import OutboxRow
from dynod.store.store import Store

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
_BUSY = {Phase.RECORDING, Phase.ANALYSING}


class ReanalysisService:
    """Carries out the operation ``reanalyse`` of the control socket."""

    def __init__(
        self,
        plan: Plan,
        writer: Writer,
        station: Station,
        committed: Callable[[Sequence[OutboxRow]], None],
    ) -> None:
        self._plan = plan
        self._writer = writer
        self._station = station
        self._committed = committed
        self._stopping = False
        self._running: set[asyncio.Event] = set()
        self._rested = asyncio.Event()
        self._rested.set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reanalysis")

    async def serve(self, request: dict[str, object], tell: Tell, enough: asyncio.Event) -> None:
        """Do what a request asks for and tell it line by line; stop early on ``enough``."""
        try:
            asked = parse_request({key: value for key, value in request.items() if key != "op"})
        except DynodError as error:
            await tell(refusal_of(error))
            return
        self._running.add(enough)
        self._rested.clear()
        access = _ThroughTheLoop(self._writer, self._station, self._committed, tell, enough)
        if self._stopping:
            enough.set()
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._run, asked, access)
        finally:
            self._running.discard(enough)
            if not self._running:
                self._rested.set()

    def _run(self, asked: Request, access: "_ThroughTheLoop") -> None:
        """Work, in the thread."""
        try:
            for line in reanalyse(asked, self._plan, access):
                access.say(json.dumps(line).encode())
                if "end" in line:
                    log.info("re-analysis: %s", line["end"])
        except DynodError as error:
            access.say(refusal_of(error))

    async def rest(self) -> None:
        """Stop what runs, each session whole or untouched, and take nothing new."""
        self._stopping = True
        for enough in self._running:
            enough.set()
        await self._rested.wait()

    def close(self) -> None:
        """Let the thread end; after a crash it ends when the loop does, which it waits for."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class _ThroughTheLoop:
    """What the working thread needs, done by the loop and by the writer's thread."""

    def __init__(
        self,
        writer: Writer,
        station: Station,
        committed: Callable[[Sequence[OutboxRow]], None],
        tell: Tell,
        enough: asyncio.Event,
    ) -> None:
        self.store: Store = writer.store
        self._writer = writer
        self._station = station
        self._committed = committed
        self._tell = tell
        self._enough = enough
        self._loop = asyncio.get_running_loop()

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it in the writer's thread."""
        return self._wait_for(self._writer.call(function, *args, **kwargs))

    def go_on(self) -> bool:
        """Wait until the station is quiet; return whether somebody still listens."""
        return self._wait_for(self._quiet())

    def sealed(self, rows: Sequence[OutboxRow]) -> None:
        """Have the messages sent."""
        self._loop.call_soon_threadsafe(self._committed, rows)

    def say(self, line: bytes) -> None:
        """Send a line to the client."""
        self._wait_for(self._say(line))

    async def _say(self, line: bytes) -> None:
        await self._tell(line)

    async def _quiet(self) -> bool:
        changed = asyncio.Event()
        self._station.changed.append(changed.set)
        try:
            while self._station.state.phase in _BUSY and not self._enough.is_set():
                changed.clear()
                await _first_of(changed, self._enough)
        finally:
            self._station.changed.remove(changed.set)
        return not self._enough.is_set()

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
