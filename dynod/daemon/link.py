"""An open port on the event loop: chunks with their arrival time, through a bounded queue."""

import asyncio
import time
from types import TracebackType
from typing import Self

from dynod.daemon.ports import PortGoneError, SerialPort
from dynod.model.samples import Chunk

# At live rates a chunk is one to a few samples; this many are several seconds of backlog.
QUEUE_CHUNKS = 1024


class Link:
    """Reads a port whenever it has bytes. Use as an async context manager.

    ``taken`` counts what ``next`` handed out.
    """

    def __init__(self, port: SerialPort) -> None:
        self.port = port
        self.overflowed = False
        self.taken = 0
        self._chunks: asyncio.Queue[Chunk | PortGoneError | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        self._loop.add_reader(self.port.fd, self._readable)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.remove_reader(self.port.fd)
        self.port.close()

    def write(self, data: bytes) -> None:
        """Send bytes; raises PortGoneError."""
        self.port.write(data)

    def wake(self) -> None:
        """Have a waiting ``next`` return None."""
        self._chunks.put_nowait(None)

    async def next(self, until_s: float | None) -> Chunk | None:
        """Return the next chunk, or None when ``until_s`` (monotonic) has come, or on ``wake``.

        Raises PortGoneError when the port vanished and every chunk before that was taken.
        """
        try:
            async with asyncio.timeout_at(self._loop_time(until_s)):
                item = await self._chunks.get()
        except TimeoutError:
            return None
        self.taken += 1
        if isinstance(item, PortGoneError):
            raise item
        return item

    @property
    def waiting(self) -> int:
        """How many chunks nobody has taken yet."""
        return self._chunks.qsize()

    def _loop_time(self, until_s: float | None) -> float | None:
        return None if until_s is None else self._loop.time() + until_s - time.monotonic()

    def _readable(self) -> None:
        try:
            data = self.port.read()
        except PortGoneError as error:
            self._loop.remove_reader(self.port.fd)
            self._chunks.put_nowait(error)
            return
        if not data:
            return
        if self._chunks.qsize() >= QUEUE_CHUNKS:
            self.overflowed = True
            return
        self._chunks.put_nowait(Chunk(data, time.monotonic()))
