"""Whose session it is: assigned late, the same again, moved to somebody else; running and ended."""

from dataclasses import dataclass, field, replace
from uuid import UUID, uuid5

import pytest

from dynod.model.clinical import Side
from dynod.model.deficit import Deficit
from dynod.model.session import Identifier, Patient, Session, SessionSummary
from dynod.model.trial import ResultStatus, Trial
from dynod.session.amend import EndedSession
from dynod.session.corrections import Desk, correct_ended
from dynod.session.inputs import (
    AnnotateTrial,
    AssignSession,
    Correction,
    DiscardTrial,
    EndSession,
    RelabelTrial,
    StartSession,
    StartTrial,
    StopTrial,
    VoidResult,
)
from dynod.session.replies import ErrorCode, Refused
from dynod.session.steps import RecordChange, Result
from tests.support.builders import ScriptedStation, rules

ANN = Patient(Identifier("urn:mrn", "1"))
BEA = Patient(Identifier("urn:mrn", "2"))
ERROR, FINAL = ResultStatus.ENTERED_IN_ERROR, ResultStatus.FINAL


@dataclass
class Room:
    """A station with two trials a side, its store, and what it has published, in order."""

    station: ScriptedStation = field(
        default_factory=lambda: ScriptedStation(rules(confirm_change=False))
    )
    stored: dict[UUID, Result] = field(default_factory=dict)
    published: list[tuple[str, Result]] = field(default_factory=list)
    ended: EndedSession | None = None

    def give(self, given: object) -> RecordChange:
        return self.take(self.station.give(given).change)  # type: ignore[arg-type]

    def trials(self, *peaks: float) -> None:
        for peak in peaks:
            self.take(self.station.trial(peak).change)

    def correct(self, given: Correction) -> RecordChange:
        assert self.ended is not None
        made = self.station.rules
        desk = Desk(self.station.now(), made.judge, made.new_id)
        return self.take(correct_ended(self.ended, given, desk))

    def take(self, change: RecordChange) -> RecordChange:
        """Store and publish a change as the daemon does; every revision must rise by one."""
        held = change.withdrawn
        taken = (*held.trials, *held.deficits, held.summary) if held else ()
        summary = () if change.summary is None else (change.summary,)
        own: tuple[Result, ...] = (*change.trials, *change.deficits, *summary)
        for result in (*taken, *own):
            if result is not None:
                known = self.stored.get(result.result_id)
                assert result.revision == (known.revision + 1 if known else 1)
                self.stored[result.result_id] = result
                if held and result in taken:
                    assert held.session.patient is not None
                    self.published.append((held.session.patient.identifier.value, result))
        owner = change.sessions[-1] if change.sessions else self.session
        if owner.patient is not None:
            announced = own if change.announced is None else change.announced
            self.published += [(owner.patient.identifier.value, item) for item in announced]
        if owner.ended_at is not None:
            self._remember(owner, change)
        return change

    @property
    def session(self) -> Session:
        if self.ended is not None:
            return self.ended.session
        assert self.station.state.session is not None
        return self.station.state.session

    def _remember(self, owner: Session, change: RecordChange) -> None:
        own = [item for item in self.stored.values() if not isinstance(item, SessionSummary)]
        summary = change.summary or change.bound
        if summary is None and self.ended is not None and change.withdrawn is None:
            summary = self.ended.summary
        self.ended = EndedSession(
            owner,
            tuple(i for i in own if isinstance(i, Trial) and i.binding == owner.binding),
            tuple(i for i in own if isinstance(i, Deficit) and i.binding == owner.binding),
            summary,
        )


def kinds(published: list[tuple[str, Result]]) -> list[str]:
    return [type(item).__name__ for _, item in published]


def recorded(patient: Patient | None) -> Room:
    """A session with right 150, 150 and left 120, 120 N that has not ended."""
    room = Room()
    room.give(StartSession(patient=patient))
    room.trials(150.0, 150.0, 120.0, 120.0)
    return room


def ended(patient: Patient | None) -> Room:
    room = recorded(patient)
    room.give(EndSession())
    return room


def assign(room: Room, patient: Patient) -> AssignSession:
    return AssignSession(room.session.session_id, patient)


# -- the first patient ----------------------------------------------------------------------------


