"""The config for the eyes of others: what says who, where or how to get in is replaced.

Only what is listed here stays. So a new key, a mistyped one, or a password that somebody wrote
into the file itself is replaced too.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from dynod.config.analysis import AnalysisConfig
from dynod.config.fields import Part
from dynod.config.settings import ButtonConfig, CalibrationConfig, FhirConfig, SessionConfig

REDACTED = "redacted"

_Keep: TypeAlias = Mapping[str, Any]  # key to True, or to the same for the table under it
_SHORTEST = 3  # shorter texts stand by chance in others
_SCHEME = re.compile(r"mqtts?://")
_PORT = re.compile(r"/dev/(?!.*\.\.)[\w./:+@-]+", re.ASCII)
_ABSOLUTE = re.compile(r"(?<![\w/])/(?!dev/)[^\s:;,'\"]+")


def _all_of(model: type[Part]) -> dict[str, bool]:
    return dict.fromkeys(model.model_fields, True)


_UNIT = ("id", "profile", "serial_number", "axis", "mount_sign", "role")
_LINE = ("baudrate", "unit", "push_sign", "rate_hz", "address")
_KEEP: _Keep = {
    "broker": {"receipts": True, "insecure": True},
    "device": {**dict.fromkeys((*_UNIT, *_LINE), True), "buttons": _all_of(ButtonConfig)},
    "session": _all_of(SessionConfig),
    "calibration": _all_of(CalibrationConfig),
    "analysis": _all_of(AnalysisConfig),
    "fhir": _all_of(FhirConfig),
}


@dataclass(frozen=True, slots=True)
class Redacted:
    """A config as JSON could hold it, and the texts that were replaced in it."""

    data: dict[str, Any]
    removed: frozenset[str]


def redact(data: Mapping[str, Any]) -> Redacted:
    """Replace what may not leave the clinic in the parsed TOML of a config, valid or not."""
    removed: set[str] = set()
    return Redacted(_table(data, _KEEP, removed), frozenset(removed))


def scrub(text: str, removed: Iterable[str]) -> str:
    """Replace texts that were removed from a config wherever they stand as words of another."""
    for word in sorted(removed, key=len, reverse=True):
        if len(word) >= _SHORTEST:
            whole = rf"(?<![^\W_]){re.escape(word)}(?![^\W_])"
            text = re.sub(whole, REDACTED, text, flags=re.IGNORECASE)
    return text


def scrub_paths(text: str) -> str:
    """Replace absolute paths but those of ports: a folder may be named after a person."""
    return _ABSOLUTE.sub(REDACTED, text)


def _table(table: Mapping[str, Any], keep: _Keep, removed: set[str]) -> dict[str, Any]:
    return {key: _value(key, value, keep.get(key), removed) for key, value in table.items()}


def _value(key: str, value: object, keep: object, removed: set[str]) -> object:
    if isinstance(value, dict):
        return _table(value, keep if isinstance(keep, dict) else {}, removed)
    if isinstance(value, list):
        return [_value(key, item, keep, removed) for item in value]
    if keep is True and isinstance(value, str | int | float):
        return value if not isinstance(value, float) or math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _text(key, value, removed)
    return REDACTED


def _text(key: str, text: str, removed: set[str]) -> str:
    if key == "port" and _PORT.fullmatch(text):
        return text
    removed.add(text)
    scheme = _SCHEME.match(text)
    if key != "url" or scheme is None:
        return REDACTED
    removed.update(_parts(text))
    return scheme[0] + REDACTED


def _parts(url: str) -> set[str]:
    """Return host, user and password of an address, as far as it is one."""
    try:
        parts = urlsplit(url)
        return {part for part in (parts.hostname, parts.username, parts.password) if part}
    except ValueError:
        return set()
