"""The guided calibration of a force gauge: what to do next, and whether a reading can be right.

It is told steady readings and answers what they are worth; it knows no clock and asks nobody. From
the preloads it learns how the unit answers, and from then on sees a weight that was put on too
early, a wrong one, and one that is not there.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dynod.core.calibration_indicators import creep_percent
from dynod.model.calibration_record import Branch, CalibrationRun, LoadPoint
from dynod.model.errors import UsageError
from dynod.session.force_plan import ForcePlan, ForceStep, StepKind, steps_of
from dynod.session.steady_reading import Steady, SteadyRules

_NOMINAL_FAR = 0.3  # of the load; further off the nominal scale are other weights or another unit
_FAR = 0.02  # of the highest load, by what the preloads taught; a strain gauge bends by less
_RESEATED_FAR = 0.05  # of the highest load: what a new seat may move the zero
_LEAST_NOISES = 10.0  # a preload moves the number by more standard deviations than this


@dataclass(frozen=True, slots=True)
class StepReading:
    """The reading of a step: ``mean`` and ``sd`` of ``count`` device numbers."""

    mean: float
    sd: float
    count: int


@dataclass(slots=True)
class GuidedForce:
    """A run under way. ``at`` is the number of the next step, from 0; ``readings`` are by step.

    ``n_per_number`` is the nominal scale, None for bare counts. ``remarks`` go on the certificate:
    what was skipped, taken against doubt, or interrupted.
    """

    plan: ForcePlan
    n_per_number: float | None
    single_reading: bool = False
    at: int = 0
    readings: dict[int, StepReading] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    steps: tuple[ForceStep, ...] = ()

    def __post_init__(self) -> None:
        """Lay out the steps. Raises UsageError for progress that is not of this plan."""
        self.steps = steps_of(self.plan)
        if not 0 <= self.at <= len(self.steps):
            raise UsageError(f"step {self.at} is not among the {len(self.steps)} of the plan")
        missing = [
            number
            for number, step in enumerate(self.steps[: self.at])
            if step.reads and number not in self.readings
        ]
        if missing:
            raise UsageError(f"the reading of step {missing[0] + 1} is missing")

    # -- what is next ------------------------------------------------------------------------

    @property
    def step(self) -> ForceStep | None:
        """The next step; None when all are done."""
        return self.steps[self.at] if self.at < len(self.steps) else None

    @property
    def hold_s(self) -> float:
        """How many seconds the next step holds its load before it is read."""
        kind = None if self.step is None else self.step.kind
        holds = {StepKind.PRELOAD: self.plan.preload_hold_s, StepKind.CREEP: self.plan.creep_hold_s}
        return 0.0 if kind is None else holds.get(kind, 0.0)

    @property
    def rules(self) -> SteadyRules:
        """When the next reading is steady, in the device's own number."""
        scale = self._learnt or self.n_per_number
        # before a unit of bare counts has felt a load, nothing is known of what quiet is
        quiet = math.inf if scale is None else self.plan.quiet_sd_n / abs(scale)
        if self.single_reading:
            return SteadyRules(0.0, 0.0, quiet)
        return SteadyRules(self.plan.settle_s, self.plan.window_s, quiet)

    def words(self) -> str:
        """Return what is to be done now."""
        step = self.step
        if step is None:
            return "all readings are taken"
        return f"[{self.at + 1}/{len(self.steps)}] {self._where(step)}{self._task(step)}"

    def _where(self, step: ForceStep) -> str:
        if step.kind not in {StepKind.ZERO, StepKind.LOAD}:
            return ""
        way = "up" if step.branch is Branch.RISING else "down"
        return f"Run {step.run} of {self.plan.runs}, {way}: "

    def _task(self, step: ForceStep) -> str:
        if step.load is not None:
            return self._loaded(step, step.load.words)
        if step.kind is StepKind.WARM_UP:
            return f"Let the device warm up for {self.plan.warm_up_s / 60.0:g} min, switched on."
        if step.kind is StepKind.RESEAT:
            return (
                f"Take the device out of its seat, turn it, and put it back for run {step.run}."
                " Nothing stands on it."
            )
        return "take everything off." if self._where(step) else "Take everything off."

    def _loaded(self, step: ForceStep, words: str) -> str:
        if step.kind is StepKind.CREEP:
            return f"Leave it loaded for {self.hold_s:g} s more, to see it creep."
        if step.kind is StepKind.LOAD:
            return f"place {words}."
        held = f", for {self.hold_s:g} s" if self.hold_s else ""
        many = self.plan.preloads
        which = f"Preload {step.number} of {many}" if step.run == 0 else "Preload in the new seat"
        return f"{which}: place {words}{held}."

    # -- what happens ------------------------------------------------------------------------

    def go_on(self) -> None:
        """Leave a step that has no reading."""
        if self.step is None or self.step.reads:
            raise UsageError("this step needs a reading")
        self.at += 1

    def doubt(self, reading: Steady) -> str | None:
        """Return why a reading is hardly that of the next step; None when it may be."""
        step = self.step
        if step is None:
            return None
        base = self._base()
        scale = self._learnt
        if base is None:
            return self._doubt_first(reading)
        if scale is None:
            return None if step.load is None else self._doubt_preload(step, reading, base)
        found_n = scale * (reading.mean - base)
        return self._doubt_known(step, found_n, self._far_n(step))

    def record(self, reading: Steady, *, despite: str | None = None) -> None:
        """Take the reading of the next step; ``despite`` is the doubt that was overruled."""
        step = self.step
        if step is None or not step.reads:
            raise UsageError("this step takes no reading")
        self.readings[self.at] = StepReading(reading.mean, reading.sd, reading.count)
        if despite is not None:
            self.remarks.append(f"step {self.at + 1} was taken in spite of: {despite}")
        self.at += 1

    def repeat(self) -> bool:
        """Go back to the last step that was read; return False when there is none."""
        taken = [number for number in self.readings if number < self.at]
        if not taken:
            return False
        self.at = max(taken)
        self._forget()
        return True

    def begin_run_anew(self) -> bool:
        """Go back to the zero of the run under way; return False when there is none."""
        run = 0 if self.step is None else self.step.run
        starts = [
            number
            for number, step in enumerate(self.steps[: self.at])
            if step.run == run and step.kind is StepKind.ZERO
        ]
        if not run or not starts:
            return False
        self.at = starts[0]
        self._forget()
        return True

    def interrupted(self, why: str) -> None:
        """Note an interruption, where it falls into a run."""
        if self.step is not None and self._zero_of(self.step.run) is not None:
            self.remarks.append(f"run {self.step.run} was interrupted at step {self.at + 1}: {why}")

    def _forget(self) -> None:
        self.readings = {n: kept for n, kept in self.readings.items() if n < self.at}

    # -- what a number means -----------------------------------------------------------------

    @property
    def _learnt(self) -> float | None:
        """N per device number, by the last preload; None before one."""
        scale: float | None = None
        unloaded: float | None = None
        for step, reading in self._taken():
            if step.kind is StepKind.UNLOADED:
                unloaded = reading.mean
            elif step.kind is StepKind.PRELOAD and step.run == 0 and unloaded is not None:
                moved = reading.mean - unloaded
                scale = step.force_n / moved if moved else None
        return scale

    def _taken(self) -> Iterator[tuple[ForceStep, StepReading]]:
        for number in sorted(self.readings):
            yield self.steps[number], self.readings[number]

    def _base(self) -> float | None:
        """Return the device's number without load, as it was read last."""
        last: float | None = None
        for step, reading in self._taken():
            if step.load is None and not (step.kind is StepKind.ZERO and self._later_run(step)):
                last = reading.mean
        return last

    def _later_run(self, step: ForceStep) -> bool:
        """Tell whether a zero came down from loads of the run under way, and so is no base."""
        return step.branch is Branch.FALLING and self.step is not None and step.run == self.step.run

    def _zero_of(self, run: int) -> float | None:
        for step, reading in self._taken():
            if (step.run, step.kind, step.branch) == (run, StepKind.ZERO, Branch.RISING):
                return reading.mean
        return None

    def _far_n(self, step: ForceStep) -> float:
        reseated = step.run > 1 and self.plan.reseat and self._zero_of(step.run) is None
        far_n = (_RESEATED_FAR if reseated else _FAR) * self.plan.highest.force_n
        return min(far_n, 0.5 * self.plan.loads[0].force_n)

    def _doubt_first(self, reading: Steady) -> str | None:
        if self.n_per_number is None:
            return None
        found_n = self.n_per_number * reading.mean
        if abs(found_n) <= _NOMINAL_FAR * self.plan.highest.force_n:
            return None
        return f"it shows {found_n:.1f} N: is a weight on it? The reading without load comes first"

    def _doubt_preload(self, step: ForceStep, reading: Steady, base: float) -> str | None:
        moved = reading.mean - base
        noise = max(reading.sd, *(one.sd for _, one in self._taken()))
        if moved == 0.0 or abs(moved) < _LEAST_NOISES * noise:
            return "the number hardly changed: does the weight stand on the device?"
        if self.n_per_number is None:
            return None
        far_n = _NOMINAL_FAR * step.force_n
        return self._doubt_known(step, self.n_per_number * moved, far_n)

    def _doubt_known(self, step: ForceStep, found_n: float, far_n: float) -> str | None:
        wanted_n = step.force_n
        if abs(found_n - wanted_n) <= far_n:
            return None
        per_kg = self.plan.highest.force_n / self.plan.highest.mass_kg
        reads = f"this reads as {found_n / per_kg:.3g} kg ({found_n:.1f} N)"
        if step.load is None:
            return f"{reads}: everything must be off for the zero; was a weight put on too early?"
        wants = f"{step.load.mass_kg:.6g} kg ({wanted_n:.1f} N) are expected"
        if abs(found_n) <= far_n:
            return f"{reads}, {wants}: is the weight not on, or off again?"
        if abs(found_n + wanted_n) <= far_n:
            return f"{reads}, {wants}: it feels a pull where it should feel a push"
        return f"{reads}, {wants}: wrong weights?"

    def in_newtons(self, number: float) -> float | None:
        """Return what a device number means in N so far, less the last zero; None if unknown."""
        scale, base = self._learnt or self.n_per_number, self._base()
        return None if scale is None else scale * (number - (base or 0.0))

    def residual_n(self) -> float | None:
        """Return by how much the last reading is off a straight line through all so far, in N.

        The line goes through the zero of each run; None where the last reading had no load.
        """
        pairs = [*self._pairs()]
        if not pairs or not self.readings or self.steps[max(self.readings)].load is None:
            return None
        slope = math.fsum(moved * force for moved, force in pairs) / math.fsum(
            moved * moved for moved, _ in pairs
        )
        moved, force_n = pairs[-1]
        return slope * moved - force_n

    def _pairs(self) -> Iterator[tuple[float, float]]:
        """Yield (device number less zero, force in N) of each loaded reading."""
        zero: float | None = None
        for step, reading in self._taken():
            if step.load is None:
                zero = reading.mean
            elif zero is not None:
                yield reading.mean - zero, step.force_n

    # -- what it was for ---------------------------------------------------------------------

    def runs(self) -> tuple[CalibrationRun, ...]:
        """Return the runs. Raises UsageError while steps are open."""
        if self.step is not None:
            left = len(self.steps) - self.at
            raise UsageError(f"{left} of {len(self.steps)} steps are still to do")
        return tuple(self._run(number) for number in range(1, self.plan.runs + 1))

    def _run(self, run: int) -> CalibrationRun:
        points = tuple(
            LoadPoint(
                step.force_n,
                reading.mean,
                step.branch,
                0.0 if step.load is None else step.load.uncertainty_n,
            )
            for step, reading in self._taken()
            if step.run == run and step.kind in {StepKind.ZERO, StepKind.LOAD}
        )
        return CalibrationRun(points, run if self.plan.reseat else 1)

    def step_by_decimals(self) -> float:
        """Return the last decimal of the readings, as the step of a number that never moved."""
        decimals = (len(f"{one.mean:.9g}".partition(".")[2]) for _, one in self._taken())
        return float(10.0 ** -max(decimals, default=0))

    def creep_percent(self) -> float | None:
        """Return the creep between the last preload and the reading after it; None if not taken."""
        last: Mapping[StepKind, StepReading] = {step.kind: one for step, one in self._before_runs()}
        if StepKind.CREEP not in last:
            return None
        first = last[StepKind.PRELOAD].mean
        deflection = first - last[StepKind.UNLOADED].mean
        return creep_percent(deflection, first, last[StepKind.CREEP].mean)

    def _before_runs(self) -> Iterator[tuple[ForceStep, StepReading]]:
        return ((step, reading) for step, reading in self._taken() if step.run == 0)
