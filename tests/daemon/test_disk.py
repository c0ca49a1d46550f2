"""How full a disk may be: what is said, and what is refused. Bounds are those of the docs."""

from pathlib import Path

import pytest

from dynod.daemon.disk import DiskWatch, Room, room_of

GB = 1_000_000_000
FLOOR = 100_000_000


class Watched:
    """A watch, and how often it had news."""

    def __init__(self) -> None:
        self.news = 0
        self.watch = DiskWatch(Path("/var/lib/dynod"), FLOOR, self._told)

    def _told(self) -> None:
        self.news += 1


@pytest.mark.parametrize(
    ("free", "total", "says", "refuses"),
    [
        (8 * GB, 32 * GB, None, False),  # a quarter
        (6 * GB, 32 * GB, "6000 MB (19 %) of the disk are free: make room", False),
        (int(0.65 * GB), 32 * GB, "650 MB (2 %) of the disk are free: make room", False),
        (int(0.65 * GB), 32 * GB, "the flight recorder rests", False),
        (150_000_000, int(0.7 * GB), "150 MB (21 %) of the disk are free; the flight", False),
        (int(0.63 * GB), 32 * GB, "no new session before there is more room", True),  # 2 %
        (90_000_000, GB, "no new session", True),  # 9 %, but under 100 MB
        (0, GB, "0 MB (0 %) of the disk are free: no new session", True),
    ],
)
def test_a_warning_below_a_fifth_and_no_session_below_the_floor(
    free: int, total: int, says: str | None, *, refuses: bool
) -> None:
    watched = Watched()
    watched.watch.take(Room(free, total))
    assert (watched.watch.refusal is not None) is refuses
    if says is None:
        assert watched.watch.notices == ()
    else:
        (notice,) = watched.watch.notices
        assert says in notice


def test_below_twice_the_floor_the_flight_recorder_rests() -> None:
    watched = Watched()
    rests = []
    for free in (1_290_000_000, 1_270_000_000, 0, 20 * GB):  # 2 % of 32 GB are 640 MB
        watched.watch.take(Room(free, 32 * GB))
        rests.append(watched.watch.low)
    assert rests == [False, True, True, False]


def test_a_megabyte_less_is_no_news_and_room_takes_the_notice_down() -> None:
    watched = Watched()
    for free in (6 * GB, 5_900_000_000, 5_800_000_000):
        watched.watch.take(Room(free, 32 * GB))
    assert watched.news == 1
    watched.watch.take(Room(100_000_000, 32 * GB))
    assert watched.news == 2
    watched.watch.take(Room(20 * GB, 32 * GB))
    assert (watched.news, watched.watch.notices, watched.watch.refusal) == (3, (), None)


def test_a_disk_that_cannot_be_written_is_told_and_refuses() -> None:
    watched = Watched()
    watched.watch.take(Room(20 * GB, 32 * GB, "the file system is read-only"))
    (notice,) = watched.watch.notices
    assert notice == "nothing can be stored: the file system is read-only (/var/lib/dynod)"
    assert watched.watch.refusal == notice


def test_what_the_file_system_says(tmp_path: Path) -> None:
    found = room_of(tmp_path)
    assert 0 < found.free_bytes <= found.total_bytes
    assert found.fault is None
    assert room_of(tmp_path / "gone").fault == "No such file or directory"
