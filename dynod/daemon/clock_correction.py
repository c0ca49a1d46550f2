"""Sets the times right of what was recorded before the clock was set.

A Pi has no clock of its own power: it starts in the past, or where it was switched off, and learns
the time from the network minutes or hours later. What was measured until then is published with
`clock_synced` false; as soon as the offset is known, it is amended. That works as long as the
computer has not been restarted, also over restarts of the daemon; after that nobody knows.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from dynod.daemon import chronicle
from dynod.daemon.clock import instant
from dynod.daemon.clock_base import base_s, boot_id
from dynod.daemon.records import Letterhead, Prepared, prepare_change
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.model.calibration import CalibrationStatus
from dynod.model.errors import StorageError
from dynod.model.session import Phase
from dynod.model.trial import Trial
from dynod.session.amend import EndedSession
from dynod.session.answers import Judge
from dynod.session.clock_correction import correct_times
from dynod.session.inputs import Instant
from dynod.store.audit import AuditEntry
from dynod.store.clock_marks import ENDED, SessionMarks

log = logging.getLogger(__name__)

LOOK_S = 5.0
STEADY_S = 0.5  # a clock that moves by more between two looks is still being set
_BUSY = {Phase.RECORDING, Phase.ANALYSING}


class ClockCorrections:
    """Amends one session after the other, while no trial runs.

    ``corrected`` is told the time that is right. ``notices`` are for whoever looks after the
    station.
    """

    def __init__(
        self,
        station: Station,
        writer: Writer,
        letterhead: Letterhead,
        judge: Judge,
        corrected: Callable[[datetime], None],
        now: Callable[[], Instant] = instant,
    ) -> None:
        self._station = station
        self._writer = writer
        self._letterhead = letterhead
        self._judge = judge
        self._corrected = corrected
        self._now = now
        self.notices: tuple[str, ...] = ()
        self._base_s: float | None = None  # of the last look, when the clock was set

    async def run(self) -> None:
        """Look every few seconds."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Correct what has to be, once the clock is set and stands still between two looks."""
        now = self._now()
        before, self._base_s = self._base_s, base_s(now) if now.clock_synced else None
        if before is None or self._base_s is None or abs(self._base_s - before) > STEADY_S:
            return
        try:
            while self._station.state.phase not in _BUSY:
                ready = await self._writer.call(self._correct_one, self._base_s)
                if ready is None:
                    return
                self._corrected(ready.change.at)
                self._station.sealed(ready.sealed)
        except StorageError as error:
            log.warning("times not corrected: %s", error)

    def _correct_one(self, true_base_s: float) -> Prepared | None:
        """Correct a session in the writer's thread, in one transaction; None when none is left."""
        store, now = self._writer.store, self._now()
        marks = store.first_to_correct(boot_id() or "")
        if marks is None:
            return None
        found = store.session(marks.session_id)
        if found is None:
            raise RuntimeError("a mark without its session")
        off_s = _off_s(marks, true_base_s)
        ended = EndedSession(found.session, found.trials, found.deficits, found.summary)
        end_off_s = off_s.get(f"{marks.session_id}{ENDED}")
        change = correct_times(ended, off_s, end_off_s, self._judge, now)
        owner = change.sessions[0] if change.sessions else found.session
        largest_s = max(off_s.values(), key=abs)
        detail = {"offset_s": round(largest_s, 3), "trials": len(change.trials)}
        audit = AuditEntry(now.wall, "clock.correct", str(marks.session_id), "dynod", detail)
        ready = prepare_change(
            change, owner, self._letterhead, now.wall, None, audit, corrected=marks.session_id
        )
        store.commit(ready.change)
        log.info("the clock was %+.1f s off; times corrected", -largest_s)
        chronicle.tell(change, audit)
        self._doubt(marks.session_id, change.trials)
        return ready

    def _doubt(self, session_id: UUID, trials: Sequence[Trial]) -> None:
        """Say where a certificate counted that had ended by the trial's true time."""
        ended = [
            trial
            for trial in trials
            if trial.calibration.status is CalibrationStatus.CERTIFIED
            and trial.calibration.valid_until is not None
            and trial.calibration.valid_until < trial.recorded_at
        ]
        if ended:
            notice = (
                f"session {session_id}: its certificate had ended when the clock is right;"
                f" dynod reanalyse --session {session_id}"
            )
            log.warning("%s", notice, extra={"session": session_id})
            self.notices = (*self.notices, notice)


def _off_s(marks: SessionMarks, true_base_s: float) -> Mapping[str, float]:
    return {record: true_base_s - base for record, base in marks.base_s.items()}
