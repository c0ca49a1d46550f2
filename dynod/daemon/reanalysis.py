"""Stored trials analysed again: what changes, session by session, and its one transaction each.

Synchronous. `Access` says how the database is reached: directly where no daemon runs, through the
writer's thread in a daemon. A session is written whole or not at all; what is done no longer
differs, so that the same request again goes on where another one stopped.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol, TypeVar
from uuid import UUID

from dynod.daemon.clock import instant
from dynod.daemon.plan import SOFTWARE, Plan
from dynod.daemon.reanalysis_request import Chosen, Request, choose
from dynod.daemon.reanalysis_rows import Counts, Excuse, left_out_row, session_row
from dynod.daemon.reanalysis_trial import Ground, LeftOut, NominalScale, analyse_again, other_unit
from dynod.daemon.records import Letterhead, prepare_change
from dynod.model.calibration import Certificate
from dynod.model.errors import UsageError
from dynod.model.session import Session
from dynod.model.trial import ResultStatus, Trial
from dynod.publish.topics import Topics
from dynod.session.amend import EndedSession, amend_session
from dynod.session.answers import Judge
from dynod.session.steps import RecordChange
from dynod.store.audit import AuditEntry
from dynod.store.outbox import OutboxRow
from dynod.store.store import Store

P = ParamSpec("P")
T = TypeVar("T")
RUNNING = "its session is running; end it first"


class Access(Protocol):
    """The way to the database, and whether to go on."""

    store: Store

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function that uses the store returns, alone with it meanwhile."""
        ...

    def go_on(self) -> bool:
        """Tell, before each trial, whether to go on; may wait for a good moment."""
        ...

    def sealed(self, rows: Sequence[OutboxRow]) -> None:
        """Take note of messages that were committed."""
        ...


@dataclass(slots=True)
class DirectAccess:
    """The database itself, opened by this process."""

    store: Store
    stopped: bool = False

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call it."""
        return function(*args, **kwargs)

    def go_on(self) -> bool:
        """Tell whether nobody has asked to stop."""
        return not self.stopped

    def stop(self) -> None:
        """Ask it to stop before the next trial; a session that is not through stays untouched."""
        self.stopped = True

    def sealed(self, rows: Sequence[OutboxRow]) -> None:
        """Leave the messages to the daemon, which sends them when it runs."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a run rests on."""

    ground: Ground
    judge: Judge
    letterhead: Letterhead
    by: str


@dataclass(slots=True)
class _Found:
    """What became of one session: ``stopped`` before all of its trials were looked at."""

    ended: EndedSession
    changed: list[Trial] = field(default_factory=list)
    left_out: list[Excuse] = field(default_factory=list)
    looked_at: int = 0
    stopped: bool = False


def reanalyse(request: Request, plan: Plan, access: Access) -> Iterator[dict[str, object]]:
    """Analyse stored trials again, yield what changes, and write it where that is asked for.

    Yields ``{"sessions": how many}``, then ``{"done": n}`` after each of them, with ``session``
    where something changes or is left out, at last ``{"end": counts, "stopped": bool}``.
    Raises UsageError for a request that cannot be met, StorageError when the database lets us down.
    """
    basis = _basis(request, plan, access)
    chosen = access.call(choose, access.store, request)
    access.call(_refuse_other_units, access.store, chosen, basis.ground)
    yield {"sessions": len(chosen.sessions)}
    counts, meant, stopped = Counts(), 0, False
    for done, session_id in enumerate(chosen.sessions, 1):
        told = _session(session_id, request, chosen, basis, access, counts)
        if told is None:
            stopped = True
            break
        meant += told.pop("meant") is True
        yield {"done": done, **told}
    if not stopped and not meant:
        raise UsageError("no stored trial fits; `dynod results list` shows what is stored")
    yield {"end": dict(counts.row()), "stopped": stopped}


def _basis(request: Request, plan: Plan, access: Access) -> _Basis:
    certificates = access.call(access.store.certificates)
    checks = access.call(access.store.verifications)
    station = plan.config.station
    stream = access.call(lambda: str(access.store.stream))
    nominal = {
        (device.identity.device_id, device.identity.profile): NominalScale(
            device.profile.nominal_coefficients,
            plan.config.calibration.allow_nominal and device.profile.has_nominal_scale,
        )
        for device in plan.devices
    }
    named = _named(request.certificate, certificates)
    return _Basis(
        Ground(certificates, checks, named, nominal, plan.analysis, SOFTWARE),
        plan.rules.judge,
        Letterhead(
            Topics(station.site, station.name),
            station.site,
            station.name,
            stream,
            plan.config.fhir.publish,
        ),
        request.by,
    )


