"""The wall clock tied to the monotonic one of this boot, for the time until it is set."""

import os
from functools import cache
from pathlib import Path

from dynod.session.inputs import Instant
from dynod.store.change import ClockBase

# Under the hardened unit nothing of /proc/sys is to be seen: systemd hands the id over (``%b``).
_VARIABLE = "BOOT_ID"
_FILE = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot_id() -> str | None:
    """Return what is new with every start of the computer (random(4)); None where nobody says."""
    given = os.environ.get(_VARIABLE, "").strip()
    if given:
        return given.replace("-", "")
    try:
        return _FILE.read_text().strip().replace("-", "")
    except OSError:
        return None


def base_s(now: Instant) -> float:
    """Return the wall clock less the monotonic one, in s: the same until the clock is set."""
    return now.wall.timestamp() - now.mono_s


def clock_base(now: Instant) -> ClockBase | None:
    """Return what to remember of a clock that is not set; None when it is."""
    here = None if now.clock_synced else boot_id()
    return None if here is None else ClockBase(here, base_s(now))
