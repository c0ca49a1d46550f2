"""One process that reads many devices at once: does it lose a sample, and what does it take?

The devices are ptys of another process, each with its own moment within the hundredth of a second.
Floor: a loop that only reads the same ptys and counts lines.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import IO, NamedTuple

from benchmarks.load import LossRow, ShareRow
from benchmarks.memory import MemoryRow
from benchmarks.row import Row
from benchmarks.writer import RATE_HZ

DEVICES = (1, 4, 16, 64)
SECONDS = 60.0
FLOOR_S = 10.0
SETTLE_S = 1.0  # before the measurement, and after the last sample
TIMEOUT_S = 20.0
FLOOR = "os.read and count lines"


class Load(NamedTuple):
    """What a reader took, and lost of what was sent."""

    share: float
    memory_mb: float
    lost: int
    sent: int


def rows(seconds: float = SECONDS) -> list[Row]:
    return [row for count in DEVICES for row in measured(count, seconds)]


def measured(count: int, seconds: float) -> list[Row]:
    floor = load("benchmarks.read_bare", count, min(seconds, FLOOR_S))
    if floor.lost:
        print(f"  the floor lost {floor.lost} samples", file=sys.stderr)
    dynod = load("benchmarks.read_dynod", count, seconds)
    name = f"{count} {'device' if count == 1 else 'devices'} at {RATE_HZ} Hz"
    return [
        ShareRow(f"{name}: of one core", dynod.share, FLOOR, floor.share, inf, "ratio<="),
        MemoryRow("  memory then", dynod.memory_mb, FLOOR, floor.memory_mb, inf, "ratio<="),
        LossRow("  samples lost", dynod.lost, "sent", dynod.sent, 0.0, "ratio<="),
    ]


def load(module: str, count: int, seconds: float) -> Load:
    """Have one process send and another read; the reader is measured while both are at it."""
    print(f"  {module}: {count} for {seconds:g} s", file=sys.stderr, flush=True)
    with running("benchmarks.writer", str(count)) as writer, running(module) as reader:
        reader.say(writer.hear())
        reader.hear()
        writer.say("start")
        time.sleep(SETTLE_S)
        reader.say("measure")
        time.sleep(seconds)
        reader.say("measured")
        writer.say("stop")
        sent = json.loads(writer.hear())
        time.sleep(SETTLE_S)
        reader.say("end")
        told = json.loads(reader.hear())
        reader.end()
        writer.say("end")
        writer.end()
    print(f"    sent at most {sent['late_s'] * 1e3:.1f} ms late", file=sys.stderr, flush=True)
    lost = sum(abs(sent["each"] - taken) for taken in told["counts"])
    return Load(told["share"], told["memory_mb"], lost, sent["each"] * count)


class Process:
    """A process that is told and tells by the line."""

    def __init__(self, process: subprocess.Popen[str], to: IO[str], of: IO[str]) -> None:
        self._process = process
        self._to = to
        self._of = of

    def say(self, line: str) -> None:
        self._to.write(line.strip() + "\n")
        self._to.flush()

    def hear(self) -> str:
        line = self._of.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended")
        return line

    def end(self) -> None:
        self._process.wait(TIMEOUT_S)


@contextmanager
def running(module: str, *arguments: str) -> Iterator[Process]:
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a process without pipes")
    try:
        yield Process(process, process.stdin, process.stdout)
    finally:
        process.kill()
        process.communicate()
