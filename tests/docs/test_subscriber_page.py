"""docs/subscriber.md names every key of the config, every event and every column."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from dynod.config.subscriber import (
    DatabaseConfig,
    FhirConfig,
    ResendConfig,
    SubscriberConfig,
    SubscriberPart,
)
from dynod.subscribe.intake import Outcome
from dynod.subscribe.tables import CURRENT_RESULT, metadata

PAGE = Path(__file__).parents[2] / "docs" / "subscriber.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_example_is_a_config() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    SubscriberConfig.model_validate(tomllib.loads(example), context={"folder": Path("/etc")})


@pytest.mark.parametrize(
    ("table", "model"),
    [
        ("subscriber", SubscriberPart),
        ("database", DatabaseConfig),
        ("resend", ResendConfig),
        ("fhir", FhirConfig),
    ],
)
def test_every_key_has_its_row(table: str, model: type[BaseModel]) -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith(f"| `{table}.")]
    named = {name for row in rows for name in re.findall(r"`(?:\w+)?\.(\w+)`", row)}
    hidden = {"insecure"}  # told where it matters, at the url
    assert named | hidden >= set(model.model_fields)
    assert named <= set(model.model_fields)


@pytest.mark.parametrize("event", [*(outcome.value for outcome in Outcome), "gap", "requeued"])
def test_every_outcome_is_explained(event: str) -> None:
    assert f"`{event}`" in TEXT


def test_every_table_and_column_of_the_view_is_named() -> None:
    for table in metadata.tables.keys() - {"database_version", "result"}:
        assert f"`{table}`" in TEXT
    columns = re.findall(r"[rm]\.(\w+)[,\n]", CURRENT_RESULT.partition("FROM")[0])
    assert len(columns) == 13
    for column in columns:
        assert f"`{column}`" in TEXT
