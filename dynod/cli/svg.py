"""Shapes and scales of a picture in SVG; how a shape looks is its class in the style sheet."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from dynod.model.errors import StorageError

Point = tuple[float, float]

MARKERS = ("circle", "square", "triangle", "diamond", "point_down", "cross")


@dataclass(frozen=True, slots=True)
class Axes:
    """A rectangle of the picture (in its units) and the numbers that it shows."""

    left: float
    right: float
    top: float
    bottom: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        """Return where a number is from the left."""
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return where a number is from the top."""
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return self.bottom - share * (self.bottom - self.top)

    def places(self, points: Iterable[Point]) -> list[Point]:
        """Return where points are."""
        return [(self.x(x), self.y(y)) for x, y in points]


def document(title: str, style: str, width: int, height: int, shapes: Iterable[str]) -> str:
    """Return a picture on white."""
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{style}\n</style>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *(shape for shape in shapes if shape),
        "</svg>",
    )
    return "\n".join(lines) + "\n"


def write(path: Path, picture: str) -> None:
    """Write a picture; raises StorageError when the file cannot be written."""
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error


# -- scales --------------------------------------------------------------------------------


def nice(step: float) -> float:
    """Return the next of 1, 2, 5, 10 … times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= step)


def ticks(low: float, high: float, most: int = 8, step: float | None = None) -> list[float]:
    """Return round numbers from ``low`` to ``high``, about ``most`` of them, or every ``step``."""
    step = step or nice((high - low) / most)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [step * number for number in range(first, last + 1)]


def number(value: float) -> str:
    """Return a number for a scale: no more digits than it has, and a minus that reads as one."""
    return f"{value + 0.0:g}".replace("-", "−")


# -- shapes --------------------------------------------------------------------------------


def path(places: Sequence[Point], kind: str, *, closed: bool = False) -> str:
    """Return straight lines from place to place; nothing of no places."""
    if not places:
        return ""
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<path class="{kind}" d="M{way}{"Z" if closed else ""}"/>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Return a line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    """Return a rectangle; a size below zero counts as zero."""
    size = f'width="{max(width, 0.0):.1f}" height="{max(height, 0.0):.1f}"'
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size}/>'


def circle(x: float, y: float, radius: float, kind: str) -> str:
    """Return a circle."""
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>'


def text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    """Return words, which may hold any character."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'


def upright(x: float, y: float, words: str, kind: str) -> str:
    """Return words that run upwards, centred at a place."""
    place = f'text-anchor="middle" transform="translate({x:.1f},{y:.1f}) rotate(-90)"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'


def marker(shape: str, x: float, y: float, kind: str, size: float = 4.5) -> str:
    """Return one of ``MARKERS``, all of about one area."""
    if shape == "circle":
        return circle(x, y, size, kind)
    if shape == "cross":
        arms = f"M{x - size:.1f},{y - size:.1f} l{2 * size:g},{2 * size:g} m0,{-2 * size:g}"
        return f'<path class="{kind}" d="{arms} l{-2 * size:g},{2 * size:g}"/>'
    if shape == "square":
        corners = [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
    elif shape == "diamond":
        corners = [(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]
    else:
        way = -1.0 if shape == "triangle" else 1.0
        corners = [(0.0, way * 1.2), (1.2, -way * 0.9), (-1.2, -way * 0.9)]
    places = [(x + size * dx, y + size * dy) for dx, dy in corners]
    return path(places, kind, closed=True)
