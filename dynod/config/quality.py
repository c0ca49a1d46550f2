"""What each flag means and does: the table that came with dynod, and a site's own verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from dynod.config.fields import Part
from dynod.config.paths import error_table_file
from dynod.config.problems import Problems, unknown
from dynod.config.toml_file import check_model, read_toml
from dynod.model.errors import ConfigError
from dynod.model.flags import CONFIGURABLE, Flag

SITE_FILE = "quality.toml"

_Sentence = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Verdict(StrEnum):
    """What a flag does: it warns, it makes a trial invalid, or it stands on a deficit."""

    WARN = "warn"
    REJECT = "reject"
    DEFICIT = "deficit"


@dataclass(frozen=True, slots=True)
class FlagRule:
    """One flag: what it does, when it is raised, and what the therapist or technician does."""

    flag: Flag
    verdict: Verdict
    definition: str
    advice: str


class _Row(Part):
    """A flag's table of the shipped file."""

    verdict: Annotated[Verdict, Field(strict=False)]
    definition: _Sentence
    advice: _Sentence


class _SiteRow(Part):
    """A flag's table of a site's file."""

    verdict: Literal["warn", "reject"]


def quality_file() -> Path:
    """Return the table that came with dynod; it stands beside its table of errors."""
    return error_table_file().with_name(SITE_FILE)


def load_quality(config_folder: Path | None) -> dict[Flag, FlagRule]:
    """Return the rule of every flag, with the verdicts of ``quality.toml`` beside the config file.

    Raises ConfigError with one line per mistake: file, key, what.
    """
    rules = read_quality(quality_file())
    site = config_folder / SITE_FILE if config_folder is not None else None
    if site is None or not site.is_file():
        return rules
    return rules | {flag: replace(rules[flag], verdict=to) for flag, to in _verdicts(site).items()}


def read_quality(path: Path) -> dict[Flag, FlagRule]:
    """Return the rules of a whole table, in its order: every flag has one. Raises ConfigError."""
    tables = _tables(path, {flag.value for flag in Flag})
    problems = Problems()
    for flag in Flag:
        if flag.value not in tables:
            problems.add(path, flag.value, "missing")
    problems.raise_if_any()
    rows = {Flag(name): check_model(path, data, _Row, under=name) for name, data in tables.items()}
    return {
        flag: FlagRule(flag, row.verdict, row.definition, row.advice) for flag, row in rows.items()
    }


def rejecting_flags(rules: Mapping[Flag, FlagRule]) -> frozenset[Flag]:
    """Return the flags that make a trial invalid."""
    return frozenset(flag for flag, rule in rules.items() if rule.verdict is Verdict.REJECT)


def _verdicts(path: Path) -> dict[Flag, Verdict]:
    """Return what a site decides of the flags that are a matter of taste."""
    tables = _tables(path, {flag.value for flag in Flag})
    problems = Problems()
    found: dict[Flag, Verdict] = {}
    for name, data in tables.items():
        if Flag(name) not in CONFIGURABLE:
            problems.add(path, name, "what this flag does is the same at every site")
            continue
        try:
            row = check_model(path, data, _SiteRow, under=name)
        except ConfigError as error:
            problems.take(error)
        else:
            found[Flag(name)] = Verdict(row.verdict)
    problems.raise_if_any()
    return found


def _tables(path: Path, known: set[str]) -> dict[str, dict[str, Any]]:
    """Return the tables of a file by flag."""
    problems = Problems()
    found: dict[str, dict[str, Any]] = {}
    for name, data in read_toml(path).items():
        if name not in known:
            problems.add(path, name, unknown(name, known, "flag"))
        elif not isinstance(data, dict):
            problems.add(path, name, "should be a table")
        else:
            found[name] = data
    problems.raise_if_any()
    return found
