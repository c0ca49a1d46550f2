"""A small plot of a curve in plain characters."""

from collections.abc import Sequence

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # braille, row by column


def plot(
    t_s: Sequence[float],
    values: Sequence[float | None],
    *,
    unit: str,
    width: int = 64,
    height: int = 10,
) -> str:
    """Return the curve as lines of braille dots with a scale of values and of time."""
    points = [(t, v) for t, v in zip(t_s, values, strict=True) if v is not None]
    if len(points) < 2:
        return "(no curve)"
    first, last = points[0][0], points[-1][0]
    span_s = (last - first) or 1.0
    low = min(0.0, *(v for _, v in points))
    high = max(*(v for _, v in points), low + 1.0)
    cells = [[0] * width for _ in range(height)]
    for t, v in points:
        x = min(int((t - first) / span_s * (2 * width - 1)), 2 * width - 1)
        y = min(int((high - v) / (high - low) * (4 * height - 1)), 4 * height - 1)
        cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
    lines = []
    for row, line in enumerate(cells):
        level = high - (high - low) * row / (height - 1)
        label = f"{level:7.0f} {unit}" if row in {0, height - 1} else " " * (8 + len(unit))
        lines.append(label + " │" + "".join(chr(0x2800 + cell) for cell in line))
    foot = f"{first:+.1f} s".ljust(width - 8) + f"{last:+.1f} s".rjust(8)
    return "\n".join([*lines, " " * (9 + len(unit)) + "└" + foot])
