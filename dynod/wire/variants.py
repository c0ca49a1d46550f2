"""Variants: settings of one device model under which it speaks otherwise.

A profile's ``[variants.NAME]`` holds the tables and keys that differ. Tables are merged key by key,
but a table that names its ``kind`` replaces the old one whole, and the value ``"open"`` leaves a
key to the site.
"""

from collections.abc import Mapping
from typing import Any

KEY = "variants"
OPEN = "open"


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
        if value == OPEN:
            merged.pop(key, None)
        elif isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = dict(value) if "kind" in value else _merged(before, value)
        else:
            merged[key] = value
    return merged
