"""Asking a station to send results again, and what its reply says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from dynod.publish.broker import Inbound, Outgoing
from dynod.publish.refusals import CommandRefused, read_object
from dynod.subscribe.envelope import LARGEST, Stream
from dynod.subscribe.holes import Numbers

COMMAND = "results.resend"
MOST_OPEN = 1000


@dataclass(frozen=True, slots=True)
class Reply:
    """A station's answer about a stream. ``refused`` is its error code."""

    stream: Stream
    purged: tuple[Numbers, ...] = ()
    refused: str | None = None


class Requests:
    """The requests that wait for a reply."""

    def __init__(self, client_id: str) -> None:
        self._client_id = client_id
        self._open: dict[bytes, tuple[Stream, Numbers]] = {}

    def make(self, stream: Stream, numbers: Numbers) -> Outgoing:
        """Return the request for some numbers of a stream."""
        request_id = str(uuid4())
        correlation = request_id.encode()
        self._open[correlation] = (stream, numbers)
        while len(self._open) > MOST_OPEN:  # of those that were never answered the oldest go
            del self._open[next(iter(self._open))]
        root = stream.place.root
        body = {
            "schema": f"dynod.command.{COMMAND}/1",
            "request_id": request_id,
            "stream": str(stream.stream),
            "from_sequence": numbers.first,
            "to_sequence": numbers.last,
        }
        return Outgoing(
            f"{root}/commands/{COMMAND}",
            json.dumps(body).encode(),
            correlation_data=correlation,
            response_topic=f"{root}/replies/{self._client_id}",
        )

    def answered(self, message: Inbound) -> Reply | None:
        """Return what a reply says; None when it answers no open request of ours."""
        found = self._open.pop(message.correlation_data or b"", None)
        if found is None or not message.topic.startswith(f"{found[0].place.root}/"):
            return None
        stream, asked = found
        try:
            body = read_object(message.payload)
        except CommandRefused as refusal:
            return Reply(stream, refused=refusal.code)
        if body.get("ok") is True:
            return Reply(stream, tuple(_purged(body.get("purged"), asked)))
        error = body.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        return Reply(stream, refused=code if isinstance(code, str) else "malformed")


def _purged(named: Any, asked: Numbers) -> Iterator[Numbers]:
    """Yield the ranges of numbers that are purged, as far as they were asked for."""
    for item in named if isinstance(named, list) else ():
        numbers = _numbers(item)
        if numbers is not None:
            first, last = max(numbers.first, asked.first), min(numbers.last, asked.last)
            if first <= last:
                yield Numbers(first, last)


def _numbers(item: Any) -> Numbers | None:
    """Return a number, or a range given by its two ends."""
    if isinstance(item, dict):
        ends = (item.get("from_sequence"), item.get("to_sequence"))
    else:
        ends = (item, item)
    first, last = ends
    if type(first) is not int or type(last) is not int or not 1 <= first <= last <= LARGEST:
        return None
    return Numbers(first, last)
