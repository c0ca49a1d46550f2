"""Corrections of the running session: relabel, annotate, void.

What shall come of each is derived from docs/contract.md, section 2; peaks are chosen so that every
mean can be said by hand.
"""

from collections.abc import Iterable
from uuid import UUID

import pytest

from dynod.model.clinical import Movement, Side
from dynod.model.deficit import Classification, Deficit, Reason
from dynod.model.flags import Flag
from dynod.model.session import Phase
from dynod.model.trial import ResultStatus, Trial
from dynod.session.inputs import (
    AnnotateTrial,
    NextTest,
    RedoTrial,
    RelabelTrial,
    StartSession,
    StartTrial,
    StopTrial,
    VoidResult,
)
from dynod.session.replies import ErrorCode, Refused
from dynod.session.state import resumed
from tests.support.builders import ScriptedStation, battery, force_test, rules

LEFT, RIGHT = Side.LEFT, Side.RIGHT
ARMS = {Movement.HIP_ABDUCTION: {LEFT: 0.4, RIGHT: 0.3}}


@pytest.fixture
def station() -> ScriptedStation:
    """One test, two trials a side, the right side first, nothing to acknowledge."""
    station = ScriptedStation(rules(confirm_change=False))
    station.give(StartSession())
    return station


def record(station: ScriptedStation, *peaks: float) -> list[UUID]:
    """Record trials; return their ids."""
    return [station.trial(peak).change.trials[0].result_id for peak in peaks]


def places(station: ScriptedStation) -> list[tuple[float | None, str, int]]:
    """Peak, side and number of each trial, in the order of recording."""
    return [
        (
            trial.analysis.metrics["peak_force_n"],
            trial.slot.side.value,
            trial.slot.trial_number,
        )
        for trial in station.state.trials
    ]


def following(station: ScriptedStation) -> tuple[str, int] | None:
    slot = station.state.next
    return None if slot is None else (slot.side.value, slot.trial_number)


def code(station: ScriptedStation, given: object) -> ErrorCode:
    before = station.state
    with pytest.raises(Refused) as caught:
        station.give(given)  # type: ignore[arg-type]
    assert station.state == before
    return caught.value.code


def revisions(trials: Iterable[Trial | Deficit]) -> list[tuple[int, ResultStatus]]:
    return [(trial.revision, trial.status) for trial in trials]


# -- relabel --------------------------------------------------------------------------------------


def test_a_relabelled_trial_opens_its_slot_and_fills_one_of_the_other_side(
    station: ScriptedStation,
) -> None:
    first, _ = record(station, 150.0, 151.0)
    assert following(station) == ("left", 1)
    step = station.give(RelabelTrial(first, LEFT))
    assert step.reply == {"result_id": str(first)}
    assert revisions(step.change.trials) == [(2, ResultStatus.AMENDED)]
    assert places(station) == [(150.0, "left", 1), (151.0, "right", 2)]
    assert following(station) == ("right", 1)
    record(station, 152.0)
    assert following(station) == ("left", 2)


def test_a_surplus_trial_counts_on_its_new_side(station: ScriptedStation) -> None:
    """Left 120, 120 and the relabelled 150: a mean of 130."""
    first, *_ = record(station, 150.0, 150.0, 120.0, 120.0)
    assert station.state.phase is Phase.COMPLETE
    step = station.give(RelabelTrial(first, LEFT))
    (deficit,) = step.change.deficits
    assert revisions([deficit]) == [(2, ResultStatus.AMENDED)]
    assert deficit.comparison.reason is Reason.SIDE_INCOMPLETE
    assert places(station)[0] == (150.0, "left", 3)
    assert (station.state.phase, following(station)) == (Phase.READY, ("right", 1))
    (again,) = station.trial(150.0).change.deficits
    assert again.revision == 3
    assert again.comparison.left is not None
    assert again.comparison.left.value == pytest.approx(130.0)
    assert again.comparison.left.trials == 3


def test_sides_that_were_swapped_are_mended_trial_by_trial(station: ScriptedStation) -> None:
    """All was recorded on the wrong side: right 150, 154; left 118, 122 become the reverse."""
    result_ids = record(station, 150.0, 154.0, 118.0, 122.0)
    for result_id in result_ids:
        trial = station.state.trial(result_id)
        assert trial is not None
        station.give(RelabelTrial(result_id, trial.slot.side.other))
    assert station.state.phase is Phase.COMPLETE
    sides = [trial.slot.side for trial in station.state.trials]
    assert sides == [LEFT, LEFT, RIGHT, RIGHT]
    (deficit,) = station.state.deficits.values()
    left, right = deficit.comparison.left, deficit.comparison.right
    assert left is not None
    assert right is not None
    assert (left.value, right.value) == (152.0, 120.0)
    assert len({place[1:] for place in places(station)}) == 4


