"""The strict models of dynod.toml."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, field_validator, model_validator

from dynod.config.analysis import AnalysisConfig
from dynod.config.fields import Part, PathFrom, Text, TopicLevel, address
from dynod.config.secret_files import read_secret
from dynod.model.calibration_record import CheckLimits
from dynod.model.deficit import Summary
from dynod.model.device import Role, Trigger
from dynod.model.units import Unit
from dynod.publish.broker import BrokerSettings

ButtonAction = Literal["trial.toggle", "trial.discard", "none"]
_PORTS = {"mqtt": 1883, "mqtts": 8883}


class StationConfig(Part):
    """Where this station stands. ``site`` and ``name`` are levels of every topic."""

    site: TopicLevel
    name: TopicLevel
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    altitude_m: Annotated[float, Field(ge=-500, le=9000)] | None = None


class BrokerAccess(Part):
    """How to reach the MQTT broker. Secrets are named by file."""

    url: str
    username: Text | None = None
    password_file: PathFrom | None = None
    ca_file: PathFrom | None = None
    client_certificate: PathFrom | None = None
    client_key_file: PathFrom | None = None
    insecure: bool = False

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        example = "mqtts://host or mqtts://host:port"
        parts = address(url, _PORTS, example, "username and password_file")
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError("should end after the host or the port")
        return url

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs username")
        if (self.client_certificate is None) != (self.client_key_file is None):
            raise ValueError("client_certificate and client_key_file need each other")
        if self.tls and self.insecure:
            raise ValueError("insecure only allows mqtt://; with mqtts:// remove it")
        if not self.tls and (self.ca_file is not None or self.client_certificate is not None):
            raise ValueError("ca_file and client_certificate need an mqtts:// url")
        if not self.tls and not self.insecure and not is_loopback(self.host):
            raise ValueError(
                "mqtt:// would send patient data unencrypted to another machine:"
                " use mqtts://, or set insecure = true"
            )
        return self

    def settings(self, client_id: str) -> BrokerSettings:
        """Return how a client of this id connects; raises ConfigError for an unusable password."""
        secret = self.password_file
        return BrokerSettings(
            host=self.host,
            port=self.port,
            client_id=client_id,
            username=self.username,
            password=None if secret is None else read_secret(secret),
            tls=self.tls,
            ca_file=self.ca_file,
            certificate_file=self.client_certificate,
            key_file=self.client_key_file,
        )

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self._parts.scheme == "mqtts"

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        """The broker's TCP port; by default 8883 with TLS, 1883 without."""
        return self._parts.port or _PORTS[self._parts.scheme]


class BrokerConfig(BrokerAccess):
    """The station's broker, and whether its results need receipts."""

    receipts: Literal["optional", "required"] = "optional"


def is_loopback(host: str) -> bool:
    """Tell whether an address is of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class StorageConfig(Part):
    """Where the database is, whether it is copied every night, and what must stay free."""

    path: PathFrom = Path("/var/lib/dynod/dynod.db")
    backup: bool = True
    backup_keep: Annotated[int, Field(ge=1, le=366)] = 7
    floor_mb: Annotated[int, Field(ge=0, le=1_000_000)] = 100


class ButtonConfig(Part):
    """What the gestures on a device's button do."""

    press: ButtonAction = "trial.toggle"
    long_press: ButtonAction = "trial.discard"


class DeviceConfig(Part):
    """One device: which model, on which port, how it is mounted.

    ``port`` says where it is plugged in; ``serial_number`` which unit it is, for its certificates,
    and without ``port`` also where: at the USB device with that number. The last five say what a
    profile leaves open, or how this unit is set.
    """

    id: TopicLevel
    profile: Text
    port: PathFrom | None = None
    serial_number: Text | None = None
    buttons: ButtonConfig | None = None
    axis: Text | None = None
    mount_sign: Literal[1, -1] = 1
    role: Annotated[Role, Field(strict=False)] = Role.LIMB
    baudrate: Annotated[int, Field(ge=300, le=4_000_000)] | None = None
    unit: Annotated[Unit, Field(strict=False)] | None = None
    push_sign: Literal[1, -1] | None = None
    rate_hz: Annotated[float, Field(gt=0, le=10000, strict=False)] | None = None
    address: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{2}( [0-9A-Fa-f]{2}){0,3}$")] | None = None

    @field_validator("mount_sign", "push_sign", mode="before")
    @classmethod
    def _sign(cls, sign: object) -> object:
        """Keep ``true`` from passing as 1, which it equals in Python."""
        return None if isinstance(sign, bool) else sign

    @model_validator(mode="after")
    def _findable(self) -> Self:
        if self.port is None and self.serial_number is None:
            raise ValueError("needs port or serial_number")
        return self


