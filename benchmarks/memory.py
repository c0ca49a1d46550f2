"""One line of the report that is about memory."""

from benchmarks.row import Row


class MemoryRow(Row):
    """A row whose two values are megabytes (10⁶ bytes) instead of seconds."""

    __slots__ = ()
