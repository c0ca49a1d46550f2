"""One line of the report that is about memory, and how memory is measured."""

import re
from pathlib import Path

from benchmarks.row import Row


class MemoryRow(Row):
    """A row whose two values are megabytes (10⁶ bytes) instead of seconds."""

    __slots__ = ()


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process, in 10⁶ bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/{pid}/status does not tell VmRSS")
    return int(found[1]) * 1024 / 1e6
