"""A station that is none: it sends what a script says and judges the receipts and requests.

It keeps an outbox as a station does: what is sent has a number of its stream and is sent again as
the same bytes, and only when it is asked for.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from dynod.model.errors import BrokerError, UsageError
from dynod.publish.broker import BrokerSettings, Inbound, Outgoing
from dynod.publish.commands import (
    ResendResults,
    parse_command,
    parse_receipts,
    reply_error,
    reply_ok,
)
from dynod.publish.connection import BrokerConnection
from dynod.publish.fields import rfc3339
from dynod.publish.refusals import CommandRefused, read_object
from dynod.publish.topics import Topics

NAME = "dynod-contract-test"  # site, station, and the beginning of its ``software``
# Where a request that no station would take is noted, whenever it comes.
REQUESTS = "gap"

CONNECT_S = 15.0
LOOK_S = 1.0
# A request may cross what answers an earlier one, as with two subscribers of one group.
GRACE_S = 5.0


@dataclass(slots=True)
class Row:
    """A result in the outbox. ``case``: which part of the script made it."""

    sequence: int
    result_id: UUID
    revision: int
    kind: str
    case: str
    payload: bytes = field(repr=False)
    sent_s: float | None = None
    """When it was sent first, None before; seconds of the event loop."""
    purged: bool = False
    told_purged_s: float | None = None
    asked: int = 0
    receipts: int = 0

    @property
    def name(self) -> str:
        """How people find it among the messages."""
        return f"{self.kind} {self.result_id} revision {self.revision} (sequence {self.sequence})"


class ContractStation:
    """Connected to the clinic's broker under a name of its own; ``open`` first, ``close`` last.

    ``findings`` has, by case, what was wrong with what came in.
    """

    def __init__(self, settings: BrokerSettings, version: str) -> None:
        self.topics = Topics(NAME, NAME)
        self.stream = uuid4()
        self.rows: list[Row] = []
        self.findings: dict[str, list[str]] = defaultdict(list)
        self.case = ""
        self.software = f"{NAME} {version}"
        self._settings = settings
        self._connected = asyncio.Event()
        self._changed = asyncio.Event()
        self._retained: bytes | None = None
        self._announced = False
        self._refused_streams: set[UUID] = set()
        self._connection = BrokerConnection(
            settings,
            filters=(self.topics.status, self.topics.receipts, self.topics.commands),
            will=lambda: self._status("offline"),
            on_connected=self._on_connected,
            on_message=self._on_message,
        )
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and come online.

        Raises BrokerError when the broker does not take us, UsageError when a station of this
        name is or was there that is not ours.
        """
        self._settings.tls_context()
        self._running = asyncio.create_task(self._connection.run())
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connected.wait()
        except TimeoutError:
            await self._leave()
            raise BrokerError(
                f"broker {self._settings.address}: no connection within {CONNECT_S:g} s; "
                "check address, user and certificates"
            ) from None
        await self.wait(lambda: self._retained is not None, LOOK_S)
        if self._taken():
            await self._leave()
            raise UsageError(
                f"{self.topics.status}: a station of this name is there that is not a contract "
                "test that ended; end that test, or remove its retained status"
            )
        self._announced = True
        await self.announce()

    async def close(self) -> None:
        """Go offline, and leave no retained status behind."""
        with suppress(BrokerError):
            await self._connection.publish(self._status("offline"))
            await self._connection.publish(Outgoing(self.topics.status, b"", retain=True))
        await self._leave()

    async def _leave(self) -> None:
        await self._connection.close()
        if self._running is not None:
            await self._running

    # -- out ------------------------------------------------------------------------------------

    def put(self, kind: str, result_id: UUID, revision: int, body: Mapping[str, Any]) -> Row:
        """Give a result its number; nothing is sent yet."""
        sequence = len(self.rows) + 1
        head = {
            "schema": f"dynod.{kind}/1",
            "result_id": str(result_id),
            "revision": revision,
            "sequence": sequence,
            "stream": str(self.stream),
            "station": {"site": NAME, "name": NAME},
            "recorded_at": rfc3339(datetime.now(UTC)),
            "software": self.software,
        }
        payload = json.dumps({**body, **head}, ensure_ascii=False).encode()
        row = Row(sequence, result_id, revision, kind, self.case, payload)
        self.rows.append(row)
        return row

    async def send(self, *rows: Row) -> None:
        """Publish results, and the status that tells of their numbers."""
        for row in rows:
            if row.sent_s is None:
                row.sent_s = _now_s()
            topic = f"{self.topics.root}/results/{row.kind}"
            await self._connection.publish(Outgoing(topic, row.payload))

    async def announce(self) -> None:
        """Publish the retained status, which has the last number."""
        await self._connection.publish(self._status("online", last_sequence=len(self.rows)))

    def _status(self, state: str, **more: object) -> Outgoing:
        body = {
            "schema": "dynod.status/1",
            "at": rfc3339(datetime.now(UTC)),
            "stream": str(self.stream),
            "state": state,
            "software": self.software,
            **more,
        }
        return Outgoing(self.topics.status, json.dumps(body).encode(), retain=True)

    # -- in -------------------------------------------------------------------------------------

    async def wait(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Wait until the condition holds after something came in; False when it is too late."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        return condition()

    def note(self, finding: str, case: str | None = None) -> None:
        """Keep what is wrong, once."""
        found = self.findings[case or self.case]
        if finding not in found:
            found.append(finding)

    async def _on_connected(self) -> None:
        self._connected.set()

    async def _on_message(self, message: Inbound) -> None:
        if message.topic == self.topics.status:
            if not self._announced and message.payload:
                self._retained = message.payload
        elif message.topic == self.topics.receipts:
            self._take_receipts(message)
        elif self._announced:
            await self._take_command(message)
        self._changed.set()

    def _taken(self) -> bool:
        if self._retained is None:
            return False
        try:
            body = read_object(self._retained)
        except CommandRefused:
            return True
        ours = str(body.get("software", "")).startswith(f"{NAME} ")
        return not ours or body.get("state") != "offline"

    def _take_receipts(self, message: Inbound) -> None:
        if message.retain:
            self.note("receipts lie retained at the broker: publish them with retain off")
            return
        try:
            receipts = parse_receipts(message.payload)
        except CommandRefused as refusal:
            self.note(f"receipts that a station refuses: {_words(refusal)}")
            return
        rows = {(row.result_id, row.revision): row for row in self.rows}
        for receipt in receipts:
            row = rows.get((receipt.result_id, receipt.revision))
            if row is None:
                self.note("a receipt for a result and revision that was never published")
            elif row.sent_s is None:
                self.note(f"a receipt before delivery: {row.name}", row.case)
            else:
                row.receipts += 1

    async def _take_command(self, message: Inbound) -> None:
        topic = message.response_topic
        if message.retain:
            self.note("a command lies retained at the broker: publish it unretained", REQUESTS)
            return
        if topic is None or not self.topics.is_reply(topic):
            self.note(f"a command without a response topic under {self.topics.reply('')}", REQUESTS)
            return
        rows: list[Row] = []
        try:
            reply, rows = self._answer(self.topics.command_name(message.topic), message.payload)
        except CommandRefused as refusal:
            reply = reply_error(refusal)
        await self._connection.publish(
            Outgoing(topic, reply, correlation_data=message.correlation_data)
        )
        await self.send(*rows)

    def _answer(self, name: str | None, payload: bytes) -> tuple[bytes, list[Row]]:
        try:
            command = parse_command(name or "", payload)
        except CommandRefused as refusal:
            self.note(f"a command that a station refuses: {_words(refusal)}", REQUESTS)
            raise
        request_id = str(command.request_id)
        if not isinstance(command, ResendResults):
            raise CommandRefused("no_session", "this station tests", request_id=request_id)
        if command.stream != self.stream:
            self._refuse_stream(command.stream, request_id)
        if command.to_sequence < command.from_sequence:
            self.note("results.resend with to_sequence below from_sequence", REQUESTS)
            raise CommandRefused(
                "invalid_value", "must not be below from_sequence", "to_sequence", request_id
            )
        asked = self.rows[command.from_sequence - 1 : command.to_sequence]
        self._judge(asked)
        for row in asked:
            row.asked += 1
            if row.purged and row.told_purged_s is None:
                row.told_purged_s = _now_s()
        kept = [row for row in asked if not row.purged]
        purged = _ranges(row.sequence for row in asked if row.purged)
        return reply_ok(request_id, count=len(kept), purged=purged), kept

    def _refuse_stream(self, stream: UUID, request_id: str) -> None:
        """Refuse a stream that is not ours; perhaps one of an earlier test, so once is no fault."""
        if stream in self._refused_streams:
            self.note("asks again for a stream whose reply was `not_found`", REQUESTS)
        self._refused_streams.add(stream)
        raise CommandRefused("not_found", "no such stream", "stream", request_id)

    def _judge(self, asked: list[Row]) -> None:
        """Note a request for nothing but what was delivered or is known to be purged."""
        now_s = _now_s()
        ends = [row.told_purged_s if row.purged else row.sent_s for row in asked]
        if asked and any(end_s is None or now_s - end_s < GRACE_S for end_s in ends):
            return
        if any(row.purged for row in asked):
            owner = next(row.case for row in asked if row.purged)
            self.note("asks again for numbers that the reply named as purged", owner)
        elif asked:
            self.note("asks for numbers that were all delivered before", asked[0].case)
        else:
            self.note("asks for numbers that the stream has not reached")


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _words(refusal: CommandRefused) -> str:
    at = f" ({refusal.field})" if refusal.field else ""
    return f"{refusal.code}: {refusal.message}{at}"


def _ranges(numbers: Iterable[int]) -> list[dict[str, int]]:
    """Return ascending numbers as ranges with both ends included."""
    ranges: list[dict[str, int]] = []
    for number in numbers:
        if ranges and ranges[-1]["to_sequence"] == number - 1:
            ranges[-1]["to_sequence"] = number
        else:
            ranges.append({"from_sequence": number, "to_sequence": number})
    return ranges
