"""The two clocks: monotonic for durations, wall for labels, and whether the wall clock is right."""

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path

from dynod.session.inputs import Instant

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 256  # struct timex is 208 bytes on 64-bit Linux
ASK_AGAIN_S = 1.0
_TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")


class SyncCheck:
    """Asks whether the wall clock is synchronised, at most once a second."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
        self._asked_s = float("-inf")
        self._synced = False

    def __call__(self, now_s: float) -> bool:
        """Return the kernel's or systemd-timesyncd's word; ``now_s`` is monotonic."""
        if now_s - self._asked_s >= ASK_AGAIN_S:
            self._asked_s = now_s
            self._synced = _TIMESYNCD_MARK.exists() or self._kernel_says_so()
        return self._synced

    def _kernel_says_so(self) -> bool:
        if not hasattr(self._libc, "adjtimex"):
            return False
        ctypes.memset(self._buffer, 0, _TIMEX_BYTES)
        return bool(0 <= self._libc.adjtimex(self._buffer) != _TIME_ERROR)


_clock_synced = SyncCheck()


def instant() -> Instant:
    """Return this moment on both clocks."""
    now_s = time.monotonic()
    return Instant(now_s, datetime.now(UTC), _clock_synced(now_s))
