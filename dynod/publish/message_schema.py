"""JSON Schemas of every message, from the models that render and read them."""

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Any, TypeAlias, cast

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from dynod.publish.commands import COMMANDS
from dynod.publish.examples import EXAMPLES
from dynod.publish.messages import (
    DeviceStatusMessage,
    LiveMessage,
    OkReply,
    ReceiptsMessage,
    RefusedReply,
    SessionStateMessage,
    StatusMessage,
)
from dynod.publish.results import AnyDeficit, SessionMessage, TrialMessage

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

MESSAGES: Mapping[str, Any] = {
    "dynod.status/1": StatusMessage,
    "dynod.device_status/1": DeviceStatusMessage,
    "dynod.session_state/1": SessionStateMessage,
    "dynod.live/1": LiveMessage,
    "dynod.trial/1": TrialMessage,
    "dynod.deficit/1": AnyDeficit,
    "dynod.session/1": SessionMessage,
    "dynod.reply/1": OkReply | RefusedReply,
    "dynod.receipts/1": ReceiptsMessage,
    **{f"dynod.command.{name}/1": model for name, model in COMMANDS.items()},
}


class _PlainSchema(GenerateJsonSchema):
    """Describes keys, and leaves out what is no part of the contract or not understood everywhere.

    Left out are titles made up from names, the default of keys that are simply absent, and
    OpenAPI's ``discriminator``, which AsyncAPI does not take.
    """

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        json_schema = super().model_schema(schema)
        descriptions = _key_docstrings(schema["cls"])
        for key, value in json_schema["properties"].items():
            if key in descriptions:
                value["description"] = descriptions[key]
        return json_schema

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's hook
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        json_schema = super().tagged_union_schema(schema)
        json_schema.pop("discriminator", None)
        return json_schema


def _key_docstrings(model: type) -> dict[str, str]:
    """Return the docstrings under the keys of a model and those it inherits.

    pydantic can do this while it makes the class, which would cost the daemon's start.
    """
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if part in {BaseModel, object}:
            continue
        tree = ast.parse(dedent(inspect.getsource(part)))
        for before, node in pairwise(cast("ast.ClassDef", tree.body[0]).body):
            match before, node:
                case ast.AnnAssign(target=ast.Name(key)), ast.Expr(ast.Constant(str(text))):
                    found[key] = inspect.cleandoc(text)
    return found


@cache
def adapter(name: str) -> TypeAdapter[Any]:
    """Return what validates payloads of a message. Raises KeyError for an unknown name."""
    return TypeAdapter(MESSAGES[name])


def json_schemas() -> dict[str, Schema]:
    """Return the JSON Schema (2020-12) of every message by name, with examples."""
    return {name: _document(name) for name in MESSAGES}


def _document(name: str) -> Schema:
    schema = adapter(name).json_schema(schema_generator=_PlainSchema)
    head = {"$schema": DIALECT, "$id": f"urn:{name.replace('.', ':', 1)}", "title": name}
    return {**head, **(schema | {"title": name}), "examples": list(EXAMPLES[name])}


def shared_schemas(ref_template: str) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the schema of every message by name, and the definitions that they refer to."""
    wanted = [(name, "validation", adapter(name)) for name in MESSAGES]
    schemas, shared = TypeAdapter.json_schemas(
        wanted,  # type: ignore[arg-type]  # the literal "validation" widens to str in a list
        ref_template=ref_template,
        schema_generator=_PlainSchema,
    )
    by_name = {name: schema for (name, _mode), schema in schemas.items()}
    return by_name, shared["$defs"]
