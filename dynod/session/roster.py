"""Which device a trial is recorded with."""

from collections.abc import Sequence
from dataclasses import dataclass

from dynod.model.clinical import Kind
from dynod.model.device import DeviceIdentity, Role
from dynod.session.replies import ErrorCode, Refused


@dataclass(frozen=True, slots=True)
class StationDevice:
    """A configured device as the workflow sees it at the time of an input.

    ``single_reading``: it sends a reading when its own key is pressed, and nothing else.
    """

    identity: DeviceIdentity
    streaming: bool
    has_button: bool = False
    role: Role = Role.LIMB
    single_reading: bool = False

    def measures(self, kind: Kind) -> bool:
        """Tell whether trials of a kind are recorded with this device."""
        return self.identity.kind is kind and self.role is Role.LIMB


def pick_device(
    devices: Sequence[StationDevice],
    kind: Kind,
    *,
    pressed: str | None = None,
    named: str | None = None,
) -> StationDevice:
    """Return the device for a trial of a kind; raises Refused when there is not exactly one.

    ``pressed`` is the device whose button was pressed, ``named`` the one that a command names.
    """
    if named is not None:
        return _named(devices, kind, named)
    fitting = [device for device in devices if device.measures(kind) and device.streaming]
    for device in fitting:
        if device.identity.device_id == pressed:
            return device
    if len(fitting) > 1:
        raise Refused(ErrorCode.AMBIGUOUS_DEVICE, f"several {kind} devices are streaming: name one")
    if not fitting:
        raise Refused(ErrorCode.DEVICE_UNAVAILABLE, f"no {kind} device is streaming")
    return fitting[0]


def _named(devices: Sequence[StationDevice], kind: Kind, named: str) -> StationDevice:
    for device in devices:
        if device.identity.device_id != named:
            continue
        if not device.measures(kind):
            raise Refused(
                ErrorCode.INVALID_VALUE, f"this device does not measure {kind} trials", "device"
            )
        if not device.streaming:
            raise Refused(ErrorCode.DEVICE_UNAVAILABLE, "this device is not streaming", "device")
        return device
    raise Refused(ErrorCode.NOT_FOUND, "no device of this id", "device")
