"""When a reading is steady, and what it is: the mean of a window that stayed quiet.

Told samples as they come, it knows no clock. Numbers are the device's own, whatever their unit.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dynod.model.samples import FloatArray

FEWEST = 3
_PART_S = 0.5  # a window that had been quiet for so long and then breaks off was disturbed
_LATEST_S = 0.25
_GAP_S = 1.0


@dataclass(frozen=True, slots=True)
class SteadyRules:
    """What counts as steady.

    Nothing counts for ``settle_s`` after the beginning; then the standard deviation of
    ``window_s`` seconds must stay at or below ``quiet_sd``, in the device's own numbers. A window
    of 0 s takes the first reading that comes: that of a gauge which sends one at a press of its
    key.
    """

    settle_s: float
    window_s: float
    quiet_sd: float


@dataclass(frozen=True, slots=True)
class Steady:
    """A steady reading: ``mean`` and ``sd`` of ``count`` device numbers, in stream time."""

    mean: float
    sd: float
    count: int
    begin_s: float
    end_s: float


class SteadyReading:
    """Waits for one steady reading. ``disturbed`` counts windows that had begun and broke off."""

    def __init__(self, rules: SteadyRules) -> None:
        self.disturbed = 0
        self._rules = rules
        self._t_s: FloatArray = np.empty(0)
        self._values: FloatArray = np.empty(0)
        self._since_s: float | None = None
        self._quiet_s = 0.0

    @property
    def settling(self) -> bool:
        """Whether samples do not count yet."""
        if self._since_s is None:
            return True
        return not len(self._t_s) or self._t_s[-1] < self._since_s + self._rules.settle_s

    @property
    def progress(self) -> float:
        """How much of the window is quiet, 0 to 1."""
        return min(1.0, self._quiet_s / self._rules.window_s) if self._rules.window_s else 0.0

    @property
    def latest(self) -> float | None:
        """The mean of the last quarter of a second, the device's own number; None before any."""
        if not len(self._t_s):
            return None
        return float(self._values[self._t_s > self._t_s[-1] - _LATEST_S].mean())

    def restart(self) -> None:
        """Forget what came, and settle anew."""
        self._t_s, self._values = np.empty(0), np.empty(0)
        self._since_s, self._quiet_s = None, 0.0

    def feed(self, t_s: FloatArray, values: FloatArray) -> Steady | None:
        """Take samples, (n,) s of stream time and (n,) device numbers; return the steady reading.

        A number that is not finite (an overload), a gap of a second and a time that steps back
        begin anew.
        """
        for first, last in _pieces(t_s, values):
            if first and self._since_s is not None:
                self._broken()
            self._append(t_s[first:last], values[first:last])
        if len(values) and not math.isfinite(values[-1]):
            self._broken()
        return self._judge()

    def _append(self, t_s: FloatArray, values: FloatArray) -> None:
        if not len(t_s):
            return
        if len(self._t_s) and not 0.0 <= t_s[0] - self._t_s[-1] <= _GAP_S:
            self._broken()
        if self._since_s is None:
            self._since_s = float(t_s[0])
        self._t_s = np.append(self._t_s, t_s)
        self._values = np.append(self._values, values)
        # one sample more than the window, so that the window can be full
        low = int(np.searchsorted(self._t_s, self._t_s[-1] - self._rules.window_s, side="right"))
        low = max(0, min(low - 1, len(self._t_s) - FEWEST))
        self._t_s, self._values = self._t_s[low:], self._values[low:]

    def _broken(self) -> None:
        self._note(0.0)
        self.restart()

    def _judge(self) -> Steady | None:
        if self._since_s is None or self.settling:
            return None
        if self._rules.window_s == 0.0:
            return self._result(len(self._t_s) - 1)
        counts = self._t_s >= self._since_s + self._rules.settle_s
        first = self._quiet_from(int(np.argmax(counts)))
        self._note(float(self._t_s[-1] - self._t_s[first]))
        enough = len(self._t_s) - first >= FEWEST
        return self._result(first) if enough and self._quiet_s >= self._rules.window_s else None

    def _quiet_from(self, lowest: int) -> int:
        """Return where the longest quiet end of the samples begins, not before ``lowest``."""
        backwards = self._values[lowest:][::-1] - self._values[-1]
        counts = np.arange(1, len(backwards) + 1)
        means = np.cumsum(backwards) / counts
        variances = np.maximum(np.cumsum(backwards**2) / counts - means**2, 0.0)
        loud = np.flatnonzero(variances > self._rules.quiet_sd**2)
        quiet = int(loud[0]) if len(loud) else len(backwards)
        return len(self._values) - quiet

    def _note(self, quiet_s: float) -> None:
        begun_s = min(_PART_S, 0.5 * self._rules.window_s)
        if self._quiet_s >= begun_s > 0.0 and quiet_s < 0.5 * self._quiet_s:
            self.disturbed += 1
        self._quiet_s = quiet_s

    def _result(self, first: int) -> Steady:
        values = self._values[first:]
        apart = values - values[0]  # equal numbers have no scatter by rounding
        return Steady(
            mean=float(values[0] + apart.mean()),
            sd=float(apart.std(ddof=1)) if len(values) > 1 else 0.0,
            count=len(values),
            begin_s=float(self._t_s[first]),
            end_s=float(self._t_s[-1]),
        )


def _pieces(t_s: FloatArray, values: FloatArray) -> list[tuple[int, int]]:
    """Return the stretches of finite numbers without a gap, as (first, last + 1)."""
    good = np.isfinite(values)
    steps = np.diff(t_s)
    joined = good[1:] & good[:-1] & (steps >= 0.0) & (steps <= _GAP_S)
    edges = np.flatnonzero(~joined) + 1
    bounds = [0, *(int(edge) for edge in edges), len(values)]
    return [(low, high) for low, high in pairwise(bounds) if high > low and good[low]]
