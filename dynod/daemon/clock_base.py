"""The wall clock tied to the monotonic one of this boot, for the time until it is set."""

from functools import cache
from pathlib import Path

from dynod.session.inputs import Instant
from dynod.store.change import ClockBase

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot_id() -> str:
    """Return what is new with every start of the computer (random(4))."""
    return _BOOT_ID.read_text().strip()


def base_s(now: Instant) -> float:
    """Return the wall clock less the monotonic one, in s: the same until the clock is set."""
    return now.wall.timestamp() - now.mono_s


def clock_base(now: Instant) -> ClockBase | None:
    """Return what to remember of a clock that is not set; None when it is."""
    return None if now.clock_synced else ClockBase(boot_id(), base_s(now))
