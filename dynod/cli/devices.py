"""``dynod devices list``."""

from pathlib import Path

from rich.table import Table

from dynod.cli.output import console, print_json, say
from dynod.config.captures import capture_origins
from dynod.config.paths import DEFAULT_CONFIG
from dynod.config.profiles import load_profiles, profile_folders
from dynod.daemon.ports import PortInfo, find_ports
from dynod.model.errors import ConfigError
from dynod.wire.profile import Profile


def run_list(config_path: Path, *, as_json: bool) -> None:
    """List ports and profiles; a config that was named must be there."""
    if config_path != DEFAULT_CONFIG and not config_path.is_file():
        raise ConfigError(f"{config_path}: no such file; without --config the own profiles count")
    profiles = load_profiles(config_path.parent)
    ports = find_ports()
    folders = profile_folders(config_path.parent)
    known = [_profile(profile, folders[name]) for name, profile in profiles.items()]
    if as_json:
        print_json({"ports": [_port(port, profiles) for port in ports], "profiles": known})
        return
    if not ports:
        say("no serial port on this machine")
    for port in ports:
        facts = _port(port, profiles)
        fits = ", ".join(_fits(port, profiles)) or "no profile names this USB identity"
        say(f"{port.path}  {port.description}  {facts['usb'] or 'not USB'}  {fits}")
    table = Table(box=None, pad_edge=False)
    for heading in ("profile", "device", "measures", "rate", "button", "proof", "ran on hardware"):
        table.add_column(heading, no_wrap=heading == "profile")
    for item in known:
        table.add_row(
            str(item["name"]),
            str(item["title"]),
            str(item["kind"]),
            f"{item['rate_hz']:g} Hz",
            "yes" if item["has_button"] else "no",
            str(item["proof"]),
            str(item["hardware"]),
        )
    console.print(table)


def _profile(profile: Profile, folder: Path) -> dict[str, object]:
    proven = any(origin != "simulated" for origin in capture_origins(folder))
    return {
        "name": profile.name,
        "title": profile.title,
        "kind": profile.kind.value,
        "rate_hz": profile.rate_hz,
        "has_button": profile.has_button,
        "proof": "proven" if proven else "unproven",
        "hardware": profile.hardware,
    }


def _port(port: PortInfo, profiles: dict[str, Profile]) -> dict[str, object]:
    usb = None if port.vendor_id is None else f"{port.vendor_id:04x}:{port.product_id or 0:04x}"
    return {
        "path": port.path,
        "description": port.description,
        "usb": usb,
        "serial_number": port.serial_number,
        "fits": _fits(port, profiles),
    }


def _fits(port: PortInfo, profiles: dict[str, Profile]) -> list[str]:
    identity = (port.vendor_id, port.product_id)
    return [
        profile.name
        for profile in profiles.values()
        if any((match.vendor_id, match.product_id) == identity for match in profile.usb)
    ]
