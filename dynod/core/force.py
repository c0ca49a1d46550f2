"""Metrics of force-time curves. Definitions and sources: ``metrics.METRICS``."""

import numpy as np

from dynod.core import gates
from dynod.core.curve import Curves
from dynod.core.onset import offset, onset
from dynod.core.plateau import (
    best_mean_n,
    fatigue_percent,
    hold,
    impulse_n_s,
    steadiness_cv_percent,
)
from dynod.core.quality import Landmarks
from dynod.core.rfd import model_fit, peak_rfd_n_per_s, rfd_n_per_s
from dynod.core.settings import AnalysisSettings
from dynod.model.samples import FloatArray

_BEST_S = 1.0
_RFD_WINDOWS_S = {
    "rfd_0_50_n_per_s": 0.05,
    "rfd_0_100_n_per_s": 0.1,
    "rfd_0_150_n_per_s": 0.15,
    "rfd_0_200_n_per_s": 0.2,
}


def find_landmarks(curves: Curves, settings: AnalysisSettings) -> Landmarks:
    """Return where each curve peaks, begins, ends, is held, and has its best second."""
    peak = np.argmax(np.where(curves.during, curves.smooth_n, -np.inf), axis=1)
    peak_n = curves.smooth_n[curves.rows, peak]
    hold_first, hold_last = hold(curves, peak_n, settings)
    mean_n, best_begin = best_mean_n(curves, _BEST_S)
    return Landmarks(
        peak=peak,
        peak_n=peak_n,
        onset=onset(curves, peak, settings),
        offset=offset(curves, settings),
        hold_first=hold_first,
        hold_last=hold_last,
        mean_n=mean_n,
        best_begin=best_begin,
        fatigue_percent=fatigue_percent(curves, hold_first, hold_last, settings),
    )


def force_metrics(
    curves: Curves, marks: Landmarks, settings: AnalysisSettings
) -> dict[str, FloatArray]:
    """Return the metrics that need neither body mass nor lever arm, (m,) each; NaN for none.

    Those that a sample rate does not carry are computed all the same: see ``gates``.
    """
    early = rfd_n_per_s(curves, marks.onset, tuple(_RFD_WINDOWS_S.values()))
    fit, error = _fitted(curves, marks, settings)
    return {
        "peak_force_n": marks.peak_n,
        "mean_force_n": marks.mean_n,
        "mean_force_500ms_n": best_mean_n(curves, 0.5)[0],
        "mean_force_3s_n": best_mean_n(curves, 3.0)[0],
        "time_to_peak_s": np.maximum((marks.peak - marks.onset) / curves.rate_hz, 0.0),
        **dict(zip(_RFD_WINDOWS_S, early, strict=True)),
        "peak_rfd_20ms_n_per_s": peak_rfd_n_per_s(curves, marks.onset, marks.peak, 0.02),
        "peak_rfd_200ms_n_per_s": peak_rfd_n_per_s(curves, marks.onset, marks.peak, 0.2),
        "fit_rfd_n_per_s": fit,
        "fit_error_percent": error,
        "impulse_n_s": impulse_n_s(curves, marks.onset, marks.offset),
        "fatigue_percent": marks.fatigue_percent,
        "steadiness_cv_percent": steadiness_cv_percent(curves, marks.best_begin, _BEST_S),
    }


def _fitted(
    curves: Curves, marks: Landmarks, settings: AnalysisSettings
) -> tuple[FloatArray, FloatArray]:
    """Fit the model only where the rate allows its result: it is the dearest of all metrics."""
    allowed = curves.rate_hz >= gates.TOLERANCE * settings.rfd_min_rate_hz
    return model_fit(curves, np.where(allowed, marks.onset, np.nan), settings)
