"""A picture of the checks of one unit in time, between their limits."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dynod.cli import svg
from dynod.cli.calibration_plot import HEIGHT, LEFT, RIGHT, STYLE, WIDTH, frame
from dynod.cli.svg import Axes, Point
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import CheckLimits, Verification
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError

_ERROR_PANEL, _ZERO_PANEL = (106.0, 320.0), (356.0, 454.0)
_DAY_STEPS = (1, 2, 7, 14, 28, 91, 182, 364, 728)
_MOST_DATES = 8
_DAY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Checks:
    """What is drawn of checks in the order of time; errors in percent of the load, or in deg."""

    days: tuple[float, ...]
    errors: tuple[float, ...]
    zeros: tuple[float, ...]
    passed: tuple[bool, ...]
    certificates: tuple[str | None, ...]
    first: datetime

    def day(self, at: datetime) -> float:
        return (at - self.first).total_seconds() / _DAY_S


def drift_chart(
    verifications: Sequence[Verification],
    limits: CheckLimits,
    certificate: Certificate | None,
) -> str:
    """Return the checks of one unit in time, as SVG: the result's error above, the zero below.

    ``limits`` are drawn as they are now, and each check as it was judged in its time. The line
    through the checks is of those under the certificate of the last one; where certificates change,
    and where ``certificate`` expires, stands an upright line. Raises UsageError without checks.
    """
    if not verifications:
        raise UsageError("there is no check to draw; make one with `dynod calibrate verify`")
    ordered = sorted(verifications, key=lambda item: item.check.at)
    force = ordered[0].check.kind is Kind.FORCE
    checks = _checks(ordered)
    error_limit = 100.0 * limits.relative if force else limits.angle_deg
    zero_limit = limits.zero_n if force else limits.angle_deg
    upper = _axes(checks, checks.errors, error_limit, _ERROR_PANEL)
    lower = _axes(checks, checks.zeros, zero_limit, _ZERO_PANEL)
    title = f"Checks of {ordered[0].profile}, serial number {ordered[0].serial_number}"
    shapes = (
        svg.text(24, 34, title, "title"),
        svg.text(24, 58, _words(checks, certificate), "small"),
        *_expiry((upper, lower), checks, certificate),
        *_panel(upper, checks, checks.errors, error_limit),
        *_panel(lower, checks, checks.zeros, zero_limit),
        *_changes((upper, lower), checks),
        *_titles(upper, lower, force=force),
        *_dates(lower, checks),
        *_legend(),
    )
    return svg.document(title, STYLE, WIDTH, HEIGHT, shapes)


def _checks(ordered: Sequence[Verification]) -> _Checks:
    first = ordered[0].check.at
    found = [item.check for item in ordered]
    return _Checks(
        days=tuple((check.at - first).total_seconds() / _DAY_S for check in found),
        errors=tuple(
            100.0 * check.error / check.reference if check.kind is Kind.FORCE else check.error
            for check in found
        ),
        zeros=tuple(check.zero for check in found),
        passed=tuple(item.result.passed for item in ordered),
        certificates=tuple(item.certificate_id for item in ordered),
        first=first,
    )


def _axes(
    checks: _Checks, values: Sequence[float], limit: float, panel: tuple[float, float]
) -> Axes:
    reach = 1.2 * max(limit, *(abs(value) for value in values if math.isfinite(value)))
    margin = max(0.04 * checks.days[-1], 1.0)
    top, bottom = panel
    return Axes(LEFT, RIGHT, top, bottom, -margin, checks.days[-1] + margin, -reach, reach)


def _panel(axes: Axes, checks: _Checks, values: Sequence[float], limit: float) -> Iterator[str]:
    yield from frame(axes)
    for level in (limit, -limit):
        yield svg.line(axes.left, axes.y(level), axes.right, axes.y(level), "limit")
    yield svg.path(axes.places(_trend(checks, values)), "trend")
    for day, value, passed in zip(checks.days, values, checks.passed, strict=True):
        if not math.isfinite(value):
            continue
        x, y = axes.x(day), axes.y(value)
        yield svg.marker("circle", x, y, "solid") if passed else svg.marker("cross", x, y, "failed")


def _trend(checks: _Checks, values: Sequence[float]) -> list[Point]:
    """Return the ends of the least-squares line through the checks under the last certificate."""
    points = [
        (day, value)
        for day, value, name in zip(checks.days, values, checks.certificates, strict=True)
        if name == checks.certificates[-1] and math.isfinite(value)
    ]
    if len(points) < 2:
        return []
    middle = math.fsum(day for day, _ in points) / len(points)
    height = math.fsum(value for _, value in points) / len(points)
    spread = math.fsum((day - middle) ** 2 for day, _ in points)
    if spread == 0.0:
        return []
    slope = math.fsum((day - middle) * value for day, value in points) / spread
    return [(day, height + slope * (day - middle)) for day in (points[0][0], points[-1][0])]


def _expiry(
    panels: Sequence[Axes], checks: _Checks, certificate: Certificate | None
) -> Iterator[str]:
    """Shade what lies after the certificate, where the picture reaches that far."""
    if certificate is None:
        return
    day = checks.day(certificate.valid_until)
    for place, axes in enumerate(panels):
        if axes.x_low < day < axes.x_high:
            x = axes.x(day)
            yield svg.rect(x, axes.top, axes.right - x, axes.bottom - axes.top, "over")
            if place == 0:
                yield svg.text(axes.right, axes.top - 8, "certificate expired", "small", "end")


def _changes(panels: Sequence[Axes], checks: _Checks) -> Iterator[str]:
    """Draw a line before each check that was made under another certificate than the last."""
    for place in range(1, len(checks.days)):
        name = checks.certificates[place]
        if name == checks.certificates[place - 1]:
            continue
        middle = 0.5 * (checks.days[place - 1] + checks.days[place])
        for axes in panels:
            yield svg.line(axes.x(middle), axes.top, axes.x(middle), axes.bottom, "change")
        words = f"→ {name or 'no certificate'}"
        yield svg.text(panels[0].x(middle) + 6, panels[0].top + 14, words, "small halo")


# -- words and dates -----------------------------------------------------------------------


def _words(checks: _Checks, certificate: Certificate | None) -> str:
    count, failed = len(checks.days), checks.passed.count(False)
    words = f"{count} check{'s' if count > 1 else ''}, {failed or 'none'} failed"
    if certificate is None:
        return f"{words}; no certificate"
    until = certificate.valid_until.date()
    return f"{words}; certificate {certificate.certificate_id} until {until}"


def _titles(upper: Axes, lower: Axes, *, force: bool) -> Iterator[str]:
    unit, zero_unit = ("% of the load", "N") if force else ("°", "°")
    for axes, what in (
        (upper, f"error in {unit}"),
        (lower, f"zero in {zero_unit}"),
    ):
        yield svg.upright(24, 0.5 * (axes.top + axes.bottom), what, "small")
    what = "weight" if force else "angle"
    words = f"error: result at the check's {what} less what it truly is"
    yield svg.text(upper.left, upper.top - 8, words, "small")
    yield svg.text(lower.left, lower.top - 8, "zero: what it shows before", "small")


def _dates(axes: Axes, checks: _Checks) -> Iterator[str]:
    span = axes.x_high - axes.x_low
    step = next((days for days in _DAY_STEPS if span / days <= _MOST_DATES), _DAY_STEPS[-1])
    # dates count from midnight, checks from the first of them
    day = checks.first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while checks.day(day) < axes.x_high:
        at = checks.day(day)
        if at > axes.x_low:
            x = axes.x(at)
            yield svg.line(x, axes.bottom, x, axes.bottom + 5, "axis")
            yield svg.text(x, axes.bottom + 20, day.date().isoformat(), "small", "middle")
        day += timedelta(days=step)


def _legend() -> Iterator[str]:
    y = 506.0
    yield svg.marker("circle", LEFT, y - 4, "solid")
    yield svg.text(LEFT + 10, y, "passed", "small")
    yield svg.marker("cross", LEFT + 80, y - 4, "failed")
    yield svg.text(LEFT + 92, y, "failed (by either)", "small")
    for x, kind, words in (
        (LEFT + 220, "limit", "limits"),
        (LEFT + 310, "trend", "line through the checks under the last certificate"),
    ):
        yield svg.line(x, y - 4, x + 26, y - 4, kind)
        yield svg.text(x + 32, y, words, "small")
