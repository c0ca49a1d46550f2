"""The control socket: the command line talks to a running daemon, also while the broker is down.

One JSON object a line, both ways. A request names an operation: ``{"op": "command", "name": …,
"payload": {…}}`` gets one reply as on MQTT; ``{"op": "watch"}`` gets every retained message and
the live values, ``{"topic": …, "payload": …}``, until the client hangs up; ``{"op": "query",
"what": …}`` reads the store; ``{"op": "calibration", "action": …}`` is about certificates and
checks (`dynod.daemon.shelf`); ``{"op": "lease", "device": …}`` (or ``"port"``) has the daemon let
go of a device until the client hangs up; ``{"op": "reanalyse", …}`` gets a line for every step
until one has ``end`` or ``error``, and stops early when the client says no more; so does
``{"op": "purge", …}`` (`dynod.daemon.purge`).
"""

import asyncio
import difflib
import errno
import json
import logging
import socket
import stat
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from dynod.model.errors import ConfigError, DynodError, UsageError

log = logging.getLogger(__name__)

SOCKET_MODE = 0o660
LINE_LIMIT = 4 * 1024 * 1024  # a certificate with all its points and budgets
BACKLOG_LINES = 200
_THE_END = b""
Tell: TypeAlias = Callable[[bytes], Awaitable[None]]
Job: TypeAlias = Callable[[dict[str, object], Tell, asyncio.Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Lease:
    """A device that was let go of: the answer to the client, and how to take it back."""

    answer: bytes
    release: Callable[[], None]


class ControlServer:
    """Serves the socket; ``answers`` maps an operation to what answers it.

    ``lease`` lets go of a device; it raises DynodError when that cannot be. ``jobs`` maps an
    operation to what answers it in many lines, and is told when the client wants no more of them.
    """

    def __init__(
        self,
        path: Path,
        answers: dict[str, Callable[[dict[str, object]], Awaitable[bytes]]],
        lease: Callable[[dict[str, object]], Awaitable[Lease]] | None = None,
        jobs: dict[str, Job] | None = None,
    ) -> None:
        self._path = path
        self._answers = answers
        self._jobs = jobs or {}
        self._lease = lease
        self._watchers: set[asyncio.Queue[bytes]] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[object]] = set()
        self._inode: int | None = None
        self._greeting: Callable[[], list[bytes]] = list

    async def start(self, greeting: Callable[[], list[bytes]]) -> asyncio.Server:
        """Begin to listen. ``greeting`` gives the lines that a new watcher gets first."""
        self._greeting = greeting
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _make_way(self._path)
            server = await asyncio.start_unix_server(self._serve, path=self._path, limit=LINE_LIMIT)
            self._path.chmod(SOCKET_MODE)
            self._inode = self._path.lstat().st_ino
        except OSError as error:
            raise ConfigError(
                f"{self._path}: cannot make the control socket ({error.strerror}); "
                "set [control] socket to a folder that this user may write"
            ) from error
        return server

    def tell(self, line: bytes) -> None:
        """Send a line to every watcher; one that does not keep up misses lines."""
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(line)

    def close(self) -> None:
        """Remove the socket, if it is still ours, and hang up on every client."""
        if self._path.exists() and self._path.lstat().st_ino == self._inode:
            self._path.unlink(missing_ok=True)
        self.tell(_THE_END)
        for writer in self._clients:
            writer.transport.abort()

    async def rest(self) -> None:
        """Wait, after ``close``, for what clients had asked for and nobody will hear."""
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a client without a task")
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                request = _parsed(line)
                if request.get("op") == "watch":
                    await self._watch(writer)
                elif request.get("op") == "lease" and self._lease is not None:
                    await self._hold(self._lease, request, reader, writer)
                elif (job := self._jobs.get(str(request.get("op")))) is not None:
                    await _work(job, request, reader, writer)
                else:
                    writer.write(await self._answer(request) + b"\n")
                    await writer.drain()
        except (ConnectionError, ValueError) as error:
            log.debug("control client lost: %s", type(error).__name__)
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer(self, request: dict[str, object]) -> bytes:
        answer = self._answers.get(str(request.get("op")))
        if answer is None:
            return refusal("unknown operation")
        return await answer(request)

    async def _hold(
        self,
        take: Callable[[dict[str, object]], Awaitable[Lease]],
        request: dict[str, object],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Keep a device leased until the client hangs up."""
        try:
            lease = await take(request)
        except DynodError as error:
            writer.write(refusal(str(error)) + b"\n")
            await writer.drain()
            return
        try:
            writer.write(lease.answer + b"\n")
            await writer.drain()
            await reader.read()
        finally:
            lease.release()

    async def _watch(self, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[bytes] = asyncio.Queue(BACKLOG_LINES)
        self._watchers.add(queue)
        try:
            for line in self._greeting():
                writer.write(line + b"\n")
            await writer.drain()
            while (line := await queue.get()) != _THE_END:
                writer.write(line + b"\n")
                await writer.drain()
        finally:
            self._watchers.discard(queue)


async def _work(
    job: Job,
    request: dict[str, object],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Let a job tell its lines; a client that hangs up, or closes its half, ends it early."""
    enough = asyncio.Event()

    async def tell(line: bytes) -> None:
        try:
            writer.write(line + b"\n")
            await writer.drain()
        except ConnectionError:
            enough.set()

    async def listen() -> None:
        with suppress(ConnectionError):
            await reader.read()
        enough.set()

    listener = asyncio.create_task(listen())
    try:
        await job(request, tell, enough)
    finally:
        listener.cancel()


def _make_way(path: Path) -> None:
    """Remove a socket that a killed daemon left; raises ConfigError for anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"{path}: there is a file; give [control] socket a name of its own")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        if probe.connect_ex(str(path)) != errno.ECONNREFUSED:
            raise ConfigError(f"{path}: another daemon answers there; stop it first")
    path.unlink()


def refusal(message: str, **more: object) -> bytes:
    """Return the line that says why a request was refused."""
    return json.dumps({"ok": False, "error": {"message": message, **more}}).encode()


def refusal_of(error: DynodError) -> bytes:
    """Return the same with the error's exit code, so that the other end can raise it again."""
    return refusal(str(error), exit_code=error.exit_code)


def check_keys(operation: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise UsageError for a key that an operation does not know, naming the nearest that it does.

    ``known`` is not empty.
    """
    names = sorted(known)
    for key in given:
        if key not in names:
            (near,) = difflib.get_close_matches(key, names, 1, 0.0)
            raise UsageError(f"{operation}: unknown key {key[:40]!r}; do you mean {near!r}?")


def _parsed(line: bytes) -> dict[str, object]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return request if isinstance(request, dict) else {}
