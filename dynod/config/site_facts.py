"""What a site says of a unit beyond its profile: what no source gives, or how the unit is set."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from dynod.model.clinical import Kind
from dynod.model.units import Unit
from dynod.wire.framing import LengthPrefixed
from dynod.wire.profile import Profile

_HOW = {
    "baudrate": "as set in the device's menu, or as its manual says",
    "unit": "the unit that the device shows, as a UCUM code",
    "push_sign": "1 when pushing reads as positive, else -1; push once and look",
    "rate_hz": "samples a second; `dynod devices diagnose` measures it",
}


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """Facts about one unit; None where the profile's own hold. ``address`` is bytes in hex."""

    baudrate: int | None = None
    unit: Unit | None = None
    push_sign: Literal[1, -1] | None = None
    rate_hz: float | None = None
    address: str | None = None


def with_site_facts(profile: Profile, facts: SiteFacts) -> Profile:
    """Return the profile as it holds for one unit. The facts must fit (`misfits`)."""
    changes: dict[str, Any] = {
        key: getattr(facts, key)
        for key in ("unit", "push_sign", "rate_hz")
        if getattr(facts, key) is not None
    }
    if facts.baudrate is not None:
        changes["serial"] = profile.serial.model_copy(update={"baudrate": facts.baudrate})
    if facts.address is not None:
        address = tuple(bytes.fromhex(facts.address))
        changes["framing"] = profile.framing.model_copy(update={"address": address})
    return profile.model_copy(update=changes) if changes else profile


def misfits(profile: Profile, facts: SiteFacts) -> Iterator[tuple[str, str]]:
    """Yield key and reason for what is missing, and for what the profile does not take."""
    for key in profile.open_questions:
        if getattr(facts, key) is None:
            yield key, f"missing: no public source says it for {profile.key}; give {_HOW[key]}"
    if facts.unit is not None and profile.unit is not None:
        yield "unit", f"{profile.key} knows its unit ({profile.unit.value}); leave this out"
    elif facts.unit is not None and facts.unit not in _units_of(profile.kind):
        yield "unit", f"is no unit of {profile.kind.value}"
    if facts.push_sign is not None and profile.kind is not Kind.FORCE:
        yield "push_sign", "is for forces; for an inclinometer use mount_sign"
    yield from _address_misfits(profile, facts.address)


def _address_misfits(profile: Profile, address: str | None) -> Iterator[tuple[str, str]]:
    if address is None:
        return
    if not isinstance(profile.framing, LengthPrefixed):
        yield "address", f"{profile.key} has no addresses"
    elif len(bytes.fromhex(address)) != len(profile.framing.address):
        yield "address", f"{profile.key} has addresses of {len(profile.framing.address)} bytes"


def _units_of(kind: Kind) -> set[Unit]:
    angles = {Unit.DEGREE, Unit.RADIAN}
    return angles if kind is Kind.ANGLE else set(Unit) - angles
