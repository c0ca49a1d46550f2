"""One side of one test: the trials that count, and its values. What FHIR and HL7 v2 report."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from dynod.model.clinical import Kind, Side, TestSpec
from dynod.model.deficit import Deficit, SideResult, Summary
from dynod.model.session import Session
from dynod.model.trial import Trial

_METRICS = {
    Kind.FORCE: ("peak_force_n", "peak_torque_nm", "peak_force_n_per_kg"),
    Kind.ANGLE: ("angle_deg",),
}


METRIC_UNITS = {
    "peak_force_n": "N",
    "peak_torque_nm": "N.m",
    "peak_force_n_per_kg": "N/kg",
    "angle_deg": "deg",
}
"""UCUM codes of the metrics of a side."""

_DIGITS = 4  # a ten-thousandth of a newton is below what any of the devices tells apart


@dataclass(frozen=True, slots=True)
class SideOfTest:
    """A side with at least one trial that counts.

    ``values`` has the metrics that every one of them has, summarised as the deficit's are, the
    measured quantity itself first; ``compared`` is the side in the deficit.
    """

    result_id: UUID
    test: TestSpec
    side: Side
    trials: tuple[Trial, ...]
    summary: Summary
    values: dict[str, float]
    compared: SideResult | None

    @property
    def begin(self) -> datetime:
        """When the first of its trials began."""
        return min(trial.recorded_at for trial in self.trials)

    @property
    def end(self) -> datetime:
        """When the last of its trials began."""
        return max(trial.recorded_at for trial in self.trials)


def rounded(value: float) -> float:
    """Return a number without the digits that nobody measured."""
    return round(float(value), _DIGITS) + 0.0  # no negative zero


def side_id(session: Session, test: TestSpec, side: Side) -> UUID:
    """Return the id of a side's result: the same over all revisions, another for another patient.

    A UUID5 of the session and ``side``, movement, position, contraction, kind, side, binding.
    """
    parts = ("side", test.movement, test.position, test.contraction, test.kind, side)
    return uuid5(session.session_id, "/".join((*parts, str(session.binding))))


def counting(trials: Iterable[Trial]) -> Iterator[Trial]:
    """Yield the trials that count: valid, and no familiarisation."""
    return (trial for trial in trials if trial.valid and not trial.slot.familiarisation)


def begun_tests(session: Session, trials: Iterable[Trial]) -> tuple[TestSpec, ...]:
    """Return the tests of a session that have a trial which is no familiarisation, in order."""
    begun = {trial.slot.test_index for trial in trials if not trial.slot.familiarisation}
    return tuple(test for index, test in enumerate(session.battery.tests) if index in begun)


def sides_of(
    session: Session, trials: Sequence[Trial], deficits: Sequence[Deficit]
) -> tuple[SideOfTest, ...]:
    """Return every side of a session with a trial that counts: by test, left before right."""
    by_test = {deficit.test: deficit for deficit in deficits}
    found = []
    for index, test in enumerate(session.battery.tests):
        of_test = [trial for trial in counting(trials) if trial.slot.test_index == index]
        for side in Side:
            own = tuple(trial for trial in of_test if trial.slot.side is side)
            made = _side(session, test, side, own, by_test.get(test)) if own else None
            if made is not None:
                found.append(made)
    return tuple(found)


def _side(
    session: Session, test: TestSpec, side: Side, trials: tuple[Trial, ...], deficit: Deficit | None
) -> SideOfTest | None:
    comparison = deficit.comparison if deficit is not None else None
    summary = comparison.summary if comparison is not None else Summary.MEAN
    values: dict[str, float] = {}
    for name in _METRICS[test.kind]:
        found = [trial.analysis.metrics.get(name) for trial in trials]
        numbers = [value for value in found if value is not None and math.isfinite(value)]
        if len(numbers) == len(trials):
            values[name] = _summarised(numbers, summary)
    if _METRICS[test.kind][0] not in values:
        return None
    compared = None
    if comparison is not None:
        compared = comparison.left if side is Side.LEFT else comparison.right
    return SideOfTest(side_id(session, test, side), test, side, trials, summary, values, compared)


def _summarised(values: Sequence[float], summary: Summary) -> float:
    ordered = sorted(values, reverse=True)
    if summary is Summary.BEST:
        return ordered[0]
    chosen = ordered[:2] if summary is Summary.MEAN_BEST_TWO else ordered
    return math.fsum(chosen) / len(chosen)
