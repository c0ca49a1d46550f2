"""The control socket: one JSON object a line; no client can stop the server."""

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from dynod.daemon.control import BACKLOG_LINES, LINE_LIMIT, ControlServer
from dynod.daemon.control_client import ControlClient, DaemonNotRunningError
from dynod.model.errors import ConfigError

TIMEOUT_S = 10.0
UNKNOWN = {"ok": False, "error": {"message": "unknown operation"}}


async def echo(request: dict[str, object]) -> bytes:
    return json.dumps({"ok": True, "heard": request.get("name")}).encode()


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[ControlServer]:
    control = ControlServer(folder / "control.sock", {"command": echo})
    server = await control.start(lambda: [b'{"topic":"status","payload":{}}'])
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield control
    finally:
        server.close()
        control.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        if rest:
            _, left = await asyncio.wait(rest, timeout=TIMEOUT_S)
            assert not left  # every client was hung up on


class Client:
    """A client that writes whatever it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def line(self) -> Any:
        return json.loads(await self._reader.readline())

    async def ask(self, line: bytes) -> Any:
        self.writer.write(line + b"\n")
        return await self.line()

    async def until_hung_up(self) -> None:
        with suppress(ConnectionError):
            await self._reader.read()


@asynccontextmanager
async def connected(folder: Path) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(folder / "control.sock", limit=2**20)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


def test_a_command_gets_one_answer_each(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(tmp_path), connected(tmp_path) as client:
            for name in ("session.start", "session.end"):
                answer = await client.ask(json.dumps({"op": "command", "name": name}).encode())
                assert answer == {"ok": True, "heard": name}

    asyncio.run(scene())


@pytest.mark.parametrize(
    "line",
    [b'{"op": "explode"}', b"{broken", b"", b"[1, 2]", b"\xff\xfe", b"[" * 5000, b'{"op": []}'],
    ids=["unknown", "broken", "empty", "no object", "no text", "deep", "op is no word"],
)
def test_a_line_that_is_no_request_is_answered_and_the_next_one_counts(
    tmp_path: Path, line: bytes
) -> None:
    async def scene() -> None:
        async with serving(tmp_path), connected(tmp_path) as client:
            assert await client.ask(line) == UNKNOWN
            assert (await client.ask(b'{"op": "command", "name": "x"}'))["ok"] is True

    asyncio.run(scene())


def test_a_line_without_end_ends_only_its_own_connection(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(tmp_path), connected(tmp_path) as good:
            async with connected(tmp_path) as bad:
                bad.writer.write(b" " * (2 * LINE_LIMIT + 1))
                await bad.until_hung_up()
            assert (await good.ask(b'{"op": "command"}'))["ok"] is True

    asyncio.run(scene())


def test_a_watcher_is_greeted_and_told(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(tmp_path) as control, connected(tmp_path) as client:
            assert await client.ask(b'{"op": "watch"}') == {"topic": "status", "payload": {}}
            for number in range(3):
                control.tell(b"%d" % number)
                assert await client.line() == number

    asyncio.run(scene())


def test_a_watcher_that_does_not_keep_up_misses_the_oldest_lines(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(tmp_path) as control, connected(tmp_path) as slow:
            await slow.ask(b'{"op": "watch"}')
            count = 3 * BACKLOG_LINES
            for number in range(count):  # in one go: nobody can take any in between
                control.tell(b"%d" % number)
            got = [await slow.line() for _ in range(BACKLOG_LINES)]
            assert got == list(range(count - BACKLOG_LINES, count))

    asyncio.run(scene())


def test_a_watcher_that_never_reads_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async def scene() -> None:
        async with (
            serving(tmp_path) as control,
            connected(tmp_path) as stuck,
            connected(tmp_path) as good,
            connected(tmp_path) as watching,
        ):
            await stuck.ask(b'{"op": "watch"}')
            await watching.ask(b'{"op": "watch"}')
            line = json.dumps("x" * 100_000).encode()
            for _ in range(50):  # far more than the kernel's and the streams' buffers take
                control.tell(line)
                assert len(str(await watching.line())) == 100_000
            assert (await good.ask(b'{"op": "command"}'))["ok"] is True

    asyncio.run(scene())


def test_a_watcher_that_hangs_up_is_forgotten(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(tmp_path) as control, connected(tmp_path) as good:
            async with connected(tmp_path) as gone:
                await gone.ask(b'{"op": "watch"}')
            await gone.writer.wait_closed()
            for _ in range(2 * BACKLOG_LINES):
                control.tell(b"{}")
                await asyncio.sleep(0)
            assert (await good.ask(b'{"op": "command"}'))["ok"] is True

    asyncio.run(scene())


def test_group_may_use_the_socket_and_nobody_else(tmp_path: Path) -> None:
    async def scene() -> None:
        async with serving(tmp_path):
            mode = (tmp_path / "control.sock").stat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o660

    asyncio.run(scene())
    assert not (tmp_path / "control.sock").exists()


def test_a_socket_left_by_a_killed_daemon_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))

    async def scene() -> None:
        async with serving(tmp_path), connected(tmp_path) as client:
            assert (await client.ask(b'{"op": "command"}'))["ok"] is True

    asyncio.run(scene())


def test_a_place_where_no_socket_can_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    control = ControlServer(tmp_path / "file" / "control.sock", {})
    with pytest.raises(ConfigError, match=r"file/control\.sock: cannot make the control socket"):
        asyncio.run(control.start(list))


def test_the_blocking_client_asks_and_watches(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    def talk() -> list[object]:
        with ControlClient(path) as client:
            heard: list[object] = [client.ask({"op": "command", "name": "x"})]
        with ControlClient(path) as client:
            heard.append(next(client.watch()))
        return heard

    async def scene() -> list[object]:
        async with serving(tmp_path):
            return await asyncio.to_thread(talk)

    assert asyncio.run(scene()) == [
        {"ok": True, "heard": "x"},
        {"topic": "status", "payload": {}},
    ]


def test_the_blocking_client_says_that_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(DaemonNotRunningError, match="no daemon answers there"):
        ControlClient(tmp_path / "control.sock")


def test_closing_hangs_up_on_every_client_without_a_word_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with (
            serving(tmp_path) as control,
            connected(tmp_path) as watching,
            connected(tmp_path) as stuck,
            connected(tmp_path) as quiet,
        ):
            await quiet.ask(b'{"op": "command"}')
            await watching.ask(b'{"op": "watch"}')
            await stuck.ask(b'{"op": "watch"}')
            for _ in range(50):
                control.tell(b"x" * 100_000)
                await asyncio.sleep(0)
            control.close()
            await quiet.until_hung_up()
            await watching.until_hung_up()

    asyncio.run(scene())
    assert [record.message for record in caplog.records] == []
