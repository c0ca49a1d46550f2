"""Recordings in, analyses out: calibration, tare, metrics, quality.

A single trial and a batch take the same path: forces are analysed as curves of one length together,
and a trial is a batch of one.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dynod.core.calibrated_range import angle_range_flags, force_range_flags
from dynod.core.curve import make_curves
from dynod.core.even import BoolArray
from dynod.core.force import find_landmarks, force_metrics
from dynod.core.gates import absent
from dynod.core.quality import curve_flags
from dynod.core.rom import hold_deg, is_moving, unwrapped, zero_deg
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
_CURVE = (
    *_PEAKS,
    "mean_force_n",
    "mean_force_500ms_n",
    "mean_force_3s_n",
    "time_to_peak_s",
    "impulse_n_s",
    "fatigue_percent",
    "steadiness_cv_percent",
)
_OF_THE_BASELINE = {Flag.NOISY_BASELINE, Flag.BASELINE_SHIFT}
_PORTION = 2**16  # samples that are analysed together: as many as caches hold


@dataclass(frozen=True, slots=True, eq=False)
class ForceCase:
    """A force recording and what its analysis needs besides.

    ``fallback_tare_n`` is the last ``tare`` command's; ``hand_held`` says that a tester held the
    device against the limb.
    """

    recording: Recording
    calibration: Calibration
    body_mass_kg: float | None = None
    lever_arm_m: float | None = None
    fallback_tare_n: float | None = None
    hand_held: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """A case whose samples are in newtons, with its tare and the flags so far."""

    case: ForceCase
    signal: Signal
    flags: list[Flag]
    tare_n: float | None
    origin: TareOrigin
    first: int
    raw_peak_n: float

    @property
    def single(self) -> bool:
        return self.case.recording.started_by is StartedBy.READING


def analyse(
    recording: Recording,
    kind: Kind,
    calibration: Calibration,
    *,
    body_mass_kg: float | None = None,
    lever_arm_m: float | None = None,
    fallback_tare_n: float | None = None,
    hand_held: bool = False,
    settings: AnalysisSettings = DEFAULTS,
) -> Analysis:
    """Return metrics, flags and validity of a recording.

    Whatever the samples are, this returns: what cannot be computed is None, and what cannot be
    trusted carries a rejecting flag. A single reading is a peak force and nothing else.
    """
    if kind is Kind.ANGLE:
        return _angle(recording, calibration, settings)
    case = ForceCase(recording, calibration, body_mass_kg, lever_arm_m, fallback_tare_n, hand_held)
    return analyse_forces([case], settings)[0]


def analyse_forces(
    cases: Sequence[ForceCase], settings: AnalysisSettings = DEFAULTS
) -> list[Analysis]:
    """Return the analysis of each force recording, in the order given."""
    results: list[Analysis | None] = [None] * len(cases)
    groups: dict[int, list[tuple[int, _Prepared]]] = defaultdict(list)
    for index, case in enumerate(cases):
        ready = _prepare(case, settings)
        if ready.single or ready.first < 0 or ready.signal.grid is None:
            results[index] = _without_curve(ready, settings)
        elif len(ready.signal.grid.values) == 1:
            results[index] = _of_one_sample(ready, settings)
        else:
            groups[len(ready.signal.grid.values)].append((index, ready))
    for samples, group in groups.items():
        step = max(_PORTION // samples, 1)
        for begin in range(0, len(group), step):
            indices, portion = zip(*group[begin : begin + step], strict=True)
            for index, answer in zip(indices, _analyse_curves(portion, settings), strict=True):
                results[index] = answer
    return [result for result in results if result is not None]


def _prepare(case: ForceCase, settings: AnalysisSettings) -> _Prepared:
    recording = case.recording
    signal = prepare(recording, case.calibration, settings)
    before_s, before_n = signal.before(recording.start_s)
    flags = list(signal.flags)
    tare_n, origin = _tare(case, before_s, before_n, settings)
    if tare_n is None:
        flags.append(Flag.NO_BASELINE)
    elif abs(tare_n) > settings.tare_limit_n:
        flags.append(Flag.TARE_LIMIT)
    flags.extend(_preroll_flags(recording, signal, before_s, settings))
    if recording.started_by is StartedBy.READING:
        flags.append(Flag.SINGLE_READING)
    first, raw_peak_n = -1, math.nan
    if signal.grid is not None and len(before_n) < len(signal.values):
        raw_peak_n = float(np.max(signal.values[len(before_n) :]))
        first = min(signal.grid.index_from(recording.start_s), len(signal.grid.values) - 1)
    return _Prepared(case, signal, flags, tare_n, origin, first, raw_peak_n)


def _without_curve(ready: _Prepared, settings: AnalysisSettings) -> Analysis:
    """Return the analysis of a single reading, or of a recording without any sample."""
    measured: dict[str, float | None] = dict.fromkeys(_PEAKS if ready.single else _CURVE)
    flags = [Flag.NO_CONTRACTION]
    if ready.first >= 0:
        peak_n = ready.raw_peak_n - (ready.tare_n or 0.0)
        measured = {"peak_force_n": peak_n, "raw_peak_force_n": ready.raw_peak_n}
        flags = flags if peak_n < settings.no_contraction_n else []
    return _finished(ready, measured, flags, settings)


def _of_one_sample(ready: _Prepared, settings: AnalysisSettings) -> Analysis:
    """Return the analysis of a stream of which one sample is left: a peak, and no curve."""
    peak_n = ready.raw_peak_n - (ready.tare_n or 0.0)
    measured: dict[str, float | None] = dict.fromkeys(_CURVE)
    measured |= {"peak_force_n": peak_n, "raw_peak_force_n": ready.raw_peak_n}
    flags = [Flag.LOW_RATE, Flag.TOO_SHORT] if peak_n > 0.0 else [Flag.LOW_RATE]
    if peak_n < settings.no_contraction_n:
        flags.append(Flag.NO_CONTRACTION)
    return _finished(ready, measured, flags, settings)


def _analyse_curves(group: Sequence[_Prepared], settings: AnalysisSettings) -> list[Analysis]:
    """Return the analyses of recordings whose grids have one length."""
    grids = [ready.signal.grid for ready in group if ready.signal.grid is not None]
    tares = np.array([ready.tare_n or 0.0 for ready in group])
    curves = make_curves(
        np.stack([grid.values for grid in grids]) - tares[:, np.newaxis],
        np.array([ready.first for ready in group]),
        np.array([grid.rate_hz for grid in grids]),
        settings,
    )
    marks = find_landmarks(curves, settings)
    flags = curve_flags(curves, marks, settings)
    flags[Flag.NO_CONTRACTION] = marks.peak_n < settings.no_contraction_n
    metrics = force_metrics(curves, marks, settings)
    columns = {name: column.tolist() for name, column in metrics.items()}
    return [
        _of_curve(
            ready,
            {name: column[index] for name, column in columns.items()},
            [flag for flag, mask in flags.items() if mask[index]],
            settings,
        )
        for index, ready in enumerate(group)
    ]


def _of_curve(
    ready: _Prepared,
    metrics: Mapping[str, float],
    flags: Sequence[Flag],
    settings: AnalysisSettings,
) -> Analysis:
    """Return one recording's part of its group; a number that is none becomes None."""
    if ready.origin is not TareOrigin.PREROLL:  # there is no resting level to hold them against
        flags = [flag for flag in flags if flag not in _OF_THE_BASELINE]
    measured: dict[str, float | None] = dict.fromkeys(_PEAKS)
    for name, value in metrics.items():
        measured[name] = value if math.isfinite(value) else None
    measured["raw_peak_force_n"] = ready.raw_peak_n
    return _finished(ready, measured, flags, settings)


