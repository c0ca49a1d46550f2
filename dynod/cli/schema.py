"""``dynod schema``."""

from pathlib import Path

from dynod.cli.output import print_json, say
from dynod.publish.schema import asyncapi as asyncapi_document
from dynod.publish.schema import json_schemas, write_documents


def run_schema(write: Path | None, *, asyncapi: bool) -> None:
    """Print or write the documents of the contract."""
    if write is not None:
        write_documents(write)
        say(f"written to {write}")
    else:
        print_json(asyncapi_document() if asyncapi else json_schemas())
