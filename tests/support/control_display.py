"""A display at the station's control socket, which outlives the daemon that it listens to."""

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

LOOK_AGAIN_S = 0.01


class ControlDisplay:
    """Hears every state, from one daemon after the other; ``verdicts`` are those of all of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self.states: dict[str, dict[str, Any]] = {}
        self.verdicts: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def wait(self, condition: Callable[[], Any], timeout_s: float) -> Any:
        """Return the condition's first true value, or its last one when the time is over."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)

    def command(
        self, name: str, payload: dict[str, Any], timeout_s: float
    ) -> dict[str, Any] | None:
        """Send a command; return its reply, None when the daemon is gone before it."""
        request = {"op": "command", "name": name, "payload": payload}
        with suppress(OSError), socket.socket(socket.AF_UNIX) as control:
            control.settimeout(timeout_s)
            control.connect(str(self._path))
            control.sendall(json.dumps(request).encode() + b"\n")
            line = control.makefile("rb").readline()
            if line.endswith(b"\n"):
                reply: dict[str, Any] = json.loads(line)
                return reply
        return None

    def _listen(self) -> None:
        while not self._over.is_set():
            with suppress(OSError), socket.socket(socket.AF_UNIX) as control:
                control.settimeout(0.2)
                control.connect(str(self._path))
                control.sendall(b'{"op": "watch"}\n')
                self._hear(control)
            with self._changed:  # a daemon that is gone shows nothing
                self.states.clear()
                self._changed.notify_all()
            time.sleep(LOOK_AGAIN_S)

    def _hear(self, control: socket.socket) -> None:
        rest = b""
        while not self._over.is_set():
            try:
                data = control.recv(65536)
            except TimeoutError:
                continue
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._show(json.loads(line))

    def _show(self, told: dict[str, Any]) -> None:
        topic, payload = told["topic"], told["payload"]
        with self._changed:
            self.states[topic] = payload
            if topic == "session/state" and payload["last_trial"]:
                verdict = payload["last_trial"]
                self.verdicts[verdict["result_id"]] = verdict
            self._changed.notify_all()
