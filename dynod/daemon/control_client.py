"""The other end of the control socket, for the command line (blocking)."""

import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from dynod.model.errors import DeviceError, DynodError, UsageError

TIMEOUT_S = 30.0
_CHUNK = 65536
_NOT_THERE = "no device of this station is configured there"  # as StationDevices.find says it


class DaemonNotRunningError(DynodError):
    """Nobody answers on the control socket."""

    exit_code = 4


class ControlClient:
    """A connection to a running daemon. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(TIMEOUT_S)
        try:
            self._socket.connect(str(path))
        except PermissionError as error:
            self._socket.close()
            raise UsageError(
                f"{path}: permission denied; join the group that owns the socket (dynod)"
            ) from error
        except OSError as error:
            self._socket.close()
            raise DaemonNotRunningError(
                f"{path}: no daemon answers there; start it with `dynod run`"
            ) from error
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def peer_pid(self) -> int | None:
        """Return the daemon's process (unix(7), SO_PEERCRED); None across namespaces."""
        size = struct.calcsize("3i")
        data = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        pid, _uid, _gid = struct.unpack("3i", data)
        return int(pid) or None

    def ask(self, request: dict[str, object]) -> dict[str, object]:
        """Send one request and return its answer."""
        self._send(request)
        return self._line()

    def lease(self, key: str, value: str) -> bool:
        """Have the daemon let go of a device (``key`` device or port) until the client hangs up.

        Returns False when the daemon has none there. Raises DeviceError when it keeps it.
        """
        answer = self.ask({"op": "lease", key: value})
        if answer.get("ok"):
            return True
        error = answer.get("error")
        message = error.get("message") if isinstance(error, dict) else None
        if message == _NOT_THERE:
            return False
        raise DeviceError(f"{value}: the daemon keeps it: {message or 'it gives no reason'}")

    def watch(self) -> Iterator[dict[str, object]]:
        """Yield what the daemon tells, until it ends; waits without limit."""
        yield from self.follow({"op": "watch"})

    def watch_or_wake(self, after_s: float) -> Iterator[dict[str, object] | None]:
        """Yield what the daemon tells, and None whenever it has told nothing for so long."""
        self._send({"op": "watch"})
        self._socket.settimeout(after_s)
        while True:
            try:
                self._receive_line()
            except TimeoutError:
                yield None
            else:
                yield self._line()

    def follow(self, request: dict[str, object]) -> Iterator[dict[str, object]]:
        """Send one request and yield its many answers, without end; waits without limit."""
        self._send(request)
        self._socket.settimeout(None)
        while True:
            yield self._line()

    def enough(self) -> None:
        """Tell the daemon to stop what `follow` asked for; its last answers still come."""
        self._socket.shutdown(socket.SHUT_WR)

    def _send(self, request: dict[str, object]) -> None:
        self._socket.sendall(json.dumps(request).encode() + b"\n")

    def _line(self) -> dict[str, object]:
        try:
            self._receive_line()
        except TimeoutError as error:
            raise DaemonNotRunningError("the daemon does not answer") from error
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, object] = json.loads(line)
        return answer

    def _receive_line(self) -> None:
        """Wait until a whole line is there; raises TimeoutError, and what came until then stays."""
        while b"\n" not in self._unread:
            try:
                data = self._socket.recv(_CHUNK)
            except TimeoutError:
                raise
            except OSError as error:
                raise DaemonNotRunningError("the daemon does not answer") from error
            if not data:
                raise DaemonNotRunningError("the daemon hung up; it was stopped")
            self._unread += data
