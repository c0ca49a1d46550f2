"""One recording in, one analysis out: calibration, tare, metrics, quality."""

from collections.abc import Iterable

import numpy as np

from dynod.core.force import Curve, force_metrics, make_curve, seconds_above
from dynod.core.rom import hold_deg, unwrapped, zero_deg
from dynod.core.settings import AnalysisSettings
from dynod.core.signal import BEYOND_ANY_DEVICE, Signal, prepare
from dynod.core.tare import find_tare
from dynod.model.calibration import Calibration
from dynod.model.clinical import Kind
from dynod.model.flags import Flag, is_valid
from dynod.model.samples import FloatArray
from dynod.model.trial import Analysis, Recording, StartedBy, TareOrigin, TrialMetrics

DEFAULTS = AnalysisSettings()

_PEAKS = ("peak_force_n", "raw_peak_force_n")
_CURVE = (*_PEAKS, "mean_force_n", "time_to_peak_s", "impulse_n_s")


def analyse(
    recording: Recording,
    kind: Kind,
    calibration: Calibration,
    *,
    body_mass_kg: float | None = None,
    lever_arm_m: float | None = None,
    fallback_tare_n: float | None = None,
    settings: AnalysisSettings = DEFAULTS,
) -> Analysis:
    """Return metrics, flags and validity of a recording.

    Whatever the samples are, this returns: what cannot be computed is None, and what cannot be
    trusted carries a rejecting flag. ``fallback_tare_n`` is the last ``tare`` command's.
    A single reading is a peak force and nothing else.
    """
    signal = prepare(recording, calibration, settings)
    if kind is Kind.ANGLE:
        return _angle(recording, signal, settings)
    return _force(recording, signal, body_mass_kg, lever_arm_m, fallback_tare_n, settings)


def _force(
    recording: Recording,
    signal: Signal,
    body_mass_kg: float | None,
    lever_arm_m: float | None,
    fallback_tare_n: float | None,
    settings: AnalysisSettings,
) -> Analysis:
    flags = list(signal.flags)
    single = recording.started_by is StartedBy.READING
    tare_n, origin = _tare(recording, signal, fallback_tare_n, settings)
    if tare_n is None:
        flags.append(Flag.NO_BASELINE)
    elif abs(tare_n) > settings.tare_limit_n:
        flags.append(Flag.TARE_LIMIT)
    flags.extend(_preroll_flags(recording, signal, settings))
    if single:
        flags.append(Flag.SINGLE_READING)
    during_s, during_n = signal.during(recording.start_s)
    if not len(during_s):
        nothing = dict.fromkeys(_PEAKS if single else _CURVE)
        metrics = _scaled(nothing, body_mass_kg, lever_arm_m)
        return _verdict(metrics, [*flags, Flag.NO_CONTRACTION], tare_n, origin, signal)
    curve = make_curve(
        signal.t_s, signal.values - (tare_n or 0.0), recording.start_s, signal.rate_hz, settings
    )
    raw_peak_n = float(np.max(during_n))
    if single:
        measured: dict[str, float | None] = {
            "peak_force_n": curve.peak_n,
            "raw_peak_force_n": raw_peak_n,
        }
    else:
        flags.extend(_curve_flags(recording, curve, settings))
        measured = force_metrics(curve, raw_peak_n, signal.rate_hz, settings)
    if curve.peak_n < settings.no_contraction_n:
        flags.append(Flag.NO_CONTRACTION)
    metrics = _scaled(measured, body_mass_kg, lever_arm_m)
    return _verdict(metrics, flags, tare_n, origin, signal)


def _tare(
    recording: Recording,
    signal: Signal,
    fallback_tare_n: float | None,
    settings: AnalysisSettings,
) -> tuple[float | None, TareOrigin]:
    before_s, before_n = signal.before(recording.start_s)
    tare_n = find_tare(before_s, before_n, settings)
    if tare_n is not None:
        return tare_n, TareOrigin.PREROLL
    if fallback_tare_n is not None:
        return fallback_tare_n, TareOrigin.COMMAND
    if recording.started_by is StartedBy.READING:
        return 0.0, TareOrigin.GAUGE  # no quiet second can come before a single reading
    return None, TareOrigin.NONE


