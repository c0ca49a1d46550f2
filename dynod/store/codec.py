"""Model records to JSON and back, driven by their type annotations.

Covers what the model is made of: dataclasses, enums, UUIDs, aware datetimes, tuples, mappings,
optionals and plain values. JSON has no infinity: it is kept as the text ``inf``, for a budget of
uncertainty has infinite degrees of freedom. A field that an old record lacks takes its default; a
field that the model does not know is an error, because dropping it would lose data.
"""

import dataclasses
import json
import math
import types
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from dynod.model.errors import StorageError

T = TypeVar("T")
_Reader = Callable[[Any], Any]


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """Stored data that does not fit the type; says where, never what."""


def time_text(moment: datetime) -> str:
    """Return an aware time as UTC text of fixed width. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def time_of(text: str) -> datetime:
    """Return the aware time that `time_text` wrote."""
    return datetime.fromisoformat(text)


def to_json(record: object) -> str:
    """Return a record as JSON text.

    Raises ValueError for NaN, TypeError for a type that no record is made of.
    """
    plain = _plain(record)
    return json.dumps(plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def from_json(kind: type[T], text: str) -> T:
    """Return the record of type ``kind`` that `to_json` wrote.

    Raises StorageError when the text is no such record; the message names the place, and never
    what stands there.
    """
    try:
        return cast("T", _reader(cast("Hashable", kind))(json.loads(text)))
    except json.JSONDecodeError as error:
        raise StorageError(f"stored {kind.__name__} is no JSON at offset {error.pos}") from None
    except _Unreadable as error:
        raise StorageError(f"stored {kind.__name__} cannot be read: {error}") from None


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return _infinite_text(value) if math.isinf(value) else value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        names = _field_names(cast("Hashable", type(value)))
        return {name: _plain(getattr(value, name)) for name in names}
    raise TypeError(f"{type(value).__name__} is no part of a record")


@cache
def _field_names(kind: Hashable) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cast("Any", kind)))


@cache
def _reader(kind: Any) -> _Reader:
    """Return the function that turns plain JSON data into ``kind``."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return _optional_reader(arguments)
    if origin is tuple:
        return _tuple_reader(arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_reader(*arguments)
    if dataclasses.is_dataclass(kind):
        return _record_reader(cast("type", kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _checked(kind)
    raise TypeError(f"{kind} is no part of a record")


def _checked(convert: Callable[[str], Any]) -> _Reader:
    def read(data: Any) -> Any:
        if not isinstance(data, str):
            raise _Unreadable("text expected")
        try:
            return convert(data)
        except ValueError:
            name = getattr(convert, "__name__", "value")
            raise _Unreadable(f"no valid {name}") from None

    return read


def _exactly(*kinds: type) -> _Reader:
    def read(data: Any) -> Any:
        if type(data) not in kinds:
            raise _Unreadable(f"{kinds[0].__name__} expected")
        return kinds[0](data)

    return read


def _infinite_text(value: float) -> str:
    return "inf" if value > 0.0 else "-inf"


def _float(data: Any) -> float:
    if isinstance(data, str) and data in {"inf", "-inf"}:
        return float(data)
    return cast("float", _exactly_float(data))


_exactly_float = _exactly(float, int)

_SIMPLE: dict[Any, _Reader] = {
    str: _exactly(str),
    bool: _exactly(bool),
    int: _exactly(int),
    float: _float,
    UUID: _checked(UUID),
    datetime: _checked(time_of),
}


def _optional_reader(arguments: tuple[Any, ...]) -> _Reader:
    (kind,) = (argument for argument in arguments if argument is not types.NoneType)
    inner = _reader(kind)
    return lambda data: None if data is None else inner(data)


def _tuple_reader(arguments: tuple[Any, ...]) -> _Reader:
    if arguments[-1] is Ellipsis:
        item = _reader(arguments[0])
        return lambda data: tuple(_at(index, item, part) for index, part in _items(data))
    readers = tuple(_reader(argument) for argument in arguments)

    def read(data: Any) -> tuple[Any, ...]:
        if len(_items(data)) != len(readers):
            raise _Unreadable(f"{len(readers)} items expected")
        return tuple(_at(index, readers[index], part) for index, part in _items(data))

    return read


def _items(data: Any) -> list[tuple[int, Any]]:
    if not isinstance(data, list):
        raise _Unreadable("list expected")
    return list(enumerate(data))


def _mapping_reader(key_kind: Any, value_kind: Any) -> _Reader:
    key, value = _reader(key_kind), _reader(value_kind)
    return lambda data: {key(name): _at(name, value, part) for name, part in _table(data).items()}


def _table(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise _Unreadable("table expected")
    return data


def _record_reader(kind: type) -> _Reader:
    hints = get_type_hints(kind)
    readers = {name: _reader(hints[name]) for name in _field_names(kind)}
    required = {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }

    def read(data: Any) -> Any:
        table = _table(data)
        for name in table.keys() ^ readers.keys():
            if name not in readers:
                raise _Unreadable(f"unknown field {name!r}; a newer dynod may have written it")
            if name in required:
                raise _Unreadable(f"field {name!r} is missing")
        return kind(**{name: _at(name, readers[name], part) for name, part in table.items()})

    return read


def _at(place: object, read: _Reader, data: Any) -> Any:
    try:
        return read(data)
    except _Unreadable as error:
        raise _Unreadable(f"{place}: {error}") from None
