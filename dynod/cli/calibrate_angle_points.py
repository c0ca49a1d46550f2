"""Poses of an inclinometer from a CSV file: ``measured,real[,cross][,own][,common]``."""

import csv
import math
from pathlib import Path

from dynod.config.problems import unknown
from dynod.model.calibration_record import AnglePose
from dynod.model.errors import ConfigError

_COLUMNS = {
    "measured": "reading",
    "real": "angle_deg",
    "cross": "cross_deg",
    "own": "own_deg",
    "common": "common_deg",
}
_NEEDED = ("measured", "real")


def read_poses(path: Path) -> tuple[tuple[AnglePose, ...], float]:
    """Return the poses of a file, and the last decimal of its measured numbers as their step.

    ``measured`` is the device's own number, ``real`` the angle in its direction, ``cross`` the tilt
    across, ``own`` and ``common`` standard uncertainties; all in deg but the first. Raises
    ConfigError with file and line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: is no CSV in UTF-8: {error}") from error
    names = _header(path, rows)
    poses, places = [], []
    for number, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(names):
            raise ConfigError(f"{path}: line {number} has {len(row)} cells, not {len(names)}")
        cells = dict(zip(names, row, strict=True))
        values = {_COLUMNS[name]: _number(path, number, name, cells[name]) for name in names}
        poses.append(AnglePose(**values))
        places.append(_places(cells["measured"]))
    if not poses:
        raise ConfigError(f"{path}: has no pose below its header")
    return tuple(poses), float(10.0 ** -max(places))


def _header(path: Path, rows: list[list[str]]) -> list[str]:
    names = [cell.strip().lower() for cell in rows[0]] if rows else []
    for name in names:
        if name not in _COLUMNS:
            raise ConfigError(f"{path}: line 1, {name!r}: {unknown(name, _COLUMNS, 'column')}")
    missing = [name for name in _NEEDED if name not in names]
    if missing or len(set(names)) < len(names):
        what = f"the column {missing[0]} is missing" if missing else "a column is there twice"
        raise ConfigError(f"{path}: line 1: {what}; it should be {','.join(_COLUMNS)}")
    return names


def _number(path: Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (name in {"own", "common"} and value < 0.0):
        raise ConfigError(f"{path}: line {line}, {name}: {text.strip()!r} is no number for it")
    return value


def _places(text: str) -> int:
    """Return how many decimals a number is written with."""
    mantissa, _, exponent = text.strip().lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return decimals - (int(exponent) if exponent else 0)
