"""The daemon's side of the broker: retained states, the outbox, commands and receipts."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence

from dynod.daemon.bundles import envelope
from dynod.daemon.clock import instant
from dynod.daemon.commands import CommandService
from dynod.daemon.device import DeviceRunner
from dynod.daemon.displays import Displays
from dynod.daemon.records import Letterhead
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.model.errors import BrokerError, StorageError
from dynod.publish.broker import BrokerSettings, Inbound, Outgoing
from dynod.publish.commands import parse_receipts, reply_error
from dynod.publish.connection import BrokerConnection
from dynod.publish.messages import StationState
from dynod.publish.refusals import CommandRefused, request_id_of
from dynod.store.outbox import OutboxCounts, OutboxRow

log = logging.getLogger(__name__)

IN_FLIGHT = 20
IDLE_S = 5.0
LIVE_INTERVAL_S = 0.05  # at most 20 a second


class Publisher:
    """Publishes what displays show and what the outbox holds; answers what comes in."""

    def __init__(
        self,
        settings: BrokerSettings,
        displays: Displays,
        station: Station,
        writer: Writer,
        commands: CommandService,
        letterhead: Letterhead,
        *,
        receipts_required: bool,
    ) -> None:
        topics = letterhead.topics
        self._topics = topics
        self._stream = letterhead.stream
        self._displays = displays
        self._station = station
        self._writer = writer
        self._commands = commands
        self._receipts_required = receipts_required
        self._loops: list[asyncio.Task[None]] = []
        self._fresh: list[OutboxRow] = []
        self._missed = False  # whether more was committed than is kept here
        self._newest = 0  # highest sequence that was taken for sending
        self._drained = False  # whether the last look found nothing older that waits
        self._wake = asyncio.Event()
        self._dirty: dict[str, Outgoing] = {}
        self._dirty_event = asyncio.Event()
        self._live_s: dict[str, float] = {}
        self._counted: tuple[OutboxCounts, int, Counter[str]] | None = None
        self._connection = BrokerConnection(
            settings,
            filters=(topics.commands, topics.receipts),
            will=displays.will,
            on_connected=self._connected,
            on_message=self._message,
        )

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """Keep connected until ``close``."""
        self._loops = [
            tasks.create_task(self._pump(), name="outbox"),
            tasks.create_task(self._refresh(), name="retained"),
        ]
        await self._connection.run()

    async def close(self) -> None:
        """Say goodbye, as the last word: a clean disconnect suppresses the last will."""
        for task in self._loops:
            task.cancel()
        await self._publish_dirty()
        await self._connection.close(self._displays.status(StationState.OFFLINE))

    def committed(self, rows: Sequence[OutboxRow]) -> None:
        """Take note that the outbox or a counter changed; ``rows`` are new in the outbox.

        No more than a portion of them is kept: what waits for the broker waits in the outbox.
        """
        if len(self._fresh) + len(rows) > IN_FLIGHT:
            self._fresh.clear()
            self._missed = True
        else:
            self._fresh.extend(rows)
        self._wake.set()

    def show(self, message: Outgoing) -> None:
        """Publish a retained state soon; of several of one topic only the newest counts."""
        self._dirty.pop(message.topic, None)
        self._dirty[message.topic] = message
        self._dirty_event.set()

    def live(self, runner: DeviceRunner) -> Outgoing | None:
        """Return a device's live message when one is due, and publish it if that is possible."""
        now_s = time.monotonic()
        device_id = runner.identity.device_id
        if now_s - self._live_s.get(device_id, 0.0) < LIVE_INTERVAL_S:
            return None
        self._live_s[device_id] = now_s
        message = self._displays.live(runner)
        if self._connection.connected:
            self.show(message)
        return message

    # -- out ------------------------------------------------------------------------------

    async def _connected(self) -> None:
        self._dirty.clear()
        for message in self._displays.all_retained():
            self.show(message)
        if self._receipts_required:
            try:
                await self._writer.call(self._writer.store.resend_all_sent, instant().wall)
            except StorageError as error:
                log.warning("outbox: %s", error)
        self._wake.set()

    async def _refresh(self) -> None:
        """Publish changed states in the order in which they changed."""
        while True:
            await self._dirty_event.wait()
            self._dirty_event.clear()
            await self._publish_dirty()

    async def _publish_dirty(self) -> None:
        while self._dirty:
            message = self._dirty.pop(next(iter(self._dirty)))
            await self._try(message)

    async def _pump(self) -> None:
        """Send what is due, as soon as it is committed and whenever a resend falls due."""
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self._empty_outbox()
            except StorageError as error:
                # What was sent and could not be noted goes again: receivers drop what they have.
                log.warning("outbox: %s", error)

    async def _empty_outbox(self) -> None:
        await self._send_fresh()
        while self._connection.connected and (await self._send_due() or await self._send_again()):
            await self._send_fresh()
        await self._count()

    async def _send_fresh(self) -> None:
        """Send what was just committed without reading it back, unless older rows wait."""
        # One that was committed while older rows were read may have gone out with them.
        rows = [row for row in self._fresh if row.sequence > self._newest]
        missed, self._missed = self._missed, False
        self._fresh.clear()
        if missed:
            self._drained = False
        if not rows or missed:
            return
        if self._drained and self._connection.connected:
            await self._send_rows(rows)
        else:
            self._drained = False

    async def _send_due(self) -> bool:
        """Send a portion of the outbox; return whether more may be due."""
        now = instant().wall
        rows = await self._writer.call(
            self._writer.store.due, now, IN_FLIGHT, resend_unreceipted=self._receipts_required
        )
        sent = await self._send_rows(rows)
        self._drained = sent == len(rows) < IN_FLIGHT
        return sent == IN_FLIGHT

    async def _send_again(self) -> bool:
        """Send a portion of what was asked for again; return whether there may be more.

        What is due comes first: a long range holds up no new result for longer than a portion.
        """
        store = self._writer.store
        rows = await self._writer.call(store.asked_again, IN_FLIGHT)
        sent = 0
        for row, ok in zip(rows, await self._send_all(rows), strict=True):
            if not ok:
                break
            sent = row.sequence
        if sent:
            await self._writer.call(store.note_again, sent)
        return bool(rows) and sent == rows[-1].sequence

    async def _send_rows(self, rows: Sequence[OutboxRow]) -> int:
        """Send rows in order and note those that were acknowledged; return how many."""
        self._newest = max((self._newest, *(row.sequence for row in rows)))
        outcomes = await self._send_all(rows)
        sent = [row.sequence for row, ok in zip(rows, outcomes, strict=True) if ok]
        if sent:
            await self._writer.call(self._writer.store.mark_sent, sent, instant().wall)
        return len(sent)

    async def _send_all(self, rows: Sequence[OutboxRow]) -> Sequence[bool]:
        if len(rows) == 1:  # the usual case, and nothing shall come between commit and send
            return [await self._send(rows[0])]
        return await asyncio.gather(*(self._send(row) for row in rows))

    async def _send(self, row: OutboxRow) -> bool:
        message = Outgoing(
            row.topic,
            row.payload,
            content_type=row.content_type,
            user_properties=envelope(row, self._stream),
        )
        return await self._try(message)

    async def _try(self, message: Outgoing) -> bool:
        try:
            await self._connection.publish(message)
        except BrokerError as error:
            log.debug("not published: %s", error)
            return False
        return True

    async def _count(self) -> None:
        """Show the outbox counters when they changed."""
        store = self._writer.store
        counts = await self._writer.call(store.outbox_counts)
        last_sequence = await self._writer.call(lambda: store.last_sequence)
        refused = self._station.refused.copy()
        if (counts, last_sequence, refused) == self._counted:
            return
        self._counted = (counts, last_sequence, refused)
        self._displays.outbox, self._displays.last_sequence = counts, last_sequence
        self.show(self._displays.status())

    # -- in -------------------------------------------------------------------------------

    async def _message(self, message: Inbound) -> None:
        if message.topic == self._topics.receipts:
            await self._receipts(message)
        else:
            await self._command(message)

    async def _receipts(self, message: Inbound) -> None:
        if message.retain:
            self._station.count_refused("retained")
            return
        try:
            receipts = parse_receipts(message.payload)
        except CommandRefused as refusal:
            self._station.count_refused(f"receipts_{refusal.code}")
            return
        now = instant().wall
        try:
            unknown = await self._writer.call(self._writer.store.mark_received, receipts, now)
        except StorageError as error:
            log.warning("receipts not noted: %s", error)
            unknown = 0
        for _ in range(unknown):
            self._station.count_refused("unknown_receipt")
        self._wake.set()

    async def _command(self, message: Inbound) -> None:
        """Answer a command on its response topic; without a proper one it is not carried out."""
        response = message.response_topic
        if not self._topics.is_reply(response) or response is None:
            self._station.count_refused("response_topic")
            return
        if message.retain:
            self._station.count_refused("retained")
            refusal = CommandRefused(
                "retained",
                "commands must not be retained",
                request_id=request_id_of(message.payload),
            )
            payload = reply_error(refusal)
        else:
            name = self._topics.command_name(message.topic) or ""
            payload = await self._commands.handle(name, message.payload)
        await self._try(Outgoing(response, payload, correlation_data=message.correlation_data))
