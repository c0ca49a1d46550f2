"""TOML files into strict models."""

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from dynod.config.problems import Problems, dotted, key_problems
from dynod.model.errors import ConfigError

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

MOST_BYTES = 4 * 1024 * 1024  # a certificate with all its points and budgets


def read_toml(path: Path) -> dict[str, Any]:
    """Return a file's data. Raises ConfigError that names file and line."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ConfigError(f"{path}: is larger than {MOST_BYTES} bytes; name the right file")
        text = content.decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    return parse_toml(text, path)


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """Return the data of a file's text. Raises ConfigError that names file and line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: no valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: no valid TOML: too many brackets in each other") from None


def read_model(path: Path, model: type[M]) -> M:
    """Return a file as a model. Raises ConfigError with one line per mistake."""
    return check_model(path, read_toml(path), model)


def check_model(path: Path, data: dict[str, Any], model: type[M], *, under: str = "") -> M:
    """Return a file's data as a model. Raises ConfigError with one line per mistake.

    ``under`` is the key that the data stand under, where they are not the whole file.
    """
    try:
        return model.model_validate(data, context={"folder": path.parent})
    except ValidationError as error:
        raise _config_error(path, error, model, data, under) from None


def named_files(*folders: Path) -> dict[str, Path]:
    """Return the TOML files of folders by their names without ending; later folders win."""
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def read_all(paths: Iterable[Path], read: Callable[[Path], T]) -> dict[Path, T]:
    """Return what ``read`` makes of each path.

    Raises ConfigError with the mistakes of all of them, one line each.
    """
    problems = Problems()
    found: dict[Path, T] = {}
    for path in paths:
        try:
            found[path] = read(path)
        except ConfigError as error:
            problems.take(error)
    problems.raise_if_any()
    return found


def _config_error(
    path: Path, error: ValidationError, model: type[BaseModel], data: object, under: str
) -> ConfigError:
    problems = Problems()
    for place, what in key_problems(error, model, data):
        problems.add(path, ".".join(part for part in (under, dotted(place)) if part), what)
    return ConfigError("\n".join(problems.lines))
