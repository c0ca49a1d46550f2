"""``dynod devices list``."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from dynod.cli.output import console, print_json, say
from dynod.cli.port_session import check_config_named, show
from dynod.config.captures import capture_origins
from dynod.config.profiles import load_profiles, profile_folders
from dynod.daemon.ports import PortInfo, find_ports
from dynod.model.clinical import Kind
from dynod.wire.profile import Polled, Profile

_SLOW_TIMER_MS = 2
_KINDS = {Kind.FORCE: "DYNAMOMETERS", Kind.ANGLE: "INCLINOMETERS"}


def run_list(config_path: Path, *, as_json: bool) -> None:
    """List ports and profiles; a config that was named must be there."""
    check_config_named(config_path)
    profiles = load_profiles(config_path.parent)
    ports = find_ports()
    proofs = _proofs(config_path)
    twins = _twins(ports)
    if as_json:
        print_json(
            {
                "ports": [_port(port, profiles, twins) for port in ports],
                "profiles": [_profile(profile, proofs) for profile in profiles.values()],
            }
        )
        return
    if not ports:
        say("no serial port on this machine")
    for port in ports:
        for line in _port_lines(port, profiles, twins):
            show(line)
    for line, is_heading in _profile_lines(profiles, proofs):
        console.print(line, markup=False, soft_wrap=True, style=None if is_heading else "bold")
    show("\na variant is called name/variant; unsure? `dynod devices probe PORT` finds the profile")


# -- ports ---------------------------------------------------------------------------------


def _port_lines(
    port: PortInfo, profiles: Mapping[str, Profile], twins: Mapping[str, list[str]]
) -> Iterator[str]:
    identity = _usb(port)
    if identity is None:
        yield f"{port.path}  {port.description}, not USB"
        return
    maker = " ".join(dict.fromkeys(text for text in (port.manufacturer, port.product) if text))
    serial = f", serial {port.serial_number}" if port.serial_number else ", no serial number"
    yield f"{port.path}  {maker or port.description} ({identity}{serial})"
    for name, text in (
        ("port", port.by_id or port.by_path or ""),
        ("driver", _driver(port)),
        ("fits", ", ".join(_fits(port, profiles)) or "any: no profile names this USB identity"),
        ("beware", _beware(port, twins)),
    ):
        if text:
            yield f"    {name:<7} {text}"


def _driver(port: PortInfo) -> str:
    timer = port.latency_timer_ms
    if timer is None:
        return port.driver or ""
    slow = ", which dynod lowers while it has the port" if timer >= _SLOW_TIMER_MS else ""
    return f"{port.driver}; passes bytes on after {timer} ms{slow}"


def _beware(port: PortInfo, twins: Mapping[str, list[str]]) -> str:
    others = [path for path in twins.get(port.serial_number or "", []) if path != port.path]
    if not others:
        return ""
    stable = f", for instance {port.by_path}" if port.by_path else ""
    return f"{' and '.join(others)} has the same serial number: name the port{stable}"


def _twins(ports: Sequence[PortInfo]) -> dict[str, list[str]]:
    """Return the paths of ports by serial number, where two or more have the same."""
    counts = Counter(port.serial_number for port in ports if port.serial_number is not None)
    return {
        serial: [port.path for port in ports if port.serial_number == serial]
        for serial, count in counts.items()
        if count > 1
    }


def _usb(port: PortInfo) -> str | None:
    return None if port.vendor_id is None else f"{port.vendor_id:04x}:{port.product_id or 0:04x}"


def _fits(port: PortInfo, profiles: Mapping[str, Profile]) -> list[str]:
    identity = (port.vendor_id, port.product_id)
    return [
        profile.key
        for profile in profiles.values()
        if any((match.vendor_id, match.product_id) == identity for match in profile.usb)
    ]


def _port(
    port: PortInfo, profiles: Mapping[str, Profile], twins: Mapping[str, list[str]]
) -> dict[str, object]:
    same = [path for path in twins.get(port.serial_number or "", []) if path != port.path]
    return {
        **asdict(port),
        "usb": _usb(port),
        "same_serial_number": same,
        "fits": _fits(port, profiles),
    }


# -- profiles ------------------------------------------------------------------------------


def _profile_lines(
    profiles: Mapping[str, Profile], proofs: Mapping[str, str]
) -> Iterator[tuple[str, bool]]:
    """Yield lines, and whether each is a heading: by kind, and by device model with variants."""
    width = max(len(_name(profile)) for profile in profiles.values())
    for kind in Kind:
        yield f"\n{_KINDS[kind]:<{width}}  rate     button   dynod.toml must say", False
        for profile in profiles.values():
            if profile.kind is not kind:
                continue
            if profile.variant is None:
                yield _model(profile, proofs[profile.name]), True
            said = ", ".join(profile.open_questions)
            columns = f"{_name(profile):<{width}}  {_rate(profile):<7}  {_button(profile):<7}"
            yield f"{columns}  {said}".rstrip(), False


def _model(profile: Profile, proof: str) -> str:
    facts = [proof, "never on hardware" if profile.hardware == "never" else "ran on hardware"]
    if profile.experimental:
        facts.append("experimental")
    return f"{profile.title} ({', '.join(facts)})"


def _name(profile: Profile) -> str:
    return profile.name if profile.variant is None else f" /{profile.variant}"


def _rate(profile: Profile) -> str:
    if profile.single_reading:
        return "by hand"
    if profile.rate_hz is None:
        return "-"
    asked = "≤" if isinstance(profile.dialogue, Polled) else ""
    return f"{asked}{profile.rate_hz:g} Hz"


def _button(profile: Profile) -> str:
    if profile.single_reading:
        return "its key"
    return "yes" if profile.has_button else "no"


def _proofs(config_path: Path) -> dict[str, str]:
    """Return for each device model whether a capture proves it that no simulator made."""
    return {
        name: "proven" if {*capture_origins(folder)} - {"simulated"} else "unproven"
        for name, folder in profile_folders(config_path.parent).items()
    }


def _profile(profile: Profile, proofs: Mapping[str, str]) -> dict[str, object]:
    serial = profile.serial
    return {
        "name": profile.key,
        "title": profile.title,
        "kind": profile.kind.value,
        "channels": list(profile.channels),
        "unit": None if profile.unit is None else profile.unit.value,
        "rate_hz": profile.rate_hz,
        "speaks": profile.dialogue.kind,
        "baudrate": serial.baudrate,
        "line": f"{serial.bytesize}{serial.parity}{serial.stopbits}",
        "has_button": profile.has_button,
        "reports_release": profile.reports_release,
        "single_reading": profile.single_reading,
        "open_questions": list(profile.open_questions),
        "proof": proofs[profile.name],
        "hardware": profile.hardware,
        "experimental": profile.experimental,
        "can_be_configured": profile.setup is not None,
    }
