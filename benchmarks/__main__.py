"""``python -m benchmarks [decode] [latency] [startup]``: every figure beside its own floor."""

import argparse
import math
import sys
from importlib import import_module

import pytest

from benchmarks.memory import MemoryRow
from benchmarks.row import Row

GROUPS = ("decode", "latency", "startup")
HEAD = ("figure", "measured", "floor", "", "ratio", "bar", "")
RIGHT = {1, 3, 4}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("group", nargs="*", help=f"of {', '.join(GROUPS)}; without one, all")
    chosen = parser.parse_args().group
    if unknown := set(chosen) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    print_table([row for group in chosen or GROUPS for row in measure(group)])


def measure(group: str) -> list[Row]:
    print(f"{group}:", file=sys.stderr, flush=True)
    try:
        rows: list[Row] = import_module(f"benchmarks.{group}").rows()
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
        print("  ".join(padded).rstrip())


def cells(row: Row) -> tuple[str, ...]:
    quantity = megabytes if isinstance(row, MemoryRow) else duration
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


def megabytes(value: float) -> str:
    return f"{value:.1f} MB"


def duration(value_s: float) -> str:
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if value_s * factor >= 1.0:
            return f"{value_s * factor:.3g} {unit}"
    return f"{value_s * 1e9:.3g} ns"


if __name__ == "__main__":
    main()
