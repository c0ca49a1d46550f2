"""The curve of a trial for export: calibrated, tared, on an even grid, nothing smoothed."""

import math

import numpy as np

from dynod.core.rom import unwrapped
from dynod.core.settings import AnalysisSettings
from dynod.core.signal import prepare
from dynod.core.time_base import grid_of, time_base
from dynod.model.clinical import Kind
from dynod.model.curve import EvenCurve
from dynod.model.trial import Trial


def even_curve(trial: Trial, settings: AnalysisSettings) -> EvenCurve | None:
    """Return the curve of a trial, less its tare or zero.

    None where there is none to give: the trial came without its raw samples, has no tare, or is a
    single reading.
    """
    recording, zero = trial.recording, trial.analysis.tare_n
    if recording is None or zero is None:
        return None
    kind = trial.slot.test.kind
    signal = prepare(recording, trial.calibration, settings)
    if not len(signal.t_s):
        return None
    values = signal.values
    if kind is Kind.ANGLE:
        if recording.pelvis_deg is not None:
            values = values - np.interp(signal.t_s, recording.block.t_s, recording.pelvis_deg)
        values = unwrapped(values)
    grid = grid_of(signal.t_s, values, time_base(signal.t_s, settings))
    if not math.isfinite(grid.rate_hz):
        return None
    return EvenCurve(kind, grid.start_s - recording.start_s, grid.rate_hz, grid.values - zero)
