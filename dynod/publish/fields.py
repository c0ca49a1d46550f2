"""What every message model is made of: strictness, absent and null keys, times, identifiers.

A key that does not apply is absent; a datum that could not be computed is null. ``OptionalKey[T]``
may be absent and is never null; ``T | None`` without a default is always there; ``T | None = None``
is absent when it was not given and null when None was given.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    StringConstraints,
    WithJsonSchema,
    model_serializer,
)
from pydantic_core import CoreSchema, core_schema

from dynod.model.session import Identifier

T = TypeVar("T")

ID_LENGTH = 256
TEXT_LENGTH = 2000
UUID_LENGTH = 36


class _AbsentNotNull:
    """Marks a key that may be missing in JSON but never null; in Python None means missing."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        nullable = handler(source)
        if nullable["type"] != "nullable":
            raise TypeError(f"OptionalKey needs a type that is not nullable itself, not {source}")
        return core_schema.json_or_python_schema(
            json_schema=nullable["schema"], python_schema=nullable
        )


OptionalKey: TypeAlias = Annotated[T | None, _AbsentNotNull()]

# The ``schema`` key of what comes in: it may be left out, but must be right where it is given.
SchemaKey: TypeAlias = Annotated[T | None, _AbsentNotNull(), Field(alias="schema")]


class Message(BaseModel):
    """Base of every message and part of one: unknown keys, NaN and loose types are errors.

    The docstring under a key becomes its description in the schemas.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        defer_build=True,
        serialize_by_alias=True,
    )

    _may_be_absent: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **_kwargs: Any) -> None:
        cls._may_be_absent = frozenset(
            field.alias or name
            for name, field in cls.model_fields.items()
            if any(isinstance(mark, _AbsentNotNull) for mark in field.metadata)
        )

    @model_serializer(mode="wrap")
    def _leave_out_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {
            key: value
            for key, value in handler(self).items()
            if value is not None
            or (key in self.model_fields_set and key not in self._may_be_absent)
        }

    def to_json(self) -> bytes:
        """Return the message as UTF-8 JSON: keys in the order of the model, no spaces."""
        return self.model_dump_json(by_alias=True).encode()


def rfc3339(moment: datetime) -> str:
    """Return a time as ``2026-03-02T09:00:00.000Z``. Raises ValueError without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone cannot be published")
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


Timestamp: TypeAlias = Annotated[
    AwareDatetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not hold control characters")
    return text


ShortText: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=ID_LENGTH), AfterValidator(_printable)
]


def _hyphenated(value: object) -> object:
    if isinstance(value, str) and len(value) != UUID_LENGTH:
        raise ValueError("must be a UUID in its usual form")
    return value


Uuid: TypeAlias = Annotated[UUID, BeforeValidator(_hyphenated)]
Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Count: TypeAlias = Annotated[int, Field(ge=0)]
Number: TypeAlias = Annotated[int, Field(ge=1)]


class IdentifierPart(Message):
    """A business identifier of the record system."""

    system: ShortText
    """Namespace of the identifier, a URI of the record system."""
    id: ShortText = Field(repr=False)
    """The identifier itself. Never in a topic, a retained message or a log line."""

    def to_model(self) -> Identifier:
        """Return the record that passes between the rooms."""
        return Identifier(self.system, self.id)


class StationPart(Message):
    """Which station measured."""

    site: Name
    name: Name


class ResultRef(Message):
    """A result, named by id and revision."""

    result_id: Uuid
    revision: Number
