"""Whether what is written by one schema is understood by whoever reads by another.

Only what the schemas of the contract are made of is known here; anything else is an error, so
that nothing is passed over.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema

Schema: TypeAlias = dict[str, Any]

# docs/integration.md: consumers ignore flags that they do not know.
OPEN_LISTS = {"Flag"}

_WORDS = {"$schema", "$id", "$defs", "title", "description", "examples", "default"}
_RULES = {
    *("$ref", "anyOf", "oneOf", "type", "const", "enum"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("minLength", "maxLength", "pattern", "format"),
    *("items", "minItems", "maxItems"),
    *("properties", "required", "additionalProperties", "patternProperties", "propertyNames"),
}
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def comes_in(name: str) -> bool:
    return name.startswith(("dynod.command.", "dynod.receipts/"))


def read_schemas(folder: Path) -> dict[str, Schema]:
    """Return the schemas of a folder by the name of their message."""
    files = (json.loads(path.read_text()) for path in folder.glob("dynod.*.json"))
    return {schema["title"]: schema for schema in files}


def broken(before: Mapping[str, Schema], now: Mapping[str, Schema]) -> list[str]:
    """Say what of ``now`` an integrator of ``before`` would stumble over.

    A message under a higher version in place of the former one is what versions are for.
    """
    found = []
    for name, old in before.items():
        new = now.get(name)
        if new is None:
            if not _has_later(name, now):
                found.append(f"{name}: is gone, and no later version of it is there")
        elif comes_in(name):
            found += [f"{name} {text}" for text in Comparison(old, new, lenient=False).run()]
        else:
            found += [f"{name} {text}" for text in Comparison(new, old, lenient=True).run()]
    return found


def _has_later(name: str, now: Mapping[str, Schema]) -> bool:
    kind, _, version = name.partition("/")
    versions = [other.partition("/") for other in now]
    return any(its == kind and int(number) > int(version) for its, _, number in versions)


@dataclass(frozen=True)
class Comparison:
    """``writer``: what may be sent. ``reader``: what is understood.

    A lenient reader passes over keys and, in open lists, values that it does not know; but a key
    that it knows must not vanish.
    """

    writer: Schema
    reader: Schema
    lenient: bool

    def run(self) -> list[str]:
        return list(self._compare(self.writer, self.reader, ""))

    def _compare(self, writer: Schema, reader: Schema, at: str) -> Iterator[str]:
        if self.lenient and reader.get("$ref", "").removeprefix("#/$defs/") in OPEN_LISTS:
            if writer.get("$ref") != reader["$ref"]:
                yield f"{at}: is no list of {reader['$ref']} any more"
            return
        readers = list(_alternatives(reader, self.reader))
        for option in _alternatives(writer, self.writer):
            attempts = [list(self._fits(option, other, at)) for other in readers]
            yield from min(attempts, key=len)

    def _fits(self, writer: Schema, reader: Schema, at: str) -> Iterator[str]:
        values = _values(writer)
        if values is not None:
            plain = {key: value for key, value in reader.items() if key != "$defs"}
            unknown = [v for v in values if not jsonschema.Draft202012Validator(plain).is_valid(v)]
            if unknown:
                yield f"{at}: {unknown} would not be understood"
            return
        if _values(reader) is not None:
            yield f"{at}: other values than {_values(reader)} would not be understood"
            return
        kinds = writer.get("type"), reader.get("type")
        if kinds[1] is not None and kinds[0] != kinds[1] and kinds != ("integer", "number"):
            yield f"{at}: {kinds[0]} would not be understood where {kinds[1]} is"
            return
        yield from _limits(writer, reader, at)
        if "items" in reader:
            yield from self._compare(writer.get("items", {}), reader["items"], f"{at}[]")
        if kinds[1] == "object":
            yield from self._keys(writer, reader, at)

    def _keys(self, writer: Schema, reader: Schema, at: str) -> Iterator[str]:
        written, known = writer.get("properties", {}), reader.get("properties", {})
        for key in sorted(set(reader.get("required", ())) - set(writer.get("required", ()))):
            yield f"{at}.{key}: is required, and may be missing"
        for key in sorted(known.keys() - written.keys()) if self.lenient else ():
            yield f"{at}.{key}: was taken away"
        for key, value in written.items():
            if key in known:
                yield from self._compare(value, known[key], f"{at}.{key}")
            elif not self.lenient and reader.get("additionalProperties") is False:
                yield f"{at}.{key}: would be refused as unknown"
        for rule in ("additionalProperties", "propertyNames"):
            if isinstance(reader.get(rule), dict):
                yield from self._compare(writer.get(rule, {}), reader[rule], f"{at}.*")
        for pattern, value in reader.get("patternProperties", {}).items():
            theirs = writer.get("patternProperties", {}).get(pattern, {})
            yield from self._compare(theirs, value, f"{at}.*")


def _alternatives(schema: Schema, whole: Schema) -> Iterator[Schema]:
    """Yield what a schema allows as schemas without references and choices at their top."""
    surplus = schema.keys() - _WORDS - _RULES
    assert not surplus, f"teach this comparison what {surplus} means"
    base = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf", "oneOf"}}
    if "$ref" in schema:
        target = whole["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        yield from _alternatives(_both(base, target), whole)
    elif "anyOf" in schema or "oneOf" in schema:
        for option in schema.get("anyOf") or schema["oneOf"]:
            yield from _alternatives(_both(base, option), whole)
    else:
        yield base


def _both(base: Schema, more: Schema) -> Schema:
    required = [*base.get("required", ()), *more.get("required", ())]
    return {**base, **more, **({"required": required} if required else {})}


def _values(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def _limits(writer: Schema, reader: Schema, at: str) -> Iterator[str]:
    for rule in _LEAST:
        if rule in reader and writer.get(rule, float("-inf")) < reader[rule]:
            yield f"{at}: {rule} {reader[rule]} does not hold"
    for rule in _MOST:
        if rule in reader and writer.get(rule, float("inf")) > reader[rule]:
            yield f"{at}: {rule} {reader[rule]} does not hold"
    for rule in ("pattern", "format"):
        if rule in reader and writer.get(rule) != reader[rule]:
            yield f"{at}: {rule} is another one"
