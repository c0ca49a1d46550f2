"""The table of measurement errors: a site's rows before those that came with dynod.

It can also be written: the rows of a site's own reliability study.
"""

import json
import os
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from dynod.config.paths import error_table_file
from dynod.config.toml_file import read_toml
from dynod.core.measurement_error import load_table
from dynod.model.deficit import MeasurementError
from dynod.model.errors import ConfigError, StorageError, UsageError

SITE_FILE = "measurement_error.toml"

_ROW = "[[error]]"
_HEAD = "# This site's own measurement errors; they come before those that ship with dynod.\n"


def load_error_table(config_folder: Path | None) -> tuple[MeasurementError, ...]:
    """Return the rows, the site's from ``measurement_error.toml`` beside the config file first.

    Raises ConfigError that names file, row and key.
    """
    shipped = _rows(error_table_file())
    site = config_folder / SITE_FILE if config_folder is not None else None
    if site is None or not site.is_file():
        return shipped
    return (*(replace(row, site=True) for row in _rows(site)), *shipped)


def _rows(path: Path) -> tuple[MeasurementError, ...]:
    try:
        return load_table(read_toml(path))
    except ConfigError as error:
        text = str(error)
        raise ConfigError(text if text.startswith(str(path)) else f"{path}: {text}") from None


def write_error_table(path: Path, rows: Sequence[MeasurementError], *, update: bool) -> int:
    """Write rows to a site's table and return how many rows of it they replaced.

    Without ``update`` the file must not exist yet. With it, a row for the same movement, position,
    fixation, summary and quantity is replaced, and everything else stays as it is, comments too.
    Raises UsageError when the file exists, ConfigError when it cannot be merged, StorageError
    when it cannot be written; then it is as it was.
    """
    blocks = [_HEAD]
    replaced = 0
    if path.exists():
        if not update:
            raise UsageError(f"{path}: exists already; --update merges the new rows into it")
        kept = _kept(path, rows)
        replaced = len(_rows(path)) - (len(kept) - 1)
        blocks = kept
    text = "\n".join(block.rstrip("\n") + "\n" for block in (*blocks, *map(_block, rows)) if block)
    load_table(tomllib.loads(text))
    _replace(path, text)
    return replaced


def _kept(path: Path, rows: Sequence[MeasurementError]) -> list[str]:
    """Return the text of a file cut at its rows, without those that ``rows`` replace."""
    found = _rows(path)
    head, *blocks = _cut(path.read_text(encoding="utf-8"))
    if len(blocks) != len(found):
        raise ConfigError(f'{path}: cannot be merged; write each row under its own line "{_ROW}"')
    new = {_key(row) for row in rows}
    return [
        head,
        *(block for block, row in zip(blocks, found, strict=True) if _key(row) not in new),
    ]


def _cut(text: str) -> list[str]:
    """Return what stands before the first row, then each row with the comment right above it."""
    lines = text.splitlines(keepends=True)
    starts = []
    for number, line in enumerate(lines):
        if line.split("#")[0].replace(" ", "").strip() == _ROW:
            start = number
            while start > 0 and lines[start - 1].lstrip().startswith("#"):
                start -= 1
            starts.append(start or number)  # a comment that opens the file is about the file
    edges = [0, *starts, len(lines)]
    return ["".join(lines[begin:end]) for begin, end in pairwise(edges)]


def _key(row: MeasurementError) -> tuple[object, ...]:
    strength = row.sem_percent is not None
    return (row.movement, row.position, row.fixation, row.summary, row.fallback, strength)


def _block(row: MeasurementError) -> str:
    pairs: list[tuple[str, object]] = [
        ("movement", row.movement),
        ("position", row.position),
        ("fixation", row.fixation),
        ("summary", row.summary),
        ("sem_percent", row.sem_percent),
        ("mdc95_deg", row.mdc95_deg),
        ("fallback", row.fallback or None),
        ("source", row.source),
    ]
    # texts and numbers of JSON are those of TOML
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in pairs
        if value is not None
    ]
    return "\n".join((_ROW, *lines))


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave an empty table under the name
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from None