class SessionConfig(Part):
    """How sessions run and answers are judged.

    ``confirm_change`` and ``trigger`` follow the devices' abilities where they are left out.
    """

    battery: Text = "hip"
    confirm_change: bool | None = None
    trigger: Annotated[Trigger, Field(strict=False)] | None = None
    summary: Annotated[Summary, Field(strict=False)] = Summary.MEAN
    threshold_percent: Annotated[float, Field(gt=0, lt=100)] = 15.0
    threshold_deg: Annotated[float, Field(gt=0, lt=180)] | None = None
    pain_limit_nrs: Annotated[int, Field(ge=0, le=10)] = 5
    tester_limit_n: Annotated[float, Field(gt=0, le=5000)] = 300.0
    idle_minutes: Annotated[float, Field(gt=0, le=480)] = 15.0


class ControlConfig(Part):
    """Where the command line finds the daemon."""

    socket: PathFrom = Path("/run/dynod/control.sock")


_LIMITS = CheckLimits()
_Limit = Annotated[float, Field(gt=0, strict=False)]


class CalibrationConfig(Part):
    """Whether numbers without a certificate may be called newtons, and the limits of a check.

    ``verify_relative`` is a part of the load, the others N and deg.
    """

    allow_nominal: bool = False
    verify_relative: Annotated[_Limit, Field(le=0.2)] = _LIMITS.relative
    verify_zero_n: Annotated[_Limit, Field(le=50)] = _LIMITS.zero_n
    verify_angle_deg: Annotated[_Limit, Field(le=10)] = _LIMITS.angle_deg

    @property
    def check_limits(self) -> CheckLimits:
        """How far a check may be off."""
        return CheckLimits(self.verify_relative, self.verify_zero_n, self.verify_angle_deg)


class FhirConfig(Part):
    """``[fhir]``: Bundles of sessions on ``results/fhir``.

    ``patient_reference``: ``conditional`` asks the server for the one patient of the identifier,
    ``logical`` names the identifier alone. ``curves`` puts every curve into them. Codes of a site
    have a file of their own (`dynod.config.code_map`).
    """

    publish: bool = True
    patient_reference: Literal["conditional", "logical"] = "conditional"
    curves: bool = False
    provenance: bool = False


# a namespace or a name in HL7 v2.5.1 has 20 characters, an application or a facility 227
_Namespace = Annotated[Text, Field(max_length=20)]
_HierarchicName = Annotated[Text, Field(max_length=227)]


class Hl7Config(Part):
    """``[hl7]``: what is agreed with the receiver of HL7 v2 messages.

    ``authorities`` are the assigning authorities (namespaces) by the system of an identifier.
    ``processing``: production, training or debugging.
    """

    receiving_application: _HierarchicName | None = None
    receiving_facility: _HierarchicName | None = None
    processing: Literal["P", "T", "D"] = "P"
    authorities: dict[Text, _Namespace] = Field(default_factory=dict)


class Config(Part):
    """The whole of dynod.toml."""

    station: StationConfig
    broker: BrokerConfig
    device: Annotated[tuple[DeviceConfig, ...], Field(min_length=1, strict=False)]
    storage: StorageConfig = StorageConfig()
    session: SessionConfig = SessionConfig()
    control: ControlConfig = ControlConfig()
    calibration: CalibrationConfig = CalibrationConfig()
    analysis: AnalysisConfig = AnalysisConfig()
    fhir: FhirConfig = FhirConfig()
    hl7: Hl7Config = Hl7Config()

    @field_validator("device")
    @classmethod
    def _distinct(cls, devices: tuple[DeviceConfig, ...]) -> tuple[DeviceConfig, ...]:
        """One id, one port, one unit per device; a link to a port counts as the port."""
        for what, values in (
            ("id", [device.id for device in devices]),
            ("port", [device.port.resolve() for device in devices if device.port is not None]),
            ("serial_number", [d.serial_number for d in devices if d.serial_number is not None]),
        ):
            if len(set(values)) < len(values):
                raise ValueError(f"two devices have the same {what}")
        return devices

    @property
    def devices(self) -> tuple[DeviceConfig, ...]:
        """The devices, in the order of the file."""
        return self.device
