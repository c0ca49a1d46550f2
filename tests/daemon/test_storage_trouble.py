"""A database that fails is answered and told, and ends nothing."""

import json
from collections import Counter
from typing import Any, cast
from uuid import uuid4

from dynod.daemon.commands import CommandService
from dynod.daemon.corrections import Corrections
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.model.errors import StorageError


class FailingStore:
    """Stands for a file on a disk that is full."""

    def reply(self, request_id: str) -> bytes | None:
        raise StorageError(f"database or disk is full, no reply to {len(request_id)} characters")


class FailingWriter:
    store = FailingStore()

    async def call(self, function: Any, *args: Any) -> Any:
        return function(*args)


class CountingStation:
    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()

    def count_refused(self, reason: str) -> None:
        self.refused[reason] += 1


async def test_a_command_that_the_database_cannot_take_is_refused_as_storage() -> None:
    station = CountingStation()
    commands = CommandService(
        cast("Station", station),
        cast("Writer", FailingWriter()),
        cast("Corrections", None),
        "a stream",
        dict,
    )
    request_id = str(uuid4())
    payload = json.dumps({"request_id": request_id}).encode()
    reply = json.loads(await commands.handle("session.end", payload))
    assert (reply["ok"], reply["request_id"]) == (False, request_id)
    assert reply["error"]["code"] == "storage"
    assert station.refused == {"storage": 1}
