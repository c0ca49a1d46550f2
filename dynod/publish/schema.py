"""The documents of the contract as files, as they are checked in under docs/schemas."""

import json
from collections.abc import Mapping
from pathlib import Path

from dynod.publish.asyncapi import asyncapi
from dynod.publish.message_schema import json_schemas

__all__ = ["asyncapi", "documents", "json_schemas", "write_documents"]


def documents() -> Mapping[str, str]:
    """Return the text of every document by file name: one per schema, and asyncapi.json."""
    files = {f"{name.replace('/', '.')}.json": schema for name, schema in json_schemas().items()}
    return {
        name: _text(document) for name, document in (files | {"asyncapi.json": asyncapi()}).items()
    }


def write_documents(folder: Path) -> list[Path]:
    """Write every document into a folder, which is made if need be; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in documents().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _text(document: Mapping[str, object]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
