"""Certificates as text: the TOML file of one, and the hash over what it says.

The hash does not depend on how the file is written. It is the SHA-256 of the content as JSON in
UTF-8: the keys of the file without ``sha256`` and ``revoked_reason``, sorted, no blanks; keys
without a value left out; numbers as floats in Python's shortest form, an infinite one as the text
``inf``; times in UTC with microseconds.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import cast

from dynod.config.toml_text import toml_text
from dynod.model.calibration import Certificate

_HEAD = """\
# A calibration certificate. Any change of a value breaks its sha256; what may be added is
# revoked_reason. The keys are explained in calibration/README.md of dynod.
"""
_TABLES = ("uncertainty", "unshared", "detail")


def certificate_text(certificate: Certificate) -> str:
    """Return the TOML file of a certificate, with its hash."""
    data = _content(certificate)
    tables = {key: data.pop(key) for key in _TABLES if key in data}
    data["sha256"] = content_sha256(certificate)
    if certificate.revoked_reason is not None:
        data["revoked_reason"] = certificate.revoked_reason
    return _HEAD + toml_text({**data, **tables})


def content_sha256(certificate: Certificate) -> str:
    """Return the SHA-256, in hex, over all that a certificate says, but for a revocation."""
    plain = _canonical(_content(certificate))
    text = json.dumps(
        plain, sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _content(certificate: Certificate) -> dict[str, object]:
    bare = dataclasses.replace(certificate, revoked_reason=None)
    return cast("dict[str, object]", _plain(bare))


def _plain(value: object) -> object:
    """Return a record as tables and lists, without what has no value."""
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        parts = {str(key): _plain(part) for key, part in value.items() if part is not None}
        return {key: part for key, part in parts.items() if part not in ([], {})}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def _canonical(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, Mapping):
        return {key: _canonical(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(float(value)) if math.isinf(value) else float(value)
    return value
