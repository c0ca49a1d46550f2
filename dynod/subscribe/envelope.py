"""What is read of a message: its envelope, leniently, so that a newer station is understood.

Everything else in a payload is kept as it came. A message without a readable envelope is set
aside with a reason.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from dynod.publish.broker import Inbound
from dynod.publish.refusals import CommandRefused, read_object

FHIR = "fhir"
LARGEST = 2**63 - 1  # what a database column holds

_LEVEL = r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63})"
_TOPIC = re.compile(rf"dynod/v1/{_LEVEL}/{_LEVEL}/(results/.+|status|replies/.+)")
_SCHEMA = re.compile(r"dynod\.([a-z][a-z0-9_]{0,63})/([1-9][0-9]{0,5})")
_DIGITS = re.compile(r"[0-9]{1,19}")
_WORD = re.compile(r"[a-z][a-z-]{0,63}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KNOWN = {"trial", "deficit", "session", FHIR}


class UnreadableError(Exception):
    """A message without a proper envelope; says what is wrong, never what stands there."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A station, by the two levels of its topics."""

    site: str
    station: str

    @property
    def root(self) -> str:
        """Return the station's topic level, without a slash at the end."""
        return f"dynod/v1/{self.site}/{self.station}"

    def __str__(self) -> str:
        return f"{self.site}/{self.station}"


@dataclass(frozen=True, slots=True, order=True)
class Stream:
    """The life of one station's database: sequence numbers are compared within it alone."""

    place: Place
    stream: UUID


@dataclass(frozen=True, slots=True)
class Result:
    """A result that arrived. ``payload`` is what the station sent, as text.

    ``counts`` tells whether its figures may be used; None where that cannot be told.
    """

    stream: Stream
    sequence: int
    result_id: UUID
    revision: int
    kind: str
    schema: str
    status: str | None
    counts: bool | None
    session_id: UUID | None
    payload: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Status:
    """What a station says of itself. ``last_sequence`` is None in the last will."""

    stream: Stream
    state: str
    software: str | None
    last_sequence: int | None


def place_of(topic: str) -> tuple[Place, str] | None:
    """Return the station of a topic and which part of it: results, status, replies."""
    found = _TOPIC.fullmatch(topic)
    return None if found is None else (Place(found[1], found[2]), found[3].partition("/")[0])


def read_result(message: Inbound, place: Place) -> Result:
    """Return the result in a message; raises UnreadableError."""
    body = _object(message.payload)
    # A Bundle cannot carry our keys; its envelope travels beside it.
    fhir = message.topic.endswith(f"/{FHIR}")
    head: dict[str, Any] = _from_properties(message) if fhir else body
    schema = head.get("schema")
    parts = _SCHEMA.fullmatch(schema) if isinstance(schema, str) else None
    if parts is None:
        raise UnreadableError("schema is missing or no name of dynod's")
    if not fhir:
        _check_station(body, place)
    kind, known = parts[1], parts[1] in _KNOWN and parts[2] == "1"
    return Result(
        stream=Stream(place, _uuid(head, "stream")),
        sequence=_number(head, "sequence"),
        result_id=_uuid(head, "result_id"),
        revision=_number(head, "revision"),
        kind=kind,
        schema=parts[0],
        status=_word(head, "status"),
        counts=_counts(kind, head) if known else None,
        session_id=_uuid(head, "session_id") if "session_id" in head else None,
        payload=message.payload.decode(),
    )


def read_status(message: Inbound, place: Place) -> Status:
    """Return the status in a message; raises UnreadableError."""
    body = _object(message.payload)
    state = _word(body, "state")
    if state is None:
        raise UnreadableError("state is missing")
    software = body.get("software")
    last = body.get("last_sequence")
    return Status(
        stream=Stream(place, _uuid(body, "stream")),
        state=state,
        software=software[:256] if isinstance(software, str) and software.isprintable() else None,
        last_sequence=None if last is None else _number(body, "last_sequence", at_least=0),
    )


def _object(payload: bytes) -> dict[str, Any]:
    try:
        return read_object(payload)
    except CommandRefused as refusal:
        raise UnreadableError(refusal.message) from None


def _from_properties(message: Inbound) -> dict[str, Any]:
    head: dict[str, Any] = dict(message.user_properties)
    for key in ("sequence", "revision"):
        value = head.get(key, "")
        head[key] = int(value) if _DIGITS.fullmatch(value) else None
    return head


def _check_station(body: dict[str, Any], place: Place) -> None:
    """Compare with the topic, which the broker's access list vouches for."""
    said = body.get("station")
    if isinstance(said, dict) and (said.get("site"), said.get("name")) != (
        place.site,
        place.station,
    ):
        raise UnreadableError("station is another than the topic's")


def _counts(kind: str, head: dict[str, Any]) -> bool | None:
    if head.get("status") == "entered-in-error":
        return False
    if kind != "trial":
        return True if kind != FHIR else None
    quality = head.get("quality")
    valid = quality.get("valid") if isinstance(quality, dict) else None
    if not isinstance(valid, bool):
        return None
    return valid and head.get("familiarisation") is False


def _uuid(head: dict[str, Any], key: str) -> UUID:
    value = head.get(key)
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise UnreadableError(f"{key} is missing or no UUID")
    return UUID(value)


def _number(head: dict[str, Any], key: str, *, at_least: int = 1) -> int:
    value = head.get(key)
    if type(value) is not int or not at_least <= value <= LARGEST:
        raise UnreadableError(f"{key} is missing or no number from {at_least} on")
    return value


def _word(head: dict[str, Any], key: str) -> str | None:
    value = head.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise UnreadableError(f"{key} is no word")
    return value
