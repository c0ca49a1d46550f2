"""Points of a calibration in CSV: the header, the cells of each line, and how finely they read."""

import csv
from collections.abc import Sequence
from pathlib import Path

from dynod.config.problems import unknown
from dynod.model.errors import ConfigError

NEEDED = ("measured", "real")


def read_table(
    path: Path, further: Sequence[str], noun: str
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the names of the columns, and the cells of each line with its number.

    ``measured`` and ``real`` must be there, any of ``further`` may. ``noun`` is what a line holds.
    Raises ConfigError with file and line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [(number, row) for number, row in enumerate(csv.reader(file), 1) if any(row)]
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: is no CSV in UTF-8: {error}") from None
    names = _header(path, lines[0][1] if lines else [], further)
    rows = []
    for number, row in lines[1:]:
        if len(row) != len(names):
            raise ConfigError(f"{path}: line {number} has {len(row)} cells, not {len(names)}")
        cells = (cell.strip() for cell in row)
        rows.append((number, dict(zip(names, cells, strict=True))))
    if not rows:
        raise ConfigError(f"{path}: has no {noun} below its header")
    return names, rows


def last_step(cells: Sequence[str]) -> float:
    """Return the last decimal that any of these numbers is written with, as a step."""
    return float(10.0 ** -max(_decimals(text) for text in cells))


def _header(path: Path, row: Sequence[str], further: Sequence[str]) -> list[str]:
    names = [cell.strip().lower() for cell in row]
    columns = (*NEEDED, *further)
    wanted = f"it should be {','.join(NEEDED)}, then any of {','.join(further)}"
    for name in names:
        if name not in columns:
            raise ConfigError(
                f"{path}: line 1, {name!r}: {unknown(name, columns, 'column')}; {wanted}"
            )
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise ConfigError(f"{path}: line 1: the column {missing[0]} is missing; {wanted}")
    if len({*names}) < len(names):
        raise ConfigError(f"{path}: line 1: a column is there twice; {wanted}")
    return names


def _decimals(text: str) -> int:
    mantissa, _, exponent = text.lower().partition("e")
    return len(mantissa.partition(".")[2]) - (int(exponent) if exponent else 0)
