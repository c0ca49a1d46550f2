"""What feeds the watchdog, and what keeps it hungry."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dynod.daemon.watchdog import Pulse
from dynod.daemon.writer import Writer
from dynod.store.store import Store


@dataclass
class Port:
    """A reader: chunks taken, chunks that wait."""

    progress: tuple[int, int] = (0, 0)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    made = Writer(Store.open(tmp_path / "dynod.db", now=datetime.now(UTC)))
    yield made
    made.close()


async def test_a_reader_that_leaves_chunks_lying_stands_still(writer: Writer) -> None:
    port = Port()
    pulse = Pulse({"hhd-1": port}, writer, patience_s=5.0)
    assert await pulse.check() is None
    port.progress = (10, 0)  # quiet: nothing waits
    assert await pulse.check() is None
    port.progress = (10, 3)  # a moment ago some came
    assert await pulse.check() is None
    port.progress = (11, 40)  # busy, and moving
    assert await pulse.check() is None
    assert await pulse.check() == "the reader of hhd-1 stands still"
    port.progress = (60, 0)
    assert await pulse.check() is None


async def test_a_writer_that_does_not_come_back_stands_still(writer: Writer) -> None:
    go_on = threading.Event()
    hung = writer.call(go_on.wait)
    pulse = Pulse({}, writer, patience_s=0.02)
    try:
        # the call is made when it is awaited: begin it, and leave it hanging
        waiting = asyncio.ensure_future(hung)
        await asyncio.sleep(0)
        assert await pulse.check() == "the writer of the database stands still"
        assert await pulse.check() == "the writer of the database stands still"
    finally:
        go_on.set()
    await waiting
    patient = Pulse({}, writer, patience_s=5.0)
    assert await patient.check() is None
