"""What is wrong with a file, one line each: file, key, what, and the nearest valid key."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dynod.model.errors import ConfigError

Location: TypeAlias = tuple[int | str, ...]

# For people who write TOML, in the place of what pydantic says to those who write Python.
_PLAIN = {
    "missing": "missing",
    "model_type": "should be a table",
    "tuple_type": "should be a list; tables of a list are written [[name]]",
    "too_short": "too few items",
    "too_long": "too many items",
    "string_too_short": "should not be empty",
    "string_type": "should be text in quotes",
    "path_type": "should be a path in quotes",
    "bool_type": "should be true or false",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "finite_number": "should be a finite number",
}


class Problems:
    """Collects lines, so that a file's mistakes are all shown at once."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, where: object, key: str, what: str) -> None:
        """Note one problem; ``where`` is the file, ``key`` the dotted key or empty."""
        self.lines.append(": ".join(part for part in (str(where), key, what) if part))

    def take(self, error: ConfigError) -> None:
        """Note the lines of an error."""
        self.lines.extend(str(error).splitlines())

    def raise_if_any(self) -> None:
        """Raise ConfigError with all lines, if there are any."""
        if self.lines:
            raise ConfigError("\n".join(self.lines))


def unknown(name: str, known: Iterable[str], noun: str = "key") -> str:
    """Say that a name is unknown, and which one may have been meant."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f'unknown {noun}; did you mean "{near[0]}"?'
    return f"unknown {noun}; known here: {', '.join(names)}"


def key_problems(
    error: ValidationError, model: type[BaseModel], data: object
) -> Iterator[tuple[Location, str]]:
    """Yield the place of each mistake and what it is. Values are never quoted."""
    details = error.errors(include_url=False, include_input=False)
    for detail in details:
        # Wrong items leave their list empty: say what is wrong with them, not that it is short.
        if detail["type"] == "too_short" and any(_inside(detail, other) for other in details):
            continue
        yield _place(detail["loc"], data), _what(detail, model)


def _inside(outer: ErrorDetails, inner: ErrorDetails) -> bool:
    size = len(outer["loc"])
    return len(inner["loc"]) > size and inner["loc"][:size] == outer["loc"]


def dotted(place: Location) -> str:
    """Return a place as people write it; the items of a list are counted from 1."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _place(location: Location, data: Any) -> Location:
    """Drop from a pydantic location what does not stand in the file: the tags of unions."""
    place: list[int | str] = []
    for number, part in enumerate(location):
        stands = isinstance(part, int) if isinstance(data, list) else part in _table(data)
        if stands:
            data = data[part]
        if stands or number == len(location) - 1:
            place.append(part)
    return tuple(place)


def _table(data: object) -> dict[Any, Any]:
    return data if isinstance(data, dict) else {}


def _what(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, location = detail["type"], detail["loc"]
    if kind == "extra_forbidden":
        return unknown(str(location[-1]), _known_keys(model, location))
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    return _PLAIN.get(kind, detail["msg"].removeprefix("Input "))


def _known_keys(model: type[BaseModel], location: Sequence[int | str]) -> set[str]:
    """Return the keys that are valid where the last part of a location stands."""
    models = [model]
    for part in location[:-1]:
        inner = [
            child
            for current in models
            if part in current.model_fields
            for child in _models_in(current.model_fields[str(part)].annotation)
        ]
        models = inner or [current for current in models if _tagged(current, part)] or models
    return {name for current in models for name in current.model_fields}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _tagged(model: type[BaseModel], tag: int | str) -> bool:
    annotations = (field.annotation for field in model.model_fields.values())
    return any(
        get_origin(annotation) is Literal and tag in get_args(annotation)
        for annotation in annotations
    )
