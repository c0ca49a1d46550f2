"""The golden script of ``dynod contract-test``: what a station may do to its subscribers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from dynod.publish.examples import EXAMPLES
from dynod.simulate.contract_station import ContractStation, Row

SYSTEM = "urn:dynod:contract-test"
DOCUMENT = "docs/integration.md"
FIRST, SECOND = "TEST-1", "TEST-2"  # patients that nobody is


@dataclass(frozen=True, slots=True)
class Sitting:
    """A session with its patient, as the results of it say."""

    patient_id: str = FIRST
    session_id: UUID = field(default_factory=uuid4)

    def trial(self, side: str = "left", **changes: Any) -> dict[str, Any]:
        """Return a valid trial."""
        body = dict(EXAMPLES["dynod.trial/1"][0])
        return {**body, "test": {**body["test"], "side": side}, **self._head(), **changes}

    def deficit(self, trials: Sequence[Row], **changes: Any) -> dict[str, Any]:
        """Return a deficit that rests on these trials."""
        return {
            **EXAMPLES["dynod.deficit/1"][0],
            **self._head(),
            "trials": _references(trials),
            **changes,
        }

    def session(
        self, trials: Sequence[Row], deficits: Sequence[Row], **changes: Any
    ) -> dict[str, Any]:
        """Return the session's own result."""
        body = {key: EXAMPLES["dynod.session/1"][0][key] for key in _SESSION_KEYS}
        return {
            **body,
            **self._head(),
            "trials": _references(trials),
            "deficits": _references(deficits),
            "skipped": [],
            **changes,
        }

    def _head(self) -> Mapping[str, Any]:
        return {
            "status": "final",
            "session_id": str(self.session_id),
            "patient": {"system": SYSTEM, "id": self.patient_id, "sex": "unknown"},
            "clock_synced": True,
        }


_SESSION_KEYS = ("started_at", "ended_at", "battery", "involved_side")


@dataclass(slots=True)
class Stage:
    """The station, and how long it waits for an answer, in seconds."""

    station: ContractStation
    limit_s: float

    async def give(
        self, kind: str, body: Mapping[str, Any], result_id: UUID | None = None, revision: int = 1
    ) -> Row:
        """Publish a result."""
        row = self.hold(kind, body, result_id, revision)
        await self.station.send(row)
        await self.station.announce()
        return row

    def hold(
        self, kind: str, body: Mapping[str, Any], result_id: UUID | None = None, revision: int = 1
    ) -> Row:
        """Give a result its number, and keep it back."""
        return self.station.put(kind, result_id or uuid4(), revision, body)

    async def receipted(self, *rows: Row, times: int = 1) -> None:
        """Wait for a receipt of each, and note those that have none in time."""

        def late() -> list[Row]:
            return [row for row in rows if row.receipts < times]

        await self.station.wait(lambda: not late(), self.limit_s)
        for row in late():
            again = "again " if times > 1 else ""
            self.station.note(f"no receipt {again}within {self.limit_s:g} s: {row.name}")

    async def asked(self, *rows: Row) -> bool:
        """Wait until all were asked for; note it when they were not in time."""
        if await self.station.wait(lambda: all(row.asked for row in rows), self.limit_s):
            return True
        numbers = ", ".join(str(row.sequence) for row in rows if not row.asked)
        self.station.note(
            f"no results.resend within {self.limit_s:g} s for sequence {numbers} of stream "
            f"{self.station.stream}"
        )
        return False


Play: TypeAlias = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """A part of the script. ``needs``: without that one passed, it says nothing."""

    name: str
    expected: str
    read: str
    play: Play
    needs: str | None = None

    @property
    def reference(self) -> str:
        """Where to read on."""
        return f"{DOCUMENT}#{self.read}"


async def _session(stage: Stage) -> None:
    sitting = Sitting()
    trials = [await stage.give("trial", sitting.trial(side)) for side in ("right", "left")]
    deficit = await stage.give("deficit", sitting.deficit(trials))
    session = await stage.give("session", sitting.session(trials, [deficit]))
    await stage.receipted(*trials, deficit, session)


async def _duplicate(stage: Stage) -> None:
    row = await stage.give("trial", Sitting().trial())
    await stage.receipted(row)
    before = row.receipts
    await stage.station.send(row)
    await stage.receipted(row, times=before + 1)


async def _gap(stage: Stage) -> None:
    sitting = Sitting()
    held = [stage.hold("trial", sitting.trial(side)) for side in ("right", "left")]
    after = await stage.give("deficit", sitting.deficit(held))
    await stage.receipted(after)
    if await stage.asked(*held):
        await stage.receipted(*held)


async def _last(stage: Stage) -> None:
    row = stage.hold("trial", Sitting().trial())
    await stage.station.announce()
    if await stage.asked(row):
        await stage.receipted(row)


