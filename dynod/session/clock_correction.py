"""What an ended session becomes once it is known by how much the clock was off while it ran."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from dynod.model.session import Session
from dynod.session.amend import EndedSession, amend_session
from dynod.session.answers import Judge
from dynod.session.inputs import Instant
from dynod.session.steps import RecordChange


def correct_times(
    ended: EndedSession,
    off_s: Mapping[str, float],
    end_off_s: float | None,
    judge: Judge,
    now: Instant,
) -> RecordChange:
    """Return the amendment that sets the times of a session right.

    ``off_s`` is what to add to a record's time, in seconds, by the id of the session (its begin)
    and of its trials; ``end_off_s`` the same for the session's end, None where that was right.
    Trials get their next revision, and with them the deficits and the session's own result. What
    was entered in error stays as it is. Nothing is returned where nothing has to be corrected.
    """
    trials = tuple(
        replace(
            trial,
            recorded_at=trial.recorded_at + timedelta(seconds=correction_s),
            clock_synced=True,
            clock_correction_s=round(correction_s, 3),
        )
        for trial in ended.trials
        if not trial.clock_synced and (correction_s := off_s.get(str(trial.result_id))) is not None
    )
    session = _corrected(ended.session, off_s.get(str(ended.session.session_id)), end_off_s)
    return amend_session(ended, trials, judge, now, session=session)


def _corrected(session: Session, begin_s: float | None, end_s: float | None) -> Session:
    if begin_s is not None and not session.clock_synced:
        session = replace(
            session,
            started_at=session.started_at + timedelta(seconds=begin_s),
            clock_synced=True,
            clock_correction_s=round(begin_s, 3),
        )
    if end_s is not None and session.ended_at is not None:
        session = replace(session, ended_at=session.ended_at + timedelta(seconds=end_s))
    return session
