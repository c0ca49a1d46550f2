"""A constructed sensor: what it makes of a force or an angle, with the errors of a real one."""

from dataclasses import dataclass

from dynod.simulate.patient import TimeCurve

CURVATURE_AT = 100.0
_TURNED = 0.02  # of the highest load: less is no way down


@dataclass(frozen=True, slots=True)
class CellOptions:
    """How far a sensor is off.

    It shows ``offset`` + ``scale``·F·(1 + ``curvature``·F/100), in N or deg. On the way down it
    shows up to ``hysteresis`` of the highest load more, most of it half way.
    """

    scale: float = 1.0
    offset: float = 0.0
    curvature: float = 0.0
    hysteresis: float = 0.0


class Cell:
    """A curve over time as such a sensor shows it."""

    def __init__(self, curve: TimeCurve, options: CellOptions) -> None:
        self._curve = curve
        self._options = options
        self._highest = 0.0

    def __call__(self, t_s: float) -> float:
        """Return what the sensor shows at a time; times never decrease."""
        options, load = self._options, self._curve(t_s)
        shown = options.scale * load * (1.0 + options.curvature * load / CURVATURE_AT)
        return options.offset + shown + options.scale * self._loop(load)

    def _loop(self, load: float) -> float:
        """Return by how much more it shows on the way down."""
        if abs(load) >= (1.0 - _TURNED) * abs(self._highest):
            self._highest = max(self._highest, load, key=abs)
            return 0.0
        share = load / self._highest
        if share < _TURNED:
            self._highest = 0.0
            return 0.0
        return self._options.hysteresis * self._highest * 4.0 * share * (1.0 - share)
