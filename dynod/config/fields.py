"""What the models of files are made of: strict parts, names, numbers, paths."""

import re
from collections.abc import Container
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo

from dynod.config.secret_files import at_hand

_LEVEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Part(BaseModel):
    """A table of a file: frozen, strict, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def topic_level(text: str) -> str:
    """Return a level of MQTT topics as it is; raises ValueError for what can be none."""
    if not _LEVEL.fullmatch(text):
        raise ValueError(
            "only lowercase letters, digits, - and _ (at most 64): it becomes part of MQTT topics"
        )
    return text


def address(url: str, schemes: Container[str], example: str, secret: str) -> SplitResult:
    """Return the parts of a URL that says where a server is.

    ``example`` is what it should look like, ``secret`` the keys that hold what it must not. Raises
    ValueError.
    """
    try:
        parts = urlsplit(url)
        complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(f"should be {example}") from None
    if not complete or parts.scheme not in schemes:
        raise ValueError(f"should be {example}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"takes no user or password: use {secret}")
    return parts


def _beside_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return at_hand(path if folder is None else Path(folder) / path)


TopicLevel: TypeAlias = Annotated[str, AfterValidator(topic_level)]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=256)]

# A relative path is meant from the folder of the file that it stands in.
PathFrom: TypeAlias = Annotated[Path, Field(strict=False), AfterValidator(_beside_file)]
