"""One line in the log for what was committed, with the ids to search the journal by.

What a trial measured and about whom stays in the database: a log is read by whoever mends the Pi.
"""

import logging

from dynod.model.session import Session
from dynod.model.trial import ResultStatus, Trial
from dynod.session.steps import RecordChange
from dynod.store.audit import AuditEntry

log = logging.getLogger(__name__)


def tell(change: RecordChange, audit: AuditEntry | None = None) -> None:
    """Log what a change made of sessions and trials, and what asked for it."""
    if audit is not None:
        log.info("%s of %s", audit.action, audit.subject)
    for session in change.sessions:
        _tell_session(session)
    for trial in change.trials:
        _tell_trial(trial)


def _tell_session(session: Session) -> None:
    what = "stored" if session.ended_at is None else "ended"
    log.info("session %s %s", session.session_id, what, extra={"session": session.session_id})


def _tell_trial(trial: Trial) -> None:
    flags = ", ".join(trial.analysis.flags)
    log.info(
        "trial %s of %s %s: %s, %s%s",
        trial.result_id,
        trial.slot.test.movement,
        trial.slot.side,
        trial.status if trial.status is not ResultStatus.FINAL else "recorded",
        "valid" if trial.valid else "not valid",
        f" ({flags})" if flags else "",
        extra={
            "device": trial.device.device_id,
            "session": trial.session_id,
            "trial": trial.result_id,
        },
    )
