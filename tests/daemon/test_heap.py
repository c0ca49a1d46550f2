"""Freed memory goes back to the system; what is counted is the kernel's own figure (proc(5))."""

import asyncio
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


async def trimmed(*, busy: bool) -> float:
    """Return by how many megabytes the process shrank."""
    kept = in_pieces()
    before_mb = resident_mb()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await heap.keep_trim(lambda: busy)
    assert len(kept) == PIECES // 100
    return before_mb - resident_mb()


async def test_what_is_free_between_what_is_kept_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "EVERY_S", 0.01)
    assert await trimmed(busy=False) > 20.0


async def test_not_while_somebody_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "EVERY_S", 0.01)
    assert await trimmed(busy=True) < 5.0