def _finished(
    ready: _Prepared,
    measured: Mapping[str, float | None],
    flags: Sequence[Flag],
    settings: AnalysisSettings,
) -> Analysis:
    """Leave out what the rate does not carry, scale by mass and lever, and judge."""
    case, peak_n = ready.case, measured.get("peak_force_n")
    left_out: dict[str, str] = {}
    if not ready.single:
        left_out = absent(ready.signal.rate_hz, stamped=case.recording.stamped, settings=settings)
    kept = {name: value for name, value in measured.items() if name not in left_out}
    notes = dict(left_out)
    error = kept.get("fit_error_percent")
    if error is not None and error > settings.fit_error_percent:
        notes["fit_rfd_n_per_s"] = "poor_fit"
    found = [*ready.flags, *flags]
    if case.hand_held and (peak_n or 0.0) > settings.tester_limit_n:
        found.append(Flag.TESTER_LIMITED)
    found += _beyond(ready, peak_n)
    scaled = _scaled(kept, case.body_mass_kg, case.lever_arm_m)
    return _verdict(scaled, found, ready.tare_n, ready.origin, ready.signal, settings, notes=notes)


def _beyond(ready: _Prepared, peak_n: float | None) -> list[Flag]:
    sign = float(ready.case.recording.mount_sign)
    tare_n = None if ready.tare_n is None else sign * ready.tare_n
    peak_n = None if peak_n is None else sign * peak_n
    return force_range_flags(sign * ready.signal.values, tare_n, peak_n, ready.case.calibration)


