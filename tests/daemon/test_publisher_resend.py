"""Asked for again: in portions that hold up no new result, taken up where the broker left off."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from dynod.daemon.commands import CommandService
from dynod.daemon.displays import Displays
from dynod.daemon.publisher import IN_FLIGHT, Publisher
from dynod.daemon.records import Letterhead
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.model.errors import BrokerError
from dynod.publish.broker import BrokerSettings, Outgoing
from dynod.publish.topics import Topics
from dynod.store.change import Change, ResendRange
from dynod.store.store import Store
from tests.store.samples import NOW, draft, messages

MANY = 5 * IN_FLIGHT


class Broker:
    """Stands for a connection; ``fails_at`` messages later it is gone."""

    def __init__(self) -> None:
        self.connected = True
        self.numbers: list[int] = []
        self.fails_at = -1
        self.meanwhile: Any = None

    async def publish(self, message: Outgoing) -> None:
        if not message.topic.endswith("results/trial"):
            return
        if len(self.numbers) == self.fails_at:
            self.connected = False
        if not self.connected:
            raise BrokerError("gone")
        self.numbers.append(int(message.payload.split()[-1]))
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()


class Displayed:
    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()

    def will(self) -> Outgoing:
        return Outgoing("will", b"")

    def status(self) -> Outgoing:
        return Outgoing("status", b"")


@asynccontextmanager
async def room(folder: Path) -> AsyncIterator[tuple[Store, Publisher, Broker]]:
    """Yield a store with many sent messages, and a publisher that is asked for all of them."""
    store = Store.open(folder / "dynod.db", now=NOW)
    store.commit(messages(*(draft() for _ in range(MANY))))
    store.mark_sent(range(1, MANY + 1), NOW)
    store.commit(Change(at=NOW, resend=ResendRange(1, MANY)))
    writer, shown = Writer(store), Displayed()
    publisher = Publisher(
        BrokerSettings("127.0.0.1", 1, "test"),
        cast("Displays", shown),
        cast("Station", shown),
        writer,
        cast("CommandService", None),
        Letterhead(Topics("c", "r"), "c", "r", str(store.stream)),
        receipts_required=False,
    )
    broker = Broker()
    cast("Any", publisher)._connection = broker
    try:
        yield store, publisher, broker
    finally:
        writer.close()


async def test_a_new_result_waits_for_one_portion_at_most(tmp_path: Path) -> None:
    async with room(tmp_path) as (store, publisher, broker):

        async def a_trial_ends() -> None:
            await publisher._writer.call(store.commit, messages(draft()))
            publisher.committed(())

        broker.meanwhile = a_trial_ends
        await publisher._empty_outbox()
        assert sorted(broker.numbers) == list(range(1, MANY + 2))
        assert broker.numbers.index(MANY + 1) <= IN_FLIGHT
        old = [number for number in broker.numbers if number <= MANY]
        assert old == sorted(old)


async def test_a_lost_broker_gets_the_rest_when_it_is_back(tmp_path: Path) -> None:
    async with room(tmp_path) as (_, publisher, broker):
        broker.fails_at = 30
        await publisher._empty_outbox()
        assert len(broker.numbers) == 30
        broker.connected, broker.fails_at = True, -1
        await publisher._empty_outbox()
        # What went out without being noted may come twice; nothing is left out, nothing is late.
        assert set(broker.numbers) == set(range(1, MANY + 1))
        assert len(broker.numbers) <= MANY + IN_FLIGHT
        count = len(broker.numbers)
        await publisher._empty_outbox()
        assert len(broker.numbers) == count
