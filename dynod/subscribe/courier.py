"""Carries Bundles to the FHIR server, one at a time, as often as it takes."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from dynod.config.subscriber import FhirConfig
from dynod.model.errors import StorageError
from dynod.subscribe.bundles import DELIVERED, REFUSED, Due, postpone, settle, take_next
from dynod.subscribe.database import Database
from dynod.subscribe.events import Event, Tell
from dynod.subscribe.fhir import Answer, FhirServer, Verdict

log = logging.getLogger(__name__)

LONGEST_ROUND_S = 1.0
SPARE_S = 60.0


class Courier:
    """Posts what waits in the queue."""

    def __init__(
        self, config: FhirConfig, database: Database, tell: Tell, now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._server = FhirServer(config)
        self._database = database
        self._tell = tell
        self._now = now
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Take note that a Bundle joined the queue."""
        self._wake.set()

    async def run(self) -> None:
        """Post what is due, and look again soon."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(LONGEST_ROUND_S, self._config.first_s)):
                    await self._wake.wait()
            self._wake.clear()
            try:
                while await self._carry_one():
                    pass
            except StorageError as error:
                log.debug("Bundles wait: %s", error)

    async def _carry_one(self) -> bool:
        """Post the next Bundle; return whether there was one."""
        lease_s = self._config.timeout_s + SPARE_S
        due = await self._database.call(take_next, self._now(), lease_s)
        if due is None:
            return False
        answer = await asyncio.to_thread(self._server.post, due.payload)
        await self._note(due, answer)
        return True

    async def _note(self, due: Due, answer: Answer) -> None:
        now = self._now()
        words = answer.cause if answer.text is None else f"{answer.cause}: {answer.text}"
        if answer.verdict is Verdict.DELIVERED:
            await self._database.call(settle, due, DELIVERED, now, None)
        elif answer.verdict is Verdict.REFUSED:
            await self._database.call(settle, due, REFUSED, now, words)
        else:
            until = now + timedelta(seconds=self._config.delay_s(due.attempts))
            await self._database.call(postpone, due, until, words)
        facts = {
            "sequence": due.sequence,
            "result_id": due.result_id,
            "revision": due.revision,
            "attempts": due.attempts,
            "cause": answer.cause,
        }
        self._tell(Event(f"fhir_{answer.verdict}", str(due.place), facts))
