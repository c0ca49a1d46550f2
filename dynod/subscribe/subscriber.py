"""The subscriber: receive, commit, send receipts, acknowledge; in this order.

A result is acknowledged to the broker, and receipted to its station, only after our own commit.
Whatever dies in between, the message comes again and is recognised. While the database is away
nothing is acknowledged, so the broker stops delivering after a hundred messages and keeps the rest.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection

from dynod.config.subscriber import SubscriberConfig
from dynod.model.errors import BrokerError, StorageError
from dynod.publish.broker import BrokerSettings, Inbound, Outgoing
from dynod.publish.connection import BrokerConnection
from dynod.subscribe import intake
from dynod.subscribe.courier import Courier
from dynod.subscribe.database import Database
from dynod.subscribe.envelope import (
    FHIR,
    Result,
    Status,
    UnreadableError,
    place_of,
    read_result,
    read_status,
)
from dynod.subscribe.events import Event, Tell
from dynod.subscribe.gaps import note_statuses
from dynod.subscribe.intake import Aside, Outcome
from dynod.subscribe.receipts import receipts_of
from dynod.subscribe.watch import GapWatch

log = logging.getLogger(__name__)

BATCH = 100
LONGEST_WAIT_S = 30.0


@dataclass(slots=True)
class Batch:
    """Messages that are committed together."""

    messages: list[Inbound] = field(default_factory=list)
    results: list[tuple[Result, Inbound]] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    replies: list[Inbound] = field(default_factory=list)
    asides: list[Aside] = field(default_factory=list)

    def sort_in(self, message: Inbound) -> None:
        """Read a message and put it where it belongs."""
        self.messages.append(message)
        found = place_of(message.topic)
        try:
            match found:
                case (place, "results"):
                    self.results.append((read_result(message, place), message))
                case (place, "status"):
                    self.statuses.append(read_status(message, place))
                case (_, "replies"):
                    self.replies.append(message)
                case _:
                    raise UnreadableError("no topic of a station")  # noqa: TRY301
        except UnreadableError as error:
            self.asides.append(Aside(message, str(error)))


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a batch."""

    outcomes: list[Outcome]
    changed: list[Status]
    """Of the stations that came or went."""