def test_the_torque_is_that_of_the_new_side_s_lever_arm() -> None:
    station = ScriptedStation(rules(confirm_change=False))
    station.give(StartSession(lever_arms_m=ARMS))
    (first,) = record(station, 100.0)
    (trial,) = station.give(RelabelTrial(first, LEFT)).change.trials
    assert trial.analysis.metrics["peak_torque_nm"] == pytest.approx(40.0)  # 100 N at 0.4 m
    bare = ScriptedStation(rules(confirm_change=False))
    bare.give(StartSession(lever_arms_m={Movement.HIP_ABDUCTION: {RIGHT: 0.3}}))
    (first,) = record(bare, 100.0)
    (trial,) = bare.give(RelabelTrial(first, LEFT)).change.trials
    assert "peak_torque_nm" not in trial.analysis.metrics


def test_the_side_it_has_already_changes_nothing(station: ScriptedStation) -> None:
    (first,) = record(station, 150.0)
    step = station.give(RelabelTrial(first, RIGHT))
    assert not step.change
    assert step.reply == {"result_id": str(first)}


def test_after_a_relabel_of_the_last_trial_the_change_is_announced_from_there() -> None:
    station = ScriptedStation(rules())
    station.press()
    station.press()
    (first,) = record(station, 150.0)
    assert station.state.phase is Phase.READY  # the second trial of the right side
    station.give(RelabelTrial(first, LEFT))
    assert (station.state.phase, following(station)) == (Phase.CONFIRM, ("right", 1))


def test_relabel_of_what_is_not_there(station: ScriptedStation) -> None:
    (first,) = record(station, 150.0)
    assert code(station, RelabelTrial(UUID(int=99), LEFT)) is ErrorCode.NOT_FOUND
    station.give(RedoTrial(first))
    assert code(station, RelabelTrial(first, LEFT)) is ErrorCode.NOT_FOUND
    idle = ScriptedStation(rules())
    assert code(idle, RelabelTrial(first, LEFT)) is ErrorCode.NO_SESSION


def test_a_relabel_while_recording_leaves_the_recording_alone(station: ScriptedStation) -> None:
    first, second = record(station, 150.0, 151.0)
    station.give(StartTrial())
    running = station.state.running
    assert running is not None
    assert (running.slot.side, running.slot.trial_number) == (LEFT, 1)
    step = station.give(RelabelTrial(first, LEFT))
    assert (station.state.phase, station.state.running) == (Phase.RECORDING, running)
    assert step.effect is None
    station.give(StopTrial())
    station.give(RelabelTrial(second, LEFT))
    assert station.state.phase is Phase.ANALYSING
    station.analysed(120.0)
    # The running one kept left 1; the others took the next free places.
    assert places(station) == [(150.0, "left", 2), (151.0, "left", 3), (120.0, "left", 1)]
    assert following(station) == ("right", 1)


def test_an_invalid_trial_takes_its_attempt_with_it(station: ScriptedStation) -> None:
    """Six attempts give a slot up; with one of them elsewhere there were but five."""
    tries = [station.trial(100.0, Flag.GAP).change.trials[0].result_id for _ in range(6)]
    assert following(station) == ("right", 2)
    step = station.give(RelabelTrial(tries[0], LEFT))
    assert step.change.sessions[0].skipped == ()
    assert following(station) == ("right", 1)
    assert places(station)[0] == (100.0, "left", 1)


def test_a_slot_that_was_skipped_is_filled_before_one_is_added(station: ScriptedStation) -> None:
    first, _ = record(station, 150.0, 151.0)
    station.give(NextTest())  # both left slots are given up
    assert station.state.phase is Phase.COMPLETE
    step = station.give(RelabelTrial(first, LEFT))
    assert places(station)[0] == (150.0, "left", 1)
    assert [(skip.side, skip.trial_number) for skip in step.change.sessions[0].skipped] == [
        (LEFT, 2)
    ]
    assert following(station) == ("right", 1)


def test_a_familiarisation_trial_stays_one() -> None:
    test = force_test(repetitions=1, familiarisation=1)
    station = ScriptedStation(rules(battery(test), confirm_change=False))
    station.give(StartSession())
    first, _ = record(station, 90.0, 150.0)
    station.give(RelabelTrial(first, LEFT))
    moved = station.state.trials[0].slot
    assert (moved.side, moved.familiarisation, moved.trial_number) == (LEFT, True, 1)
    assert following(station) == ("right", 1)


def test_after_a_restart_a_relabelled_session_goes_on_the_same(station: ScriptedStation) -> None:
    first, *_ = record(station, 150.0, 151.0, 120.0)
    station.give(RelabelTrial(first, LEFT))
    state = station.state
    assert state.session is not None
    deficits = tuple(state.deficits.values())
    again = resumed(state.session, state.trials, deficits, confirm_change=False, now_s=0.0)
    assert again.next == state.next


# -- annotate -------------------------------------------------------------------------------------