def _tare(
    case: ForceCase, before_s: FloatArray, before_n: FloatArray, settings: AnalysisSettings
) -> tuple[float | None, TareOrigin]:
    tare_n = find_tare(before_s, before_n, settings)
    if tare_n is not None:
        return tare_n, TareOrigin.PREROLL
    if case.fallback_tare_n is not None:
        return case.fallback_tare_n, TareOrigin.COMMAND
    if case.recording.started_by is StartedBy.READING:
        return 0.0, TareOrigin.GAUGE  # no quiet second can come before a single reading
    return None, TareOrigin.NONE


def _preroll_flags(
    recording: Recording, signal: Signal, before_s: FloatArray, settings: AnalysisSettings
) -> Iterable[Flag]:
    rate_hz = signal.rate_hz or recording.nominal_rate_hz
    interval_s = 1.0 / rate_hz if rate_hz > 0.0 else 0.0
    reach_s = recording.start_s - float(before_s[0]) if len(before_s) else 0.0
    if reach_s < settings.preroll_s - 2.0 * interval_s:
        yield Flag.SHORT_PREROLL


def _scaled(
    measured: Mapping[str, float | None], body_mass_kg: float | None, lever_arm_m: float | None
) -> TrialMetrics:
    peak_n = measured["peak_force_n"]
    scaled = dict(measured)
    if lever_arm_m is not None:
        scaled["peak_torque_nm"] = None if peak_n is None else peak_n * lever_arm_m
    if body_mass_kg is not None:
        scaled["peak_force_n_per_kg"] = None if peak_n is None else peak_n / body_mass_kg
    return scaled


def _angle(recording: Recording, calibration: Calibration, settings: AnalysisSettings) -> Analysis:
    signal = prepare(recording, calibration, settings)
    before_s, _ = signal.before(recording.start_s)
    flags = [*signal.flags, *_preroll_flags(recording, signal, before_s, settings)]
    flags += angle_range_flags(signal.values * float(recording.mount_sign), calibration)
    angles, moving = _limb_deg(recording, signal), _moving(recording, signal, settings)
    split = int(np.searchsorted(signal.t_s, recording.start_s, side="right"))
    early, late = slice(0, split), slice(split, None)
    zero = zero_deg(signal.t_s[early], angles[early], settings, moving[early])
    hold = hold_deg(signal.t_s[late], angles[late], settings, moving[late])
    if zero is None:
        flags.append(Flag.NO_BASELINE)
    if hold is None:
        flags.append(Flag.NO_STABLE_HOLD)
    if (zero is None and zero_deg(signal.t_s[early], angles[early], settings) is not None) or (
        hold is None and hold_deg(signal.t_s[late], angles[late], settings) is not None
    ):
        flags.append(Flag.MOVING)  # it held still, and yet was accelerated
    metrics = {"angle_deg": abs(hold - zero) if hold is not None and zero is not None else None}
    origin = TareOrigin.NONE if zero is None else TareOrigin.PREROLL
    return _verdict(metrics, flags, zero, origin, signal, settings)


def _moving(recording: Recording, signal: Signal, settings: AnalysisSettings) -> BoolArray:
    """Return which of a signal's samples are under more than gravity, (n,)."""
    if recording.acceleration_g is None or not len(signal.t_s):
        return np.zeros(len(signal.t_s), dtype=bool)
    moving = is_moving(recording.acceleration_g, settings)
    return moving[np.searchsorted(recording.block.t_s, signal.t_s, side="left")]


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
    settings: AnalysisSettings,
    *,
    notes: Mapping[str, str] | None = None,
) -> Analysis:
    unique = tuple(dict.fromkeys(flags))
    valid = is_valid(unique, settings.rejecting)
    return Analysis(metrics, unique, valid, tare_n, origin, signal.rate_hz, notes or {})
