"""No message changes under an integrator's feet: against the schemas of every release.

A change that this refuses needs a new version of the message's schema (``dynod.trial/2``). The
rules are those of docs/integration.md: consumers ignore keys and flags that they do not know, and
stations refuse such keys.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dynod.publish.message_schema import json_schemas
from tests.support.evolution import Schema, broken, read_schemas

RELEASED = Path(__file__).parents[2] / "docs" / "schemas" / "released"
RELEASES = sorted(path.name for path in RELEASED.iterdir())

Schemas = dict[str, Schema]
TRIAL, DEFICIT, STATUS = "dynod.trial/1", "dynod.deficit/1", "dynod.status/1"
START, RESEND = "dynod.command.session.start/1", "dynod.command.results.resend/1"
NEW_KEY = {"type": "string"}


@pytest.fixture(scope="module")
def present() -> Schemas:
    return json_schemas()


@pytest.mark.parametrize("release", RELEASES)
def test_integrators_of_a_release_still_understand(release: str, present: Schemas) -> None:
    before = read_schemas(RELEASED / release)
    assert len(before) >= 24
    assert not broken(before, present), (
        "this breaks who relies on an earlier release: give the message a new schema version"
    )


@pytest.mark.parametrize("release", RELEASES)
def test_commands_of_a_release_are_still_taken(release: str, present: Schemas) -> None:
    """The same by another way: by the examples that were published then."""
    for name, schema in read_schemas(RELEASED / release).items():
        if name.startswith(("dynod.command.", "dynod.receipts/")) and name in present:
            for example in schema["examples"]:
                jsonschema.validate(example, present[name])


# -- that it notices ------------------------------------------------------------------------------


def remove(schema: Schema, key: str) -> None:
    del schema["properties"][key]
    schema["required"] = [name for name in schema["required"] if name != key]


def optional(schema: Schema, key: str) -> None:
    schema["required"].remove(key)


def add(schema: Schema, key: str, *, required: bool = False) -> None:
    schema["properties"][key] = NEW_KEY
    if required:
        schema.setdefault("required", []).append(key)


def part(schemas: Schemas, name: str, of: str) -> Schema:
    found: Schema = schemas[name]["$defs"][of]
    return found


def key(schemas: Schemas, name: str, of: str) -> Schema:
    found: Schema = schemas[name]["properties"][of]
    return found


def replace(schemas: Schemas, name: str, of: str, by: Schema) -> None:
    schemas[name]["properties"][of] = by


BREAKING: dict[str, tuple[Callable[[Schemas], Any], str]] = {
    # messages that go out
    "required key removed": (lambda s: remove(s[TRIAL], "sample_rate_hz"), "sample_rate_hz"),
    "optional key removed": (lambda s: s[TRIAL]["properties"].pop("note"), "note"),
    "metric removed": (
        lambda s: part(s, TRIAL, "MetricsPart")["properties"].pop("peak_force_n"),
        "metrics.peak_force_n",
    ),
    "required key may be absent": (lambda s: optional(s[TRIAL], "quality"), "quality"),
    "nested key may be absent": (
        lambda s: optional(part(s, TRIAL, "QualityPart"), "valid"),
        "quality.valid",
    ),
    "number becomes text": (
        lambda s: part(s, TRIAL, "QualityPart")["properties"].update(valid=NEW_KEY),
        "quality.valid",
    ),
    "null where there was none": (
        lambda s: replace(
            s, TRIAL, "trial_number", {"anyOf": [{"type": "integer"}, {"type": "null"}]}
        ),
        "trial_number",
    ),
    "whole number becomes a fraction": (
        lambda s: replace(s, TRIAL, "sequence", {"type": "number", "minimum": 1}),
        "sequence",
    ),
    "lower limit falls": (lambda s: key(s, TRIAL, "revision").update(minimum=0), "revision"),
    "limit vanishes": (lambda s: key(s, TRIAL, "pain_nrs").pop("maximum"), "pain_nrs"),
    "status gets a value": (
        lambda s: part(s, TRIAL, "ResultStatus")["enum"].append("draft"),
        "draft",
    ),
    "classification gets a value": (
        lambda s: part(s, DEFICIT, "Classification")["enum"].append("perhaps"),
        "perhaps",
    ),
    "state becomes free text": (lambda s: replace(s, STATUS, "state", NEW_KEY), "state"),
    "time in another format": (
        lambda s: key(s, TRIAL, "recorded_at").update(format="date"),
        "recorded_at",
    ),
    "flags become text": (
        lambda s: part(s, TRIAL, "QualityPart")["properties"]["flags"].update(items=NEW_KEY),
        "quality.flags",
    ),
    "result message gone": (lambda s: s.pop(TRIAL), "is gone"),
    # messages that come in
    "command gone": (lambda s: s.pop(RESEND), "is gone"),
    "new required key of a command": (
        lambda s: add(s[RESEND], "reason", required=True),
        "reason",
    ),
    "key of a command becomes required": (
        lambda s: s[START]["required"].append("battery"),
        "battery",
    ),
    "key of a command removed": (lambda s: s[START]["properties"].pop("order"), "order"),
    "key of a command renamed": (
        lambda s: s[START]["properties"].update(mass=s[START]["properties"].pop("body_mass_kg")),
        "body_mass_kg",
    ),
    "value of a command removed": (
        lambda s: part(s, START, "InvolvedSide")["enum"].remove("both"),
        "both",
    ),
    "upper limit of a command falls": (
        lambda s: key(s, START, "body_mass_kg").update(maximum=200),
        "body_mass_kg",
    ),
    "null not taken any more": (
        lambda s: replace(s, START, "patient", {"$ref": "#/$defs/PatientPart"}),
        "patient",
    ),
    "shorter text": (
        lambda s: part(s, START, "PatientPart")["properties"]["id"].update(maxLength=20),
        "patient.id",
    ),
}

HARMLESS: dict[str, Callable[[Schemas], Any]] = {
    "nothing": lambda s: s.keys(),
    "new optional key": lambda s: add(s[TRIAL], "later"),
    "new key that is always there": lambda s: add(s[TRIAL], "later", required=True),
    "new metric": lambda s: add(part(s, TRIAL, "MetricsPart"), "later_n"),
    "new flag": lambda s: part(s, TRIAL, "Flag")["enum"].append("later"),
    "a value that is never sent again": (
        lambda s: part(s, DEFICIT, "Classification")["enum"].remove("exceeds_error")
    ),
    "key always there that was optional": lambda s: s[TRIAL]["required"].append("note"),
    "another description": lambda s: s[TRIAL].update(description="better words"),
    "new message": lambda s: s.update({"dynod.later/1": {"type": "object", "title": "later"}}),
    "new version in place of the old": lambda s: s.update({"dynod.trial/2": s.pop(TRIAL)}),
    "new optional key of a command": lambda s: add(s[START], "later"),
    "new value of a command": lambda s: part(s, START, "InvolvedSide")["enum"].append("neither"),
    "wider limit of a command": lambda s: key(s, START, "body_mass_kg").update(maximum=500),
}


@pytest.mark.parametrize("change", BREAKING)
def test_a_breaking_change_is_noticed(change: str, present: Schemas) -> None:
    mutate, where = BREAKING[change]
    changed = copy.deepcopy(present)
    mutate(changed)
    found = broken(present, changed)
    assert found
    assert all(where in line for line in found), found


@pytest.mark.parametrize("change", HARMLESS)
def test_a_harmless_change_passes(change: str, present: Schemas) -> None:
    changed = copy.deepcopy(present)
    HARMLESS[change](changed)
    assert broken(present, changed) == []


def test_a_keyword_that_the_comparison_does_not_know_is_an_error(present: Schemas) -> None:
    changed = copy.deepcopy(present)
    changed[TRIAL]["dependentRequired"] = {"note": ["pain_nrs"]}
    with pytest.raises(AssertionError, match="dependentRequired"):
        broken(present, changed)


def test_released_schemas_are_files_of_one_form() -> None:
    for release in RELEASES:
        for path in (RELEASED / release).iterdir():
            title = json.loads(path.read_text())["title"]
            assert path.name == f"{title.replace('/', '.')}.json"
