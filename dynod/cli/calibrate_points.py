"""Points of a force calibration from a CSV file: ``measured,real[,uncertainty][,branch][,run]``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dynod.cli.points_table import last_step, read_table
from dynod.model.calibration_record import Branch, CalibrationRun, LoadPoint
from dynod.model.errors import ConfigError

_FURTHER = ("uncertainty", "branch", "run", "mounting")


@dataclass(frozen=True, slots=True)
class PointsFile:
    """What a file holds: its points in order, and the runs that they are of, where it says so.

    ``step`` is the last decimal of the measured numbers.
    """

    points: tuple[LoadPoint, ...]
    runs: tuple[CalibrationRun, ...]
    step: float


def read_points(path: Path) -> PointsFile:
    """Return the points of a file.

    ``measured`` is the device's own number, ``real`` the force in N, ``uncertainty`` its expanded
    uncertainty (k = 2) in N; ``branch`` is rising or falling, ``run`` and ``mounting`` count from
    1. Raises ConfigError with file and line.
    """
    names, rows = read_table(path, _FURTHER, "point")
    points: list[LoadPoint] = []
    runs: dict[int, list[LoadPoint]] = {}
    mountings: dict[int, int] = {}
    for line, cells in rows:
        point = _point(path, line, cells)
        run = _count(path, line, cells, "run")
        mounting = _count(path, line, cells, "mounting")
        if mountings.setdefault(run, mounting) != mounting:
            raise ConfigError(f"{path}: line {line}: run {run} has two mountings")
        points.append(point)
        runs.setdefault(run, []).append(point)
    in_runs = bool({"branch", "run"} & {*names})
    return PointsFile(
        points=tuple(points),
        runs=tuple(CalibrationRun(tuple(runs[run]), mountings[run]) for run in sorted(runs))
        if in_runs
        else (),
        step=last_step([cells["measured"] for _, cells in rows]),
    )


def _point(path: Path, line: int, cells: Mapping[str, str]) -> LoadPoint:
    branch = cells.get("branch") or Branch.RISING.value
    if branch not in {*Branch}:
        raise ConfigError(f"{path}: line {line}, branch: {branch!r} is neither rising nor falling")
    uncertainty = _number(path, line, "uncertainty", cells.get("uncertainty", "0"))
    if uncertainty < 0.0:
        raise ConfigError(f"{path}: line {line}, uncertainty: it cannot be below 0")
    return LoadPoint(
        load=_number(path, line, "real", cells["real"]),
        reading=_number(path, line, "measured", cells["measured"]),
        branch=Branch(branch),
        load_uncertainty=0.5 * uncertainty,
    )


def _number(path: Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{path}: line {line}, {name}: {text!r} is no number (write 12.5)")
    return value


def _count(path: Path, line: int, cells: Mapping[str, str], name: str) -> int:
    text = cells.get(name, "1")
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1000):
        raise ConfigError(f"{path}: line {line}, {name}: {text!r} is no whole number from 1 on")
    return int(text)
