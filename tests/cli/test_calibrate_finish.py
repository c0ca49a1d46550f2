"""How long a certificate holds, what it is called, and the file of an unfinished run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dynod.cli.calibrate_finish import months_later
from dynod.cli.calibrate_unfinished import Unfinished, UnfinishedFile
from dynod.model.errors import StorageError


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ((2026, 3, 2), 12, (2027, 3, 2)),
        ((2026, 1, 31), 1, (2026, 2, 28)),
        ((2027, 11, 30), 3, (2028, 2, 29)),
        ((2026, 12, 15), 1, (2027, 1, 15)),
        ((2026, 5, 15), 7, (2026, 12, 15)),
    ],
)
def test_months_later_is_the_same_day_or_the_last_one(
    day: tuple[int, int, int], months: int, later: tuple[int, int, int]
) -> None:
    assert months_later(datetime(*day, 9, tzinfo=UTC), months) == datetime(*later, 9, tzinfo=UTC)


RUN = Unfinished("angle", "SN-2", "short", "abc", "2026-03-02T09:00", {"poses": {"0": 1.5}})


def test_an_unfinished_run_comes_back_as_it_was(tmp_path: Path) -> None:
    file = UnfinishedFile(tmp_path / "data" / "dynod.db", "tilt-1")
    assert file.load() is None
    file.save(RUN)
    assert file.path == tmp_path / "data" / "calibration-tilt-1.json"
    assert file.load() == RUN
    assert [path.name for path in file.path.parent.iterdir()] == ["calibration-tilt-1.json"]
    file.remove()
    file.remove()
    assert file.load() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "x": 1}'])
def test_a_broken_file_says_how_to_begin_anew(text: str, tmp_path: Path) -> None:
    file = UnfinishedFile(tmp_path / "dynod.db", "tilt-1")
    file.path.write_text(text, encoding="utf-8")
    with pytest.raises(StorageError, match="--restart"):
        file.load()


def test_what_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot be written"):
        UnfinishedFile(tmp_path / "data" / "dynod.db", "tilt-1").save(RUN)
