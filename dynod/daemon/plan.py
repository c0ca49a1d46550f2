"""What the config amounts to, decided and validated before anything is opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import dynod
from dynod.config.load import (
    load_batteries,
    load_certificates,
    load_error_table,
    load_profiles,
)
from dynod.config.settings import Config, DeviceSettings
from dynod.core.deficit import DeficitSettings
from dynod.core.settings import AnalysisSettings
from dynod.daemon.device import Where
from dynod.daemon.devices import DeviceUse
from dynod.daemon.ports import LineSettings
from dynod.model.calibration import Certificate
from dynod.model.clinical import Kind
from dynod.model.device import DeviceIdentity, Role, Trigger
from dynod.model.errors import ConfigError
from dynod.publish.broker import BrokerSettings
from dynod.session.answers import Judge
from dynod.session.buttons import Gesture
from dynod.session.recorder import Source
from dynod.session.steps import Rules
from dynod.wire.profile import Profile

SOFTWARE = f"dynod {dynod.__version__}"
_MQTT_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """One configured device."""

    identity: DeviceIdentity
    profile: Profile
    where: Where
    use: DeviceUse
    source: Source


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the daemon is built from."""

    config: Config
    devices: tuple[DevicePlan, ...]
    rules: Rules
    certificates: tuple[Certificate, ...]
    broker: BrokerSettings
    analysis: AnalysisSettings


def make_plan(config: Config, folder: Path) -> Plan:
    """Return the plan of a config whose file lies in ``folder``; raises ConfigError."""
    profiles = load_profiles(folder)
    devices = tuple(_device(settings, profiles, config) for settings in config.device)
    batteries = load_batteries(folder)
    if config.session.battery not in batteries:
        known = ", ".join(sorted(batteries))
        raise ConfigError(f"[session] battery: no battery of this name; there are {known}")
    confirm = config.session.confirm_change
    if confirm is None:
        confirm = any(device.profile.has_button for device in devices)
    rules = Rules(
        batteries=batteries,
        default_battery=config.session.battery,
        confirm_change=confirm,
        judge=Judge(load_error_table(folder), _deficit_settings(config), SOFTWARE),
    )
    return Plan(
        config,
        devices,
        rules,
        load_certificates(folder),
        _broker(config),
        AnalysisSettings(),
    )


def _deficit_settings(config: Config) -> DeficitSettings:
    session = config.session
    return DeficitSettings(
        summary=session.summary,
        threshold_percent=session.threshold_percent,
        threshold_deg=session.threshold_deg,
        pain_limit_nrs=session.pain_limit_nrs,
        tester_limit_n=session.tester_limit_n,
    )


def _device(
    settings: DeviceSettings, profiles: Mapping[str, Profile], config: Config
) -> DevicePlan:
    profile = profiles.get(settings.profile)
    if profile is None:
        known = ", ".join(sorted(profiles))
        raise ConfigError(f"device {settings.id}: no such profile; there are {known}")
    trigger = config.session.trigger
    if trigger is None:
        trigger = Trigger.BUTTON if profile.has_button else Trigger.ONSET
    line = profile.serial
    baudrate = settings.baudrate or line.baudrate
    if baudrate is None:
        raise ConfigError(f"device {settings.id}: set baudrate, its profile knows none")
    return DevicePlan(
        identity=DeviceIdentity(settings.id, profile.name, profile.kind, settings.serial_number),
        profile=profile,
        where=Where(
            settings.port,
            settings.serial_number,
            LineSettings(baudrate, line.bytesize, line.parity, line.stopbits),
        ),
        use=DeviceUse(
            {
                Gesture.PRESS: settings.buttons.press,
                Gesture.LONG_PRESS: settings.buttons.long_press,
            },
            trigger,
            settings.role or Role.LIMB,
        ),
        source=_source(settings, profile),
    )


def _source(settings: DeviceSettings, profile: Profile) -> Source:
    axis = settings.axis or profile.channels[0]
    if axis not in profile.channels:
        known = ", ".join(profile.channels)
        raise ConfigError(f"device {settings.id}: axis: must be one of {known}")
    if profile.kind is Kind.ANGLE and settings.axis is None:
        known = ", ".join(profile.channels)
        raise ConfigError(f"device {settings.id}: axis is missing; one of {known}")
    return Source(profile.kind, profile.channels, axis, profile.rate_hz, settings.mount_sign)


def _broker(config: Config) -> BrokerSettings:
    broker, station = config.broker, config.station
    url = urlsplit(broker.url)
    return BrokerSettings(
        host=url.hostname or "localhost",
        port=url.port or _MQTT_PORTS[url.scheme],
        client_id=f"dynod-{station.site}-{station.name}",
        username=broker.username,
        password=broker.password(),
        tls=url.scheme == "mqtts",
        ca_file=broker.ca_file,
        certificate_file=broker.client_certificate,
        key_file=broker.client_key_file,
    )
