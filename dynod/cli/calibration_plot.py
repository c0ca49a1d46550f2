"""A picture of what a certificate's own points leave over, beside the uncertainty it states.

It is read in a printed folder as well, so that nothing is told by colour alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dynod.cli import svg
from dynod.cli.svg import Axes, Point
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import Branch, CalibrationRun, Uncertainty
from dynod.model.clinical import Kind

WIDTH, HEIGHT = 960, 560
LEFT, RIGHT = 84.0, 936.0
STYLE = """\
text { font: 13px sans-serif; fill: #24292f; }
.title { font-size: 18px; font-weight: bold; }
.small { font-size: 12px; fill: #57606a; }
.halo { stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; paint-order: stroke; }
.alarm { font-weight: bold; fill: #a40e26; }
line, path { fill: none; stroke-width: 1; }
.grid { stroke: #e4e8ec; }
.axis { stroke: #57606a; }
.zero { stroke: #24292f; stroke-width: 1.5; }
.band { fill: #dde5ef; stroke: none; }
.limit { stroke: #24292f; stroke-width: 1.5; stroke-dasharray: 8 4; }
.part { stroke: #57606a; stroke-dasharray: 2 3; }
.way { stroke: #8c959f; }
.solid { fill: #0b3d7a; stroke: #0b3d7a; stroke-width: 1.5; }
.hollow { fill: #ffffff; stroke: #0b3d7a; stroke-width: 1.5; }
.failed { fill: none; stroke: #a40e26; stroke-width: 2.5; }
.trend { stroke: #0b3d7a; stroke-width: 1.5; stroke-dasharray: 12 3 2 3; }
.change { stroke: #57606a; stroke-width: 1.5; stroke-dasharray: 1 3; }
.over { fill: #e4e8ec; stroke: none; }"""

_TOP, _BOTTOM = 96.0, 440.0
_SHAPES = svg.MARKERS[:5]  # those that can be solid and hollow
_PER_ROW, _ROW_STEP = 6, 142.0


@dataclass(frozen=True, slots=True)
class _Series:
    """Points of one marker: true load, result − true load; both in N or deg."""

    shape: str
    kind: str
    points: tuple[Point, ...]


def residual_plot(certificate: Certificate, kind: Kind | None = None) -> str:
    """Return what a certificate's own points leave over, as SVG.

    Upwards is the result by the certificate less the true load, in N (or deg): for a force the
    reading less the zero of its run, for an angle the reading itself. Around zero lies the stated
    uncertainty over the calibrated range. A certificate without points shows that band alone.
    ``kind`` is what the unit measures, where the certificate has no detail that says it.
    """
    unit = unit_of(certificate, kind)
    series = _series(certificate)
    axes = _axes(certificate, series)
    shapes = (
        *head(certificate),
        *_band(axes, certificate),
        *_scales(axes, unit),
        *_points(axes, series),
        *_legend(certificate),
        *_foot(certificate, unit, series),
    )
    return svg.document(title(certificate), STYLE, WIDTH, HEIGHT, shapes)


def unit_of(certificate: Certificate, kind: Kind | None = None) -> str:
    """Return the unit of a certificate's results as people write it: N or °.

    Only a certificate with detail says what its unit measures; else it is ``kind``, or a force.
    """
    known = kind if certificate.detail is None else certificate.detail.kind
    return "°" if known is Kind.ANGLE else "N"


def title(certificate: Certificate) -> str:
    """Return which unit and which certificate a picture is of."""
    unit = f"{certificate.profile}, serial number {certificate.serial_number}"
    return f"Certificate {certificate.certificate_id}: {unit}"


def head(certificate: Certificate) -> Iterator[str]:
    """Draw the title, and below it who issued the certificate and how long it holds."""
    yield svg.text(24, 34, title(certificate), "title")
    first, last = certificate.valid_from.date(), certificate.valid_until.date()
    words = f"issued by {certificate.issued_by}, valid from {first} to {last}"
    if certificate.revoked_reason is None:
        yield svg.text(24, 58, words, "small")
    else:
        yield svg.text(24, 58, f"revoked: {certificate.revoked_reason}", "alarm")


def frame(axes: Axes) -> Iterator[str]:
    """Draw the levels of the scale on the left, zero stronger than the others."""
    for level in svg.ticks(axes.y_low, axes.y_high):
        y = axes.y(level)
        yield svg.line(axes.left, y, axes.right, y, "zero" if level == 0.0 else "grid")
        yield svg.text(axes.left - 8, y + 4, svg.number(level), "small", "end")
    yield svg.line(axes.left, axes.bottom, axes.right, axes.bottom, "axis")


# -- what is drawn -------------------------------------------------------------------------


def _answer(certificate: Certificate, reading: float) -> float:
    return float(np.polynomial.polynomial.polyval(reading, certificate.coefficients))


def _series(certificate: Certificate) -> list[_Series]:
    detail = certificate.detail
    if detail is None:
        return []
    if detail.kind is Kind.ANGLE:
        return [
            _Series("circle", kind, points)
            for kind, across in (("solid", False), ("hollow", True))
            if (
                points := tuple(
                    (pose.angle_deg, _answer(certificate, pose.reading) - pose.angle_deg)
                    for pose in detail.poses
                    if (pose.cross_deg != 0.0) is across
                )
            )
        ]
    return [
        part for place, run in enumerate(detail.runs) for part in _of_run(certificate, place, run)
    ]


def _of_run(certificate: Certificate, place: int, run: CalibrationRun) -> Iterator[_Series]:
    rising = [point for point in run.points if point.branch is Branch.RISING]
    zeros = [_answer(certificate, point.reading) for point in rising if point.load == 0.0]
    # points from a file may hold no zero: then the certificate's own counts
    zero = sum(zeros) / len(zeros) if zeros else 0.0
    falling = [point for point in run.points if point.branch is Branch.FALLING]
    for points, kind in ((rising, "solid"), (falling, "hollow")):
        left = tuple(
            (point.load, _answer(certificate, point.reading) - zero - point.load)
            for point in points
        )
        if left:
            yield _Series(_SHAPES[place % len(_SHAPES)], kind, left)


def _axes(certificate: Certificate, series: Sequence[_Series]) -> Axes:
    low, high = certificate.range_low, certificate.range_high
    across = [0.0, low, high, *(x for item in series for x, _ in item.points)]
    up = [abs(y) for item in series for _, y in item.points]
    most = max(certificate.uncertainty.at(low), certificate.uncertainty.at(high), *up, 1e-9)
    margin = 0.03 * (max(across) - min(across))
    reach = 1.18 * most
    return Axes(
        LEFT, RIGHT, _TOP, _BOTTOM, min(across) - margin, max(across) + margin, -reach, reach
    )


def _band(axes: Axes, certificate: Certificate) -> Iterator[str]:
    low, high = certificate.range_low, certificate.range_high
    at = sorted({low, high, *([0.0] if low < 0.0 < high else [])})

    def edge(line: Uncertainty, sign: float) -> list[Point]:
        return axes.places((load, sign * line.at(load)) for load in at)

    upper, lower = (edge(certificate.uncertainty, sign) for sign in (1.0, -1.0))
    yield svg.path([*upper, *reversed(lower)], "band", closed=True)
    for places in (upper, lower):
        yield svg.path(places, "limit")
    for sign in (1.0, -1.0):
        yield svg.path(edge(certificate.unshared, sign), "part")


def _scales(axes: Axes, unit: str) -> Iterator[str]:
    yield from frame(axes)
    step = 30.0 if unit == "°" and axes.x_high - axes.x_low > 150.0 else None
    for load in svg.ticks(axes.x_low, axes.x_high, 10, step):
        x = axes.x(load)
        yield svg.line(x, axes.bottom, x, axes.bottom + 5, "axis")
        yield svg.text(x, axes.bottom + 20, svg.number(load), "small", "middle")
    middle = 0.5 * (axes.left + axes.right)
    what = "true angle" if unit == "°" else "true force"
    yield svg.text(middle, axes.bottom + 40, f"{what} in {unit}", "small", "middle")
    words = f"result by the certificate − {what}, in {unit}"
    yield svg.upright(24, 0.5 * (axes.top + axes.bottom), words, "small")


def _points(axes: Axes, series: Sequence[_Series]) -> Iterator[str]:
    for item in series:
        if item.shape != "circle" or len(series) > 2:
            yield svg.path(axes.places(item.points), "way")
    for item in series:
        for x, y in axes.places(item.points):
            yield svg.marker(item.shape, x, y, item.kind)


# -- words below ---------------------------------------------------------------------------


def _legend(certificate: Certificate) -> Iterator[str]:
    detail = certificate.detail
    entries: list[tuple[str, str, str]] = []
    if detail is not None and detail.kind is Kind.ANGLE:
        entries += [("circle", "solid", "level across")] if detail.poses else []
        if any(pose.cross_deg for pose in detail.poses):
            entries.append(("circle", "hollow", "tilted across"))
    elif detail is not None and detail.runs:
        runs = list(enumerate(detail.runs, 1))
        for number, run in runs[: len(_SHAPES)]:
            entries.append((_SHAPES[number - 1], "solid", f"run {number}, mounting {run.mounting}"))
        entries += [("circle", "solid", "filled: rising"), ("circle", "hollow", "empty: falling")]
    entries += [
        ("line", "limit", "uncertainty, k = 2"),
        ("line", "part", "not shared by sides"),
    ]
    for place, (shape, kind, words) in enumerate(entries):
        x = LEFT + _ROW_STEP * (place % _PER_ROW)
        y = 502.0 + 20.0 * (place // _PER_ROW)
        if shape == "line":
            yield svg.line(x - 4, y - 4, x + 16, y - 4, kind)
            yield svg.text(x + 21, y, words, "small")
        else:
            yield svg.marker(shape, x, y - 4, kind)
            yield svg.text(x + 10, y, words, "small")


def _foot(certificate: Certificate, unit: str, series: Sequence[_Series]) -> Iterator[str]:
    line = certificate.uncertainty
    slope = f" + {100.0 * line.slope:.3g} % of the {'angle' if unit == '°' else 'force'}"
    words = [f"uncertainty ±({line.floor:.3g} {unit}{slope if line.slope else ''})"]
    detail = certificate.detail
    if detail is not None and detail.standard_error is not None:
        words.append(f"standard deviation of the residuals {detail.standard_error:.3g} {unit}")
    points = [point for item in series for point in item.points]
    if not points:
        words.append("this certificate names no points")
    yield svg.text(24, 548, "  ·  ".join(words), "small")
    outside = sum(abs(y) > line.at(x) for x, y in points)
    if points:
        told = f"{outside} of {len(points)} points outside the stated uncertainty"
        yield svg.text(RIGHT, 82, told, "alarm" if outside else "small", "end")
