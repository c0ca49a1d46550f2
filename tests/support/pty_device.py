"""A little device on a pty: a thread does something at every turn until the context ends."""

import os
import threading
import tty
from pathlib import Path
from typing import Self


class PtyDevice:
    """Opens a pty at ``link`` and calls ``turn`` every ``every_s`` seconds."""

    def __init__(self, link: Path, every_s: float) -> None:
        self._every_s = every_s
        self._over = threading.Event()
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        link.symlink_to(os.ttyname(self._slave))
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        os.set_blocking(self.master, False)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()
        os.close(self.master)
        os.close(self._slave)

    def turn(self) -> None:
        """Write or read; ``master`` does not block."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self.turn()
