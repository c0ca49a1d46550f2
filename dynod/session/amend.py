"""What a session that has ended becomes when trials of it change: new revisions, the same ids."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dynod.model.deficit import Classification, Deficit, Reason
from dynod.model.session import Session, SessionSummary
from dynod.model.trial import ResultStatus, Trial
from dynod.session.answers import Judge, deficits_due, session_summary, with_deficits
from dynod.session.inputs import Instant
from dynod.session.slots import open_slots, skip
from dynod.session.state import State
from dynod.session.steps import RecordChange


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that has ended, as it is stored: every trial in the order of recording.

    Of the present patient binding alone.
    """

    session: Session
    trials: tuple[Trial, ...]
    deficits: tuple[Deficit, ...]
    summary: SessionSummary | None

    def state(self, owner: Session | None = None) -> State:
        """Return what a workflow would know of it; ``owner`` is its record where that changes."""
        tests = self.session.battery.tests
        return State(
            session=owner or self.session,
            trials=tuple(replace(trial, recording=None) for trial in self.trials),
            deficits={tests.index(deficit.test): deficit for deficit in self.deficits},
        )


def amend_session(
    ended: EndedSession,
    changed: Iterable[Trial],
    judge: Judge,
    now: Instant,
    *,
    session: Session | None = None,
) -> RecordChange:
    """Return the records of one transaction that amend a session which has ended.

    ``changed`` are trials as they shall be from now on; their revision and status are set here: one
    higher, and ``amended`` unless ``entered-in-error`` is wanted. A trial that was entered in error
    stays as it is. ``session`` is the session's record where that changes too.

    A deficit gets a new revision when it rests on other trials or other revisions of them than
    before, or became incomplete; the session's own result gets one because it lists both. Without
    any change of a trial or of the session nothing is returned. Raises ValueError for a session
    that has not ended and for a trial that is not of it.
    """
    owner = ended.session if session is None else session
    if owner.ended_at is None:
        raise ValueError("a session that runs is changed by its workflow")
    revised = _revised(ended.trials, changed)
    sessions = (owner,) if owner != ended.session else ()
    if not revised and not sessions:
        return RecordChange()
    state = ended.state(owner)
    for trial in revised:
        state = state.with_trial(trial)
    due = _deficits(state, owner, judge, now) if revised else ()
    summary = amended_summary(with_deficits(state, due), ended.summary, owner, judge, now)
    return RecordChange(sessions, revised, due, summary)


def _revised(stored: Sequence[Trial], changed: Iterable[Trial]) -> tuple[Trial, ...]:
    known = {trial.result_id: trial for trial in stored}
    revised = []
    for trial in changed:
        before = known.get(trial.result_id)
        if before is None:
            raise ValueError("a changed trial is not one of its session")
        if before.status is ResultStatus.ENTERED_IN_ERROR:
            continue
        withdrawn = trial.status is ResultStatus.ENTERED_IN_ERROR
        status = trial.status if withdrawn else ResultStatus.AMENDED
        # Raw samples never change, so that they need not be written again.
        revised.append(replace(trial, revision=before.revision + 1, status=status, recording=None))
    return tuple(revised)


def _deficits(state: State, owner: Session, judge: Judge, now: Instant) -> tuple[Deficit, ...]:
    """Return the deficits that the changed trials make due, as answers of today.

    Norms are looked up by the patient's age at the time of the session, not of the amendment.
    """
    then = replace(now, wall=owner.started_at)
    due = deficits_due(_without_new_wishes(state, owner), judge, then, at_end=True)
    return tuple(
        replace(deficit, recorded_at=now.wall, clock_synced=now.clock_synced) for deficit in due
    )


def _without_new_wishes(state: State, owner: Session) -> State:
    """Return the state with those extra trials given up that only the new numbers ask for.

    Nobody can make them any more. Where one was wanted when the session ended, its deficit is
    incomplete already and stays so.
    """
    complete = {index for index, deficit in state.deficits.items() if not _incomplete(deficit)}
    given_up = tuple(
        skip(slot, "ended")
        for slot in open_slots(owner, state.trials)
        if slot.trial_number > slot.test.repetitions
        and not slot.familiarisation
        and slot.test_index in complete
    )
    return replace(state, session=replace(owner, skipped=(*owner.skipped, *given_up)))


def _incomplete(deficit: Deficit) -> bool:
    comparison = deficit.comparison
    return (
        comparison.classification is Classification.NOT_COMPUTABLE
        and comparison.reason is Reason.SIDE_INCOMPLETE
    )


def amended_summary(
    state: State, before: SessionSummary | None, owner: Session, judge: Judge, now: Instant
) -> SessionSummary | None:
    """Return the session's own result after an amendment; None where it has none that stands."""
    if before is None or before.status is ResultStatus.ENTERED_IN_ERROR:
        return None
    fresh = session_summary(state, owner, judge, now)
    return replace(
        fresh,
        result_id=before.result_id,
        revision=before.revision + 1,
        status=ResultStatus.AMENDED,
    )
