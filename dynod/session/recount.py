"""A trial that was done on the other side: which slots it leaves, takes and frees.

The trial takes the first open slot of its new side, or counts there beyond the planned ones. A
trial beyond the planned ones of the old side moves into the slot that was left; without one the
slot opens. So no slot ever holds two valid trials.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dynod.model.clinical import Kind, Side, Slot
from dynod.model.session import Session
from dynod.model.trial import Trial
from dynod.session.slots import (
    MAX_ATTEMPTS,
    attempts,
    filled_slots,
    give_up_if_spent,
    side_slots,
    skipped_slots,
    without_skip,
)


@dataclass(frozen=True, slots=True)
class Recount:
    """The session with what is skipped from now on, and the trials whose slot is another."""

    session: Session
    trials: tuple[Trial, ...]


def relabelled(
    session: Session,
    trials: Sequence[Trial],
    trial: Trial,
    side: Side,
    running: Slot | None = None,
) -> Recount:
    """Return what it means that a trial of ``trials`` was done on the other side.

    ``running`` is the slot that is being filled meanwhile. Revisions and statuses are left to the
    caller.
    """
    others = tuple(item for item in trials if item.result_id != trial.result_id)
    target = replace(trial.slot, side=side)
    taken = filled_slots(others) | ({running} if running is not None else set())
    if not trial.valid:
        slot = _slot_of_attempt(session, taken, target)
        moved = _on_slot(trial, slot, session)
        return Recount(_attempt_moved(session, (*others, moved), trial.slot, slot), (moved,))
    moved = _on_slot(trial, _free_slot(session, taken, target), session)
    counted = replace(session, skipped=without_skip(session, moved.slot))
    follower = _beyond_plan(others, trial.slot)
    if follower is None or trial.slot.trial_number > _planned(trial.slot):
        return Recount(counted, (moved,))
    return Recount(counted, (moved, replace(follower, slot=trial.slot)))


def _planned(slot: Slot) -> int:
    return slot.test.familiarisation if slot.familiarisation else slot.test.repetitions


def _alike(slot: Slot, other: Slot) -> bool:
    """Tell whether two slots differ in their number alone."""
    return replace(slot, trial_number=other.trial_number) == other


def _places(like: Slot) -> list[Slot]:
    slots = side_slots(like.test_index, like.test, like.side)
    return [slot for slot in slots if slot.familiarisation == like.familiarisation]


def _free_slot(session: Session, taken: set[Slot], like: Slot) -> Slot:
    """Return the first open slot, else a skipped one, else one beyond those of the battery."""
    free = [slot for slot in _places(like) if slot not in taken]
    given_up = skipped_slots(session)
    for slot in [*(slot for slot in free if slot not in given_up), *free]:
        return slot
    last = max((slot.trial_number for slot in taken if _alike(slot, like)), default=0)
    return replace(like, trial_number=last + 1)


def _slot_of_attempt(session: Session, taken: set[Slot], like: Slot) -> Slot:
    """Return the first open slot of a side, else its last one: where an invalid trial belongs."""
    closed = taken | skipped_slots(session)
    places = _places(like)
    return next((slot for slot in places if slot not in closed), places[-1])


def _attempt_moved(session: Session, trials: Sequence[Trial], old: Slot, new: Slot) -> Session:
    """Return the session with the six attempts of either slot counted anew."""
    spent = any(
        skip.reason == "attempts" and slot == old
        for skip in session.skipped
        for slot in skipped_slots(replace(session, skipped=(skip,)))
    )
    if spent and attempts(old, trials) < MAX_ATTEMPTS:
        session = replace(session, skipped=without_skip(session, old))
    return give_up_if_spent(session, trials, new)


def _beyond_plan(others: Sequence[Trial], left: Slot) -> Trial | None:
    """Return the valid trial of the old side that stands first beyond the battery's slots."""
    beyond = [
        trial
        for trial in others
        if trial.valid
        and _alike(trial.slot, left)
        and trial.slot.trial_number > _planned(trial.slot)
    ]
    return min(beyond, key=lambda trial: trial.slot.trial_number, default=None)


def _on_slot(trial: Trial, slot: Slot, session: Session) -> Trial:
    """Return the trial in its new slot, with the torque that the lever arm of that side makes."""
    metrics = dict(trial.analysis.metrics)
    if slot.test.kind is Kind.FORCE:
        metrics = _with_torque(metrics, session.lever_arm_m(slot.test.movement, slot.side))
    return replace(trial, slot=slot, analysis=replace(trial.analysis, metrics=metrics))


def _with_torque(
    metrics: Mapping[str, float | None], lever_arm_m: float | None
) -> dict[str, float | None]:
    known = {name: value for name, value in metrics.items() if name != "peak_torque_nm"}
    if lever_arm_m is None:
        return known
    peak_n = metrics.get("peak_force_n")
    return {**known, "peak_torque_nm": None if peak_n is None else peak_n * lever_arm_m}
