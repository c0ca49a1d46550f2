"""Site facts from the options of a command line."""

import re
from typing import Literal

from dynod.config.site_facts import SiteFacts
from dynod.model.errors import UsageError
from dynod.model.units import Unit

_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}( [0-9A-Fa-f]{2}){0,3}")


def site_facts(
    unit: Unit | None = None,
    push_sign: int | None = None,
    rate_hz: float | None = None,
    baudrate: int | None = None,
    address: str | None = None,
) -> SiteFacts:
    """Return what the options say of a unit; raises UsageError."""
    if push_sign == 0:
        raise UsageError("--push-sign is 1 or -1")
    if address is not None and _ADDRESS.fullmatch(address) is None:
        raise UsageError("--address is one to four bytes in hex, as '00 00 00 01'")
    sign: Literal[1, -1] | None = None
    if push_sign is not None:
        sign = 1 if push_sign > 0 else -1
    return SiteFacts(baudrate=baudrate, unit=unit, push_sign=sign, rate_hz=rate_hz, address=address)
