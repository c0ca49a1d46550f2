"""What must advance for the watchdog to be fed: the loop, the readers and the writer.

That the loop turns shows in the check being made at all.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Protocol

from dynod.daemon.writer import Writer


class Reader(Protocol):
    """What takes chunks from an open port."""

    @property
    def progress(self) -> tuple[int, int]:
        """How many chunks were taken, and how many wait."""


class Pulse:
    """Looks whether the daemon lives; ``check`` is made again and again."""

    def __init__(self, readers: Mapping[str, Reader], writer: Writer, *, patience_s: float) -> None:
        self._readers = readers
        self._writer = writer
        self._patience_s = patience_s
        self._before: dict[str, tuple[int, int]] = {}
        self._asked: asyncio.Future[None] | None = None

    async def check(self) -> str | None:
        """Return what stands still, or None.

        A reader does when chunks wait and it took none since the last check; the writer when it
        has not come to a call that does nothing within ``patience_s``.
        """
        stuck = next(self._stuck_readers(), None)
        return stuck if stuck is not None else await self._stuck_writer()

    def _stuck_readers(self) -> Iterator[str]:
        before, self._before = self._before, {k: v.progress for k, v in self._readers.items()}
        for name, (taken, waiting) in self._before.items():
            if waiting and before.get(name, (-1, 0))[1] and before[name][0] == taken:
                yield f"the reader of {name} stands still"

    async def _stuck_writer(self) -> str | None:
        if self._asked is None:
            self._asked = asyncio.ensure_future(self._writer.call(_nothing))
        done, _ = await asyncio.wait([self._asked], timeout=self._patience_s)
        if not done:
            return "the writer of the database stands still"
        self._asked = None
        return None


def _nothing() -> None:
    """Do nothing, in the writer's thread, in its turn."""
