"""A scripted patient: force and angle as functions of time.

Rises and falls are raised cosines, so that a low-pass has nothing to overshoot at; noise is
seeded, so that a simulation can be repeated.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

TimeCurve = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Ramp:
    """From one level to another, beginning at ``start_s`` and lasting ``rise_s``."""

    start_s: float
    rise_s: float
    level: float


class Patient:
    """A level that moves along ramps, with tremor while it is held and noise always."""

    def __init__(
        self,
        *,
        resting: float = 0.0,
        noise: float = 0.0,
        tremor: float = 0.0,
        tremor_hz: float = 9.0,
        seed: int = 0,
    ) -> None:
        self._resting = resting
        self._noise = noise
        self._tremor = tremor
        self._tremor_hz = tremor_hz
        self._random = random.Random(seed)  # noqa: S311 - a signal's noise, no secret
        self._ramps: list[Ramp] = []
        self._trembles = True

    def move(self, start_s: float, rise_s: float, level: float) -> None:
        """Go to a level, beginning at a time not before that of the last move."""
        self._ramps.append(Ramp(start_s, rise_s, level))

    def place(self, start_s: float, level: float, rise_s: float = 0.5) -> None:
        """Rest at a level without tremor, as under a weight; what was still to come is forgotten.

        ``start_s`` is the present.
        """
        begun = [ramp for ramp in self._ramps if ramp.start_s <= start_s]
        self._ramps = [*begun, Ramp(start_s, rise_s, level)]
        self._trembles = False

    def pull(self, start_s: float, peak: float, hold_s: float, rise_s: float = 0.3) -> float:
        """Pull to a peak, hold it, let go; return the time at which it is over."""
        self.move(start_s, rise_s, peak)
        release_s = start_s + rise_s + hold_s
        self.move(release_s, rise_s, self._resting)
        return release_s + rise_s

    def level(self, t_s: float) -> float:
        """Return the intended level at a time, without tremor and noise."""
        level = self._resting
        for ramp in self._ramps:
            if t_s <= ramp.start_s:
                break
            share = min((t_s - ramp.start_s) / ramp.rise_s, 1.0)
            level += (ramp.level - level) * 0.5 * (1.0 - math.cos(math.pi * share))
        return level

    def __call__(self, t_s: float) -> float:
        """Return what a sensor feels at a time."""
        level = self.level(t_s)
        effort = self._trembles and abs(level - self._resting) > 1.0
        shake = self._tremor * math.sin(2.0 * math.pi * self._tremor_hz * t_s) if effort else 0.0
        return level + shake + self._random.gauss(0.0, self._noise)
