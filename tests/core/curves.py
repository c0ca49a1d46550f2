"""Constructed recordings: every number in them is chosen, so every result can be derived."""

import math

import numpy as np

from dynod.core.analysis import analyse
from dynod.core.curve import Curves, make_curves
from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Calibration, CalibrationStatus, Uncertainty
from dynod.model.clinical import Kind
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray, SampleBlock, StatusArray
from dynod.model.trial import Analysis, Recording, StartedBy

NOMINAL = Calibration(CalibrationStatus.NOMINAL, (0.0, 1.0))
CERTIFIED = Calibration(
    CalibrationStatus.CERTIFIED,
    (0.0, 1.0),
    certificate_id="certificate-1",
    range_low=0.0,
    range_high=1000.0,
    uncertainty=Uncertainty(),
    unshared=Uncertainty(),
)
SETTINGS = AnalysisSettings()


def grid(seconds: float, rate_hz: float) -> FloatArray:
    """Return sample times from 0 to ``seconds``, both included."""
    return np.arange(round(seconds * rate_hz) + 1) / rate_hz


def trapezoid(
    t_s: FloatArray,
    *,
    peak_n: float = 400.0,
    begin_s: float = 1.0,
    ramp_s: float = 0.4,
    hold_s: float = 3.0,
) -> FloatArray:
    """Return a straight rise, a plateau and a straight fall."""
    corners = np.cumsum([begin_s, ramp_s, hold_s, ramp_s])
    return np.interp(t_s, corners, [0.0, peak_n, peak_n, 0.0])


def hump(t_s: FloatArray, *, begin_s: float = 1.0, seconds: float = 6.0) -> FloatArray:
    """Return one raised cosine of 400 N, highest in the middle of its ``seconds``."""
    share = np.clip((t_s - begin_s) / seconds, 0.0, 1.0)
    return np.asarray(200.0 * (1.0 - np.cos(2.0 * math.pi * share)))


def human_pull(t_s: FloatArray) -> FloatArray:
    """Return a pull as people make it, in N.

    2.6 N of pad on the device; from 1.2 s a raised-cosine rise of 0.3 s to 400 N, 3 s of holding
    with 3 N of tremor at 9 Hz, and a fall like the rise.
    """
    rise = np.clip((t_s - 1.2) / 0.3, 0.0, 1.0)
    fall = np.clip((t_s - 4.5) / 0.3, 0.0, 1.0)
    pull = 200.0 * (np.cos(math.pi * fall) - np.cos(math.pi * rise))
    tremor = 3.0 * np.sin(2.0 * math.pi * 9.0 * t_s) * pull / 400.0
    return np.asarray(2.6 + pull + tremor)


def curves_of(
    newtons: FloatArray,
    rate_hz: float,
    *,
    first: int = 0,
    settings: AnalysisSettings = SETTINGS,
) -> Curves:
    """Return the curve of a tared force (n,), a batch of one; the recording begins at ``first``."""
    return make_curves(newtons[np.newaxis], np.array([first]), np.array([rate_hz]), settings)


def force_recording(
    t_s: FloatArray,
    newtons: FloatArray,
    *,
    start_s: float = 1.0,
    started_by: StartedBy = StartedBy.PRESS,
    status: StatusArray | None = None,
    flags: tuple[Flag, ...] = (),
    stamped: bool = True,
) -> Recording:
    """Return a recording of a force channel that ends with its last sample."""
    kept = np.zeros(len(t_s), np.uint8) if status is None else status
    block = SampleBlock(t_s, newtons[:, np.newaxis], kept, ("force",), 0)
    end_s = float(t_s[-1]) if len(t_s) else start_s
    return Recording(block, start_s, end_s, started_by, 80.0, flags=flags, stamped=stamped)


def analysed(
    t_s: FloatArray,
    newtons: FloatArray,
    *,
    calibration: Calibration = CERTIFIED,
    fallback_tare_n: float | None = None,
    start_s: float = 1.0,
    started_by: StartedBy = StartedBy.PRESS,
    status: StatusArray | None = None,
    flags: tuple[Flag, ...] = (),
    stamped: bool = True,
    hand_held: bool = False,
    settings: AnalysisSettings = SETTINGS,
) -> Analysis:
    """Return the analysis of a force recording."""
    recording = force_recording(
        t_s,
        newtons,
        start_s=start_s,
        started_by=started_by,
        status=status,
        flags=flags,
        stamped=stamped,
    )
    return analyse(
        recording,
        Kind.FORCE,
        calibration,
        fallback_tare_n=fallback_tare_n,
        hand_held=hand_held,
        settings=settings,
    )