def _named(wanted: str | None, certificates: Sequence[Certificate]) -> Certificate | None:
    if wanted is None:
        return None
    for certificate in certificates:
        if certificate.certificate_id == wanted:
            return certificate
    known = ", ".join(item.certificate_id for item in certificates) or "none"
    raise UsageError(f"no certificate {wanted} is stored; there are: {known}")


def _refuse_other_units(store: Store, chosen: Chosen, ground: Ground) -> None:
    """Raise UsageError for a trial, named by its id, that the named certificate is not for."""
    for result_id in chosen.trials:
        trial = store.trial(result_id)
        reason = None if trial is None else other_unit(trial, ground)
        if reason is not None:
            raise UsageError(f"trial {result_id} was {reason}; nothing was changed")


def _session(
    session_id: UUID,
    request: Request,
    chosen: Chosen,
    basis: _Basis,
    access: Access,
    counts: Counts,
) -> dict[str, object] | None:
    """Look at one session and write it where asked; None when stopped before it was through.

    Does it again where somebody amended the session meanwhile.
    """
    while True:
        if not access.go_on():
            return None
        ended = access.call(_read, access.store, session_id)
        meant = [trial for trial in ended.trials if request.fits(trial, chosen.trials)]
        if not meant:
            return {"meant": False}
        if ended.session.ended_at is None:
            counts.left_out += len(meant)
            return {"meant": True, "session": left_out_row(ended.session, RUNNING)}
        found = _look(ended, meant, basis.ground, access, by_name=bool(request.trials))
        if found.stopped:
            return None
        change = amend_session(ended, found.changed, basis.judge, instant())
        written = not (request.apply and change) or _write(ended, change, basis, access)
        if written:
            counts.add(found.looked_at, change, len(found.left_out))
            if not change and not found.left_out:
                return {"meant": True}
            row = session_row(ended, change, found.left_out, basis.ground.certificate)
            return {"meant": True, "session": row}


def _read(store: Store, session_id: UUID) -> EndedSession:
    stored = store.session(session_id)
    if stored is None:
        raise UsageError(f"session {session_id} is not stored any more")
    return EndedSession(stored.session, stored.trials, stored.deficits, stored.summary)


def _look(
    ended: EndedSession, meant: Sequence[Trial], ground: Ground, access: Access, *, by_name: bool
) -> _Found:
    found = _Found(ended)
    for trial in meant:
        if not access.go_on():
            found.stopped = True
            return found
        after = _again(trial, ended.session, ground, access)
        if isinstance(after, LeftOut):
            withdrawn = trial.status is ResultStatus.ENTERED_IN_ERROR
            if by_name or not withdrawn:
                found.left_out.append(Excuse(trial.result_id, after.reason))
            continue
        found.looked_at += 1
        if after is not None:
            found.changed.append(after)
    return found


def _again(
    trial: Trial, session: Session, ground: Ground, access: Access
) -> Trial | LeftOut | None:
    if trial.status is ResultStatus.ENTERED_IN_ERROR:
        return LeftOut("it was taken back and is no result")
    recording = access.call(access.store.recording, trial.result_id)
    if recording is None:
        return LeftOut("its raw samples are not stored any more")
    return analyse_again(trial, recording, session, ground)


def _write(ended: EndedSession, change: RecordChange, basis: _Basis, access: Access) -> bool:
    """Commit what changes, if the session is still what it was; tell whether it was."""
    now, named = instant().wall, basis.ground.certificate
    entry = AuditEntry(
        at=now,
        action="session.reanalyse",
        subject=str(ended.session.session_id),
        who=basis.by,
        detail={
            "certificate": None if named is None else named.certificate_id,
            "trials": [
                {"result_id": str(trial.result_id), "revision": trial.revision}
                for trial in change.trials
            ],
        },
    )
    ready = prepare_change(change, ended.session, basis.letterhead, now, None, entry)

    def write() -> bool:
        if _marks(_read(access.store, ended.session.session_id)) != _marks(ended):
            return False
        access.store.commit(ready.change)
        return True

    if not access.call(write):
        return False
    access.sealed(ready.sealed)
    return True


def _marks(ended: EndedSession) -> tuple[Session, Mapping[UUID, int]]:
    """Return what tells a session from any later state of it."""
    revisions = {trial.result_id: trial.revision for trial in ended.trials}
    revisions |= {deficit.result_id: deficit.revision for deficit in ended.deficits}
    return ended.session, revisions
