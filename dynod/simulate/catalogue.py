"""Which simulator speaks for which profile."""

from dynod.model.errors import UsageError
from dynod.simulate.chronojump import ChronojumpFirmware
from dynod.simulate.device import DeviceOptions, ProfileDevice
from dynod.simulate.firmware import Firmware
from dynod.simulate.patient import TimeCurve
from dynod.simulate.witmotion import WitMotionFirmware
from dynod.wire.profile import Profile


def make_firmware(
    profile: Profile,
    curve: TimeCurve,
    options: DeviceOptions | None = None,
    *,
    axis: str | None = None,
) -> Firmware:
    """Return a simulated device of a profile.

    Two devices have a simulator of their own, with the quirks of their firmware; ``options`` ask
    for the common one. Raises UsageError for a profile that does not say how to simulate it.
    """
    if options is None and axis is None:
        if profile.key == "chronojump_force_sensor":
            return ChronojumpFirmware(curve)
        if profile.key == "witmotion_wt901":
            return WitMotionFirmware(curve, profile.rate_hz or 10.0)
    if axis is not None and axis not in profile.channels:
        raise UsageError(f"{profile.key} has no channel {axis}: {', '.join(profile.channels)}")
    try:
        return ProfileDevice(profile, curve, options, axis=axis)
    except ValueError as error:
        raise UsageError(f"no simulator: {error}") from error
