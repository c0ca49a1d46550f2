"""``dynod reliability``: a site's own retest data into its own figures of measurement error."""

import csv
import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.table import Table

from dynod.cli.output import console, print_json
from dynod.config.error_table import write_error_table
from dynod.config.problems import Problems
from dynod.core.deficit import summarised
from dynod.core.reliability import Icc, Reliability, reliability
from dynod.model.clinical import Fixation, Movement, Side
from dynod.model.deficit import MeasurementError, Summary
from dynod.model.errors import ConfigError, UsageError

FEW_SUBJECTS = 10
POOR_ICC = 0.5

# Value column → unit.
_UNITS = {"value_n": "N", "value_nm": "N·m", "value_deg": "deg"}
_KEYS = ("subject", "session", "movement", "position", "fixation", "side")
_POSITION = re.compile(r"[a-z][a-z0-9_]{0,63}")

W = TypeVar("W", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class TestKey:
    """What a figure of the error table holds for."""

    __test__ = False  # not a pytest class

    movement: Movement
    position: str
    fixation: Fixation

    @property
    def text(self) -> str:
        """The test in words."""
        return f"{self.movement}, {self.position}, {self.fixation}"


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the file. ``value`` is in the unit of its column."""

    test: TestKey
    subject: str = field(repr=False)
    side: Side
    session: str
    value: float


@dataclass(frozen=True, slots=True)
class Study:
    """What a file holds: the name of its value column, and its lines."""

    column: str
    lines: tuple[Measured, ...]

    @property
    def unit(self) -> str:
        """The unit of the values."""
        return _UNITS[self.column]

    @property
    def angle(self) -> bool:
        """Whether it is about range of motion."""
        return self.column == "value_deg"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the study says of one test; either ``result`` or ``problem`` is None."""

    test: TestKey
    subjects: int
    legs: int
    left_out: int
    several_trials: bool
    result: Reliability | None
    problem: str | None


def run_reliability(
    file: Path, write: Path | None, *, update: bool, summary: str | None, as_json: bool
) -> None:
    """Say what a retest study says, and write its rows of the error table.

    ``summary`` is how several lines of one leg and session become its value; mean by default.
    Raises ConfigError with one line per mistake of the file, UsageError for wrong options.
    """
    chosen = _chosen_summary(summary)
    if update and write is None:
        raise UsageError("--update needs --write FILE")
    study = read_study(file)
    findings = [
        _finding(test, lines, chosen, angle=study.angle) for test, lines in _by_test(study.lines)
    ]
    if all(finding.result is None for finding in findings):
        problems = Problems()
        for finding in findings:
            problems.add(file, finding.test.text, finding.problem or "")
        problems.raise_if_any()
    rows = [row for finding in findings if (row := _row(finding, study, summary)) is not None]
    replaced = None
    if write is not None:
        replaced = write_error_table(write, rows, update=update)
    if as_json:
        print_json(_report(file, write, replaced, study, findings, rows))
        return
    _show(study, findings)
    if write is not None:
        text = f"{write}: rows written: {len(rows)}, in place of older ones: {replaced}"
        console.print(text, markup=False, soft_wrap=True)


def _chosen_summary(name: str | None) -> Summary:
    if name is None:
        return Summary.MEAN
    try:
        return Summary(name)
    except ValueError:
        raise UsageError(f"--summary: one of {', '.join(Summary)}") from None


# -- the file ------------------------------------------------------------------------------


def read_study(path: Path) -> Study:
    """Return the lines of a CSV file. Raises ConfigError with one line per mistake."""
    problems = Problems()
    try:
        with path.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            column = _value_column(path, header)
            numbered = ((reader.line_num, fields) for fields in reader)
            lines = tuple(_lines(path, numbered, header, column, problems))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except csv.Error as error:
        raise ConfigError(f"{path}: line {reader.line_num}: no valid CSV: {error}") from None
    problems.raise_if_any()
    if not lines:
        raise ConfigError(f"{path}: no line with a value")
    return Study(column, lines)


def _value_column(path: Path, header: Sequence[str]) -> str:
    """Return the name of the value column, which names the unit."""
    missing = [name for name in _KEYS if name not in header]
    if missing:
        hint = "; columns are parted by commas" if any(";" in name for name in header) else ""
        raise ConfigError(f"{path}: line 1: no column {', '.join(missing)}{hint}")
    found = [name for name in header if name in _UNITS]
    if len(found) != 1:
        raise ConfigError(f"{path}: line 1: needs one column of: {', '.join(_UNITS)}")
    doubled = {name for name in (*_KEYS, *found) if header.count(name) > 1}
    if doubled:
        raise ConfigError(f"{path}: line 1: column {', '.join(sorted(doubled))} occurs twice")
    return found[0]


def _lines(
    path: Path,
    numbered: Iterable[tuple[int, list[str]]],
    header: Sequence[str],
    column: str,
    problems: Problems,
) -> Iterator[Measured]:
    """Yield the lines that are right and note what is wrong with the others, never quoting it."""
    for number, fields in numbered:
        if not any(text.strip() for text in fields):
            continue
        if len(fields) != len(header):
            what = f"has {len(fields)} fields, the header has {len(header)}; decimals need a point"
            problems.add(path, f"line {number}", what)
            continue
        texts = dict(zip(header, (text.strip() for text in fields), strict=True))
        try:
            yield _measured(texts, column)
        except ValueError as error:
            problems.add(path, f"line {number}", str(error))


def _measured(texts: Mapping[str, str], column: str) -> Measured:
    """Return a line. Raises ValueError that names the column."""
    return Measured(
        TestKey(
            _word(texts, "movement", Movement),
            _position(texts["position"]),
            _word(texts, "fixation", Fixation),
        ),
        _text(texts, "subject"),
        _word(texts, "side", Side),
        _text(texts, "session"),
        _value(texts[column], column),
    )


def _word(texts: Mapping[str, str], column: str, kind: type[W]) -> W:
    try:
        return kind(texts[column])
    except ValueError:
        raise ValueError(f"{column}: should be one of {', '.join(kind)}") from None


def _text(texts: Mapping[str, str], column: str) -> str:
    if not texts[column]:
        raise ValueError(f"{column}: should not be empty")
    return texts[column]


def _position(text: str) -> str:
    if not _POSITION.fullmatch(text):
        raise ValueError("position: should be a name such as prone_knee_90")
    return text


def _value(text: str, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{column}: should be a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{column}: should be a finite number")
    if column != "value_deg" and value <= 0.0:
        raise ValueError(f"{column}: should be above 0")
    return value


# -- what it says --------------------------------------------------------------------------


def _by_test(lines: Iterable[Measured]) -> list[tuple[TestKey, list[Measured]]]:
    groups: dict[TestKey, list[Measured]] = {}
    for line in lines:
        groups.setdefault(line.test, []).append(line)
    order = list(Movement)
    return sorted(
        groups.items(),
        key=lambda item: (order.index(item[0].movement), item[0].position, item[0].fixation),
    )


def _finding(test: TestKey, lines: Sequence[Measured], summary: Summary, *, angle: bool) -> Finding:
    """Return the finding over the legs that have every session of the test."""
    cells: dict[tuple[str, Side], dict[str, list[float]]] = {}
    for line in lines:
        of_leg = cells.setdefault((line.subject, line.side), {})
        of_leg.setdefault(line.session, []).append(line.value)
    sessions = _in_order({line.session for line in lines})
    whole = {leg: own for leg, own in cells.items() if len(own) == len(sessions)}
    problem = None
    if len(sessions) < 2:
        problem = "one session only; a retest needs two"
    elif len(whole) < 2:
        problem = f"fewer than two legs have all {len(sessions)} sessions"
    result = None
    if problem is None:
        result = reliability(
            np.array(
                [[summarised(own[name], summary) for name in sessions] for own in whole.values()]
            )
        )
        if 0.0 in {result.mdc95, None if angle else result.sem_log_percent}:
            problem, result = "the sessions leave no residual, so there is no error to state", None
    return Finding(
        test,
        subjects=len({subject for subject, _ in whole}),
        legs=len(whole),
        left_out=len(cells) - len(whole),
        several_trials=any(len(values) > 1 for own in cells.values() for values in own.values()),
        result=result,
        problem=problem,
    )


def _in_order(sessions: Iterable[str]) -> list[str]:
    """Return the sessions by number where all of them are numbers, else as text (dates, say)."""
    names = sorted(sessions)
    try:
        return sorted(names, key=float)
    except ValueError:
        return names


def _warnings(finding: Finding, result: Reliability) -> list[str]:
    found = []
    if finding.subjects < FEW_SUBJECTS:
        found.append(f"{finding.subjects} subjects only: the figures are rough")
    iccs = [icc.value for icc in (result.icc_2_1, result.icc_3_1) if icc is not None]
    if iccs and min(iccs) < POOR_ICC:
        found.append(f"an ICC below {POOR_ICC}: legs are hardly told apart")
    low, high = result.limits.bias_ci95
    if low > 0.0 or high < 0.0:
        found.append("the second session differs from the first: learning, fatigue or drift")
    if finding.legs > finding.subjects:
        found.append("two legs of one person count as two: the intervals are too narrow")
    if finding.left_out:
        found.append(f"{finding.left_out} legs left out: they lack a session")
    return found


def _row(finding: Finding, study: Study, summary: str | None) -> MeasurementError | None:
    """Return the row of the error table, None where the test has no result.

    It names a summary when one was asked for, or when there was something to summarise.
    """
    result = finding.result
    if result is None:
        return None
    named = summary is not None or finding.several_trials
    day = datetime.now().astimezone().date().isoformat()
    definition = (
        "MDC95 = 1.96*sqrt(2)*SEM, SEM = square root of the residual mean square"
        if study.angle
        else "SEM = square root of the residual mean square of the logarithms"
    )
    sem_percent = result.sem_log_percent
    return MeasurementError(
        source=f"own reliability study, {finding.subjects} subjects, {day}; {definition}",
        movement=finding.test.movement,
        position=finding.test.position,
        fixation=finding.test.fixation,
        summary=_chosen_summary(summary) if named else None,
        sem_percent=None if study.angle or sem_percent is None else _rounded(sem_percent),
        mdc95_deg=_rounded(result.mdc95) if study.angle else None,
    )


def _rounded(value: float) -> float:
    """Return four significant digits: a rounded error is not to become none."""
    return float(f"{value:.4g}")


# -- output --------------------------------------------------------------------------------


def _report(
    file: Path,
    write: Path | None,
    replaced: int | None,
    study: Study,
    findings: Sequence[Finding],
    rows: Sequence[MeasurementError],
) -> dict[str, object]:
    written = None
    if write is not None:
        written = {"path": str(write), "rows": len(rows), "replaced": replaced}
    return {
        "file": str(file),
        "unit": study.unit,
        "tests": [_facts(finding) for finding in findings],
        "rows": [
            {key: value for key, value in dataclasses.asdict(row).items() if value} for row in rows
        ],
        "written": written,
    }


def _facts(finding: Finding) -> dict[str, object]:
    result = finding.result
    return {
        **dataclasses.asdict(finding.test),
        "subjects": finding.subjects,
        "legs": finding.legs,
        "left_out_legs": finding.left_out,
        "problem": finding.problem,
        "warnings": [] if result is None else _warnings(finding, result),
        **({} if result is None else _figures(result)),
    }


def _figures(result: Reliability) -> dict[str, object]:
    facts = dataclasses.asdict(result)
    del facts["targets"]
    return facts


def _show(study: Study, findings: Sequence[Finding]) -> None:
    for finding in findings:
        console.print(f"[bold]{finding.test.text}[/]", soft_wrap=True)
        if finding.result is not None:
            console.print(_table(finding, finding.result, study.unit))
        notes = [finding.problem] if finding.result is None else _warnings(finding, finding.result)
        for note in notes:
            console.print(f"[yellow]{finding.test.text}: {note}[/]", soft_wrap=True)


def _table(finding: Finding, result: Reliability, unit: str) -> Table:
    """Return what the study says of one test, a line each: it must fit a narrow terminal."""
    limits, percent = result.limits, result.sem_log_percent
    share = "" if percent is None else f", {percent:.3g} % of the value"
    table = Table.grid(padding=(0, 2, 0, 2))
    for name, text in (
        ("subjects, legs", f"{finding.subjects}, {finding.legs}"),
        ("mean", f"{result.mean:.4g} {unit}"),
        ("ICC(2,1)", _icc(result.icc_2_1)),
        ("ICC(3,1)", _icc(result.icc_3_1)),
        ("SEM", f"{result.sem.from_residual:.3g} {unit}{share}"),
        ("MDC95", f"{result.mdc95:.3g} {unit}"),
        ("limits of agreement", f"{limits.low:.3g} to {limits.high:.3g} {unit}"),
    ):
        table.add_row(name, text)
    return table


def _icc(icc: Icc | None) -> str:
    return "-" if icc is None else f"{icc.value:.2f} ({icc.low:.2f} to {icc.high:.2f})"