def _preroll_flags(
    recording: Recording, signal: Signal, settings: AnalysisSettings
) -> Iterable[Flag]:
    before_s, _ = signal.before(recording.start_s)
    rate_hz = signal.rate_hz or recording.nominal_rate_hz
    interval_s = 1.0 / rate_hz if rate_hz > 0.0 else 0.0
    reach_s = recording.start_s - float(before_s[0]) if len(before_s) else 0.0
    if reach_s < settings.preroll_s - 2.0 * interval_s:
        yield Flag.SHORT_PREROLL


def _curve_flags(recording: Recording, curve: Curve, settings: AnalysisSettings) -> Iterable[Flag]:
    if not curve.filtered:
        yield Flag.LOW_RATE
    if len(curve.spikes_s):
        yield Flag.SPIKE
        peak_s = curve.t_s[curve.peak_index]
        if np.min(np.abs(curve.spikes_s - peak_s)) <= settings.spike_reach_s:
            yield Flag.PEAK_ON_SPIKE
    level_n = settings.plateau_fraction * curve.peak_n
    plateau_s = seconds_above(curve.t_s[curve.first :], curve.smooth_n[curve.first :], level_n)
    if curve.peak_n > 0.0 and plateau_s < settings.plateau_s:
        yield Flag.TOO_SHORT
    # An onset trigger fires 20 N up the rise, so the last fifth of a second is left out.
    resting = (curve.t_s >= recording.start_s - 0.5) & (curve.t_s <= recording.start_s - 0.2)
    if np.any(resting) and float(np.median(curve.force_n[resting])) > settings.pre_tension_n:
        yield Flag.PRE_TENSION


def _scaled(
    measured: dict[str, float | None], body_mass_kg: float | None, lever_arm_m: float | None
) -> TrialMetrics:
    peak_n = measured["peak_force_n"]
    if lever_arm_m is not None:
        measured["peak_torque_nm"] = None if peak_n is None else peak_n * lever_arm_m
    if body_mass_kg is not None:
        measured["peak_force_n_per_kg"] = None if peak_n is None else peak_n / body_mass_kg
    return measured


def _angle(recording: Recording, signal: Signal, settings: AnalysisSettings) -> Analysis:
    flags = [*signal.flags, *_preroll_flags(recording, signal, settings)]
    angles = _limb_deg(recording, signal)
    split = int(np.searchsorted(signal.t_s, recording.start_s, side="right"))
    zero = zero_deg(signal.t_s[:split], angles[:split], settings)
    hold = hold_deg(signal.t_s[split:], angles[split:], settings)
    if zero is None:
        flags.append(Flag.NO_BASELINE)
    if hold is None:
        flags.append(Flag.NO_STABLE_HOLD)
    metrics = {"angle_deg": abs(hold - zero) if hold is not None and zero is not None else None}
    origin = TareOrigin.NONE if zero is None else TareOrigin.PREROLL
    return _verdict(metrics, flags, zero, origin, signal)


def _limb_deg(recording: Recording, signal: Signal) -> FloatArray:
    """Return the limb's angle, against the pelvis where that was measured; (n,) without jumps."""
    pelvis_deg = recording.pelvis_deg
    if pelvis_deg is None or not len(signal.t_s):
        return unwrapped(signal.values)
    # A pelvis that was not measured leaves no angle, and so neither a zero nor a hold.
    known = np.where(np.abs(pelvis_deg) < BEYOND_ANY_DEVICE, pelvis_deg, np.nan)
    return unwrapped(signal.values - np.interp(signal.t_s, recording.block.t_s, known))


def _verdict(
    metrics: TrialMetrics,
    flags: Iterable[Flag],
    tare_n: float | None,
    origin: TareOrigin,
    signal: Signal,
) -> Analysis:
    unique = tuple(dict.fromkeys(flags))
    return Analysis(metrics, unique, is_valid(unique), tare_n, origin, signal.rate_hz)
