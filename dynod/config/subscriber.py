"""The strict model of subscriber.toml, which ``dynod subscribe`` runs by."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from dynod.config.fields import Part, PathFrom, TopicLevel, address, topic_level
from dynod.config.load import check_broker_files
from dynod.config.problems import Problems
from dynod.config.secret_files import check_private
from dynod.config.settings import BrokerAccess, is_loopback
from dynod.config.toml_file import read_model
from dynod.model.errors import ConfigError
from dynod.publish.broker import BrokerSettings

# A Bundle may hold the raw curves of a whole session.
MAX_PACKET_BYTES = 16 * 1024 * 1024
WEEK_S = 7 * 24 * 3600
# In a group the broker goes on giving an absent member its share; the others ask for it again.
GROUP_EXPIRY_S = 300

Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86400, strict=False)]


def _station_filter(text: str) -> str:
    site, slash, name = text.partition("/")
    if not slash:
        raise ValueError('should be SITE/STATION, where + stands for any, as "clinic-7/+"')
    for level in (site, name):
        if level != "+":
            topic_level(level)
    return text


StationFilter: TypeAlias = Annotated[str, AfterValidator(_station_filter)]


class SubscriberPart(Part):
    """Who we are at the broker, and to whom we listen.

    Processes with the same ``group`` and database share the load; each has a ``client_id`` of its
    own. ``session_expiry_s`` is how long the broker keeps messages for us while we are away.
    """

    client_id: TopicLevel = "record-system"
    group: TopicLevel | None = None
    stations: Annotated[tuple[StationFilter, ...], Field(min_length=1, strict=False)] = ("+/+",)
    session_expiry_s: Annotated[int, Field(ge=0, le=0xFFFFFFFF)] | None = None
    receipts: bool = True

    @property
    def kept_s(self) -> int:
        """How long the broker keeps our session, in seconds."""
        if self.session_expiry_s is not None:
            return self.session_expiry_s
        return WEEK_S if self.group is None else GROUP_EXPIRY_S


class DatabaseConfig(Part):
    """Where results are kept: an SQLite file, or a PostgreSQL server."""

    path: PathFrom | None = None
    url: str | None = None
    password_file: PathFrom | None = None

    @field_validator("url")
    @classmethod
    def _postgresql(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            complete = bool(parts.hostname) and len(parts.path) > 1 and parts.port != 0
        except ValueError:
            complete = False
        if not complete or parts.scheme != "postgresql":
            raise ValueError("should be postgresql://user@host/database")
        if parts.password is not None:
            raise ValueError("takes no password: use password_file")
        return url

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError("needs path (SQLite) or url (PostgreSQL), and not both")
        if self.password_file is not None and self.url is None:
            raise ValueError("password_file needs url")
        return self


class RetryPart(Part):
    """Waits that double from ``first_s`` to ``longest_s``."""

    first_s: Seconds = 30.0
    longest_s: Seconds = 3600.0

    @model_validator(mode="after")
    def _growing(self) -> Self:
        if self.longest_s < self.first_s:
            raise ValueError("longest_s should not be less than first_s")
        return self

    def delay_s(self, attempts: int) -> float:
        """Return the wait after the ``attempts``-th attempt, in seconds."""
        doublings = min(max(attempts, 1) - 1, 20)
        return float(min(self.first_s * 2.0**doublings, self.longest_s))


class ResendConfig(RetryPart):
    """How long a gap may stay before it is asked for (``wait_s``), and how often that is.

    ``status_s``: how often the retained statuses are read again.
    """

    wait_s: Seconds = 5.0
    status_s: Seconds = 300.0


class FhirConfig(RetryPart):
    """Where Bundles are posted to."""

    url: str
    token_file: PathFrom | None = None
    ca_file: PathFrom | None = None
    timeout_s: Seconds = 30.0
    first_s: Seconds = 5.0
    longest_s: Seconds = 900.0
    insecure: bool = False

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = address(url, {"http", "https"}, "https://host/base", "token_file")
        if parts.query or parts.fragment:
            raise ValueError("should be the base of a FHIR server, without ? or #")
        return url

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and not self.insecure and not is_loopback(parts.hostname or ""):
            raise ValueError(
                "http:// would send patient data unencrypted to another machine:"
                " use https://, or set insecure = true"
            )
        return self


class SubscriberConfig(Part):
    """The whole of subscriber.toml."""

    broker: BrokerAccess
    database: DatabaseConfig
    subscriber: SubscriberPart = SubscriberPart()
    resend: ResendConfig = ResendConfig()
    fhir: FhirConfig | None = None

    def broker_settings(self, client_id: str | None = None) -> BrokerSettings:
        """Return how to reach the broker; raises ConfigError for an unusable password file."""
        return replace(
            self.broker.settings(client_id or self.subscriber.client_id),
            session_expiry_s=self.subscriber.kept_s,
            max_packet_bytes=MAX_PACKET_BYTES,
        )


def load_subscriber(path: Path) -> SubscriberConfig:
    """Return the config of a file, with the files that it names checked.

    Raises ConfigError with one line per mistake: file, key, what is wrong.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file; write it, or name another with --config")
    config = read_model(path, SubscriberConfig)
    problems = Problems()
    check_broker_files(path, config.broker, problems)
    fhir = config.fhir
    for key, secret in (
        ("database.password_file", config.database.password_file),
        ("fhir.token_file", None if fhir is None else fhir.token_file),
    ):
        if secret is not None:
            try:
                check_private(secret)
            except ConfigError as error:
                problems.add(path, key, str(error))
    if fhir is not None and fhir.ca_file is not None and not fhir.ca_file.is_file():
        problems.add(path, "fhir.ca_file", f"{fhir.ca_file}: no such file")
    problems.raise_if_any()
    return config
