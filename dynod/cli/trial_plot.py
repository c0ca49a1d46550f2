"""A picture of one force trial, as SVG: the curve, and what the analysis read from it.

The numbers are those that were stored with the trial; where things lie is found again in its curve.
"""

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dynod.cli import svg
from dynod.core.curve import Curves, make_curves
from dynod.core.even import at
from dynod.core.force import find_landmarks
from dynod.core.quality import Landmarks
from dynod.core.settings import AnalysisSettings
from dynod.core.signal import prepare
from dynod.core.time_base import grid_of, time_base
from dynod.model.calibration import Calibration
from dynod.model.errors import UsageError
from dynod.model.samples import FloatArray
from dynod.model.trial import Analysis, Recording, TrialMetrics

_RFD = "rfd_0_200_n_per_s"
_WIDTH, _HEIGHT = 960, 560
_TOP, _BOTTOM = 92, 440
_LEAST_N = 20.0  # what the scale reaches to at least
_BEFORE_ONSET_S, _AFTER_ONSET_S = 0.15, 0.45
_STYLE = """\
text { font: 13px sans-serif; fill: #24292f; }
.title { font-size: 18px; font-weight: bold; }
.small { font-size: 12px; fill: #57606a; }
.valid { font-weight: bold; fill: #1a7f37; }
.invalid { font-weight: bold; fill: #cf222e; }
.flag { fill: #9a6700; }
.halo { stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; paint-order: stroke; }
line, path { fill: none; stroke-width: 1; }
.grid { stroke: #e4e8ec; }
.axis { stroke: #57606a; }
.raw { stroke: #8c959f; }
.dot { fill: #24292f; }
.smooth { stroke: #0550ae; stroke-width: 2.5; stroke-linejoin: round; }
.tare { stroke: #57606a; stroke-dasharray: 6 4; }
.edge { stroke: #8250df; stroke-dasharray: 3 3; }
.mark { fill: #ffffff; stroke: #8250df; stroke-width: 2; }
.peak { fill: #cf222e; stroke: #ffffff; }
.best { fill: #2da44e; fill-opacity: 0.16; }
.mean { stroke: #1a7f37; stroke-width: 2; }
.hold { stroke: #9a6700; stroke-width: 2; }
.rfd { stroke: #cf222e; stroke-width: 2; }
.end { fill: #ffffff; }
.purple { fill: #8250df; }
.red { fill: #cf222e; }
.green { fill: #1a7f37; }
.brown { fill: #9a6700; }
.preroll { fill: #f6f8fa; }"""


@dataclass(frozen=True, slots=True, eq=False)
class ForceTrial:
    """What is drawn: ``t_s`` (n,) from the begin of the recording, ``force_n`` (n,) above the tare.

    ``tare_n`` is None where there was none.
    """

    title: str
    t_s: FloatArray
    force_n: FloatArray
    metrics: TrialMetrics
    notes: Mapping[str, str]
    flags: Sequence[str]
    valid: bool
    tare_n: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A trial's curves and where in them everything lies."""

    curves: Curves
    marks: Landmarks
    start_s: float

    def time_s(self, position: float) -> float:
        return self.start_s + position / float(self.curves.rate_hz[0])

    @property
    def onset_n(self) -> float:
        return float(at(self.curves.force_n, self.marks.onset)[0])

    def points(self, values: FloatArray) -> list[tuple[float, float]]:
        return [(self.time_s(index), value) for index, value in enumerate(values[0].tolist())]


