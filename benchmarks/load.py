"""Rows about a process that reads many devices: its share of a core, and what it lost."""

from benchmarks.row import Row


class ShareRow(Row):
    """A row whose two values are processor time by wall time, of one core."""

    __slots__ = ()


class LossRow(Row):
    """``seconds`` are the samples that were lost, ``floor_seconds`` those that were sent."""

    __slots__ = ()
