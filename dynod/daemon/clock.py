"""The two clocks: monotonic for durations, wall for labels, and whether the wall clock is right."""

import ctypes
import ctypes.util
import time
from datetime import UTC, datetime
from pathlib import Path

from dynod.session.inputs import Instant

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 256  # struct timex is 208 bytes on 64-bit Linux
_TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")


def clock_synced() -> bool:
    """Tell whether the kernel or systemd-timesyncd holds the wall clock for synchronised."""
    if _TIMESYNCD_MARK.exists():
        return True
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "adjtimex"):
        return False
    state = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return bool(0 <= state != _TIME_ERROR)


def instant() -> Instant:
    """Return this moment on both clocks."""
    return Instant(time.monotonic(), datetime.now(UTC), clock_synced())