@dataclass(frozen=True, slots=True)
class _Panel:
    """A rectangle of the picture and the times and forces that it shows."""

    left: float
    right: float
    first_s: float
    last_s: float
    low_n: float
    high_n: float

    def x(self, t_s: float) -> float:
        share = (t_s - self.first_s) / (self.last_s - self.first_s)
        return self.left + share * (self.right - self.left)

    def y(self, force_n: float) -> float:
        share = (force_n - self.low_n) / (self.high_n - self.low_n)
        return _BOTTOM - share * (_BOTTOM - _TOP)

    def inside(self, points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        return [point for point in points if self.first_s <= point[0] <= self.last_s]


def of_row(row: Mapping[str, Any]) -> ForceTrial:
    """Return the trial of what ``dynod results show --json`` prints.

    Raises UsageError for a trial without a curve of force.
    """
    curve = row.get("curve")
    if curve is None or row["quantity"] != "peak_force_n":
        raise UsageError("only trials of force that were stored with their samples can be drawn")
    pairs = zip(curve["t_s"], curve["value"], strict=True)
    known = np.array([pair for pair in pairs if pair[1] is not None], np.float64).reshape(-1, 2)
    movement = row["movement"].replace("_", " ").capitalize()
    return ForceTrial(
        title=f"{movement}, {row['side']}, trial {row['trial_number']}",
        t_s=known[:, 0],
        force_n=known[:, 1],
        metrics=row["metrics"],
        notes=row.get("metric_notes", {}),
        flags=row["flags"],
        valid=row["valid"],
        tare_n=row["tare_n"],
    )


def of_recording(
    title: str,
    recording: Recording,
    calibration: Calibration,
    analysis: Analysis,
    settings: AnalysisSettings,
) -> ForceTrial:
    """Return the trial of a recording of force and its analysis."""
    signal = prepare(recording, calibration, settings)
    return ForceTrial(
        title=title,
        t_s=signal.t_s - recording.start_s,
        force_n=signal.values - (analysis.tare_n or 0.0),
        metrics=analysis.metrics,
        notes=analysis.notes,
        flags=analysis.flags,
        valid=analysis.valid,
        tare_n=analysis.tare_n,
    )


def write_trial_svg(path: Path, trial: ForceTrial, settings: AnalysisSettings) -> None:
    """Write the picture of a trial.

    Raises UsageError when it has no curve, StorageError when the file cannot be written.
    """
    svg.write(path, trial_svg(trial, settings))


def trial_svg(trial: ForceTrial, settings: AnalysisSettings) -> str:
    """Return the picture of a trial as SVG.

    Raises UsageError when its samples make no curve.
    """
    found = _find(trial, settings)
    onset = float(found.marks.onset[0])
    begin_s = found.time_s(onset) if math.isfinite(onset) else 0.0
    highest = max(float(np.max(trial.force_n)), float(found.marks.peak_n[0]), _LEAST_N)
    low_n, high_n = min(-0.13 * highest, float(np.min(trial.force_n))), 1.1 * highest
    whole = _Panel(64, 640, float(trial.t_s[0]), float(trial.t_s[-1]), low_n, high_n)
    rise = _Panel(716, 936, begin_s - _BEFORE_ONSET_S, begin_s + _AFTER_ONSET_S, low_n, high_n)
    shapes = (
        *_head(trial),
        *_whole(whole, trial, found),
        *_rise(rise, trial, found),
        *_foot(trial, settings),
    )
    return svg.document(trial.title, _STYLE, _WIDTH, _HEIGHT, shapes)


def _find(trial: ForceTrial, settings: AnalysisSettings) -> _Found:
    base = time_base(trial.t_s, settings)
    if base.rate_hz is None:
        raise UsageError("this trial has no curve to draw")
    keep = slice(None) if base.keep is None else base.keep
    grid = grid_of(trial.t_s[keep], trial.force_n[keep], base)
    first = min(grid.index_from(0.0), len(grid.values) - 1)
    curves = make_curves(
        grid.values[np.newaxis], np.array([first]), np.array([grid.rate_hz]), settings
    )
    return _Found(curves, find_landmarks(curves, settings), grid.start_s)


# -- the parts of the picture --------------------------------------------------------------


def _head(trial: ForceTrial) -> Iterator[str]:
    yield svg.text(24, 34, trial.title, "title")
    verdict = "valid" if trial.valid else "invalid"
    yield svg.text(24, 60, verdict, verdict)
    lines = textwrap.wrap(", ".join(trial.flags) or "no flags", 115)[:2]
    for number, line in enumerate(lines):
        yield svg.text(24 + 9 * len(verdict), 60 - 7 * (len(lines) - 1) + 15 * number, line, "flag")


def _whole(panel: _Panel, trial: ForceTrial, found: _Found) -> Iterator[str]:
    """Draw the whole recording: the curve with everything but the rate of the rise in words."""
    begin = panel.x(max(0.0, panel.first_s))
    yield svg.rect(panel.left, _TOP, begin - panel.left, _BOTTOM - _TOP, "preroll")
    yield from _frame(panel, _seconds(panel))
    yield svg.text(
        0.5 * (panel.left + panel.right), _BOTTOM + 38, "s from the begin", "small", "middle"
    )
    yield svg.text(panel.left, _TOP - 10, "N above the tare", "small")
    yield svg.line(begin, _TOP, begin, _BOTTOM, "axis")
    if begin - panel.left > 50:
        yield svg.text(begin - 6, _TOP + 16, "pre-roll", "small", "end")
    yield from _best_second(panel, trial, found)
    yield from _tare(panel, trial)
    yield _path(panel, zip(trial.t_s.tolist(), trial.force_n.tolist(), strict=True), "raw")
    yield _path(panel, found.points(found.curves.smooth_n), "smooth")
    yield from _rate(panel, trial, found)
    yield from _hold(panel, found)
    yield from _edges(panel, found)
    yield from _peak(panel, trial, found)


def _rise(panel: _Panel, trial: ForceTrial, found: _Found) -> Iterator[str]:
    """Draw the rise at large, each sample as a dot."""
    onset = float(found.marks.onset[0])
    if not math.isfinite(onset):
        yield svg.text(0.5 * (panel.left + panel.right), 260, "no onset found", "small", "middle")
        return
    onset_s = found.time_s(onset)
    ticks = [(onset_s + 0.1 * number, f"{100 * number}") for number in range(-1, 5)]
    yield from _frame(panel, ticks)
    middle = 0.5 * (panel.left + panel.right)
    yield svg.text(middle, _BOTTOM + 38, "ms from the onset", "small", "middle")
    yield svg.text(panel.left, _TOP - 10, "the rise, sample by sample", "small")
    yield from _tare(panel, None)
    yield _path(panel, panel.inside(found.points(found.curves.smooth_n)), "smooth")
    samples = zip(trial.t_s.tolist(), trial.force_n.tolist(), strict=True)
    for t_s, force_n in panel.inside(samples):
        yield svg.circle(panel.x(t_s), panel.y(force_n), 1.8, "dot")
    yield from _rate(panel, trial, found)
    x, y = panel.x(onset_s), panel.y(found.onset_n)
    yield svg.line(x, _TOP, x, _BOTTOM, "edge")
    yield svg.circle(x, y, 4, "mark")
    yield svg.text(x - 6, _TOP + 16, "onset", "purple halo", "end")
    rate = trial.metrics.get(_RFD)
    if rate is not None:
        words = f"RFD 0–200 ms: {round(rate)} N/s"
    else:
        words = "no RFD: " + trial.notes.get(_RFD, "not computable").replace("_", " ")
    yield svg.text(panel.right - 4, _BOTTOM - 9, words, "red halo", "end")


def _foot(trial: ForceTrial, settings: AnalysisSettings) -> Iterator[str]:
    yield svg.line(64, 506, 92, 506, "raw")
    yield svg.text(98, 510, "as measured", "small")
    yield svg.line(190, 506, 218, 506, "smooth")
    smooth = f"low-passed at {settings.lowpass_hz:g} Hz, without lag"
    if "low_rate" in trial.flags:
        smooth = "not filtered: the rate is too low"
    yield svg.text(224, 510, smooth, "small")
    yield svg.text(64, 538, "  ·  ".join(_words(trial.metrics)), "small")


def _words(metrics: TrialMetrics) -> Iterator[str]:
    for name, words, unit in (
        ("mean_force_3s_n", "best 3 s", "N"),
        ("time_to_peak_s", "time to peak", "s"),
        ("impulse_n_s", "impulse", "N·s"),
        ("fatigue_percent", "fatigue", "%"),
        ("steadiness_cv_percent", "steadiness", "%"),
        ("peak_torque_nm", "torque", "N·m"),
    ):
        value = metrics.get(name)
        if value is not None:
            yield f"{words} {round(value) if abs(value) >= 100.0 else f'{value:.3g}'} {unit}"


# -- what was found ------------------------------------------------------------------------


def _tare(panel: _Panel, trial: ForceTrial | None) -> Iterator[str]:
    y = panel.y(0.0)
    yield svg.line(panel.left, y, panel.right, y, "tare")
    if trial is not None:
        words = "no tare" if trial.tare_n is None else f"tare {trial.tare_n:.1f} N"
        yield svg.text(panel.left + 6, y - 7, words, "small halo")


def _best_second(panel: _Panel, trial: ForceTrial, found: _Found) -> Iterator[str]:
    mean_n = trial.metrics.get("mean_force_n")
    begin = float(found.marks.best_begin[0])
    if mean_n is None or not math.isfinite(begin):
        return
    begin_s = found.time_s(begin)
    left, right, top = panel.x(begin_s), panel.x(begin_s + 1.0), panel.y(mean_n)
    yield svg.rect(left, top, right - left, panel.y(0.0) - top, "best")
    yield svg.line(left, top, right, top, "mean")
    middle = 0.5 * (left + right)
    height = 0.5 * (top + panel.y(0.0))
    yield svg.text(middle, height - 4, "best 1 s", "green", "middle")
    yield svg.text(middle, height + 14, f"{round(mean_n)} N", "green", "middle")


def _hold(panel: _Panel, found: _Found) -> Iterator[str]:
    first, last = int(found.marks.hold_first[0]), int(found.marks.hold_last[0])
    if first < 0:
        return
    begin_s, end_s = found.time_s(first), found.time_s(last)
    left, right, y = panel.x(begin_s), panel.x(end_s), _BOTTOM - 12
    yield svg.line(left, y, right, y, "hold")
    for x in (left, right):
        yield svg.line(x, y - 5, x, y + 5, "hold")
    words = f"hold {end_s - begin_s:.1f} s"
    yield svg.text(0.5 * (left + right), y - 6, words, "brown halo", "middle")


def _edges(panel: _Panel, found: _Found) -> Iterator[str]:
    onset, offset = float(found.marks.onset[0]), float(found.marks.offset[0])
    heights = at(found.curves.force_n, np.array([[onset, offset]]))[0].tolist()
    for position, height, words, anchor, shift in (
        (onset, heights[0], "onset", "end", -7),
        (offset, heights[1], "offset", "start", 7),
    ):
        if not math.isfinite(position):
            continue
        x, y = panel.x(found.time_s(position)), panel.y(height)
        yield svg.line(x, y - 46, x, _BOTTOM, "edge")
        yield svg.circle(x, y, 4, "mark")
        yield svg.text(x + shift, y - 34, words, "purple halo", anchor)


def _peak(panel: _Panel, trial: ForceTrial, found: _Found) -> Iterator[str]:
    peak_n = trial.metrics.get("peak_force_n")
    x = panel.x(found.time_s(float(found.marks.peak[0])))
    y = panel.y(float(found.marks.peak_n[0]))
    yield svg.circle(x, y, 5, "peak")
    if peak_n is not None:
        yield svg.text(x, y - 13, f"peak {round(peak_n)} N", "red halo", "middle")


def _rate(panel: _Panel, trial: ForceTrial, found: _Found) -> Iterator[str]:
    """Draw the line whose slope the rate of the first 200 ms is, and a little beyond."""
    rate, onset = trial.metrics.get(_RFD), float(found.marks.onset[0])
    if rate is None or not math.isfinite(onset):
        return
    onset_s, onset_n = found.time_s(onset), found.onset_n
    last_s = 0.26 if rate <= 0.0 else min(0.26, (panel.high_n - onset_n) / rate)
    points = [(onset_s + t_s, onset_n + rate * t_s) for t_s in (-0.02, last_s)]
    yield _path(panel, points, "rfd")
    yield svg.circle(panel.x(onset_s + 0.2), panel.y(onset_n + 0.2 * rate), 3, "rfd end")


# -- axes and shapes -----------------------------------------------------------------------


def _frame(panel: _Panel, ticks: Sequence[tuple[float, str]]) -> Iterator[str]:
    step = svg.nice(panel.high_n / 5.0)
    level = 0.0
    while level <= panel.high_n:
        y = panel.y(level)
        yield svg.line(panel.left, y, panel.right, y, "grid")
        yield svg.text(panel.left - 8, y + 4, f"{level:g}", "small", "end")
        level += step
    for t_s, label in ticks:
        x = panel.x(t_s)
        yield svg.line(x, _BOTTOM, x, _BOTTOM + 5, "axis")
        yield svg.text(x, _BOTTOM + 20, label, "small", "middle")
    yield svg.line(panel.left, _BOTTOM, panel.right, _BOTTOM, "axis")


def _seconds(panel: _Panel) -> list[tuple[float, str]]:
    step = svg.nice((panel.last_s - panel.first_s) / 8.0)
    first = math.ceil(panel.first_s / step - 1e-6)
    last = math.floor(panel.last_s / step + 1e-6)
    return [(step * number, f"{step * number:g}") for number in range(first, last + 1)]


def _path(panel: _Panel, points: Iterable[tuple[float, float]], kind: str) -> str:
    return svg.path([(panel.x(t_s), panel.y(force_n)) for t_s, force_n in points], kind)
