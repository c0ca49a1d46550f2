"""A short force procedure, two weights, and the technician who places them on a test gauge."""

import math
from pathlib import Path

from tests.support.gauge import Gauge
from tests.support.terminal import Terminal

_PROCEDURE = """\
title = "Two loads"
kind = "force"
warm_up_minutes = 0
preloads = 1
preload_hold_s = 0
load_steps = [0.5, 1.0]
runs = {runs}
settle_s = 0.05
window_s = {window_s}
quiet_sd_n = 0.5
"""
_SET = """\
title = "two weights"
certificate = "lab 4711"
{example}
[[mass]]
label = "A"
mass_kg = 10
uncertainty_kg = 0.0005

[[mass]]
label = "B"
mass_kg = 5
uncertainty_kg = 0.00025
"""


def newtons(mass_kg: float) -> float:
    """Weight at 51.5° and 25 m in air: Somigliana's formula (WGS 84), and 1.2/8000 of buoyancy."""
    s = math.sin(math.radians(51.5)) ** 2
    at_sea = 9.7803267714 * (1.0 + 0.00193185138639 * s) / math.sqrt(1.0 - 0.00669437999013 * s)
    return mass_kg * at_sea / (1.0 + 25.0 / 6371000.0) ** 2 * (1.0 - 1.2 / 8000.0)


def short_procedure(
    folder: Path, *, runs: int = 1, window_s: float = 0.2, example: bool = False
) -> None:
    """Put procedure ``two`` and the set of masses ``own`` into the site's folders."""
    for kind, name, text in (
        ("procedures", "two", _PROCEDURE.format(runs=runs, window_s=window_s)),
        ("references", "own", _SET.format(example="example = true" if example else "")),
    ):
        path = folder / "calibration.d" / kind / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class Technician:
    """Does what the program says, at a gauge that shows ``offset`` + ``scale`` times the force."""

    def __init__(
        self, terminal: Terminal, gauge: Gauge, *, scale: float = 1.25, offset: float = 3.0
    ) -> None:
        self.terminal = terminal
        self._gauge = gauge
        self._scale = scale
        self._offset = offset

    def put_on(self, mass_kg: float) -> None:
        """Let so much stand on the gauge."""
        self._gauge.hold(0.1, self._offset + self._scale * newtons(mass_kg))

    def place(self, mass_kg: float) -> None:
        """Wait until a mass is asked for (0: none), place it and let it be read."""
        asked = f"{mass_kg:g} kg = {newtons(mass_kg):.2f} N" if mass_kg else "ake everything off"
        self.terminal.expect(asked)
        self.put_on(mass_kg)
        self.terminal.type()
        self.terminal.expect("off a straight line so far by" if mass_kg else "without load")

    def preload(self) -> None:
        """Do what comes before the first run."""
        self.place(0.0)
        self.place(15.0)

    def run(self) -> None:
        """Do one run, up and down."""
        for mass_kg in (0.0, 5.0, 15.0, 5.0, 0.0):
            self.place(mass_kg)
