"""Everything that people wrote for one station, read and checked against each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dynod.config.batteries import load_batteries
from dynod.config.certificates import SITE_FOLDER, load_certificates
from dynod.config.error_table import load_error_table
from dynod.config.load import load_config
from dynod.config.norms import load_norm_table
from dynod.config.problems import Problems, unknown
from dynod.config.profiles import load_profiles
from dynod.config.quality import FlagRule, load_quality, rejecting_flags
from dynod.config.settings import ButtonConfig, Config, DeviceConfig
from dynod.config.site_facts import SiteFacts, misfits, with_site_facts
from dynod.core.norms import Norm
from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Certificate
from dynod.model.clinical import Battery, Kind
from dynod.model.deficit import MeasurementError
from dynod.model.device import Role, Trigger
from dynod.model.flags import Flag
from dynod.wire.profile import Profile


@dataclass(frozen=True, slots=True)
class Site:
    """A station's config and the data that it names; consistent once `load_site` made it."""

    path: Path
    config: Config
    profiles: Mapping[str, Profile]
    batteries: Mapping[str, Battery]
    certificates: tuple[Certificate, ...]
    measurement_errors: tuple[MeasurementError, ...]
    quality: Mapping[Flag, FlagRule]
    norms: tuple[Norm, ...]

    def profile_of(self, device: DeviceConfig) -> Profile:
        """Return the profile of a configured device, with what the config says of this unit."""
        return with_site_facts(self.profiles[device.profile], facts_of(device))

    def axis_of(self, device: DeviceConfig) -> str:
        """Return the channel that a device is read by."""
        return device.axis or self.profile_of(device).channels[0]

    def actions_of(self, device: DeviceConfig) -> dict[str, str]:
        """Return the action per gesture (``press``, ``long_press``); empty without a button."""
        profile = self.profile_of(device)
        if not profile.has_button:
            return {}
        buttons = device.buttons or ButtonConfig()
        actions = {"press": buttons.press, "long_press": buttons.long_press}
        return {gesture: action for gesture, action in actions.items() if action != "none"}

    @property
    def analysis(self) -> AnalysisSettings:
        """The limits of the analysis, and which flags reject."""
        limit_n = self.config.session.tester_limit_n
        return self.config.analysis.settings(limit_n, rejecting_flags(self.quality))

    @property
    def has_button(self) -> bool:
        """Whether a device of the station reports button events."""
        return any(self.profile_of(device).has_button for device in self.config.devices)

    @property
    def confirm_change(self) -> bool:
        """Whether changes of movement or side are acknowledged; by default with a button."""
        wanted = self.config.session.confirm_change
        return self.has_button if wanted is None else wanted

    def trigger_of(self, device: DeviceConfig) -> Trigger:
        """Return what begins a force recording with a device; by default its button, if any."""
        wanted = self.config.session.trigger
        if wanted is not None:
            return wanted
        return Trigger.BUTTON if self.profile_of(device).has_button else Trigger.ONSET


def facts_of(device: DeviceConfig) -> SiteFacts:
    """Return what a device's config says beyond its profile."""
    return SiteFacts(
        baudrate=device.baudrate,
        unit=device.unit,
        push_sign=device.push_sign,
        rate_hz=device.rate_hz,
        address=device.address,
    )


def load_site(path: Path, env: Mapping[str, str]) -> Site:
    """Read a config file and all that belongs to it; opens no port.

    Raises ConfigError with one line per mistake: of the config file first, then of the files
    beside it, then what does not fit together.
    """
    folder = path.parent
    site = Site(
        path=path,
        config=load_config(path, env),
        profiles=load_profiles(folder),
        batteries=load_batteries(folder),
        certificates=load_certificates(folder),
        measurement_errors=load_error_table(folder),
        quality=load_quality(folder),
        norms=load_norm_table(folder),
    )
    problems = Problems()
    for key, what in (*_device_problems(site), *_station_problems(site)):
        problems.add(path, key, what)
    for certificate in site.certificates:
        if certificate.profile not in site.profiles:
            what = unknown(certificate.profile, site.profiles, "profile")
            problems.add(folder / SITE_FOLDER, certificate.certificate_id, what)
    problems.raise_if_any()
    return site


def _device_problems(site: Site) -> Iterator[tuple[str, str]]:
    for number, device in enumerate(site.config.devices, 1):
        if device.profile not in site.profiles:
            what = unknown(device.profile, site.profiles, "profile")
            yield f"device[{number}].profile", what
            continue
        for key, what in _misfits(
            device, site.profiles[device.profile], site.config.session.trigger
        ):
            yield f"device[{number}].{key}", what


def _misfits(
    device: DeviceConfig, profile: Profile, trigger: Trigger | None
) -> Iterator[tuple[str, str]]:
    """Yield what a device's config asks of its profile in vain."""
    if device.axis is None and len(profile.channels) > 1:
        yield "axis", f"missing; one of: {', '.join(profile.channels)}"
    elif device.axis is not None and device.axis not in profile.channels:
        yield "axis", unknown(device.axis, profile.channels, "channel")
    yield from misfits(profile, facts_of(device))
    if device.role is Role.PELVIS and profile.kind is not Kind.ANGLE:
        yield "role", "only an inclinometer can be on the pelvis"
    if profile.single_reading and trigger is Trigger.ONSET:
        yield (
            "profile",
            (f'{profile.key} sends single readings, and trigger = "onset" needs a stream'),
        )
    if device.buttons is None:
        return
    if not profile.has_button:
        yield "buttons", f"{profile.name} reports no button"
    elif profile.single_reading and device.buttons.press != "trial.toggle":
        yield "buttons.press", f"a reading of {profile.key} is a trial, so its key must stay one"
    elif not profile.reports_release and "long_press" in device.buttons.model_fields_set:
        yield "buttons.long_press", f"{profile.name} reports no release, so no press is long"


def _station_problems(site: Site) -> Iterator[tuple[str, str]]:
    known = [device for device in site.config.devices if device.profile in site.profiles]
    if [device.role for device in known].count(Role.PELVIS) > 1:
        yield "device", "two devices have the role pelvis"
    battery = site.batteries.get(site.config.session.battery)
    if battery is None:
        what = unknown(site.config.session.battery, site.batteries, "battery")
        yield "session.battery", what
    elif len(known) == len(site.config.devices):
        limbs = [device for device in known if device.role is Role.LIMB]
        have = {site.profiles[device.profile].kind for device in limbs}
        for kind in sorted({test.kind for test in battery.tests} - have):
            yield "session.battery", f'"{battery.name}" needs a device of kind "{kind}"'
