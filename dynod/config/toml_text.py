"""Plain data into TOML text that reads back to the same, bit for bit."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeGuard

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def toml_text(data: Mapping[str, object]) -> str:
    """Return a document of tables, lists, text, numbers, truth values and aware times.

    A list of tables that hold tables or lists of tables themselves is written ``[[name]]``, one of
    plain tables as an array with a line each. Raises TypeError for any other value, ValueError for
    NaN and for a time without a zone.
    """
    return "\n".join(_table(data, ())).lstrip("\n") + "\n"


def _table(data: Mapping[str, object], path: tuple[str, ...]) -> Iterator[str]:
    for key, value in data.items():
        if not (isinstance(value, Mapping) or _nested(value)):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in data.items():
        name = (*path, _key(key))
        if isinstance(value, Mapping):
            yield from ("", f"[{'.'.join(name)}]")
            yield from _table(value, name)
        elif _nested(value):
            for item in value:
                yield from ("", f"[[{'.'.join(name)}]]")
                yield from _table(item, name)


def _tables(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _nested(value: object) -> TypeGuard[list[Mapping[str, object]]]:
    """Tell whether a list holds tables that are more than a line of plain values."""
    return isinstance(value, list) and any(
        isinstance(item, Mapping)
        and any(isinstance(part, Mapping) or _tables(part) for part in item.values())
        for item in value
    )


def _key(key: str) -> str:
    return key if key and _BARE.issuperset(key) else _text(key)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{_key(key)} = {_value(part)}" for key, part in value.items()) + " }"
        )
    if isinstance(value, list):
        return _array(value)
    raise TypeError(f"{type(value).__name__} has no TOML form")


def _array(items: Sequence[object]) -> str:
    texts = [_value(item) for item in items]
    if not any(isinstance(item, (Mapping, str)) for item in items):
        return f"[{', '.join(texts)}]"
    return "[\n" + "".join(f"  {text},\n" for text in texts) + "]"


def _number(value: float) -> str:
    if math.isnan(value):
        raise ValueError("no number stands there")
    return float.__repr__(value) if isinstance(value, float) else int.__repr__(value)


def _time(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC).isoformat()
