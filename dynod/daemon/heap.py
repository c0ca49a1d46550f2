"""Gives freed memory back to the system.

The C library keeps freed memory in pieces for later. Over hours of connections and trials these
grow: nothing is in use, and yet the process takes more and more of a small computer.
"""

import asyncio
import ctypes
from collections.abc import Callable

EVERY_S = 60.0
AGAIN_S = 0.5  # a break between two trials is enough


async def keep_trim(busy: Callable[[], bool]) -> None:
    """Give back what is free once a minute, in a thread, as soon as nobody waits for an answer."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_trim"):  # of glibc alone
        return
    held_up = False
    while True:
        await asyncio.sleep(AGAIN_S if held_up else EVERY_S)
        held_up = busy()
        if not held_up:
            await asyncio.to_thread(libc.malloc_trim, 0)