def test_an_annotation_is_a_new_revision_of_the_last_trial(station: ScriptedStation) -> None:
    first, second = record(station, 150.0, 151.0)
    step = station.give(AnnotateTrial(pain_nrs=6))
    (trial,) = step.change.trials
    assert (trial.result_id, trial.pain_nrs, trial.note) == (second, 6, None)
    assert revisions([trial]) == [(2, ResultStatus.AMENDED)]
    (trial,) = station.give(AnnotateTrial(note="cramp")).change.trials
    assert (trial.revision, trial.pain_nrs, trial.note) == (3, 6, "cramp")
    (trial,) = station.give(AnnotateTrial(first, pain_nrs=0)).change.trials
    assert (trial.result_id, trial.pain_nrs) == (first, 0)
    assert not station.give(AnnotateTrial(first, pain_nrs=0)).change  # known already
    (trial,) = station.give(AnnotateTrial(second, note="")).change.trials
    assert (trial.pain_nrs, trial.note) == (6, None)


def test_pain_marks_the_deficit_and_keeps_its_class(station: ScriptedStation) -> None:
    """Right 150, left 100: a third weaker, far beyond 17 %; pain of 5 is the limit."""
    *_, last = record(station, 150.0, 150.0, 100.0, 100.0)
    before = station.state.deficits[0]
    (mild,) = station.give(AnnotateTrial(last, pain_nrs=4)).change.deficits
    (strong,) = station.give(AnnotateTrial(last, pain_nrs=5)).change.deficits
    assert [item.revision for item in (before, mild, strong)] == [1, 2, 3]
    assert Flag.PAIN_LIMITED not in mild.comparison.flags
    assert Flag.PAIN_LIMITED in strong.comparison.flags
    expected = Classification.EXCEEDS_ERROR_AND_THRESHOLD
    assert {item.comparison.classification for item in (before, mild, strong)} == {expected}


@pytest.mark.parametrize("named", [True, False])
def test_what_is_said_while_recording_is_stored_with_the_trial(
    station: ScriptedStation, named: bool
) -> None:
    (first,) = record(station, 150.0)
    result_id = UUID(station.give(StartTrial()).reply["result_id"])
    target = result_id if named else None
    step = station.give(AnnotateTrial(target, pain_nrs=3))
    assert step.reply == {"result_id": str(result_id)}
    assert not step.change
    station.give(StopTrial())
    station.give(AnnotateTrial(target, note="slipped"))
    (trial,) = station.analysed(120.0).change.trials
    assert (trial.result_id, trial.revision) == (result_id, 1)
    assert (trial.pain_nrs, trial.note) == (3, "slipped")
    kept = station.state.trial(first)
    assert kept is not None
    assert kept.pain_nrs is None


def test_annotations_of_nothing(station: ScriptedStation) -> None:
    assert code(station, AnnotateTrial(pain_nrs=1)) is ErrorCode.WRONG_PHASE
    assert code(station, AnnotateTrial(UUID(int=99), pain_nrs=1)) is ErrorCode.NOT_FOUND
    idle = ScriptedStation(rules())
    assert code(idle, AnnotateTrial(pain_nrs=1)) is ErrorCode.NO_SESSION


# -- void -----------------------------------------------------------------------------------------


def void(result_id: UUID) -> VoidResult:
    return VoidResult(result_id, "a reason", "T-7")


def test_a_voided_trial_opens_its_slot_and_its_deficit_follows(station: ScriptedStation) -> None:
    first, *_ = record(station, 150.0, 150.0, 120.0, 120.0)
    step = station.give(void(first))
    assert step.reply == {"result_id": str(first)}
    assert revisions(step.change.trials) == [(2, ResultStatus.ENTERED_IN_ERROR)]
    (deficit,) = step.change.deficits
    assert deficit.comparison.reason is Reason.SIDE_INCOMPLETE
    assert following(station) == ("right", 1)
    assert station.state.last_trial is not None  # another one than the voided
    assert code(station, void(first)) is ErrorCode.NOT_FOUND


def test_a_trial_voided_while_the_next_is_recorded(station: ScriptedStation) -> None:
    (first,) = record(station, 150.0)
    result_id = UUID(station.give(StartTrial()).reply["result_id"])
    assert code(station, void(result_id)) is ErrorCode.WRONG_PHASE
    station.give(void(first))
    assert station.state.phase is Phase.RECORDING
    assert station.state.last_trial is None
    station.give(StopTrial())
    station.analysed(151.0)
    assert following(station) == ("right", 1)


def test_a_voided_deficit_is_never_said_again(station: ScriptedStation) -> None:
    first, *_ = record(station, 150.0, 150.0, 120.0, 120.0)
    deficit = station.state.deficits[0]
    step = station.give(void(deficit.result_id))
    assert revisions(step.change.deficits) == [(2, ResultStatus.ENTERED_IN_ERROR)]
    assert not step.change.trials
    assert station.state.phase is Phase.COMPLETE
    assert code(station, void(deficit.result_id)) is ErrorCode.NOT_FOUND
    assert station.give(RedoTrial(first)).change.deficits == ()
    assert station.trial(151.0).change.deficits == ()
