"""Corrections of what was recorded, in the running session or in one that has ended.

The running session is asked first; what is not of it is looked for in the database. A session that
has ended is read, corrected and written in one go in the writer's thread, so that nobody else
changes it in between.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from dynod.daemon import chronicle
from dynod.daemon.clock import instant
from dynod.daemon.records import Letterhead, Prepared, prepare_change
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.session.amend import EndedSession
from dynod.session.corrections import Desk, correct_ended
from dynod.session.inputs import (
    AnnotateTrial,
    AssignSession,
    Correction,
    RelabelTrial,
    VoidResult,
)
from dynod.session.replies import ErrorCode, Refused
from dynod.session.steps import Rules
from dynod.store.audit import AuditEntry
from dynod.store.change import StoredReply
from dynod.store.records import StoredSession
from dynod.store.store import Store


class Corrections:
    """Carries out corrections, wherever what they name is."""

    def __init__(
        self, station: Station, writer: Writer, letterhead: Letterhead, rules: Rules
    ) -> None:
        self._station = station
        self._writer = writer
        self._letterhead = letterhead
        self._rules = rules

    async def give(
        self, given: Correction, who: str, reply: Callable[[Mapping[str, str]], StoredReply]
    ) -> Mapping[str, str]:
        """Carry out a correction; return the fields of its reply once everything is committed.

        Raises Refused, or StorageError when the commit failed and nothing changed.
        """
        entry = _audit(given, who, instant().wall)
        try:
            return await self._station.give(given, reply=reply, audit=entry)
        except Refused as refusal:
            elsewhere = refusal.code in {ErrorCode.NOT_FOUND, ErrorCode.NO_SESSION}
            if not elsewhere or _names_nothing(given):
                raise
            fields = _fields(given)
            stored = reply(fields)
            ready = await self._writer.call(self._ended, given, entry, stored)
            if ready is None:
                raise _not_there(given, refusal) from None
        self._station.sealed(ready.sealed)
        return fields

    def _ended(self, given: Correction, entry: AuditEntry, reply: StoredReply) -> Prepared | None:
        """Correct a session that has ended; None when what is named is in none."""
        store = self._writer.store
        found = _find(store, given)
        if found is None or found.session.ended_at is None:
            return None
        ended = EndedSession(found.session, found.trials, found.deficits, found.summary)
        now = instant()
        change = correct_ended(ended, given, Desk(now, self._rules.judge, self._rules.new_id))
        owner = change.sessions[0] if change.sessions else found.session
        audit = entry if change else None
        ready = prepare_change(change, owner, self._letterhead, now.wall, reply, audit)
        store.commit(ready.change)
        chronicle.tell(change, audit)
        return ready


def _names_nothing(given: Correction) -> bool:
    """Tell whether the last trial is meant, which only the running session has."""
    return isinstance(given, AnnotateTrial) and given.result_id is None


def _find(store: Store, given: Correction) -> StoredSession | None:
    if isinstance(given, AssignSession):
        return store.session(given.session_id)
    return None if given.result_id is None else store.session_of_result(given.result_id)


def _not_there(given: Correction, refusal: Refused) -> Refused:
    """Return why a correction is refused that names nothing of this station."""
    if isinstance(given, AssignSession):
        return Refused(ErrorCode.NOT_FOUND, "no session of this id", "session_id")
    if isinstance(given, RelabelTrial):
        return refusal  # without a session, there is nothing to relabel
    return Refused(ErrorCode.NOT_FOUND, "no such result", "result_id")


def _fields(given: Correction) -> Mapping[str, str]:
    if isinstance(given, AssignSession):
        return {"session_id": str(given.session_id)}
    return {"result_id": str(given.result_id)}


def _audit(given: Correction, who: str, at: datetime) -> AuditEntry:
    """Return what the audit says: no patient, and no note, which may speak of one."""
    match given:
        case AssignSession():
            return AuditEntry(at, "session.assign", str(given.session_id), who)
        case RelabelTrial():
            side = {"side": given.side.value}
            return AuditEntry(at, "trial.relabel", str(given.result_id), who, side)
        case AnnotateTrial():
            said = {"pain_nrs": given.pain_nrs, "note": given.note is not None}
            return AuditEntry(at, "trial.annotate", str(given.result_id or "last trial"), who, said)
        case VoidResult():
            why = {"reason": given.reason, "through": who}
            return AuditEntry(at, "result.void", str(given.result_id), given.by, why)
