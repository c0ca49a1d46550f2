"""The table of measurement errors: which standard error holds for which test."""

from collections.abc import Mapping, Sequence
from typing import Any

from dynod.model.clinical import Fixation, Kind, Movement, TestSpec
from dynod.model.deficit import MeasurementError, Summary
from dynod.model.errors import ConfigError

# The contract's two-sided 95 % of a normal error.
Z95 = 1.96

_KEYS = {
    "source",
    "movement",
    "position",
    "fixation",
    "summary",
    "sem_percent",
    "mdc95_deg",
    "fallback",
}


def load_table(data: Mapping[str, Any]) -> tuple[MeasurementError, ...]:
    """Return the rows of a table as read from TOML (``[[error]]``).

    Raises ConfigError that names row and key; the caller adds the file.
    """
    for key in data:
        if key != "error":
            raise ConfigError(f'{key}: unknown key; rows are "[[error]]"')
    rows = data.get("error", [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ConfigError('error: rows are tables, each under "[[error]]"')
    return tuple(_row(number, row) for number, row in enumerate(rows, 1))


def _row(number: int, row: Mapping[str, Any]) -> MeasurementError:
    for key in row:
        if key not in _KEYS:
            raise ConfigError(f"error[{number}].{key}: unknown key")
    try:
        entry = MeasurementError(
            source=_text(row, "source"),
            movement=Movement(row["movement"]) if "movement" in row else None,
            position=_text(row, "position") if "position" in row else None,
            fixation=Fixation(row["fixation"]) if "fixation" in row else None,
            summary=Summary(row["summary"]) if "summary" in row else None,
            sem_percent=_positive(row, "sem_percent"),
            mdc95_deg=_positive(row, "mdc95_deg"),
            fallback=_switch(row, "fallback"),
        )
    except KeyError as error:
        raise ConfigError(f"error[{number}]: {error.args[0]} is missing") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"error[{number}]: {error}") from error
    if (entry.sem_percent is None) == (entry.mdc95_deg is None):
        raise ConfigError(f"error[{number}]: needs sem_percent or mdc95_deg, one of them")
    return entry


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} must be a text")
    return value


def _switch(row: Mapping[str, Any], key: str) -> bool:
    value = row.get(key, False)
    if not isinstance(value, bool):
        raise TypeError(f"{key} must be true or false")
    return value


def _positive(row: Mapping[str, Any], key: str) -> float | None:
    if key not in row:
        return None
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1000:
        raise ValueError(f"{key} must be a number above 0")
    return float(value)


def lookup(
    table: Sequence[MeasurementError], test: TestSpec, summary: Summary
) -> MeasurementError | None:
    """Return the row that fits a test best: the site's first, then the most specific.

    A fallback counts less than any other row; of equals the first wins.
    """
    fitting = [row for row in table if _fits(row, test, summary)]
    return max(fitting, key=_specificity, default=None)


def _fits(row: MeasurementError, test: TestSpec, summary: Summary) -> bool:
    wanted = row.mdc95_deg if test.kind is Kind.ANGLE else row.sem_percent
    return (
        wanted is not None
        and row.movement in {None, test.movement}
        and row.position in {None, test.position}
        and row.fixation in {None, test.fixation}
        and row.summary in {None, summary}
    )


def _specificity(row: MeasurementError) -> tuple[bool, bool, int]:
    keys = (row.movement, row.position, row.fixation, row.summary)
    return (row.site, not row.fallback, sum(key is not None for key in keys))
