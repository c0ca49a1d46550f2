"""Poses of an inclinometer from a CSV file: ``measured,real[,cross][,own][,common]``."""

import math
from collections.abc import Mapping
from pathlib import Path

from dynod.cli.points_table import last_step, read_table
from dynod.model.calibration_record import AnglePose
from dynod.model.errors import ConfigError

_FIELDS = {
    "measured": "reading",
    "real": "angle_deg",
    "cross": "cross_deg",
    "own": "own_deg",
    "common": "common_deg",
}
_FURTHER = ("cross", "own", "common")


def read_poses(path: Path) -> tuple[tuple[AnglePose, ...], float]:
    """Return the poses of a file, and the last decimal of its measured numbers as their step.

    ``measured`` is the device's own number, ``real`` the angle in its direction, ``cross`` the tilt
    across, ``own`` and ``common`` standard uncertainties; all in deg but the first. Raises
    ConfigError with file and line.
    """
    _, rows = read_table(path, _FURTHER, "pose")
    poses = [
        AnglePose(
            **{_FIELDS[name]: _number(path, line, name, text) for name, text in cells.items()}
        )
        for line, cells in rows
    ]
    return tuple(poses), last_step([cells["measured"] for _, cells in rows])


def _pose(path: Path, line: int, cells: Mapping[str, str]) -> AnglePose:
    numbers = {_FIELDS[name]: _number(path, line, name, text) for name, text in cells.items()}
    return AnglePose(**numbers)


def _number(path: Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (name in {"own", "common"} and value < 0.0):
        raise ConfigError(f"{path}: line {line}, {name}: {text.strip()!r} is no number for it")
    return value