class Subscriber:
    """One subscriber process; several may share group and database."""

    def __init__(
        self,
        config: SubscriberConfig,
        settings: BrokerSettings,
        database: Database,
        tell: Tell,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._database = database
        self._tell = tell
        self._now = now
        self._arrived: asyncio.Queue[Inbound | None] = asyncio.Queue()
        self._stopping = asyncio.Event()
        self._connection = BrokerConnection(
            settings,
            filters=filters_of(config, settings.client_id),
            on_connected=self._connected,
            on_message=self._arrived.put,
        )
        self._gaps = GapWatch(
            config.resend, database, self._connection, settings.client_id, tell, now
        )
        self._courier = None if config.fhir is None else Courier(config.fhir, database, tell, now)

    async def run(self) -> None:
        """Work until ``stop``. Raises what ends a part of the work unexpectedly."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._connection.run(), name="broker")
            loops = [
                tasks.create_task(self._gaps.run(), name="gaps"),
                tasks.create_task(self._read_statuses(), name="statuses"),
            ]
            if self._courier is not None:
                loops.append(tasks.create_task(self._courier.run(), name="fhir"))
            await self._take_in()
            for loop in loops:
                loop.cancel()
            await self._connection.close()
        self._tell(Event("stopped"))

    def stop(self) -> None:
        """Finish what is being committed, say goodbye, and let ``run`` return."""
        self._stopping.set()
        self._arrived.put_nowait(None)

    async def _connected(self) -> None:
        self._tell(Event("connected"))

    async def _read_statuses(self) -> None:
        """Read the retained statuses time after time.

        A broker whose queue for us is full drops messages, and with a result perhaps the status
        that would have told of it.
        """
        while True:
            await asyncio.sleep(self._config.resend.status_s)
            with suppress(BrokerError):  # the next connect reads them too
                for root in roots_of(self._config):
                    await self._connection.read_retained(f"{root}/status")

    async def _take_in(self) -> None:
        """Take what has arrived, as much as there is, until we are told to stop."""
        while not self._stopping.is_set():
            message = await self._arrived.get()
            batch = Batch()
            while message is not None:
                batch.sort_in(message)
                if len(batch.messages) == BATCH or self._arrived.empty():
                    break
                message = self._arrived.get_nowait()
            if batch.messages:
                await self._handle(batch)

    async def _handle(self, batch: Batch) -> None:
        committed = await self._commit(batch)
        if committed is None:  # we stop; what is not acknowledged comes again
            return
        self._tell_of(batch, committed)
        if self._config.subscriber.receipts:
            await self._send_receipts(batch, committed)
        for message in batch.messages:
            message.acknowledge()
        for reply in batch.replies:
            await self._gaps.replied(reply)
        self._gaps.touch({result.stream for result, _ in batch.results})
        self._gaps.touch({status.stream for status in batch.statuses})
        if self._courier is not None and any(item.kind == FHIR for item, _ in batch.results):
            self._courier.wake()

    async def _commit(self, batch: Batch) -> Committed | None:
        """Commit a batch, however long the database is away; None when we stop first."""
        wait_s = 1.0
        while True:
            try:
                return await self._database.call(self._write, batch)
            except StorageError as error:
                log.warning("%s; nothing is acknowledged until it works", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopping.wait()
                return None
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _write(self, connection: Connection, batch: Batch) -> Committed:
        at = self._now()
        results = [result for result, _ in batch.results]
        intake.note_streams(connection, results)
        queue = self._courier is not None
        outcomes = intake.store_results(connection, results, at, queue_bundles=queue)
        differing = [
            Aside(inbound, "differs from what came earlier with this result_id and revision")
            for (_, inbound), outcome in zip(batch.results, outcomes, strict=True)
            if outcome is Outcome.DIFFERS
        ]
        intake.store_aside(connection, [*batch.asides, *differing], at)
        return Committed(outcomes, note_statuses(connection, batch.statuses, at))

    def _tell_of(self, batch: Batch, committed: Committed) -> None:
        for (result, _), outcome in zip(batch.results, committed.outcomes, strict=True):
            self._tell(result_event(result, outcome))
        for aside in batch.asides:
            facts = {"topic": aside.inbound.topic, "reason": aside.reason}
            self._tell(Event("set_aside", None, facts))
        for status in committed.changed:
            self._tell(Event("station", str(status.stream.place), {"state": status.state}))

    async def _send_receipts(self, batch: Batch, committed: Committed) -> None:
        stored: Iterable[Result] = (
            result
            for (result, _), outcome in zip(batch.results, committed.outcomes, strict=True)
            if outcome is not Outcome.DIFFERS
        )
        await asyncio.gather(*(self._try(message) for message in receipts_of(stored)))

    async def _try(self, receipts: Outgoing) -> None:
        try:
            await self._connection.publish(receipts)
        except BrokerError as error:
            # The station sends the results again, and then gets its receipts.
            log.debug("receipts not sent: %s", error)


def roots_of(config: SubscriberConfig) -> list[str]:
    """Return the filters over the stations that we listen to, without a slash at the end."""
    return [f"dynod/v1/{station}" for station in config.subscriber.stations]


def filters_of(config: SubscriberConfig, client_id: str) -> tuple[str, ...]:
    """Return what to subscribe to.

    Results may be shared among a group. Each process hears every status, because brokers send no
    retained message to a shared subscription, and the replies to itself.
    """
    group = config.subscriber.group
    share = "" if group is None else f"$share/{group}/"
    roots = roots_of(config)
    return (
        *(f"{share}{root}/results/+" for root in roots),
        *(f"{root}/replies/{client_id}" for root in roots),
        *(f"{root}/status" for root in roots),
    )


def result_event(result: Result, outcome: Outcome) -> Event:
    """Return what is told of a result: which one it is, and nothing that it says."""
    return Event(
        outcome.value,
        str(result.stream.place),
        {
            "sequence": result.sequence,
            "kind": result.kind,
            "result_id": result.result_id,
            "revision": result.revision,
            "status": result.status,
            "counts": result.counts,
        },
    )
