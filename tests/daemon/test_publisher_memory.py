"""What waits for a broker waits in the outbox, however much it is, and not in memory."""

from pathlib import Path
from typing import Any, cast

from dynod.daemon.publisher import IN_FLIGHT
from dynod.store.outbox import OutboxRow
from dynod.store.store import Store
from tests.daemon.test_publisher_resend import MANY, room
from tests.store.samples import draft, messages

AWAY = 400


async def test_of_what_is_committed_while_the_broker_is_away_little_is_kept(
    tmp_path: Path,
) -> None:
    """Then all of it goes out in order, as does what is committed in that very moment."""
    async with room(tmp_path) as (store, publisher, broker):
        inner = cast("Any", publisher)
        await inner._empty_outbox()  # what the room asks for again
        broker.numbers.clear()
        broker.connected = False
        for first in range(0, AWAY, 4):
            publisher.committed(_commit(store, 4))
            assert len(inner._fresh) <= IN_FLIGHT
            if first % 100 == 0:
                await inner._empty_outbox()
        broker.connected = True

        async def one_more() -> None:
            publisher.committed(_commit(store, IN_FLIGHT + 1))

        broker.meanwhile = one_more
        await inner._empty_outbox()
        await inner._empty_outbox()  # as the wake of that commit has it done
    assert broker.numbers == list(range(MANY + 1, MANY + AWAY + IN_FLIGHT + 2))


async def test_more_than_a_portion_in_one_commit_goes_out_in_order(tmp_path: Path) -> None:
    async with room(tmp_path) as (store, publisher, broker):
        inner = cast("Any", publisher)
        await inner._empty_outbox()
        broker.numbers.clear()
        publisher.committed(_commit(store, 3 * IN_FLIGHT))
        publisher.committed(_commit(store, 1))
        assert len(inner._fresh) == 1
        await inner._empty_outbox()
    assert broker.numbers == list(range(MANY + 1, MANY + 3 * IN_FLIGHT + 2))


def _commit(store: Store, count: int) -> list[OutboxRow]:
    """Commit messages; return their rows, as the station tells of them."""
    store.commit(messages(*(draft() for _ in range(count))))
    return list(reversed(store.outbox_rows(count)))
