"""The AsyncAPI 3.0 document: every channel of a station, from the station's point of view."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from dynod.publish.commands import COMMANDS
from dynod.publish.examples import EXAMPLES
from dynod.publish.message_schema import Schema, shared_schemas
from dynod.publish.topics import LIVE_EXPIRY_S, Topics

Document: TypeAlias = dict[str, Any]

API_VERSION = "1.0.0"
BINDING_VERSION = "0.2.0"
FHIR = "dynod.fhir/1"
FHIR_TYPE = "application/fhir+json"

_PARAMETERS = {
    "site": "The clinic, as in [station] site.",
    "station": "The station, as in [station] name.",
    "device": "Id of a device, as in [[device]] id.",
    "client": "Whatever the client chose for its response topic.",
}


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic of the contract. ``messages`` are schema names."""

    key: str
    address: str
    summary: str
    messages: tuple[str, ...]
    sends: bool = True
    qos: int = 1
    retain: bool = False
    expiry_s: int | None = None
    replies: bool = False


class _Template(Topics):
    """Topics with the placeholders of an address in place of names."""

    def __post_init__(self) -> None:
        """Let the braces pass."""


def channels() -> Iterator[Channel]:
    """Yield every channel, in the order of the contract."""
    topics = _Template("{site}", "{station}")
    yield from _states(topics)
    yield from _results(topics)
    yield Channel(
        "receipts",
        topics.receipts,
        "What the system of record has taken over.",
        ("dynod.receipts/1",),
        sends=False,
    )
    for name, command in COMMANDS.items():
        yield Channel(
            f"commands.{name}",
            topics.command(name),
            str(command.__doc__),
            (f"dynod.command.{name}/1",),
            sends=False,
            replies=True,
        )
    yield Channel(
        "replies",
        topics.reply("{client}"),
        "Answers, to the response topic of the request and with its correlation data.",
        ("dynod.reply/1",),
    )


def _states(topics: Topics) -> Iterator[Channel]:
    yield Channel(
        "status",
        topics.status,
        "Whether the station is online; also its last will.",
        ("dynod.status/1",),
        retain=True,
    )
    yield Channel(
        "devices.status",
        topics.device_status("{device}"),
        "Where a device is in its life-cycle.",
        ("dynod.device_status/1",),
        retain=True,
    )
    yield Channel(
        "session.state",
        topics.session_state,
        "Where the session stands; never the patient.",
        ("dynod.session_state/1",),
        retain=True,
    )
    yield Channel(
        "live",
        topics.live("{device}"),
        "Live force or angle, at most 20 a second; may be lost.",
        ("dynod.live/1",),
        qos=0,
        expiry_s=LIVE_EXPIRY_S,
    )


def _results(topics: Topics) -> Iterator[Channel]:
    yield Channel(
        "results.trial",
        topics.trial,
        "Each trial, valid or not, once it is stored.",
        ("dynod.trial/1",),
    )
    yield Channel(
        "results.deficit",
        topics.deficit,
        "Each side-to-side answer, when both sides are full and when a trial of it changes.",
        ("dynod.deficit/1",),
    )
    yield Channel(
        "results.session", topics.session, "Each session, when it ends.", ("dynod.session/1",)
    )
    yield Channel(
        "results.fhir",
        topics.fhir,
        "Each session as a FHIR R4 transaction Bundle, once the station's clock is synchronised.",
        (FHIR,),
    )


def asyncapi() -> Document:
    """Return the whole document."""
    every = list(channels())
    messages, definitions = shared_schemas("#/components/schemas/{model}")
    return {
        "asyncapi": "3.0.0",
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": {"broker": _server()},
        "channels": {channel.key: _channel(channel) for channel in every},
        "operations": {_operation_key(channel): _operation(channel) for channel in every},
        "components": {
            "messages": {
                **{
                    _message_key(name): _message(name, payload)
                    for name, payload in messages.items()
                },
                _message_key(FHIR): _bundle(),
            },
            "schemas": definitions,
            "parameters": {
                name: {"description": text} for name, text in sorted(_PARAMETERS.items())
            },
        },
    }


