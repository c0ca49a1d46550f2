"""Receipts: what we tell each station that we have."""

import json
from collections.abc import Iterable, Iterator
from uuid import UUID

from dynod.publish.broker import Outgoing
from dynod.subscribe.envelope import Place, Result

# A message of receipts may have 128 KiB; one receipt has less than 100 bytes.
MOST = 1000


def receipts_of(results: Iterable[Result]) -> Iterator[Outgoing]:
    """Yield the messages that receipt results: for duplicates and late revisions too.

    Without them a station sends those again and again.
    """
    by_place: dict[Place, dict[tuple[UUID, int], None]] = {}
    for result in results:
        receipts = by_place.setdefault(result.stream.place, {})
        receipts[result.result_id, result.revision] = None
    for place, receipts in by_place.items():
        names = [{"result_id": str(one), "revision": revision} for one, revision in receipts]
        for first in range(0, len(names), MOST):
            body = {"schema": "dynod.receipts/1", "receipts": names[first : first + MOST]}
            yield Outgoing(f"{place.root}/receipts", json.dumps(body).encode())
