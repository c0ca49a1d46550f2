"""How long `dynod run` takes until it looks for its devices, and its memory then.

Floor: a process that imports the four large libraries and says so. Both are started in turn, so
that a busy moment of the machine meets both. Both run from compiled bytecode, as what is installed
does, also where the environment forbids to write any into the checkout.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple

from benchmarks.memory import MemoryRow, memory_mb
from benchmarks.row import Row
from benchmarks.station import running, scratch, write_config
from tests.support.mosquitto import free_port

BAR = 1.5
STARTS = 7
FIRST_STARTS = 3
READY = "ready: looking for"
FLOOR_READY = "ready"
FLOOR = "import numpy, pydantic, sqlalchemy.orm, aiomqtt"
FLOOR_PROGRAM = f"""\
import aiomqtt, numpy, pydantic, sqlalchemy.orm
print("{FLOOR_READY}", flush=True)
input()
"""


class Start(NamedTuple):
    """One start of a process."""

    taken_s: float
    memory_mb: float


def rows() -> list[Row]:
    with TemporaryDirectory(prefix="dynod-bench-") as bytecode, compiled_in(bytecode):
        return measured()


@contextmanager
def compiled_in(folder: str) -> Iterator[None]:
    """Let processes that are started keep their bytecode in a folder of ours."""
    before = dict(os.environ)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = folder
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def measured() -> list[Row]:
    starts: list[Start] = []
    floors: list[Start] = []
    start_once()  # compiles what was not yet compiled
    start_floor()
    print(f"  {FIRST_STARTS} first starts", file=sys.stderr, flush=True)
    firsts = [start_once() for _ in range(FIRST_STARTS)]
    with scratch() as folder:
        config = write_config(folder, free_port(), str(folder / "unplugged"))
        start_dynod(config)
        print(f"  {STARTS} starts with a database, and the floor", file=sys.stderr, flush=True)
        for _ in range(STARTS):
            floors.append(start_floor())
            starts.append(start_dynod(config))
    first, start, floor = median(firsts), median(starts), median(floors)
    return [
        Row("start of dynod run", start.taken_s, FLOOR, floor.taken_s, BAR, "ratio<="),
        MemoryRow("  memory then", start.memory_mb, FLOOR, floor.memory_mb, BAR, "ratio<="),
        Row("first start, makes the database", first.taken_s, FLOOR, floor.taken_s, inf, "ratio<="),
        MemoryRow("  memory then", first.memory_mb, FLOOR, floor.memory_mb, inf, "ratio<="),
    ]


def start_once() -> Start:
    """Start with no database, in a folder of its own."""
    with scratch() as folder:
        return start_dynod(write_config(folder, free_port(), str(folder / "unplugged")))


def start_dynod(config: Path) -> Start:
    begun_s = time.perf_counter()
    with running(config, subprocess.PIPE) as process:
        return heard(process.stderr, lambda line: READY in line, process.pid, begun_s)


def start_floor() -> Start:
    begun_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", FLOOR_PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        return heard(process.stdout, lambda line: FLOOR_READY in line, process.pid, begun_s)
    finally:
        process.communicate("\n")


def heard(lines: IO[str] | None, ready: Callable[[str], bool], pid: int, begun_s: float) -> Start:
    """Wait until a process says that it is ready; return what that took."""
    if lines is None:
        raise RuntimeError("the output of the process is not read")
    said: list[str] = []
    for line in lines:
        taken_s = time.perf_counter() - begun_s
        if ready(line):
            return Start(taken_s, memory_mb(pid))
        said.append(line)
    raise RuntimeError(f"the process ended before it was ready:\n{''.join(said)}")


def median(starts: list[Start]) -> Start:
    return Start(
        statistics.median(start.taken_s for start in starts),
        statistics.median(start.memory_mb for start in starts),
    )
