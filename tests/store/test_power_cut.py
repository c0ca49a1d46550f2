"""The power is cut after any write of the store: nothing that was told is lost, nothing is half."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.power_cut_judge import cut_everywhere
from tests.support.write_recorder import Recording, files_below, read_trace, traced

ROOT = Path(__file__).parents[2]
EVERY = 1 if "DYNOD_SOAK_S" in os.environ else 4
TRIES = 8 if "DYNOD_SOAK_S" in os.environ else 1

pytestmark = pytest.mark.timeout(3600)


def record(folder: Path, *words: str) -> Recording:
    """Record the workload in a folder of its own, ``state``."""
    state, trace = folder / "state", folder / "trace"
    state.mkdir(exist_ok=True)
    before = files_below(state)
    program = (sys.executable, "-m", "tests.store.power_cut_workload", str(state / "dynod.db"))
    subprocess.run(
        [*traced(trace, *program), *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    return read_trace(trace, state, before)


def test_nothing_that_was_told_is_lost(tmp_path: Path) -> None:
    recording = record(tmp_path, "12")
    figures = cut_everywhere(
        recording, tries=TRIES, chosen=lambda after: after % EVERY == 0, seed=20260302
    )
    print(figures)
    assert figures.told > 10
    assert figures.lost == []


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_a_store_that_tells_too_early_is_found_out(tmp_path: Path, synchronous: str) -> None:
    figures = cut_everywhere(
        record(tmp_path, "3", synchronous), tries=1, chosen=lambda after: after % 8 == 0, seed=1
    )
    assert figures.told > 0
    assert figures.lost
