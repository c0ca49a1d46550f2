"""Why a request is refused, in words that never quote what was in it."""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn
from uuid import UUID

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dynod.publish.messages import ErrorCode

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FIELD_PART = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")

# Type of pydantic's error → our words; what stands in braces are limits of ours, not input.
_PHRASES = {
    "missing": "a required key is missing",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "uuid_type": "must be a UUID",
    "uuid_parsing": "must be a UUID",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "tuple_type": "must be an array",
    "value_error": "{error}",
}


class CommandRefused(Exception):  # noqa: N818 - a refusal is an answer, not a failure of the program
    """A request that changes nothing. ``field`` is the path of the key that is wrong."""

    def __init__(
        self,
        code: str,
        message: str,
        field: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = ErrorCode(code)
        self.message = message
        self.field = field
        self.request_id = request_id


def read_object(payload: bytes) -> dict[str, Any]:
    """Return the JSON object in a payload.

    Raises CommandRefused (``malformed``) for anything that RFC 8259 calls no JSON text, for
    another value than an object, and for a key that occurs twice.
    """
    try:
        value = json.loads(
            payload.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_duplicates
        )
    except (ValueError, RecursionError):
        raise CommandRefused("malformed", "not valid JSON in UTF-8 (or a key twice)") from None
    if not isinstance(value, dict):
        raise CommandRefused("malformed", "not a JSON object")
    return value


def _no_constant(_literal: str) -> NoReturn:
    raise ValueError("not a JSON number")


def _no_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key twice")
    return members


def request_id_of(payload: bytes) -> str | None:
    """Return the request's id if there is one that can be read, else None."""
    try:
        request_id = read_object(payload).get("request_id")
    except CommandRefused:
        return None
    if isinstance(request_id, str) and _UUID.fullmatch(request_id):
        return str(UUID(request_id))
    return None


def refusal_of(
    error: ValidationError, model: type[BaseModel], request_id: str | None
) -> CommandRefused:
    """Return the refusal that a model's verdict leads to: unknown keys first, then values."""
    details = error.errors(include_url=False, include_input=False)
    for detail in details:
        if detail["type"] == "extra_forbidden":
            message = _unknown_key(model, detail["loc"])
            return CommandRefused("unknown_key", message, _field(detail["loc"]), request_id)
    first = details[0]
    if first["type"] == "json_invalid":
        return CommandRefused("malformed", "not valid JSON in UTF-8", None, request_id)
    return CommandRefused("invalid_value", _phrase(first), _field(first["loc"]), request_id)


def _phrase(detail: ErrorDetails) -> str:
    phrase = _PHRASES.get(detail["type"], "is not a valid value")
    return phrase.format(**detail.get("ctx", {}))


def _field(loc: Sequence[int | str]) -> str | None:
    parts = [str(part) for part in loc]
    plain = all(part.isdigit() or _FIELD_PART.fullmatch(part) for part in parts)
    return ".".join(parts) if parts and plain else None


def _unknown_key(model: type[BaseModel], loc: Sequence[int | str]) -> str:
    known = list(_known_keys(model, loc[:-1]))
    near = get_close_matches(str(loc[-1]), known, n=1)
    hint = f"the nearest known one is {near[0]}" if near else f"known are {', '.join(known)}"
    return f"unknown key; {hint}"


def _known_keys(model: type[BaseModel], path: Sequence[int | str]) -> Sequence[str]:
    schema: Mapping[str, Any] = model.model_json_schema()
    definitions = schema.get("$defs", {})
    for part in path:
        schema = schema["items"] if isinstance(part, int) else schema["properties"][part]
        schema = next((item for item in schema.get("anyOf", ()) if "$ref" in item), schema)
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rpartition("/")[2]]
    return list(schema["properties"])
