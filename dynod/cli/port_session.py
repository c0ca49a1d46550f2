"""A port for a command: which one, taken from a running daemon where one has it, and given back."""

import asyncio
import difflib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

from dynod.cli.output import console
from dynod.config.load import load_config
from dynod.config.paths import DEFAULT_CONFIG
from dynod.config.problems import unknown
from dynod.config.profiles import load_profiles
from dynod.config.settings import ControlConfig, DeviceConfig
from dynod.config.site import Site, facts_of, load_site
from dynod.config.site_facts import SiteFacts, misfits, with_site_facts
from dynod.daemon.control_client import ControlClient, DaemonNotRunningError
from dynod.daemon.conversation import Conversation, Tape
from dynod.daemon.link import Link
from dynod.daemon.plan import place_of
from dynod.daemon.ports import LineSettings, PortGoneError, SerialPort, find_ports
from dynod.daemon.whereabouts import locate
from dynod.model.errors import ConfigError, UsageError
from dynod.model.samples import Decoded
from dynod.wire.decoder import Decoder
from dynod.wire.dialogue import DialoguePhase
from dynod.wire.profile import Polled, Profile

NO_FACTS = SiteFacts()
_EARLY_S = 0.001  # a timer of the loop may fire that much before its time


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line names: a port or a device of the config, a profile, and site facts."""

    port: str | None = None
    device: str | None = None
    profile: str | None = None
    facts: SiteFacts = NO_FACTS


@dataclass(frozen=True, slots=True)
class Unit:
    """Where a unit is, and what it speaks (None: nobody said). ``device_id`` is its config's."""

    path: str
    profile: Profile | None
    device_id: str | None = None


def show(text: str) -> None:
    """Print a line as it is, never folded: it may be copied."""
    console.print(text, markup=False, soft_wrap=True)


# -- what is meant -------------------------------------------------------------------------


def check_config_named(config_path: Path) -> None:
    """Raise ConfigError when a config was named that is not there."""
    if config_path != DEFAULT_CONFIG and not config_path.is_file():
        raise ConfigError(f"{config_path}: no such file; without --config the own profiles count")


def find_unit(config_path: Path, wanted: Wanted) -> Unit:
    """Return the unit that is meant; opens no port.

    Raises UsageError for what the words cannot mean, ConfigError and DeviceError as the config and
    the ports have it.
    """
    check_config_named(config_path)
    if (wanted.port is None) == (wanted.device is None):
        raise UsageError("name a port, or a device of the config with --device, and not both")
    if wanted.device is not None:
        site = load_site(config_path, os.environ)
        device = _device(site, wanted.device)
        others = [place_of(other) for other in site.config.devices if other is not device]
        path = locate(place_of(device), find_ports(), others)
        return Unit(path, _profile(config_path, wanted, site, device), device.id)
    port = os.path.abspath(str(wanted.port))  # noqa: PTH100 - a link must stay one
    site_at, device_at = configured_at(config_path, port)
    profile = _profile(config_path, wanted, site_at, device_at)
    return Unit(port, profile, None if device_at is None else device_at.id)


def configured_at(config_path: Path, port: str) -> tuple[Site | None, DeviceConfig | None]:
    """Return the device that a config has on a port.

    A config that is not there or has mistakes has none: ports are looked at while it is written.
    """
    try:
        site = load_site(config_path, os.environ)
    except ConfigError:
        return None, None
    real = os.path.realpath(port)
    for device in site.config.devices:
        if device.port is not None and os.path.realpath(device.port) == real:
            return site, device
    return site, None


def choose_profile(
    profiles: Mapping[str, Profile], name: str, facts: SiteFacts, *, needed: tuple[str, ...] = ()
) -> Profile:
    """Return a profile as it holds with what the command line says of the unit.

    Of what the profile leaves open, ``needed`` must be said. Raises UsageError.
    """
    profile = profiles.get(name)
    if profile is None:
        raise UsageError(no_such_profile(name, profiles))
    for key, why in misfits(profile, facts):
        missing = key in profile.open_questions and getattr(facts, key) is None
        if not missing or key in needed:
            raise UsageError(f"--{key.replace('_', '-')}: {why}")
    return with_site_facts(profile, facts)


def no_such_profile(name: str, profiles: Iterable[str]) -> str:
    """Return what to say of a name that no profile has."""
    near = difflib.get_close_matches(name, profiles, n=1)
    hint = f'did you mean "{near[0]}"?' if near else "`dynod devices list` shows all"
    return f"no profile {name}; {hint}"