def test_a_running_session_publishes_what_it_has_and_goes_on() -> None:
    room = Room()
    room.give(StartSession())
    room.trials(150.0, 151.0)
    room.give(DiscardTrial())
    room.trials(152.0)
    assert room.published == []
    room.give(assign(room, ANN))
    # Each result once, at its latest revision, in the order of recording.
    assert [item.revision for _, item in room.published] == [1, 2, 1]
    peaks = [item.analysis.metrics["peak_force_n"] for _, item in room.published]  # type: ignore[union-attr]
    assert peaks == [150.0, 151.0, 152.0]
    room.trials(120.0, 120.0)
    assert kinds(room.published)[3:] == ["Trial", "Trial", "Deficit"]
    assert {patient for patient, _ in room.published} == {"1"}


def test_an_ended_session_is_published_whole_in_the_order_of_recording() -> None:
    room = ended(None)
    assert room.published == []
    change = room.correct(assign(room, ANN))
    assert kinds(room.published) == ["Trial"] * 4 + ["Deficit", "SessionSummary"]
    assert all(item.revision == 1 for _, item in room.published)
    assert change.bound is not None
    assert change.bound.session.patient == ANN
    assert not room.correct(assign(room, ANN))


def test_the_phase_and_a_running_trial_are_left_alone() -> None:
    room = Room()
    room.give(StartSession())
    room.trials(150.0)
    room.give(StartTrial())
    running = room.station.state.running
    room.give(assign(room, ANN))
    assert room.station.state.running == running
    room.give(StopTrial())
    room.take(room.station.analysed(151.0).change)
    assert kinds(room.published) == ["Trial", "Trial"]


def test_another_session_is_not_found() -> None:
    room = recorded(None)
    with pytest.raises(Refused) as caught:
        room.give(AssignSession(UUID(int=99), ANN))
    assert caught.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize("running", [True, False])
def test_the_same_patient_again_changes_nothing(running: bool) -> None:
    room = recorded(ANN) if running else ended(ANN)
    again = assign(room, replace(ANN, sex="female"))
    before = list(room.published)
    change = room.give(again) if running else room.correct(again)
    assert not change
    assert room.published == before


# -- another patient ------------------------------------------------------------------------------


@pytest.mark.parametrize("running", [True, False])
def test_a_session_that_moves_is_taken_back_and_comes_under_new_ids(running: bool) -> None:
    room = recorded(ANN) if running else ended(ANN)
    first, room.published = room.published, []
    session_id = room.session.session_id
    given = assign(room, BEA)
    change = room.give(given) if running else room.correct(given)
    old = [item for patient, item in room.published if patient == "1"]
    new = [item for patient, item in room.published if patient == "2"]
    assert room.published[: len(old)] == [("1", item) for item in old]  # taken back first
    assert {item.result_id for item in old} == {item.result_id for _, item in first}
    assert all((item.revision, item.status) == (2, ERROR) for item in old)
    assert all((item.revision, item.status) == (1, FINAL) for item in new)
    assert kinds([("", item) for item in new]) == kinds(first)
    assert not {item.result_id for item in new} & {item.result_id for item in old}
    deficit = next(item for item in new if isinstance(item, Deficit))
    # docs/contract.md, section 3: UUID5 of session, kind, test and the number of the binding.
    name = "deficit/hip_abduction/supine/make/force/1"
    assert deficit.result_id == uuid5(session_id, name)
    copies = [item for item in new if isinstance(item, Trial)]
    assert [c.result_id for c in deficit.trials] == [item.result_id for item in copies]
    originals = [item for _, item in first if isinstance(item, Trial)]
    assert [item.copied_from for item in copies] == [item.result_id for item in originals]
    assert change.sessions[0].binding == 1


def test_after_moving_a_running_session_goes_on_for_the_new_patient() -> None:
    room = Room()
    room.give(StartSession(patient=ANN))
    room.trials(150.0, 150.0, 120.0)
    room.give(assign(room, BEA))
    assert room.station.state.last_trial is not None  # the copy is still on display
    assert room.station.state.last_trial.binding == 1
    room.published = []
    room.trials(120.0)
    room.give(EndSession())
    assert [patient for patient, _ in room.published] == ["2"] * 3
    deficit, summary = room.published[1][1], room.published[2][1]
    assert isinstance(deficit, Deficit)
    assert isinstance(summary, SessionSummary)
    assert deficit.comparison.left is not None
    assert deficit.comparison.left.trials == 2
    assert len(summary.trials) == 4
    assert all(
        room.stored[ref.result_id].status is FINAL for ref in (*summary.trials, *summary.deficits)
    )


