"""FHIR Bundles: made once the clock is right, again after each amendment, taken back on a move.

Sessions are recorded by the real workflow and kept in a real store; the clock is the
test's. What is in a Bundle has tests of its own (tests/publish/test_fhir_*).
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid5

from dynod.config.code_map import load_code_map
from dynod.core.settings import AnalysisSettings
from dynod.daemon.bundle_maker import BundleMaker
from dynod.daemon.bundles import Bundles, envelope
from dynod.daemon.records import Letterhead, prepare_change
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.model.clinical import Side
from dynod.model.session import Identifier, Patient
from dynod.publish.fhir import FhirSettings
from dynod.publish.topics import Topics
from dynod.session.amend import EndedSession
from dynod.session.corrections import Desk, correct_ended
from dynod.session.inputs import (
    AnnotateTrial,
    AssignSession,
    Correction,
    EndSession,
    Instant,
    RelabelTrial,
    StartSession,
    VoidResult,
)
from dynod.store.outbox import OutboxRow
from dynod.store.store import Store
from tests.support.builders import START, ScriptedStation, rules

ANN, BEA = (Patient(Identifier("urn:mrn", name)) for name in ("Ann-7", "Bea-7"))


class Listener:
    def __init__(self) -> None:
        self.rows: list[OutboxRow] = []

    def sealed(self, rows: Sequence[OutboxRow]) -> None:
        self.rows += rows


@dataclass
class Room:
    store: Store
    writer: Writer
    letterhead: Letterhead
    listener: Listener = field(default_factory=Listener)
    station: ScriptedStation = field(
        default_factory=lambda: ScriptedStation(rules(confirm_change=False))
    )
    synced: bool = True

    def __post_init__(self) -> None:
        self.bundles = Bundles(
            self.writer,
            cast("Station", self.listener),
            self.letterhead.topics.fhir,
            lambda: BundleMaker("s", load_code_map(None), FhirSettings(), AnalysisSettings()),
            lambda: Instant(0.0, START + timedelta(hours=1), self.synced),
        )

    def give(self, given: object) -> None:
        before = self.station.state.session
        step = self.station.give(given)  # type: ignore[arg-type]
        self.keep(step.change, self.station.state.session or before)

    def session(self, patient: Patient | None) -> UUID:
        """Record right 150, 150 and left 120, 120 N, and end the session."""
        self.give(StartSession(patient=patient))
        for peak in (150.0, 150.0, 120.0, 120.0):
            self.keep(self.station.trial(peak).change, self.station.state.session)
        session = self.station.state.session
        assert session is not None
        self.give(EndSession())
        return session.session_id

    def correct(self, session_id: UUID, given: Correction) -> None:
        found = self.store.session(session_id)
        assert found is not None
        summaries = self.store.summaries(session_id)
        summary = next(i for i in summaries if i.session.binding == found.session.binding)
        ended = EndedSession(found.session, found.trials, found.deficits, summary)
        made = self.station.rules
        change = correct_ended(ended, given, Desk(self.station.now(), made.judge, made.new_id))
        self.keep(change, change.sessions[0] if change.sessions else found.session)

    def keep(self, change: Any, owner: Any) -> None:
        ready = prepare_change(change, owner, self.letterhead, START, None)
        self.store.commit(ready.change)

    def trial(self, session_id: UUID, index: int = 0) -> UUID:
        found = self.store.session(session_id)
        assert found is not None
        return found.trials[index].result_id

    async def made(self) -> list[OutboxRow]:
        """Let what is due be made; return the new Bundles."""
        before = len(self.listener.rows)
        await self.bundles.make_due()
        return self.listener.rows[before:]


@asynccontextmanager
async def room(folder: Path) -> AsyncIterator[Room]:
    store = Store.open(folder / "dynod.db", now=START)
    writer = Writer(store)
    letterhead = Letterhead(Topics("c", "r"), "c", "r", str(store.stream))
    try:
        yield Room(store, writer, letterhead)
    finally:
        writer.close()


def observations(row: OutboxRow) -> list[dict[str, Any]]:
    resources = [entry["resource"] for entry in json.loads(row.payload)["entry"]]
    return [item for item in resources if item["resourceType"] == "Observation"]


def statuses(row: OutboxRow) -> list[str]:
    return sorted(item["status"] for item in observations(row))


async def test_a_bundle_waits_for_the_clock_and_takes_its_number_then(tmp_path: Path) -> None:
    async with room(tmp_path) as it:
        it.synced = False
        first = it.session(ANN)
        assert await it.made() == []
        assert it.store.last_sequence == 6  # four trials, a deficit, the session
        it.session(ANN)
        it.synced = True
        one, two = await it.made()
        assert [one.sequence, two.sequence] == [13, 14]
        # docs/contract.md, section 3: UUID5 of session, kind, four parts that a session has not.
        assert one.result_id == uuid5(first, "fhir/////0")
        assert (one.topic, one.content_type) == (
            "dynod/v1/c/r/results/fhir", "application/fhir+json",
        )  # fmt: skip
        assert statuses(one) == ["final"] * 3  # two sides and the deficit
        assert await it.made() == []
        stored = it.store.due(START, 100, resend_unreceipted=False)[-2:]
        assert [row.payload for row in stored] == [one.payload, two.payload]
        assert dict(envelope(one, "s")) == {
            "schema": "dynod.fhir/1",
            "result_id": str(one.result_id),
            "revision": "1",
            "sequence": "13",
            "stream": "s",
        }
        assert envelope(stored[0], "s") != ()
        assert envelope(replace(one, content_type="application/json"), "s") == ()


async def test_a_session_without_a_patient_has_none_until_it_is_assigned(tmp_path: Path) -> None:
    async with room(tmp_path) as it:
        session_id = it.session(None)
        assert await it.made() == []
        it.correct(session_id, AssignSession(session_id, ANN))
        (row,) = await it.made()
        assert row.revision == 1


async def test_an_amendment_makes_the_next_revision_of_the_same(tmp_path: Path) -> None:
    async with room(tmp_path) as it:
        session_id = it.session(ANN)
        (one,) = await it.made()
        it.correct(session_id, RelabelTrial(it.trial(session_id), Side.LEFT))
        (two,) = await it.made()
        assert (two.result_id, two.revision) == (one.result_id, 2)
        assert set(statuses(two)) == {"amended"}
        (row,) = it.store.due(START, 100, resend_unreceipted=False)[-1:]
        assert row.revision == 2


async def test_what_changes_nothing_in_a_bundle_makes_none(tmp_path: Path) -> None:
    """The session's own result is no part of it."""
    async with room(tmp_path) as it:
        session_id = it.session(ANN)
        await it.made()
        (summary,) = it.store.summaries(session_id)
        it.correct(session_id, VoidResult(summary.result_id, "why", "who"))
        assert await it.made() == []
        it.correct(session_id, AnnotateTrial(it.trial(session_id), pain_nrs=8))
        (row,) = await it.made()  # the pain is a flag of the deficit
        assert row.revision == 2


