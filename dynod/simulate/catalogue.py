"""Which simulator speaks for which profile."""

from collections.abc import Callable

from dynod.model.errors import UsageError
from dynod.simulate.chronojump import ChronojumpFirmware
from dynod.simulate.firmware import Firmware
from dynod.simulate.patient import TimeCurve
from dynod.simulate.witmotion import WitMotionFirmware

FIRMWARE: dict[str, Callable[[TimeCurve], Firmware]] = {
    "chronojump_force_sensor": ChronojumpFirmware,
    "witmotion_wt901": WitMotionFirmware,
}


def make_firmware(profile: str, curve: TimeCurve) -> Firmware:
    """Return a simulated device; raises UsageError that names those there are."""
    make = FIRMWARE.get(profile)
    if make is None:
        raise UsageError(f"no simulator for {profile}; there are {', '.join(sorted(FIRMWARE))}")
    return make(curve)