def needed_to_speak(profile: Profile) -> tuple[str, ...]:
    """Return the facts without which nothing can be said to a device, or asked of it in time."""
    return ("baudrate", "rate_hz") if isinstance(profile.dialogue, Polled) else ("baudrate",)


def line_of(profile: Profile) -> LineSettings:
    """Return how the line of a profile is set; its baud rate must be known."""
    line = profile.serial
    if line.baudrate is None:
        raise UsageError(f"--baudrate: {profile.key} does not say it; give that of the unit")
    return LineSettings(line.baudrate, line.bytesize, line.parity, line.stopbits)


def _device(site: Site, device_id: str) -> DeviceConfig:
    devices = {device.id: device for device in site.config.devices}
    if device_id not in devices:
        what = unknown(device_id, devices, "device")
        raise UsageError(f"{site.path}: no device {device_id}: {what}")
    return devices[device_id]


def _profile(
    config_path: Path, wanted: Wanted, site: Site | None, device: DeviceConfig | None
) -> Profile | None:
    """Return the profile that was named, or that of the config's device; None without either."""
    name = wanted.profile or (None if device is None else device.profile)
    if name is None:
        return None
    profiles = load_profiles(config_path.parent) if site is None else site.profiles
    facts = wanted.facts
    if device is not None and name == device.profile:
        facts = merged(facts_of(device), facts)
    known = profiles.get(name)
    needed = () if known is None else needed_to_speak(known)
    return choose_profile(profiles, name, facts, needed=needed)


def merged(said: SiteFacts, newer: SiteFacts) -> SiteFacts:
    """Return facts of which the newer win, where they say anything."""
    given = {field.name: getattr(newer, field.name) for field in fields(newer)}
    return replace(said, **{key: value for key, value in given.items() if value is not None})


# -- the daemon's part ---------------------------------------------------------------------


@contextmanager
def borrowed(config_path: Path, unit: Unit) -> Iterator[bool]:
    """Have a running daemon let go of the unit's port; it takes it back when the block ends.

    Yields whether there was a daemon that had it. Raises DeviceError when it keeps it.
    """
    client = _daemon(config_path)
    if client is None:
        yield False
        return
    with client:
        named = unit.device_id is not None and client.lease("device", unit.device_id)
        yield named or client.lease("port", unit.path)


def _daemon(config_path: Path) -> ControlClient | None:
    try:
        socket = load_config(config_path, os.environ).control.socket
    except ConfigError:
        socket = ControlConfig().socket  # the daemon may still run by what the config was
    try:
        return ControlClient(socket)
    except DaemonNotRunningError:
        return None


# -- on the open port ----------------------------------------------------------------------


def open_link(path: str, line: LineSettings) -> Link:
    """Open a port for the running loop; the link is an async context manager."""
    return Link(SerialPort(path, line))


@contextmanager
def until_told(link: Link) -> Iterator[asyncio.Event]:
    """Take Ctrl-C and SIGTERM as a request to end in good order; the event says that it came."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        stopping.set()
        link.wake()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield stopping
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def converse(
    link: Link,
    profile: Profile,
    take: Callable[[Decoded, float], None],
    *,
    seconds: float | None,
    stopping: asyncio.Event,
    tape: Tape | None = None,
) -> str | None:
    """Speak with a device until it has streamed for ``seconds`` (None: until told to stop).

    ``take`` hears what is decoded while it streams, with its arrival in monotonic s. Returns what
    the device called itself. Raises DeviceError when the dialogue fails or the stream stalls.
    """
    # A reading that is sent by hand is not half over when the port is opened.
    decoder = Decoder(profile, aligned=profile.single_reading)
    conversation = Conversation(link, profile, decoder, tape)
    end_s: float | None = None
    try:
        conversation.begin()
        while not stopping.is_set():
            decoded, at_s = await conversation.next()
            if conversation.phase is not DialoguePhase.STREAMING:
                continue
            take(decoded, at_s)
            if end_s is None and seconds is not None:
                end_s = time.monotonic() + seconds
                asyncio.get_running_loop().call_later(seconds, link.wake)
            if end_s is not None and time.monotonic() >= end_s - _EARLY_S:
                break
    finally:
        with suppress(PortGoneError):
            await conversation.farewell()
    return conversation.identified
