"""One line of the benchmark's report."""

from typing import Literal, NamedTuple


class Row(NamedTuple):
    """``seconds`` of dynod beside ``floor_seconds`` of the thing it is measured against.

    ``ratio>=``: dynod must be at least ``bar`` times as fast as the floor. ``ratio<=``: dynod may
    take at most ``bar`` times as long; an infinite bar only reports.
    """

    name: str
    seconds: float
    floor: str
    floor_seconds: float
    bar: float
    better: Literal["ratio>=", "ratio<="]

    @property
    def ratio(self) -> float:
        """How often faster, or how much longer, as ``better`` says."""
        if self.better == "ratio>=":
            return self.floor_seconds / self.seconds
        return self.seconds / self.floor_seconds

    @property
    def holds(self) -> bool:
        """Whether the bar is met."""
        return self.ratio >= self.bar if self.better == "ratio>=" else self.ratio <= self.bar
