"""The AsyncAPI document before its own parser, and each of its examples before jsonschema.

The parser looks at the document and lets wrong examples pass.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.node import run_node

TEXT = (Path(__file__).parents[2] / "docs" / "schemas" / "asyncapi.json").read_bytes()
DOCUMENT = json.loads(TEXT)
ERROR, WARNING = 0, 1


def parsed(text: bytes) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run_node("validate_asyncapi.js", text))
    told["diagnostics"] = [one for one in told["diagnostics"] if one["severity"] <= WARNING]
    return told


def test_its_parser_takes_it_whole() -> None:
    told = parsed(TEXT)
    assert told["diagnostics"] == []
    assert set(told["messages"]) == DOCUMENT["components"]["messages"].keys()
    assert len(told["channels"]) == len(DOCUMENT["channels"])


def test_its_parser_can_say_no() -> None:
    wrong = json.loads(TEXT)
    wrong["operations"]["send.results.fhir"]["action"] = "shout"
    (first, *_) = parsed(json.dumps(wrong).encode())["diagnostics"]
    assert (first["severity"], first["path"]) == (ERROR, "operations.send.results.fhir.action")


def examples() -> Iterator[Any]:
    for name, message in DOCUMENT["components"]["messages"].items():
        for number, example in enumerate(message["examples"]):
            yield pytest.param(message, example, id=f"{name}-{number}")


@pytest.mark.parametrize(("message", "example"), list(examples()))
def test_each_example_is_valid(message: dict[str, Any], example: dict[str, Any]) -> None:
    assert set(example) == {key for key in ("headers", "payload") if key in message}
    for part, value in example.items():
        schema = {**message[part], "components": DOCUMENT["components"]}
        # AsyncAPI's schemas are a superset of draft 7
        checker = jsonschema.Draft7Validator.FORMAT_CHECKER
        jsonschema.Draft7Validator(schema, format_checker=checker).validate(value)


def test_every_message_has_an_example() -> None:
    assert all(message["examples"] for message in DOCUMENT["components"]["messages"].values())
