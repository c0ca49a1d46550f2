"""A store in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dynod.store.store import Store
from tests.store.samples import NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dynod.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path, now=NOW) as opened:
        yield opened
