"""The slots of a battery in the order in which they are filled, and which of them are open.

Everything here is derived from the session and its trials, so that a restart needs nothing else.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from dynod.core.consistency import ConsistencySettings, wanted_trial
from dynod.model.clinical import Battery, InvolvedSide, Side, Slot, TestSpec
from dynod.model.session import Session, SkippedSlot
from dynod.model.trial import Trial

MAX_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Stage:
    """A test and a side: what the therapist acknowledges before the first trial of it."""

    test_index: int
    side: Side


def side_order(involved: InvolvedSide | None) -> tuple[Side, Side]:
    """Return the uninvolved side first; right first when there is not exactly one involved."""
    side = involved.side if involved is not None else None
    return (side.other, side) if side is not None else (Side.RIGHT, Side.LEFT)


def side_slots(test_index: int, test: TestSpec, side: Side) -> Iterator[Slot]:
    """Yield the slots of one side: familiarisation first, then the trials that count."""
    for number in range(1, test.familiarisation + 1):
        yield Slot(test_index, test, side, familiarisation=True, trial_number=number)
    for number in range(1, test.repetitions + 1):
        yield Slot(test_index, test, side, familiarisation=False, trial_number=number)


@lru_cache(maxsize=16)
def all_slots(battery: Battery, involved: InvolvedSide | None) -> tuple[Slot, ...]:
    """Return every slot in battery order."""
    return tuple(
        slot
        for index, test in enumerate(battery.tests)
        for side in side_order(involved)
        for slot in side_slots(index, test, side)
    )


def stage_of(slot: Slot) -> Stage:
    """Return the test and side of a slot."""
    return Stage(slot.test_index, slot.side)


def filled_slots(trials: Iterable[Trial]) -> set[Slot]:
    """Return the slots that hold a valid trial."""
    return {trial.slot for trial in trials if trial.valid}


def skipped_slots(session: Session) -> set[Slot]:
    """Return the slots that were given up."""
    return {
        Slot(
            skip.test_index,
            session.battery.tests[skip.test_index],
            skip.side,
            skip.familiarisation,
            skip.trial_number,
        )
        for skip in session.skipped
    }


def open_slots(session: Session, trials: Sequence[Trial]) -> list[Slot]:
    """Return the slots that still want a trial, in battery order."""
    closed = filled_slots(trials) | skipped_slots(session)
    planned = all_slots(session.battery, session.involved_side)
    extra = _extra_slots(session, trials)
    if not extra:
        return [slot for slot in planned if slot not in closed]
    in_order: list[Slot] = []
    for index, slot in enumerate(planned):
        in_order.append(slot)
        last = index + 1 == len(planned) or stage_of(planned[index + 1]) != stage_of(slot)
        if last and stage_of(slot) in extra:
            in_order.append(extra[stage_of(slot)])
    return [slot for slot in in_order if slot not in closed]


def _extra_slots(session: Session, trials: Sequence[Trial]) -> dict[Stage, Slot]:
    """Return the one more slot of each side whose trials do not show its best yet.

    Only where the battery allows extra trials, and once all planned ones are there.
    """
    extra: dict[Stage, Slot] = {}
    for index, test in enumerate(session.battery.tests):
        if not test.extra_trials:
            continue
        for side in Side:
            values = _values(trials, index, side)
            settings = ConsistencySettings(best_two_percent=test.best_two_percent)
            if wanted_trial(values, test, settings) is not None:
                number = len(values) + 1
                extra[Stage(index, side)] = Slot(
                    index, test, side, familiarisation=False, trial_number=number
                )
    return extra


def _values(trials: Sequence[Trial], test_index: int, side: Side) -> list[float]:
    """Return the peaks of a side's valid trials, in the order of recording."""
    peaks = (
        trial.analysis.metrics.get("peak_force_n")
        for trial in trials
        if trial.slot.test_index == test_index
        and trial.slot.side is side
        and trial.valid
        and not trial.slot.familiarisation
    )
    return [peak for peak in peaks if peak is not None]


def next_slot(session: Session, trials: Sequence[Trial], selected: Stage | None) -> Slot | None:
    """Return the first open slot, of the selected test and side while that has one."""
    slots = open_slots(session, trials)
    chosen = (slot for slot in slots if stage_of(slot) == selected)
    return next(chosen, slots[0] if slots else None)


def attempts(slot: Slot, trials: Iterable[Trial]) -> int:
    """Count the invalid trials recorded for a slot."""
    return sum(1 for trial in trials if trial.slot == slot and not trial.analysis.valid)


def give_up_if_spent(session: Session, trials: Sequence[Trial], slot: Slot) -> Session:
    """Return the session with an open slot skipped when its attempts are used up."""
    closed = filled_slots(trials) | skipped_slots(session)
    if slot in closed or attempts(slot, trials) < MAX_ATTEMPTS:
        return session
    return replace(session, skipped=(*session.skipped, skip(slot, "attempts")))


def skip(slot: Slot, reason: str) -> SkippedSlot:
    """Return the record of a slot that is given up."""
    return SkippedSlot(slot.test_index, slot.side, slot.familiarisation, slot.trial_number, reason)


def without_skip(session: Session, slot: Slot) -> tuple[SkippedSlot, ...]:
    """Return the session's skipped slots less one, which opens again."""
    return tuple(
        item
        for item in session.skipped
        if (item.test_index, item.side, item.familiarisation, item.trial_number)
        != (slot.test_index, slot.side, slot.familiarisation, slot.trial_number)
    )
