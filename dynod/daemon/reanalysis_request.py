"""What a re-analysis is asked to do, and which stored sessions and trials that means."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from dynod.daemon.control import check_keys
from dynod.model.errors import UsageError
from dynod.model.trial import Trial
from dynod.store.store import Store

_TEXTS = ("session", "device", "since", "until", "certificate", "by")
_KEYS = (*_TEXTS, "trials", "apply")


@dataclass(frozen=True, slots=True)
class Request:
    """Which trials, under which certificate, and whether what changes shall be written.

    ``session`` and ``trials`` are ids or their beginnings; all that is given must fit a trial.
    ``until`` is the first moment that is too late. ``by`` is who asks, for the audit.
    """

    session: str | None = None
    trials: tuple[str, ...] = ()
    device: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    certificate: str | None = None
    apply: bool = False
    by: str = "unknown"

    def fits(self, trial: Trial, named: frozenset[UUID]) -> bool:
        """Tell whether a trial is meant; ``named`` are the whole ids of ``trials``."""
        return (
            (not self.trials or trial.result_id in named)
            and (self.device is None or trial.device.device_id == self.device)
            and (self.since is None or trial.recorded_at >= self.since)
            and (self.until is None or trial.recorded_at < self.until)
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sessions to look at, oldest first, and the trials that were named."""

    sessions: tuple[UUID, ...]
    trials: frozenset[UUID]


def parse_request(given: Mapping[str, object]) -> Request:
    """Return the request of plain JSON data; raises UsageError for what is none."""
    check_keys("reanalyse", given, _KEYS)
    texts: dict[str, str] = {}
    for key in _TEXTS:
        value = given.get(key)
        if isinstance(value, str) and value:
            texts[key] = value
        elif value is not None:
            raise UsageError(f"reanalyse: {key} should be text")
    trials, write = given.get("trials", []), given.get("apply", False)
    if not isinstance(trials, list) or not all(isinstance(item, str) for item in trials):
        raise UsageError("reanalyse: trials should be a list of ids")
    if not isinstance(write, bool):
        raise UsageError("reanalyse: apply should be true or false")
    return Request(
        session=texts.get("session"),
        trials=tuple(trials),
        device=texts.get("device"),
        since=moment_of("since", texts.get("since"), end=False),
        until=moment_of("until", texts.get("until"), end=True),
        certificate=texts.get("certificate"),
        apply=write,
        by=texts.get("by", "unknown"),
    )


def moment_of(key: str, text: str | None, *, end: bool) -> datetime | None:
    """Return a moment; a day means the whole of it, by UTC, as in a certificate.

    Raises UsageError for what is none.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        day = date.fromisoformat(text) if len(text) == len("2026-03-02") else None
    except ValueError:
        raise UsageError(_no_date(key)) from None
    if day is not None:
        return datetime.combine(day + timedelta(days=1 if end else 0), time.min, UTC)
    if moment.tzinfo is None:
        raise UsageError(_no_date(key))
    return moment


def _no_date(key: str) -> str:
    return (
        f"--{key} should be a day, as 2026-03-02, or a time with its zone,"
        " as 2026-03-02T09:00+01:00"
    )


def choose(store: Store, request: Request) -> Chosen:
    """Return what a request means in a store; raises UsageError for ids that are not there."""
    trials = _resolved(
        request.trials,
        lambda: {trial.result_id: trial.session_id for trial in store.trials(limit=None)},
        lambda whole: None if (found := store.trial(whole)) is None else found.session_id,
        "trial",
    )
    if request.session is not None:
        sessions: Iterable[UUID] = _resolved(
            (request.session,),
            lambda: {session.session_id: session.session_id for session in store.sessions(None)},
            lambda whole: None if store.session(whole) is None else whole,
            "session",
        )
    elif request.trials:
        sessions = dict.fromkeys(trials.values())
    else:
        sessions = [session.session_id for session in reversed(store.sessions(None))]
    return Chosen(tuple(sessions), frozenset(trials))


def _resolved(
    texts: Iterable[str],
    known: Callable[[], Mapping[UUID, UUID]],
    session_of: Callable[[UUID], UUID | None],
    what: str,
) -> dict[UUID, UUID]:
    """Return whole ids, each with its session, for ids or beginnings of them."""
    everything: Mapping[UUID, UUID] | None = None
    resolved: dict[UUID, UUID] = {}
    for text in texts:
        try:
            whole = UUID(text)
        except ValueError:
            everything = known() if everything is None else everything
            fitting = [one for one in everything if text and str(one).startswith(text.lower())]
            if len(fitting) != 1:
                many = f"several {what}s begin" if fitting else f"no {what} begins"
                raise UsageError(f"{many} with {text!r}; give the whole id") from None
            resolved[fitting[0]] = everything[fitting[0]]
            continue
        owner = session_of(whole)
        if owner is None:
            raise UsageError(f"no {what} {text}; `dynod results list` shows what is stored")
        resolved[whole] = owner
    return resolved
