"""What the daemon took in a long run, as a picture of six panels over the minutes."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from dynod.cli import svg
from dynod.cli.svg import Axes
from tests.support.soaking import Reading

WIDTH, HEIGHT = 920, 690
COLUMNS = (84.0, 544.0)
PANEL_WIDTH, PANEL_HEIGHT = 330.0, 140.0
FIRST_TOP, ROW = 92.0, 200.0
STYLE = """\
text { font-family: sans-serif; fill: #222222; }
.title { font-size: 18px; font-weight: 600; }
.small { font-size: 12px; }
.name { font-size: 13px; font-weight: 600; }
.grid { stroke: #e4e4e4; }
.axis { stroke: #888888; }
.curve { fill: none; stroke: #1f6fb2; stroke-width: 1.6; }"""


def soak_plot(title: str, words: str, readings: Sequence[Reading]) -> str:
    """Return the picture; each panel begins at nought, but for the two with a lasting level."""
    minutes = [reading.at_s / 60.0 for reading in readings]
    shares = [
        100.0 * (after.cpu_s - before.cpu_s) / (after.at_s - before.at_s)
        for before, after in pairwise(readings)
    ]
    panels = (
        ("memory (RSS) in MB", [r.memory_mb for r in readings]),
        ("share of one core in %", [shares[0], *shares]),
        ("open file handles", [float(r.handles) for r in readings]),
        ("threads", [float(r.threads) for r in readings]),
        ("database with its log, in MB", [r.stored_mb for r in readings]),
        ("trials shown as recorded", [float(r.trials) for r in readings]),
    )
    shapes = [svg.text(24, 34, title, "title"), svg.text(24, 58, words, "small")]
    for place, (name, values) in enumerate(panels):
        left, top = COLUMNS[place % 2], FIRST_TOP + ROW * (place // 2)
        high = 1.15 * max(values) or 1.0
        axes = Axes(left, left + PANEL_WIDTH, top, top + PANEL_HEIGHT, 0.0, max(minutes), 0.0, high)
        shapes += [
            *_frame(axes, name),
            svg.path(axes.places(zip(minutes, values, strict=True)), "curve"),
        ]
    return svg.document(title, STYLE, WIDTH, HEIGHT, shapes)


def _frame(axes: Axes, name: str) -> Iterator[str]:
    yield svg.text(axes.left, axes.top - 10, name, "name")
    for value in svg.ticks(axes.y_low, axes.y_high, 4):
        yield svg.line(axes.left, axes.y(value), axes.right, axes.y(value), "grid")
        yield svg.text(axes.left - 8, axes.y(value) + 4, svg.number(value), "small", "end")
    for value in svg.ticks(axes.x_low, axes.x_high, 6):
        yield svg.line(axes.x(value), axes.bottom, axes.x(value), axes.bottom + 5, "axis")
        yield svg.text(axes.x(value), axes.bottom + 19, svg.number(value), "small", "middle")
    yield svg.text(axes.right, axes.bottom + 35, "minutes", "small", "end")
    yield svg.line(axes.left, axes.bottom, axes.right, axes.bottom, "axis")
