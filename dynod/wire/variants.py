"""Variants: settings of one device model under which it speaks otherwise.

A profile's ``[variants.NAME]`` holds the tables and keys that differ. Tables are merged key by key,
but a table with another ``kind`` replaces the old one whole.
"""

from collections.abc import Mapping
from typing import Any

KEY = "variants"


def variant_data(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the data of a profile as a variant has it; ``name`` must be one of its variants."""
    base = {key: value for key, value in data.items() if key != KEY}
    return {**_merged(base, data[KEY][name]), "variant": name}


def base_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a profile without its variants."""
    return {key: value for key, value in data.items() if key != KEY}


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            other_kind = "kind" in value and value["kind"] != before.get("kind")
            merged[key] = dict(value) if other_kind else _merged(before, value)
        else:
            merged[key] = value
    return merged
