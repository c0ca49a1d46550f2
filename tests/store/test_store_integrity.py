"""A damaged database is noticed, and set aside whole: nothing is overwritten."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dynod.model.errors import DamagedError, StorageError
from dynod.store.integrity import note_missing, set_aside, were_missing, were_set_aside
from dynod.store.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of dynod's, closed."""
    made = tmp_path / "dynod.db"
    Store.open(made, now=NOW).close()
    return made


def first_leaf(path: Path) -> int:
    """Return the offset of the second page: the first beyond the header and the schema's root."""
    with closing(sqlite3.connect(path)) as other:
        (size,) = other.execute("PRAGMA page_size").fetchone()
    return int(size)


def overwrite(path: Path, offset: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * length)


def test_a_whole_one_opens(path: Path) -> None:
    Store.open(path, now=NOW, check=True).close()


@pytest.mark.parametrize("where", ["header", "page", "end"])
def test_damage_is_noticed(path: Path, where: str) -> None:
    if where == "header":
        overwrite(path, 0, 16)
    elif where == "page":
        overwrite(path, first_leaf(path), first_leaf(path))
    else:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
    with pytest.raises(DamagedError, match=r"dynod\.db"):
        Store.open(path, now=NOW, check=True)


def test_a_row_that_lost_its_parent_is_damage(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(
            "INSERT INTO trial_metric (result_id, name, value) VALUES ('none', 'peak_force_n', 1)"
        )
    with pytest.raises(DamagedError, match="rows refer to others that are gone"):
        Store.open(path, now=NOW, check=True)


def test_set_aside_with_its_log_and_never_over_another(path: Path) -> None:
    wal = path.with_name("dynod.db-wal")
    wal.write_bytes(b"log")
    before = path.read_bytes()
    first = set_aside(path, NOW)
    assert first.name == "dynod.db.damaged-20260301T120000Z"
    assert first.read_bytes() == before
    assert first.with_name(first.name + "-wal").read_bytes() == b"log"
    assert not path.exists()
    path.write_bytes(b"again")
    second = set_aside(path, NOW)
    assert second.name.endswith("Z-2")
    assert first.read_bytes() == before
    assert were_set_aside(path) == (first, second)


def test_one_in_use_is_left_alone(path: Path) -> None:
    with Store.open(path, now=NOW), pytest.raises(StorageError, match="in use"):
        set_aside(path, NOW)
    assert path.exists()


def test_what_belonged_to_a_missing_one_does_not_meet_the_new_one(path: Path) -> None:
    path.unlink()
    path.with_name("dynod.db-wal").write_bytes(b"log")
    note = note_missing(path, NOW)
    assert note.name == "dynod.db.missing-20260301T120000Z"
    assert note.with_name(note.name + "-wal").read_bytes() == b"log"
    assert list(path.parent.glob("dynod.db-*")) == []
    assert were_missing(path) == (note,)
    assert were_set_aside(path) == ()
