"""The long work of the control socket: re-analysis, exports, purges.

Most days ask for none of it, so that each is imported when it is first asked for, in a thread, and
not at the start.
"""

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from dynod.daemon.control import Job, Tell
from dynod.daemon.plan import Plan
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer

if TYPE_CHECKING:
    from dynod.daemon.reanalysis_service import ReanalysisService


class Jobs:
    """Carries out what is asked for in many lines; ``close`` ends what is left of it."""

    def __init__(self, plan: Plan, writer: Writer, station: Station) -> None:
        self._plan = plan
        self._writer = writer
        self._station = station
        self._stopping = False
        self._reanalysis: ReanalysisService | None = None

    def operations(self) -> dict[str, Job]:
        """Return the operations, by name."""
        return {"reanalyse": self._reanalyse, "export": self._export, "purge": self._purge}

    async def rest(self) -> None:
        """Stop what runs, each session whole or untouched, and take nothing new."""
        self._stopping = True
        if self._reanalysis is not None:
            await self._reanalysis.rest()

    def close(self) -> None:
        """Let threads end."""
        if self._reanalysis is not None:
            self._reanalysis.close()

    async def _reanalyse(
        self, request: dict[str, object], tell: Tell, enough: asyncio.Event
    ) -> None:
        await asyncio.to_thread(import_module, "dynod.daemon.reanalysis_service")
        from dynod.daemon.reanalysis_service import ReanalysisService

        if self._reanalysis is None:
            self._reanalysis = ReanalysisService(
                self._plan, self._writer, self._station, self._station.sealed
            )
        if self._stopping:
            await self._reanalysis.rest()
        await self._reanalysis.serve(request, tell, enough)

    async def _export(self, request: dict[str, object], tell: Tell, enough: asyncio.Event) -> None:
        await asyncio.to_thread(import_module, "dynod.daemon.export_service")
        from dynod.daemon.export_service import ExportService
        from dynod.daemon.exporter import exporter

        made = await self._writer.call(exporter, self._plan, self._writer.store)
        await ExportService(self._writer, made).serve(request, tell, enough)

    async def _purge(self, request: dict[str, object], tell: Tell, enough: asyncio.Event) -> None:
        await asyncio.to_thread(import_module, "dynod.daemon.purge")
        from dynod.daemon.purge import PurgeService

        await PurgeService(self._writer, self._plan.config).serve(request, tell, enough)
