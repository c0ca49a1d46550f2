"""dynod.toml and the environment into a Config."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from dynod.config.environment import overlay
from dynod.config.problems import Location, Problems, dotted, key_problems
from dynod.config.secret_files import check_private, is_closed_to_us
from dynod.config.settings import BrokerAccess, Config
from dynod.config.toml_file import read_toml
from dynod.model.errors import ConfigError


def load_config(path: Path, env: Mapping[str, str]) -> Config:
    """Return the config of a file, with single values from the environment.

    Relative paths are meant from the file's folder. Raises ConfigError with one line per mistake:
    file or variable, key, what is wrong. Values are never quoted.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file; write it, or name another with --config")
    problems = Problems()
    data = read_toml(path)
    origins = overlay(data, env, Config, problems)
    try:
        config = Config.model_validate(data, context={"folder": path.parent})
    except ValidationError as error:
        for place, what in key_problems(error, Config, data):
            problems.add(_source(path, place, origins), dotted(place), what)
        raise ConfigError("\n".join(problems.lines)) from None
    check_broker_files(path, config.broker, problems)
    problems.raise_if_any()
    return config


def _source(path: Path, place: Location, origins: Mapping[Location, str]) -> str:
    variable = origins.get(place)
    return str(path) if variable is None else f"environment variable {variable}"


def check_broker_files(path: Path, broker: BrokerAccess, problems: Problems) -> None:
    """Note files that are missing, and secrets that others can read.

    One that we may not read ourselves is no mistake: a therapist's display is told no password.
    Whoever connects reads it, and raises ConfigError then.
    """
    for key in ("password_file", "client_key_file"):
        secret: Path | None = getattr(broker, key)
        if secret is not None and not is_closed_to_us(secret):
            try:
                check_private(secret)
            except ConfigError as error:
                problems.add(path, f"broker.{key}", str(error))
    for key in ("ca_file", "client_certificate"):
        public: Path | None = getattr(broker, key)
        if public is not None and not public.is_file():
            problems.add(path, f"broker.{key}", f"{public}: no such file")
