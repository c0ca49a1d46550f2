"""What the config amounts to, decided and validated before anything is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import dynod
from dynod.config.paths import CODES_FILE
from dynod.config.settings import Config, DeviceConfig
from dynod.config.site import Site
from dynod.core.deficit import DeficitSettings
from dynod.core.settings import AnalysisSettings
from dynod.daemon.device import Where
from dynod.daemon.devices import DeviceUse
from dynod.daemon.ports import LineSettings
from dynod.daemon.whereabouts import Place
from dynod.model.calibration import Certificate
from dynod.model.device import DeviceIdentity
from dynod.model.errors import ConfigError
from dynod.publish.broker import BrokerSettings
from dynod.publish.code_map import CodeMap
from dynod.session.answers import Judge
from dynod.session.buttons import Gesture
from dynod.session.recorder import Source
from dynod.session.steps import Rules
from dynod.wire.profile import Profile

SOFTWARE = f"dynod {dynod.__version__}"


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
    """Everything that the daemon is built from; ``codes`` is read when it is first asked for."""

    config: Config
    devices: tuple[DevicePlan, ...]
    rules: Rules
    certificates: tuple[Certificate, ...]
    broker: BrokerSettings
    analysis: AnalysisSettings
    codes: Callable[[], CodeMap]


def make_plan(site: Site) -> Plan:
    """Return the plan of a site; raises ConfigError for what cannot be used."""
    config, analysis = site.config, site.analysis
    rules = Rules(
        batteries=site.batteries,
        default_battery=config.session.battery,
        confirm_change=site.confirm_change,
        judge=Judge(
            site.measurement_errors, _deficit_settings(config, analysis), SOFTWARE, site.norms
        ),
    )
    return Plan(
        config,
        tuple(_device(site, settings) for settings in config.devices),
        rules,
        site.certificates,
        config.broker.settings(f"dynod-{config.station.site}-{config.station.name}"),
        analysis,
        _codes(site.path.parent),
    )


def _codes(config_folder: Path) -> Callable[[], CodeMap]:
    """Return what gives the code map; a site's own file is read at once, for its mistakes."""

    @cache
    def codes() -> CodeMap:
        # Bundles and exports need it, the start does not.
        from dynod.config.code_map import load_code_map

        return load_code_map(config_folder)

    if (config_folder / CODES_FILE).is_file():
        codes()
    return codes


def _deficit_settings(config: Config, analysis: AnalysisSettings) -> DeficitSettings:
    session = config.session
    return DeficitSettings(
        summary=session.summary,
        threshold_percent=session.threshold_percent,
        threshold_deg=session.threshold_deg,
        pain_limit_nrs=session.pain_limit_nrs,
        tester_limit_n=analysis.tester_limit_n,
        noise_floor_n=analysis.no_contraction_n,
    )


def place_of(settings: DeviceConfig) -> Place:
    """Return where a configured device is looked for."""
    port = None if settings.port is None else str(settings.port)
    return Place(port, settings.serial_number)


def _device(site: Site, settings: DeviceConfig) -> DevicePlan:
    profile = site.profile_of(settings)
    line = profile.serial
    if line.baudrate is None:
        raise ConfigError(f"{site.path}: device {settings.id}: set baudrate, its profile has none")
    actions = site.actions_of(settings)
    return DevicePlan(
        identity=DeviceIdentity(settings.id, profile.name, profile.kind, settings.serial_number),
        profile=profile,
        where=Where(
            place_of(settings),
            LineSettings(line.baudrate, line.bytesize, line.parity, line.stopbits),
            tuple(place_of(other) for other in site.config.devices if other is not settings),
        ),
        use=DeviceUse(
            {Gesture(gesture): action for gesture, action in actions.items()},
            site.trigger_of(settings),
            settings.role,
        ),
        source=Source(
            profile.kind,
            profile.channels,
            site.axis_of(settings),
            profile.rate_hz or 0.0,
            settings.mount_sign,
            stamped=profile.clock.kind == "stamp",
        ),
    )
