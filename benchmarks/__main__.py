"""``python -m benchmarks [decode] [many] [latency] [startup]``: figures beside their own floors.

A lost sample makes the exit code 1; what is only slow is told and no error.
"""

import argparse
import math
import sys
from collections.abc import Callable
from importlib import import_module

import pytest

from benchmarks.load import LossRow, ShareRow
from benchmarks.many import SECONDS
from benchmarks.memory import MemoryRow
from benchmarks.row import Row

GROUPS = ("decode", "analysis", "many", "latency", "startup", "subscribing")
HEAD = ("figure", "measured", "floor", "", "ratio", "bar", "")
RIGHT = {1, 3, 4}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("group", nargs="*", help=f"of {', '.join(GROUPS)}; without one, all")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="how long `many` measures each number"
    )
    told = parser.parse_args()
    if unknown := set(told.group) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    lost = False
    for group in told.group or GROUPS:
        rows = measure(group, told.seconds)
        print_table(rows)  # at once: a later group may fail
        lost |= any(isinstance(row, LossRow) and not row.holds for row in rows)
    sys.exit(lost)


def measure(group: str, seconds: float) -> list[Row]:
    print(f"{group}:", file=sys.stderr, flush=True)
    module = import_module(f"benchmarks.{group}")
    try:
        rows: list[Row] = module.rows(seconds) if group == "many" else module.rows()
    except (pytest.skip.Exception, pytest.fail.Exception) as missing:
        print(f"  left out: {missing}", file=sys.stderr)
        return []
    return rows


def print_table(rows: list[Row]) -> None:
    lines = [HEAD, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    for line in lines:
        padded = (
            cell.rjust(width) if column in RIGHT else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join(padded).rstrip(), flush=True)


def cells(row: Row) -> tuple[str, ...]:
    quantity = quantity_of(row)
    sign = "at least" if row.better == "ratio>=" else "at most"
    judged = math.isfinite(row.bar)
    return (
        row.name,
        quantity(row.seconds),
        row.floor,
        quantity(row.floor_seconds),
        f"{row.ratio:.2f}",
        f"{sign} {row.bar:g}" if judged else "",
        ("ok" if row.holds else "MISSED") if judged else "",
    )


def quantity_of(row: Row) -> Callable[[float], str]:
    match row:
        case MemoryRow():
            return megabytes
        case ShareRow():
            return share
        case LossRow():
            return "{:.0f}".format
        case _:
            return duration


def share(value: float) -> str:
    return f"{value:.1%}"


def megabytes(value: float) -> str:
    return f"{value:.1f} MB"


def duration(value_s: float) -> str:
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if value_s * factor >= 1.0:
            return f"{value_s * factor:.3g} {unit}"
    return f"{value_s * 1e9:.3g} ns"


if __name__ == "__main__":
    main()
