"""The steps of a force calibration by dead weights, in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dynod.model.calibration_record import Branch
from dynod.session.weights import PlannedLoad


@dataclass(frozen=True, slots=True)
class ForcePlan:
    """What a guided run goes through. ``loads`` rise; the last is the highest."""

    title: str
    loads: tuple[PlannedLoad, ...]
    warm_up_s: float = 0.0
    preloads: int = 1
    preload_hold_s: float = 0.0
    creep_hold_s: float = 0.0
    falling: bool = True
    runs: int = 1
    reseat: bool = True
    settle_s: float = 0.0
    window_s: float = 1.0
    quiet_sd_n: float = 0.5

    @property
    def highest(self) -> PlannedLoad:
        """The highest load."""
        return self.loads[-1]


class StepKind(StrEnum):
    """What is done in a step. All but the first and ``reseat`` end with a reading."""

    WARM_UP = "warm_up"
    UNLOADED = "unloaded"
    PRELOAD = "preload"
    CREEP = "creep"
    RESEAT = "reseat"
    ZERO = "zero"
    LOAD = "load"


@dataclass(frozen=True, slots=True)
class ForceStep:
    """One step. ``load`` is None without weights; ``run`` counts from 1, 0 before the first.

    ``number`` counts preloads from 1, and the readings of a run.
    """

    kind: StepKind
    load: PlannedLoad | None = None
    branch: Branch = Branch.RISING
    run: int = 0
    number: int = 1

    @property
    def force_n(self) -> float:
        """The force in N that is expected."""
        return 0.0 if self.load is None else self.load.force_n

    @property
    def reads(self) -> bool:
        """Whether the step ends with a reading."""
        return self.kind not in {StepKind.WARM_UP, StepKind.RESEAT}


def steps_of(plan: ForcePlan) -> tuple[ForceStep, ...]:
    """Return the steps of a plan, in order."""
    return (*_before(plan), *(step for run in range(1, plan.runs + 1) for step in _run(plan, run)))


def _before(plan: ForcePlan) -> Iterator[ForceStep]:
    if plan.warm_up_s > 0.0:
        yield ForceStep(StepKind.WARM_UP)
    yield ForceStep(StepKind.UNLOADED)
    for number in range(1, plan.preloads + 1):
        yield ForceStep(StepKind.PRELOAD, plan.highest, number=number)
        if number == plan.preloads and plan.creep_hold_s > 0.0:
            yield ForceStep(StepKind.CREEP, plan.highest, number=number)
        # what it reads unloaded after the last preload, the zero of the first run tells
        if number < plan.preloads:
            yield ForceStep(StepKind.UNLOADED, number=number + 1)


def _run(plan: ForcePlan, run: int) -> Iterator[ForceStep]:
    if plan.reseat and run > 1:
        yield ForceStep(StepKind.RESEAT, run=run)
        yield ForceStep(StepKind.PRELOAD, plan.highest, run=run)
    yield ForceStep(StepKind.ZERO, run=run, number=1)
    places = [(load, Branch.RISING) for load in plan.loads]
    if plan.falling:
        places += [(load, Branch.FALLING) for load in reversed(plan.loads[:-1])]
    for number, (load, branch) in enumerate(places, 2):
        yield ForceStep(StepKind.LOAD, load, branch, run, number)
    # a run that only rises ends with a zero as well: its drift is part of the budget
    yield ForceStep(StepKind.ZERO, None, Branch.FALLING, run, len(places) + 2)
