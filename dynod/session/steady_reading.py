"""A steady reading: the mean of a stretch of samples that stayed quiet.

Calibration reads what does not move: a weight that hangs still, a pose. Samples go in as they
come; a reading comes out once a whole window of them was quiet. What moves begins the window anew.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dynod.model.samples import FloatArray, SampleBlock

_JUMP = 4.0  # so many allowed standard deviations off its stretch, a sample is no part of it
_BEGUN = 0.3  # of a window; a stretch that broke later was disturbed
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class Quiet:
    """What counts as steady, in the device's own number.

    ``window_s`` seconds, in which the standard deviation is at most ``sd`` and the mean of the
    second half is no further than that from that of the first. A window of 0 takes each sample as
    a reading: of a device whose readings are sent by hand.
    """

    window_s: float
    sd: float


@dataclass(frozen=True, slots=True)
class Steady:
    """A reading: the mean of every channel, the standard deviation of the one that was watched."""

    means: Mapping[str, float]
    sd: float
    samples: int
    seconds: float


class SteadyReading:
    """Watches one channel of a stream until it was quiet for long enough.

    ``disturbed`` counts how often a stretch broke that was well under way, ``unusable`` the samples
    that were no measurement.
    """

    def __init__(self, channel: str, quiet: Quiet) -> None:
        self.disturbed = 0
        self.unusable = 0
        self._channel = channel
        self._quiet = quiet
        self._times: list[float] = []
        self._rows: list[FloatArray] = []
        self._sum = 0.0
        self._segment: int | None = None
        self._column = 0

    @property
    def share(self) -> float:
        """How much of the window is there, from 0 to 1."""
        if not self._times or self._quiet.window_s == 0.0:
            return 0.0
        return min((self._times[-1] - self._times[0]) / self._quiet.window_s, 1.0)

    @property
    def level(self) -> float | None:
        """The mean of the stretch so far, in the device's own number; None before any sample."""
        return self._sum / len(self._rows) if self._rows else None

    def feed(self, block: SampleBlock) -> Steady | None:
        """Take samples; return the reading that they completed. What follows it is left out."""
        if block.segment != self._segment:
            self._begin_anew()
            self._segment = block.segment
        self._column = block.channels.index(self._channel)
        for t_s, row, status in zip(block.t_s, block.values, block.status, strict=True):
            if status or not math.isfinite(row[self._column]):
                self.unusable += 1
                self._begin_anew()
                continue
            steady = self._sample(float(t_s), row, block.channels)
            if steady is not None:
                return steady
        return None

    def _sample(self, t_s: float, row: FloatArray, channels: tuple[str, ...]) -> Steady | None:
        value = float(row[self._column])
        level = self.level
        if level is not None and abs(value - level) > _JUMP * self._quiet.sd:
            self._begin_anew()
        self._times.append(t_s)
        self._rows.append(row)
        self._sum += value
        if self._quiet.window_s > 0.0 and (self.share < 1.0 or len(self._rows) < _FEWEST):
            return None
        return self._judge(channels)

    def _judge(self, channels: tuple[str, ...]) -> Steady | None:
        """Return the reading of a full window; one that drifts or scatters loses its first half."""
        rows = np.array(self._rows)
        watched = rows[:, self._column]
        half = len(watched) // 2
        scatter = float(watched.std(ddof=1)) if half else 0.0
        drift = abs(float(watched[half:].mean() - watched[:half].mean())) if half else 0.0
        if max(scatter, drift) > self._quiet.sd:
            del self._times[:half], self._rows[:half]
            self._sum = float(watched[half:].sum())
            return None
        means = dict(zip(channels, map(float, rows.mean(axis=0)), strict=True))
        return Steady(means, scatter, len(rows), self._times[-1] - self._times[0])

    def _begin_anew(self) -> None:
        if self.share >= _BEGUN:
            self.disturbed += 1
        self._times.clear()
        self._rows.clear()
        self._sum = 0.0
