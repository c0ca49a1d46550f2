"""Exports of a running daemon: the operation ``export`` of the control socket, session by session.

The writer's thread reads one session at a time, so that a press never waits for a whole export.
"""

import asyncio
import json
import logging
from collections.abc import Callable

from dynod.daemon.clock import instant
from dynod.daemon.control import Tell, refusal_of
from dynod.daemon.exporter import Exporter, export_lines, parse_export
from dynod.daemon.writer import Writer
from dynod.model.errors import DynodError
from dynod.session.inputs import Instant

log = logging.getLogger(__name__)


class ExportService:
    """Answers with a line for every piece; the last one has ``end``, or ``error``."""

    def __init__(
        self, writer: Writer, exporter: Exporter, now: Callable[[], Instant] = instant
    ) -> None:
        self._writer = writer
        self._exporter = exporter
        self._now = now

    async def serve(self, request: dict[str, object], tell: Tell, enough: asyncio.Event) -> None:
        """Tell what is asked for, line by line; stop early on ``enough``."""
        try:
            await self._serve(request, tell, enough)
        except DynodError as error:
            await tell(refusal_of(error))

    async def _serve(self, request: dict[str, object], tell: Tell, enough: asyncio.Event) -> None:
        asked = parse_export({key: value for key, value in request.items() if key != "op"})
        lines = export_lines(self._exporter, self._writer.store, asked, self._now)
        while not enough.is_set():
            line = await self._writer.call(next, lines, None)
            if line is None:
                return
            await tell(json.dumps(line).encode())
            if "end" in line:
                log.info("export as %s: %s", asked.what, line["end"])
