"""Single values from the environment: ``DYNOD_BROKER__URL`` stands for ``url`` in ``[broker]``."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from dynod.config.problems import Location, Problems, unknown

PREFIX = "DYNOD_"


def overlay(
    data: dict[str, Any], env: Mapping[str, str], model: type[BaseModel], problems: Problems
) -> dict[Location, str]:
    """Put the values of the environment into the data of a file.

    Returns which places came from which variable. Variables without ``__`` are not meant for the
    file; among the others an unknown one is a problem.
    """
    origins: dict[Location, str] = {}
    tables = dict(_tables(model))
    for variable, text in sorted(env.items()):
        table, separator, key = variable.removeprefix(PREFIX).lower().partition("__")
        if not variable.startswith(PREFIX) or not separator:
            continue
        if table not in tables:
            problems.add(f"environment variable {variable}", table, unknown(table, tables, "table"))
        elif key not in tables[table].model_fields:
            known = tables[table].model_fields
            problems.add(f"environment variable {variable}", f"{table}.{key}", unknown(key, known))
        elif isinstance(section := data.setdefault(table, {}), dict):
            section[key] = _value(text, tables[table].model_fields[key].annotation)
            origins[table, key] = variable
    return origins


def _tables(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def _value(text: str, annotation: Any) -> object:
    """Return a number or truth value where the model wants one, else the text itself."""
    kinds = {annotation, *get_args(annotation)}
    kinds |= {inner for kind in kinds for inner in get_args(kind)}
    if kinds.isdisjoint({bool, int, float}):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
