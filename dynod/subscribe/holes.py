"""Which sequence numbers are missing; no input or output here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LONGEST_ASK = 500  # numbers in one request
MOST_ASKS = 10  # requests at a time


@dataclass(frozen=True, slots=True, order=True)
class Numbers:
    """The sequence numbers from ``first`` to ``last``, both of them included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


def find_holes(
    complete_to: int, seen: Iterable[int], purged: Iterable[Numbers], announced: int
) -> list[Numbers]:
    """Return what is missing above ``complete_to``, in order.

    ``seen`` are numbers in ascending order, repeats allowed; ``announced`` is the highest that the
    station is known to have given.
    """
    have = sorted([*(Numbers(number, number) for number in seen), *purged])
    holes: list[Numbers] = []
    reached = complete_to
    for numbers in have:
        if numbers.first > reached + 1:
            holes.append(Numbers(reached + 1, numbers.first - 1))
        reached = max(reached, numbers.last)
    if announced > reached:
        holes.append(Numbers(reached + 1, announced))
    return holes


def complete_to(holes: Sequence[Numbers], highest: int) -> int:
    """Return up to which number nothing is missing."""
    return holes[0].first - 1 if holes else highest


def portions(holes: Iterable[Numbers], up_to: int) -> list[Numbers]:
    """Return what to ask for now: the lowest numbers first, in requests of bounded size."""
    asked: list[Numbers] = []
    for hole in holes:
        last = min(hole.last, up_to)
        for first in range(hole.first, last + 1, LONGEST_ASK):
            if len(asked) == MOST_ASKS:
                return asked
            asked.append(Numbers(first, min(first + LONGEST_ASK - 1, last)))
    return asked