def _info() -> Document:
    return {
        "title": "dynod",
        "version": API_VERSION,
        "description": (
            "What a dynod station says and hears over MQTT 5. Times are RFC 3339, units are in "
            "the keys. A key that does not apply is absent; a datum that could not be computed "
            "is null. Results are never retained; a hole in `sequence` of a `stream` means a "
            "lost message; of a `result_id` the highest `revision` counts."
        ),
    }


def _server() -> Document:
    will = {
        "topic": "dynod/v1/{site}/{station}/status",
        "qos": 1,
        "retain": True,
        "message": "dynod.status/1 with state offline",
    }
    return {
        "host": "broker.clinic.example:8883",
        "protocol": "secure-mqtt",
        "protocolVersion": "5.0",
        "description": "The clinic's broker.",
        "bindings": {
            "mqtt": {"cleanSession": True, "lastWill": will, "bindingVersion": BINDING_VERSION}
        },
    }


def _channel(channel: Channel) -> Document:
    used = [name for name in _PARAMETERS if f"{{{name}}}" in channel.address]
    return {
        "address": channel.address,
        "summary": channel.summary,
        "messages": {
            _message_key(name): _ref("messages", _message_key(name)) for name in channel.messages
        },
        "parameters": {name: _ref("parameters", name) for name in used},
    }


def _operation_key(channel: Channel) -> str:
    return f"{'send' if channel.sends else 'receive'}.{channel.key}"


def _operation(channel: Channel) -> Document:
    binding: Document = {"qos": channel.qos, "retain": channel.retain}
    if channel.expiry_s is not None:
        binding["messageExpiryInterval"] = channel.expiry_s
    operation: Document = {
        "action": "send" if channel.sends else "receive",
        "channel": {"$ref": f"#/channels/{channel.key}"},
        "summary": channel.summary,
        "bindings": {"mqtt": {**binding, "bindingVersion": BINDING_VERSION}},
    }
    if channel.replies:
        operation["reply"] = {"channel": {"$ref": "#/channels/replies"}}
    return operation


def _message_key(name: str) -> str:
    return name.replace("/", ".")


def _message(name: str, payload: Schema) -> Document:
    return {
        "name": name,
        "contentType": "application/json",
        "payload": payload,
        "bindings": {
            "mqtt": {
                "payloadFormatIndicator": 1,
                "contentType": "application/json",
                "bindingVersion": BINDING_VERSION,
            }
        },
        "examples": [{"payload": example} for example in EXAMPLES[name]],
    }


def _bundle() -> Document:
    """Return the one message that is not dynod's own: its envelope travels beside it."""
    envelope = {
        "schema": {"const": FHIR},
        "result_id": {"type": "string", "format": "uuid"},
        "revision": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "sequence": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "stream": {"type": "string", "format": "uuid"},
    }
    return {
        "name": FHIR,
        "summary": "FHIR R4; the headers are MQTT user properties.",
        "contentType": FHIR_TYPE,
        "headers": {"type": "object", "properties": envelope, "required": list(envelope)},
        "payload": {
            "type": "object",
            "properties": {
                "resourceType": {"const": "Bundle"},
                "type": {"const": "transaction"},
            },
            "required": ["resourceType", "type"],
        },
        "bindings": {
            "mqtt": {
                "payloadFormatIndicator": 1,
                "contentType": FHIR_TYPE,
                "bindingVersion": BINDING_VERSION,
            }
        },
        "examples": [
            {
                "headers": {
                    "schema": FHIR,
                    "result_id": "c0a1f6de-51c6-5d0b-9e53-0d6d0f4a7c21",
                    "revision": "1",
                    "sequence": "26",
                    "stream": "6f1d0c52-3a51-4e0c-9a53-2f8f6a3d5b10",
                },
                "payload": {"resourceType": "Bundle", "type": "transaction"},
            }
        ],
    }


def _ref(kind: str, name: str) -> Mapping[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
