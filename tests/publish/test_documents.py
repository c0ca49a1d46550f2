"""The checked-in schemas and AsyncAPI document: true to the models, and true to each other."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dynod.core.metrics import METRICS
from dynod.model.clinical import Movement
from dynod.publish.commands import LeverArmsPart
from dynod.publish.examples import EXAMPLES
from dynod.publish.message_schema import MESSAGES, adapter
from dynod.publish.results import MetricsPart
from dynod.publish.schema import asyncapi, documents, json_schemas, write_documents

CHECKED_IN = Path(__file__).parents[2] / "docs" / "schemas"

EVERY_EXAMPLE = [
    pytest.param(name, example, id=f"{name}-{number}")
    for name, examples in EXAMPLES.items()
    for number, example in enumerate(examples)
]


def test_the_checked_in_documents_are_those_of_the_models() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in CHECKED_IN.glob("*.json")}
    assert files.keys() == documents().keys(), "run `make schema`"
    for name, text in documents().items():
        assert files[name] == text, f"{name} has drifted: run `make schema`"


def test_documents_are_written_into_a_new_folder(tmp_path: Path) -> None:
    paths = write_documents(tmp_path / "docs" / "schemas")
    assert {path.name for path in paths} == documents().keys()
    assert {path.name: path.read_text(encoding="utf-8") for path in paths} == documents()


def test_every_message_has_an_example() -> None:
    assert EXAMPLES.keys() == MESSAGES.keys()


@pytest.mark.parametrize("name", MESSAGES)
def test_schemas_are_schemas(name: str) -> None:
    schema = json_schemas()[name]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == name


@pytest.mark.parametrize(("name", "example"), EVERY_EXAMPLE)
def test_examples_are_valid(name: str, example: dict[str, Any]) -> None:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(json_schemas()[name], format_checker=checker).validate(example)
    # AsyncAPI's schemas are a superset of draft 7
    document = asyncapi()
    key = name.replace("/", ".")
    payload = document["components"]["messages"][key]["payload"]
    jsonschema.Draft7Validator({**payload, "components": document["components"]}).validate(example)


@pytest.mark.parametrize(("name", "example"), EVERY_EXAMPLE)
def test_examples_pass_through_the_models_unchanged(name: str, example: dict[str, Any]) -> None:
    message = adapter(name).validate_json(json.dumps(example))
    assert json.loads(message.to_json()) == example


@pytest.mark.parametrize(("name", "example"), EVERY_EXAMPLE)
def test_unknown_keys_are_invalid(name: str, example: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(json_schemas()[name])
    assert not validator.is_valid({**example, "surplus": 1})


def without(example: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in example.items() if name != key}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_goes_out_must_name_its_schema_and_what_comes_in_may(name: str) -> None:
    validator = jsonschema.Draft202012Validator(json_schemas()[name])
    comes_in = name == "dynod.receipts/1" or name.startswith("dynod.command.")
    for example in EXAMPLES[name]:
        assert validator.is_valid(without(example, "schema")) is comes_in
        assert validator.is_valid({**example, "schema": name})
        assert not validator.is_valid({**example, "schema": "dynod.other/1"})


@pytest.mark.parametrize("name", [name for name in MESSAGES if ".command." in name])
def test_every_command_needs_a_request_id(name: str) -> None:
    validator = jsonschema.Draft202012Validator(json_schemas()[name])
    assert not validator.is_valid(without(EXAMPLES[name][0], "request_id"))


def test_absent_and_null_are_told_apart() -> None:
    """A key that does not apply is absent, a datum that could not be computed is null."""
    trial = jsonschema.Draft202012Validator(json_schemas()["dynod.trial/1"])
    example = EXAMPLES["dynod.trial/1"][0]
    metrics = example["metrics"]
    assert trial.is_valid({**example, "metrics": {"peak_force_n": None}})
    assert trial.is_valid({**example, "sample_rate_hz": None, "tare_n": None})
    assert trial.is_valid(without(example, "tare_n"))
    assert not trial.is_valid(without(example, "sample_rate_hz"))
    assert not trial.is_valid({**example, "note": None})
    assert not trial.is_valid({**example, "metrics": {**metrics, "peak_force_kg": 1.0}})


def test_every_metric_of_the_core_can_be_published() -> None:
    assert set(METRICS) == set(MetricsPart.model_fields)


def test_every_movement_can_have_lever_arms() -> None:
    assert set(LeverArmsPart.model_fields) == {movement.value for movement in Movement}


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for item in node.values():
            yield from references(item)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    found = set(references(document))
    assert found
    for reference in found:
        node: Any = document
        for key in reference.removeprefix("#/").split("/"):
            node = node[key]


def keys_of(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node
        for item in node.values():
            yield from keys_of(item)
    elif isinstance(node, list):
        for item in node:
            yield from keys_of(item)


def test_the_asyncapi_document_holds_nothing_that_its_parser_refuses() -> None:
    assert {"$defs", "discriminator", "prefixItems"}.isdisjoint(keys_of(asyncapi()))


# docs/contract.md, section 4, the table of topics.
ROOT = "dynod/v1/{site}/{station}"
TOPICS = {
    f"{ROOT}/status": ("send", 1, True),
    f"{ROOT}/devices/{{device}}/status": ("send", 1, True),
    f"{ROOT}/session/state": ("send", 1, True),
    f"{ROOT}/live/{{device}}": ("send", 0, False),
    f"{ROOT}/results/trial": ("send", 1, False),
    f"{ROOT}/results/deficit": ("send", 1, False),
    f"{ROOT}/results/session": ("send", 1, False),
    f"{ROOT}/results/fhir": ("send", 1, False),
    f"{ROOT}/receipts": ("receive", 1, False),
    f"{ROOT}/replies/{{client}}": ("send", 1, False),
}
COMMANDS = (
    *("session.start", "session.end", "trial.start", "trial.stop", "trial.discard", "trial.redo"),
    *("change.confirm", "test.next", "test.select", "tare", "status.get"),
    *("session.assign", "trial.relabel", "trial.annotate", "results.resend", "result.void"),
)


def test_channels_are_those_of_the_contract() -> None:
    document = asyncapi()
    found = {}
    for operation in document["operations"].values():
        channel = document["channels"][operation["channel"]["$ref"].removeprefix("#/channels/")]
        binding = operation["bindings"]["mqtt"]
        found[channel["address"]] = (operation["action"], binding["qos"], binding["retain"])
    commands = {f"{ROOT}/commands/{name}": ("receive", 1, False) for name in COMMANDS}
    assert found == TOPICS | commands


def test_commands_are_answered() -> None:
    operations = asyncapi()["operations"]
    answered = {key for key, operation in operations.items() if "reply" in operation}
    assert answered == {f"receive.commands.{name}" for name in COMMANDS}
