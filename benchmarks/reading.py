"""What the two readers of many devices share: how they are told, and what they tell.

A reader is told the paths of its ports, says ``ready``, and then hears ``measure``, ``measured``
and ``end``, a line each.
"""

import json
import os
import sys
import time

from benchmarks.memory import memory_mb


class Meter:
    """The processor time and the wall time between two words, and the memory at the second."""

    def __init__(self) -> None:
        self._begun = self._ended = (0.0, 0.0)
        self._memory_mb = 0.0

    def begin(self) -> None:
        self._begun = (time.process_time(), time.monotonic())

    def end(self) -> None:
        self._ended = (time.process_time(), time.monotonic())
        self._memory_mb = memory_mb(os.getpid())

    def tell(self, counts: list[int]) -> None:
        """Say the share of a core, the memory, and how many samples each device brought."""
        used_s, passed_s = (
            after - before for before, after in zip(self._begun, self._ended, strict=True)
        )
        told = {"share": used_s / passed_s, "memory_mb": self._memory_mb, "counts": counts}
        print(json.dumps(told), flush=True)


def paths_told() -> list[str]:
    paths: list[str] = json.loads(sys.stdin.readline())
    return paths


def tell_ready() -> None:
    print("ready", flush=True)


def said(meter: Meter, word: str) -> bool:
    """Do what a word asks for; tell whether it is the last."""
    if word == "measure\n":
        meter.begin()
    elif word == "measured\n":
        meter.end()
    return word not in {"measure\n", "measured\n"}
