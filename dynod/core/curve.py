"""From a signal to a tared curve on an even grid: resampled where needed, without lone spikes."""

from dataclasses import dataclass

import numpy as np

from dynod.core.even import BoolArray, IntArray, running_area
from dynod.core.filters import can_lowpass, zero_lag_lowpass_rows
from dynod.core.settings import AnalysisSettings
from dynod.core.spikes import glitches, hampel
from dynod.model.samples import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Tared force curves with their pre-rolls, (m, n) each; ``first`` and ``rate_hz`` are (m,).

    ``force_n`` is free of lone spikes, ``smooth_n`` low-passed besides (the same where the rate
    does not allow the filter), ``area`` the running area of ``force_n`` in N × samples. ``first``
    is the index of the first sample of the recording proper, which ``during`` marks; ``spikes`` and
    the smaller ``glitches`` mark what was replaced. A position p stands for the time p / rate_hz
    after the first sample.
    """

    force_n: FloatArray
    smooth_n: FloatArray
    area: FloatArray
    first: IntArray
    during: BoolArray
    rate_hz: FloatArray
    filtered: BoolArray
    spikes: BoolArray
    glitches: BoolArray

    @property
    def last(self) -> int:
        """Index of the last sample."""
        return int(self.force_n.shape[1]) - 1

    @property
    def rows(self) -> IntArray:
        """The index of each curve, (m,)."""
        return np.arange(len(self.first))


def make_curves(
    tared_n: FloatArray, first: IntArray, rate_hz: FloatArray, settings: AnalysisSettings
) -> Curves:
    """Return the curves of recordings of one length; ``tared_n`` (m, n) on an even grid.

    At least one sample of each must belong to the recording proper, and every rate be a number.
    """
    clean, spikes = hampel(tared_n, settings)
    clean, small = glitches(clean, rate_hz, settings)
    filtered = can_lowpass(rate_hz, settings.lowpass_hz)
    if np.all(filtered):
        smooth = zero_lag_lowpass_rows(clean, rate_hz, settings.lowpass_hz)
    else:
        smooth = clean.copy()
        smooth[filtered] = zero_lag_lowpass_rows(
            clean[filtered], rate_hz[filtered], settings.lowpass_hz
        )
    during = np.arange(clean.shape[1]) >= first[:, np.newaxis]
    return Curves(
        clean, smooth, running_area(clean), first, during, rate_hz, filtered, spikes, small
    )
