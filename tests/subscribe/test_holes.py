"""Which numbers are missing; the expected ranges are counted by hand or by a plain set."""

from hypothesis import given
from hypothesis import strategies as st

from dynod.subscribe.holes import (
    LONGEST_ASK,
    MOST_ASKS,
    Numbers,
    complete_to,
    find_holes,
    portions,
)


def test_nothing_is_missing() -> None:
    assert find_holes(0, [1, 2, 3], [], 3) == []


def test_holes_in_the_middle_and_at_the_end() -> None:
    holes = find_holes(0, [1, 4, 4, 6], [], 8)
    assert holes == [Numbers(2, 3), Numbers(5, 5), Numbers(7, 8)]
    assert complete_to(holes, 8) == 1


def test_what_is_purged_is_not_missing() -> None:
    assert find_holes(0, [5], [Numbers(1, 3)], 5) == [Numbers(4, 4)]
    assert complete_to([], 5) == 5


@given(
    seen=st.sets(st.integers(1, 60)),
    purged=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)), max_size=4),
    announced=st.integers(0, 70),
    done=st.integers(0, 20),
)
def test_holes_are_the_complement(
    seen: set[int], purged: list[tuple[int, int]], announced: int, done: int
) -> None:
    ranges = [Numbers(first, first + more) for first, more in purged]
    covered = {n for part in ranges for n in range(part.first, part.last + 1)} | seen
    highest = max([announced, *covered, done])
    expected = set(range(done + 1, highest + 1)) - covered
    holes = find_holes(done, sorted(n for n in seen if n > done), ranges, announced)
    found = [n for hole in holes for n in range(hole.first, hole.last + 1)]
    assert len(found) == len(set(found)) == sum(len(hole) for hole in holes)
    assert set(found) == expected
    assert complete_to(holes, highest) == min(expected, default=highest + 1) - 1


def test_requests_are_bounded() -> None:
    asked = portions([Numbers(2, 2), Numbers(10, 10 + 2 * LONGEST_ASK)], 10**15)
    assert [(part.first, part.last) for part in asked] == [
        (2, 2),
        (10, 509),
        (510, 1009),
        (1010, 1010),
    ]
    many = portions([Numbers(1, 10**15)], 10**15)
    assert len(many) == MOST_ASKS
    assert many[-1].last == LONGEST_ASK * MOST_ASKS


def test_what_came_up_meanwhile_is_not_asked_for() -> None:
    asked = portions([Numbers(2, 2), Numbers(5, 9), Numbers(12, 13)], 7)
    assert asked == [Numbers(2, 2), Numbers(5, 7)]
