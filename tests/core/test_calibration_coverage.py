"""Do the stated 95 % hold? Simulated calibrations of devices whose truth is known.

Each time a device is calibrated with weights (or known angles) that are a little wrong, then used:
put on anew, zeroed, loaded to a random place of its range. The device is written here and shares
nothing with the code under test. The stated coverage is 95.45 %; of 1,000 trials it comes out
with a standard error of 0.7 %.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from dynod.core.calibration_angle import AngleSettings, calibrate_angle
from dynod.core.calibration_force import ForceSettings, calibrate_force
from dynod.model.calibration_record import (
    AnglePose,
    Branch,
    Buoyancy,
    CalibrationReport,
    CalibrationRun,
    Gravity,
    LoadPoint,
)
from dynod.model.samples import FloatArray

LOADS = 250.0 * np.array([0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0])
TOP = 250.0
GRAVITY = 9.81


@dataclass(frozen=True)
class Gauge:
    """A force gauge; all in N but for ``reseating`` and ``weights``, which are relative.

    ``curvature`` and ``loop`` are its largest deviation from a line and its widest hysteresis.
    """

    counts_per_n: float = -250.0
    offset: float = 8.1e6
    noise: float = 0.15
    step: float = 0.1
    reseating: float = 0.002
    curvature: float = 0.0
    loop: float = 0.3
    drift: float = 0.1
    weights: float = 1e-4
    mountings: tuple[int, ...] = (1, 2, 3)

    def shows(
        self,
        load: FloatArray,
        rng: np.random.Generator,
        *,
        seat: float,
        branch: FloatArray,
        zero: FloatArray,
    ) -> FloatArray:
        """Return the numbers; ``branch`` is 0 on the rising, 1 on the falling side of the loop."""
        part = load / TOP
        bow = 4.0 * part * (1.0 - part)
        true = load * (1.0 + seat) - self.curvature * bow + self.loop * branch * bow + zero
        noisy = true + rng.normal(0.0, self.noise, len(load))
        return self.offset + self.counts_per_n * self.step * np.round(noisy / self.step)

    @property
    def span(self) -> tuple[float, float]:
        return float(LOADS[1]), float(LOADS[-1])

    def run(
        self, rng: np.random.Generator, mounting: int, seat: float, true: float
    ) -> CalibrationRun:
        """Return a run in which the zero drifts from start to end."""
        start, gone = rng.normal(0.0, 0.5), rng.normal(0.0, self.drift)
        rising = start + gone * np.linspace(0.0, 0.5, len(LOADS))
        falling = start + gone * np.linspace(1.0, 0.5, len(LOADS))
        nought = np.zeros(len(LOADS))
        up = self.shows(LOADS * true, rng, seat=seat, branch=nought, zero=rising)
        down = self.shows(LOADS * true, rng, seat=seat, branch=nought + 1.0, zero=falling)
        points = [LoadPoint(*pair) for pair in zip(LOADS.tolist(), up.tolist(), strict=True)]
        points += [
            LoadPoint(load, number, Branch.FALLING)
            for load, number in zip(LOADS.tolist()[:-1], down.tolist()[:-1], strict=True)
        ]
        return CalibrationRun(tuple(points), mounting)

    def calibrated(self, rng: np.random.Generator, load: float) -> CalibrationReport:
        """Return a calibration with a budget at the load besides."""
        true = rng.normal(1.0, self.weights)
        seats = {mounting: rng.normal(0.0, self.reseating) for mounting in self.mountings}
        return calibrate_force(
            [self.run(rng, mounting, seats[mounting], true) for mounting in self.mountings],
            gravity=Gravity(GRAVITY, GRAVITY * self.weights, "simulated"),
            air=Buoyancy(1.0, 0.0),
            settings=ForceSettings(abs(self.step * self.counts_per_n), also_at=(load,)),
        )

    def error(self, rng: np.random.Generator, report: CalibrationReport, load: float) -> float:
        """Return what a result in use is off: put on anew, zeroed, then loaded."""
        zero = rng.normal(0.0, 0.5)
        moved = np.array([0.0, rng.uniform(-1.0, 1.0) * self.drift])
        numbers = self.shows(
            np.array([0.0, load]),
            rng,
            seat=rng.normal(0.0, self.reseating),
            branch=np.full(2, rng.uniform()),
            zero=zero + moved,
        )
        return applied(report, numbers) - load


@dataclass(frozen=True)
class Inclinometer:
    """An inclinometer on a sine bar; all in deg but for ``scale`` and ``cross``."""

    scale: float = 1.01
    offset: float = 2.0
    cross: float = 0.01
    noise: float = 0.05
    step: float = 0.02
    own: float = 0.02
    length: float = 0.0005
    bend: float = 0.0

    @property
    def span(self) -> tuple[float, float]:
        return -60.0, 60.0

    def shows(self, angle: float, tilt: float, rng: np.random.Generator) -> float:
        true = self.offset + self.scale * angle + self.cross * tilt
        true += self.bend * np.sin(np.radians(3.0 * angle))
        return float(self.step * np.round((true + rng.normal(0.0, self.noise)) / self.step))

    def calibrated(self, rng: np.random.Generator, angle: float) -> CalibrationReport:
        """Return a calibration at seven angles twice each, two of them also with a cross tilt."""
        longer = rng.normal(0.0, self.length)
        poses = []
        for stated in range(-60, 61, 20):
            tangent = np.degrees(np.tan(np.radians(stated)))
            true = stated - tangent * longer + rng.normal(0.0, self.own)
            poses += [
                AnglePose(
                    float(stated),
                    self.shows(true, tilt, rng),
                    tilt,
                    self.own,
                    float(abs(tangent)) * self.length,
                )
                for tilt in ([0.0, 10.0] if abs(stated) == 40 else [0.0])
                for _ in range(2)
            ]
        return calibrate_angle(poses, AngleSettings(self.step, also_at=(angle,)))

    def error(self, rng: np.random.Generator, report: CalibrationReport, angle: float) -> float:
        """Return what a hold less its zero is off; both with cross tilts within the limit."""
        numbers = np.array(
            [self.shows(0.0, 0.0, rng), self.shows(angle, rng.uniform(-5.0, 5.0), rng)]
        )
        return applied(report, numbers) - angle


@dataclass(frozen=True)
class Coverage:
    """Parts of the trials that were covered, and how much larger the lines are than U itself."""

    computed: float
    line: float
    twice: float
    sides: float
    excess: float


def applied(report: CalibrationReport, numbers: FloatArray) -> float:
    """Return the result of two numbers as dynod has it, by the powers of a certificate."""
    values = np.polynomial.polynomial.polyval(numbers, report.fit.coefficients)
    return float(values[1] - values[0])


def coverage(device: Gauge | Inclinometer, trials: int, seed: int) -> Coverage:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(trials):
        load = rng.uniform(*device.span)
        report = device.calibrated(rng, load)
        (stated,) = (item for item in report.budgets if item.load == load)
        first, second = device.error(rng, report, load), device.error(rng, report, load)
        line = report.uncertainty.at(load)
        rows.append(
            (
                abs(first) <= stated.expanded,
                abs(first) <= line,
                abs(first) <= 2.0 * stated.standard,
                abs(first - second) <= math.sqrt(2.0) * stated.unshared,
                line / stated.expanded,
            )
        )
    return Coverage(*np.mean(np.array(rows, float), axis=0).tolist())


@pytest.mark.parametrize(
    ("device", "seed", "excess"),
    [(Gauge(), 1, 1.2), (Gauge(curvature=3.0), 2, 1.2), (Inclinometer(), 3, 1.1)],
    ids=["straight gauge", "bent gauge", "inclinometer"],
)
def test_results_lie_within_the_stated_uncertainty(
    device: Gauge | Inclinometer, seed: int, excess: float
) -> None:
    """95 % by the budget at the load, and by the certificate's line, which is a little larger.

    Two results of one unit differ by no more than what they do not share says, as often.
    """
    found = coverage(device, 1000, seed)
    assert 0.93 <= found.computed <= 0.98
    assert 0.93 <= found.line <= 0.98
    assert found.computed <= found.line
    assert 1.0 < found.excess < excess
    assert 0.93 <= found.sides <= 0.98


def test_twice_the_standard_uncertainty_covers_too_little() -> None:
    """Why the factor is Student's t: where reseating rules and three mountings are all that is
    known of it, k = 2 covers 85 % (of 300, with a standard error of 2 %)."""
    found = coverage(Gauge(reseating=0.01), 300, 4)
    assert found.twice < 0.9
    assert 0.92 <= found.computed <= 0.98


def test_two_mountings_are_too_few_where_reseating_rules() -> None:
    """One degree of freedom is more than Welch and Satterthwaite make good: about 90 %, which the
    report says. k = 2 would be far worse."""
    found = coverage(Gauge(reseating=0.01, mountings=(1, 1, 2)), 300, 5)
    assert found.twice < 0.82
    assert 0.85 <= found.computed <= 0.95
