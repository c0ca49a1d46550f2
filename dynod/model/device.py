"""A device as the rest of the house sees it."""

from dataclasses import dataclass
from enum import StrEnum

from dynod.model.clinical import Kind


class DeviceState(StrEnum):
    """Where a device is in its life-cycle."""

    ABSENT = "absent"
    OPENING = "opening"
    IDENTIFYING = "identifying"
    STREAMING = "streaming"
    STALE = "stale"
    LEASED = "leased"


class Trigger(StrEnum):
    """What begins a force recording."""

    BUTTON = "button"
    ONSET = "onset"


class Role(StrEnum):
    """What an inclinometer is strapped to."""

    LIMB = "limb"
    PELVIS = "pelvis"


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Which unit measured."""

    device_id: str
    profile: str
    kind: Kind
    serial_number: str | None = None