def test_moved_and_moved_back_no_id_is_used_twice() -> None:
    room = ended(ANN)
    for patient in (BEA, ANN):
        room.correct(assign(room, patient))
    assert room.session.binding == 2
    standing = [item for item in room.stored.values() if item.status is not ERROR]
    assert len(standing) == 6  # four trials, a deficit, the session
    assert len(room.stored) == 18


def test_what_was_taken_back_before_is_not_brought_up_for_the_next_patient() -> None:
    room = ended(ANN)
    deficit = next(i for i in room.stored.values() if isinstance(i, Deficit))
    trial = next(i for i in room.stored.values() if isinstance(i, Trial))
    summary = next(i for i in room.stored.values() if isinstance(i, SessionSummary))
    for item in (summary, deficit, trial):
        room.correct(VoidResult(item.result_id, "why", "who"))
    room.published = []
    room.correct(assign(room, BEA))
    new = [item for patient, item in room.published if patient == "2"]
    assert kinds([("", item) for item in new]) == ["Trial"] * 3
    # Nor later: the marks keep the voided answers from being said.
    other = next(item for item in new if isinstance(item, Trial))
    room.published = []
    room.correct(AnnotateTrial(other.result_id, pain_nrs=7))
    assert kinds(room.published) == ["Trial"]


# -- ended sessions -------------------------------------------------------------------------------


def test_a_trial_relabelled_after_the_end_amends_deficit_and_session() -> None:
    room = ended(ANN)
    trial = room.ended.trials[0]  # type: ignore[union-attr]
    room.published = []
    room.correct(RelabelTrial(trial.result_id, Side.LEFT))
    assert kinds(room.published) == ["Trial", "Deficit", "SessionSummary"]
    assert {(i.revision, i.status) for _, i in room.published} == {(2, ResultStatus.AMENDED)}
    assert not room.correct(RelabelTrial(trial.result_id, Side.LEFT))


def test_swapped_sides_can_be_mended_after_the_end() -> None:
    room = ended(ANN)
    for trial in room.ended.trials:  # type: ignore[union-attr]
        room.correct(RelabelTrial(trial.result_id, trial.slot.side.other))
    assert room.ended is not None
    (deficit,) = room.ended.deficits
    left, right = deficit.comparison.left, deficit.comparison.right
    assert left is not None
    assert right is not None
    assert (left.value, right.value) == (150.0, 120.0)


def test_void_of_each_kind_after_the_end() -> None:
    room = ended(ANN)
    deficit = next(i for i in room.stored.values() if isinstance(i, Deficit))
    trial = next(i for i in room.stored.values() if isinstance(i, Trial))
    summary = next(i for i in room.stored.values() if isinstance(i, SessionSummary))
    expected: list[tuple[Result, list[str]]] = [
        (deficit, ["Deficit", "SessionSummary"]),
        (trial, ["Trial", "SessionSummary"]),  # the deficit was taken back: it stays so
        (summary, ["SessionSummary"]),
    ]
    for item, names in expected:
        room.published = []
        room.correct(VoidResult(item.result_id, "why", "who"))
        assert kinds(room.published) == names
        assert room.stored[item.result_id].status is ERROR
        with pytest.raises(Refused) as caught:
            room.correct(VoidResult(item.result_id, "why", "who"))
        assert caught.value.code is ErrorCode.NOT_FOUND
    room.published = []
    other = room.ended.trials[1]  # type: ignore[union-attr]
    room.correct(AnnotateTrial(other.result_id, pain_nrs=2))
    assert kinds(room.published) == ["Trial"]  # neither answer is brought up again


def test_corrections_of_an_ended_session_without_a_patient_are_kept_until_there_is_one() -> None:
    room = ended(None)
    trial = room.ended.trials[0]  # type: ignore[union-attr]
    room.correct(AnnotateTrial(trial.result_id, pain_nrs=6))
    assert room.published == []
    room.correct(assign(room, ANN))
    assert kinds(room.published) == ["Trial"] * 4 + ["Deficit", "SessionSummary"]
    assert [item.revision for _, item in room.published] == [2, 1, 1, 1, 2, 2]