async def test_a_move_takes_the_old_bundle_back_and_makes_a_new_one(tmp_path: Path) -> None:
    async with room(tmp_path) as it:
        session_id = it.session(ANN)
        (one,) = await it.made()
        it.correct(session_id, AssignSession(session_id, BEA))
        old, new = await it.made()
        assert (old.result_id, old.revision) == (one.result_id, 2)
        assert set(statuses(old)) == {"entered-in-error"}
        assert b"Ann-7" in old.payload
        assert b"Bea-7" not in old.payload
        assert (new.result_id, new.revision) == (uuid5(session_id, "fhir/////1"), 1)
        assert statuses(new) == ["final"] * 3
        assert b"Ann-7" not in new.payload
        assert not {str(item["identifier"]) for item in observations(old)} & {
            str(item["identifier"]) for item in observations(new)
        }


async def test_what_was_never_said_is_not_taken_back(tmp_path: Path) -> None:
    async with room(tmp_path) as it:
        it.synced = False
        session_id = it.session(ANN)
        it.correct(session_id, AssignSession(session_id, BEA))
        it.synced = True
        (new,) = await it.made()
        assert new.result_id == uuid5(session_id, "fhir/////1")
        assert b"Ann-7" not in new.payload


async def test_due_bundles_survive_a_restart(tmp_path: Path) -> None:
    async with room(tmp_path) as it:
        it.synced = False
        it.session(ANN)
        assert await it.made() == []
    async with room(tmp_path) as it:
        (row,) = await it.made()
        assert row.sequence == 7


async def test_a_station_without_bundles_has_none_waiting(tmp_path: Path) -> None:
    """A Bundle that waits keeps its session from being purged."""
    async with room(tmp_path) as it:
        it.session(ANN)
        it.letterhead = replace(it.letterhead, bundles=False)
        it.session(ANN)
        assert it.store.forget_due_bundles() == 1
        assert await it.made() == []
