"""An open port on the event loop, over a pty."""

import asyncio
import os
import time
import tty
from collections.abc import Iterator

import pytest

from dynod.daemon.link import Link
from dynod.daemon.ports import LineSettings, PortGoneError, SerialPort

TIMEOUT_S = 10.0


class Pty:
    """The device's end of a port."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)

    def send(self, data: bytes) -> None:
        assert os.write(self.master, data) == len(data)

    def hang_up(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def close(self) -> None:
        self.hang_up()
        os.close(self._slave)


class WatchedPort(SerialPort):
    """A port that tells how many bytes the link has read."""

    def __init__(self, path: str) -> None:
        super().__init__(path, LineSettings(115200))
        self._taken = 0
        self._heard = asyncio.Event()

    def read(self) -> bytes:
        self._heard.set()
        data = super().read()
        self._taken += len(data)
        return data

    async def taken(self, count: int) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while self._taken < count:
                self._heard.clear()
                await self._heard.wait()


@pytest.fixture
def pty() -> Iterator[Pty]:
    pty = Pty()
    yield pty
    pty.close()


def soon() -> float:
    return time.monotonic() + TIMEOUT_S


async def until_gone(link: Link) -> bytes:
    """Everything that comes before the port is said to be gone."""
    data = b""
    try:
        while (chunk := await link.next(soon())) is not None:
            data += chunk.data
    except PortGoneError:
        return data
    pytest.fail("the port was never said to be gone")


def overflowed(link: Link) -> bool:
    return link.overflowed


def test_chunks_arrive_in_order_with_their_time(pty: Pty) -> None:
    async def scene() -> None:
        async with Link(WatchedPort(pty.path)) as link:
            before_s = time.monotonic()
            data = b""
            for piece in (b"one", b"two", b"three"):
                pty.send(piece)
                chunk = await link.next(soon())
                assert chunk is not None
                assert before_s <= chunk.arrival_s <= time.monotonic()
                before_s = chunk.arrival_s
                data += chunk.data
            assert data == b"onetwothree"

    asyncio.run(scene())


def test_what_is_written_reaches_the_device(pty: Pty) -> None:
    async def scene() -> None:
        async with Link(WatchedPort(pty.path)) as link:
            link.write(b"get_version:")
        assert os.read(pty.master, 100) == b"get_version:"

    asyncio.run(scene())


def test_a_hang_up_comes_after_the_chunks_before_it(pty: Pty) -> None:
    async def scene() -> None:
        port = WatchedPort(pty.path)
        async with Link(port) as link:
            pty.send(b"first")
            await port.taken(5)
            pty.send(b"second")
            await port.taken(11)
            pty.hang_up()
            assert await until_gone(link) == b"firstsecond"

    asyncio.run(scene())


def test_a_write_after_the_hang_up_says_that_the_port_is_gone(pty: Pty) -> None:
    async def scene() -> None:
        async with Link(WatchedPort(pty.path)) as link:
            pty.hang_up()
            with pytest.raises(PortGoneError, match=pty.path):
                link.write(b"x")

    asyncio.run(scene())


def test_wake_ends_a_wait_without_a_chunk(pty: Pty) -> None:
    async def scene() -> None:
        async with Link(WatchedPort(pty.path)) as link, asyncio.timeout(TIMEOUT_S):
            waiting = asyncio.create_task(link.next(None))
            await asyncio.sleep(0)  # let it begin to wait
            assert not waiting.done()
            link.wake()
            assert await waiting is None

    asyncio.run(scene())


def test_a_time_that_has_come_ends_the_wait_but_loses_no_chunk(pty: Pty) -> None:
    async def scene() -> None:
        port = WatchedPort(pty.path)
        async with Link(port) as link:
            assert await link.next(time.monotonic() - 1.0) is None
            pty.send(b"here")
            await port.taken(4)
            chunk = await link.next(time.monotonic() - 1.0)
            assert chunk is not None
            assert chunk.data == b"here"

    asyncio.run(scene())


def test_nobody_takes_the_chunks(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue stays bounded, the flag tells of what was dropped, the hang-up still comes."""
    monkeypatch.setattr("dynod.daemon.link.QUEUE_CHUNKS", 4)

    async def scene() -> None:
        port = WatchedPort(pty.path)
        async with Link(port) as link:
            for count in range(1, 5):
                pty.send(b"k")
                await port.taken(count)
            assert not overflowed(link)
            for count in range(5, 12):
                pty.send(b"d")
                await port.taken(count)
            assert overflowed(link)
            pty.hang_up()
            assert await until_gone(link) == b"kkkk"

    asyncio.run(scene())


def test_a_port_is_held_exclusively_and_given_back(pty: Pty) -> None:
    async def scene() -> None:
        for _ in range(2):
            async with Link(WatchedPort(pty.path)):
                pass

    asyncio.run(scene())