async def _purged(stage: Stage) -> None:
    sitting = Sitting()
    gone = [stage.hold("trial", sitting.trial(side)) for side in ("right", "left")]
    for row in gone:
        row.purged = True
    after = await stage.give("trial", sitting.trial())
    await stage.receipted(after)
    await stage.asked(*gone)


async def _late_revision(stage: Stage) -> None:
    sitting, result_id = Sitting(), uuid4()
    older = stage.hold("trial", sitting.trial(), result_id)
    newer = await stage.give("trial", sitting.trial(status="amended", pain_nrs=3), result_id, 2)
    await stage.receipted(newer)
    await stage.station.send(older)
    await stage.receipted(older)


async def _amendment(stage: Stage) -> None:
    sitting = Sitting()
    trial = await stage.give("trial", sitting.trial())
    deficit = await stage.give("deficit", sitting.deficit([trial]))
    painful = sitting.trial(status="amended", pain_nrs=6)
    trial_2 = await stage.give("trial", painful, trial.result_id, 2)
    limited = sitting.deficit([trial_2], status="amended", flags=["pain_limited"])
    deficit_2 = await stage.give("deficit", limited, deficit.result_id, 2)
    await stage.receipted(trial, deficit, trial_2, deficit_2)


async def _void(stage: Stage) -> None:
    sitting = Sitting()
    trial = await stage.give("trial", sitting.trial())
    void = sitting.trial(status="entered-in-error")
    await stage.receipted(trial, await stage.give("trial", void, trial.result_id, 2))


async def _reassignment(stage: Stage) -> None:
    old = Sitting(FIRST)
    new = Sitting(SECOND, old.session_id)
    rows = await _whole(stage, old)
    for row in tuple(rows):
        body = _body(old, row.kind, rows, status="entered-in-error")
        rows.append(await stage.give(row.kind, body, row.result_id, 2))
    await stage.receipted(*rows, *await _whole(stage, new))


async def _whole(stage: Stage, sitting: Sitting) -> list[Row]:
    trial = await stage.give("trial", sitting.trial())
    deficit = await stage.give("deficit", sitting.deficit([trial]))
    return [trial, deficit, await stage.give("session", sitting.session([trial], [deficit]))]


def _body(sitting: Sitting, kind: str, rows: Sequence[Row], **changes: Any) -> dict[str, Any]:
    if kind == "trial":
        return sitting.trial(**changes)
    if kind == "deficit":
        return sitting.deficit(rows[:1], **changes)
    return sitting.session(rows[:1], rows[1:2], **changes)


async def _invalid(stage: Stage) -> None:
    quality = {"valid": False, "flags": ["too_short"]}
    sitting = Sitting()
    invalid = await stage.give("trial", sitting.trial(quality=quality))
    practice = await stage.give("trial", sitting.trial(familiarisation=True))
    await stage.receipted(invalid, practice)


async def _unknown_key(stage: Stage) -> None:
    body = Sitting().trial()
    newer = {
        **body,
        "a_later_key": {"value": 1},
        "metrics": {**body["metrics"], "a_later_metric_n": 1.5},
        "quality": {"valid": True, "flags": ["a_later_flag"]},
    }
    await stage.receipted(await stage.give("trial", newer))


def _references(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{"result_id": str(row.result_id), "revision": row.revision} for row in rows]


CASES = (
    Case("session", "a receipt for each of four results", "receipts", _session),
    Case("duplicate", "a receipt for the repeat too", "duplicates", _duplicate),
    Case(
        "gap",
        "results.resend for two numbers that are missing; receipts once they came",
        "gaps",
        _gap,
    ),
    Case(
        "last",
        "results.resend for a last number that the retained status alone tells of",
        "gaps",
        _last,
        "gap",
    ),
    Case(
        "purged",
        "results.resend for two numbers, and no more once the reply names them as purged",
        "gaps",
        _purged,
        "gap",
    ),
    Case(
        "late_revision",
        "revision 2, then revision 1: a receipt for each, none before its delivery",
        "revisions",
        _late_revision,
    ),
    Case("amendment", "receipts for both revisions of both results", "revisions", _amendment),
    Case("void", "receipts for a trial and its entered-in-error", "revisions", _void),
    Case(
        "reassignment",
        "receipts for a session, its entered-in-error, and the same for another patient",
        "the-wrong-patient",
        _reassignment,
    ),
    Case("invalid", "receipts for an invalid and a practice trial", "invalid-trials", _invalid),
    # The last one, since it is here that a strict reader breaks.
    Case(
        "unknown_key",
        "a receipt for a trial with keys and a flag of a later version",
        "unknown-keys",
        _unknown_key,
    ),
)
