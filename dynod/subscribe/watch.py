"""Watching for gaps: judges the streams that something happened to, and asks for what is due."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from dynod.config.subscriber import ResendConfig
from dynod.model.errors import BrokerError, StorageError
from dynod.publish.broker import Inbound
from dynod.publish.connection import BrokerConnection
from dynod.subscribe.database import Database
from dynod.subscribe.envelope import Stream
from dynod.subscribe.events import Event, Tell
from dynod.subscribe.gaps import Judgement, close_stream, due_streams, judge, note_purged
from dynod.subscribe.resend import Requests

log = logging.getLogger(__name__)

LONGEST_ROUND_S = 1.0

# The station has another database now, and nobody can fill the gaps of the old one.
GONE = "not_found"


class GapWatch:
    """Asks stations for results that are missing."""

    def __init__(
        self,
        config: ResendConfig,
        database: Database,
        connection: BrokerConnection,
        client_id: str,
        tell: Tell,
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._database = database
        self._connection = connection
        self._requests = Requests(client_id)
        self._tell = tell
        self._now = now
        self._touched: set[Stream] = set()

    def touch(self, streams: Iterable[Stream]) -> None:
        """Take note that something of these streams came."""
        self._touched |= set(streams)

    async def run(self) -> None:
        """Look at what was touched or is due, time after time."""
        round_s = min(LONGEST_ROUND_S, self._config.wait_s / 2)
        while True:
            await asyncio.sleep(round_s)
            if not self._connection.connected:
                continue
            try:
                await self._look()
            except StorageError as error:
                log.debug("gaps not judged: %s", error)

    async def replied(self, message: Inbound) -> None:
        """Take a station's reply to a request of ours."""
        reply = self._requests.answered(message)
        if reply is None:
            return
        place = str(reply.stream.place)
        try:
            if reply.purged:
                await self._database.call(note_purged, reply.stream, reply.purged)
                for numbers in reply.purged:
                    facts = {"from_sequence": numbers.first, "to_sequence": numbers.last}
                    self._tell(Event("purged", place, facts))
                self.touch([reply.stream])
            elif reply.refused is not None:
                if reply.refused == GONE:
                    await self._database.call(close_stream, reply.stream, GONE)
                facts_refused = {"stream": reply.stream.stream, "code": reply.refused}
                self._tell(Event("resend_refused", place, facts_refused))
        except StorageError as error:  # the reply to the next request says the same
            log.debug("reply not noted: %s", error)

    async def _look(self) -> None:
        due = await self._database.call(due_streams, self._now(), self._config.longest_s)
        touched, self._touched = self._touched, set()
        for stream in sorted(touched | set(due)):
            judgement = await self._database.call(judge, stream, self._now(), self._config)
            await self._ask(judgement)

    async def _ask(self, judgement: Judgement) -> None:
        for numbers in judgement.ask:
            facts = {
                "stream": judgement.stream.stream,
                "from_sequence": numbers.first,
                "to_sequence": numbers.last,
                "missing": judgement.missing,
            }
            self._tell(Event("gap", str(judgement.stream.place), facts))
            try:
                await self._connection.publish(self._requests.make(judgement.stream, numbers))
            except BrokerError as error:
                log.debug("not asked for: %s", error)
