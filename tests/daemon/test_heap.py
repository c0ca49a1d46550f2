"""Freed memory goes back to the system; what is counted is the kernel's own figure (proc(5))."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from dynod.daemon import heap

PIECES, PIECE = 60_000, 1000  # 60 MB in pieces that are too small to be mapped on their own


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024.0


def in_pieces() -> list[bytes]:
    """Return every hundredth of many pieces: what is freed between them cannot leave by itself."""
    return [bytes(PIECE) for _ in range(PIECES)][::100]


async def trimmed(busy: Callable[[], bool]) -> float:
    """Return by how many megabytes the process shrank."""
    kept = in_pieces()
    before_mb = resident_mb()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await heap.keep_trim(busy)
    assert len(kept) == PIECES // 100
    return before_mb - resident_mb()


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "EVERY_S", 0.01)
    monkeypatch.setattr(heap, "AGAIN_S", 0.001)


async def test_what_is_free_between_what_is_kept_goes_back() -> None:
    assert await trimmed(lambda: False) > 20.0


async def test_not_while_somebody_measures() -> None:
    assert await trimmed(lambda: True) < 5.0


async def test_in_the_next_break_of_one_who_measures_all_along() -> None:
    """A minute that ends in a trial is not left out: a busy station has few that do not."""
    looks = iter([True, True, False])
    assert await trimmed(lambda: next(looks, True)) > 20.0
