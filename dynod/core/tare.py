"""The tare: what the device shows when nobody pushes.

The core alone owns it (docs/design.md, section 3, rule 10).
"""

from dataclasses import dataclass

import numpy as np

from dynod.core.settings import AnalysisSettings
from dynod.core.stillness import still_windows
from dynod.model.samples import FloatArray


@dataclass(frozen=True, slots=True)
class TareOutcome:
    """A tare in newtons, or the reason in plain words why there is none."""

    tare_n: float | None
    problem: str | None = None


def find_tare(t_s: FloatArray, newtons: FloatArray, settings: AnalysisSettings) -> float | None:
    """Return the tare of a pre-roll, in newtons, or None when no half second of it is quiet.

    The median of the whole pre-roll when that is quiet; otherwise of its lowest quiet half
    second, because whoever leans on the pad before the pull can only raise the reading.
    """
    if len(t_s) < 2 or not np.all(np.isfinite(newtons)):
        return None
    quiet = still_windows(t_s, newtons, settings.quiet_s, settings.quiet_sd_n)
    if not quiet:
        return None
    if float(np.std(newtons)) <= settings.quiet_sd_n:
        return float(np.median(newtons))
    return min(float(np.median(newtons[first:stop])) for first, stop in quiet)


def quiet_second(t_s: FloatArray, newtons: FloatArray, settings: AnalysisSettings) -> TareOutcome:
    """Return the tare of one quiet second for the ``tare`` command.

    ``t_s``, ``newtons``: the stream's last second.
    """
    if len(t_s) < 2 or t_s[-1] - t_s[0] < 1.0 - 2.0 * float(np.median(np.diff(t_s))):
        return TareOutcome(None, "less than one second of data yet; try again")
    if not np.all(np.isfinite(newtons)):
        return TareOutcome(None, "the device reports overload; take the load off")
    deviation = float(np.std(newtons))
    if deviation > settings.quiet_sd_n:
        return TareOutcome(None, "the reading is not quiet; leave the device alone for a second")
    tare_n = float(np.median(newtons))
    if abs(tare_n) > settings.tare_limit_n:
        return TareOutcome(None, "somebody is pushing; take the load off and try again")
    return TareOutcome(tare_n)
