"""Sessions that have ended and are amended: revisions, deficits, the session's own result."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dynod.core.norms import Norm
from dynod.model.clinical import Movement, Side
from dynod.model.deficit import Classification, Contribution, Deficit, Reason
from dynod.model.flags import Flag
from dynod.model.session import Identifier, Patient
from dynod.model.trial import ResultStatus, Trial
from dynod.session.amend import EndedSession, amend_session
from dynod.session.inputs import EndSession, Instant, NextTest, StartSession
from dynod.session.steps import RecordChange
from tests.support.builders import ScriptedStation, analysis, battery, force_test, rules

LATER = Instant(0.0, datetime(2027, 6, 1, 8, 0, tzinfo=UTC), clock_synced=True)
JUDGE = rules().judge
ABDUCTION = force_test(repetitions=2)
FLEXION = force_test(Movement.HIP_FLEXION, repetitions=1)


def ended_session(
    *peaks_n: float, tests: object = None, flags: tuple[Flag, ...] = ()
) -> EndedSession:
    """A session whose trials reached these forces, right side first, and then ended."""
    station = ScriptedStation(rules(tests or battery(ABDUCTION, FLEXION), confirm_change=False))  # type: ignore[arg-type]
    patient = Patient(Identifier("urn:clinic:mrn", "1"), "female", 1960)
    station.give(StartSession(patient=patient))
    deficits: dict[object, Deficit] = {}
    trials: dict[object, Trial] = {}
    for peak_n in peaks_n:
        change = station.trial(peak_n, *flags).change
        trials |= {trial.result_id: trial for trial in change.trials}
        deficits |= {deficit.result_id: deficit for deficit in change.deficits}
    change = station.give(EndSession()).change
    deficits |= {deficit.result_id: deficit for deficit in change.deficits}
    (session,) = change.sessions
    return EndedSession(session, tuple(trials.values()), tuple(deficits.values()), change.summary)


def pulled(trial: Trial, peak_n: float, *flags: Flag) -> Trial:
    return replace(trial, analysis=analysis(peak_n, *flags))


def after(ended: EndedSession, change: RecordChange) -> EndedSession:
    """What the store holds once a change is written."""
    trials = {trial.result_id: trial for trial in (*ended.trials, *change.trials)}
    deficits = {deficit.result_id: deficit for deficit in (*ended.deficits, *change.deficits)}
    return EndedSession(
        change.sessions[0] if change.sessions else ended.session,
        tuple(trials.values()),
        tuple(deficits.values()),
        change.summary or ended.summary,
    )


WHOLE = (100.0, 102.0, 80.0, 82.0, 50.0, 45.0)  # abduction right, left; flexion right, left


def test_a_changed_trial_moves_its_own_deficit_and_the_summary_and_nothing_else() -> None:
    ended = ended_session(*WHOLE)
    first = ended.trials[0]
    change = amend_session(ended, [pulled(first, 110.0)], JUDGE, LATER)
    (trial,) = change.trials
    assert (trial.result_id, trial.revision, trial.status) == (
        first.result_id,
        2,
        ResultStatus.AMENDED,
    )
    assert (trial.recorded_at, trial.slot, trial.recording) == (first.recorded_at, first.slot, None)
    (deficit,) = change.deficits
    before = ended.deficits[0]
    assert (deficit.result_id, deficit.revision, deficit.status) == (
        before.result_id,
        2,
        ResultStatus.AMENDED,
    )
    # right (110 + 102) / 2 = 106, left (80 + 82) / 2 = 81: 100·(1 − 81/106) = 23.585 %
    assert deficit.comparison.deficit_percent == pytest.approx(23.585, abs=0.001)
    assert [item.revision for item in deficit.trials] == [2, 1, 1, 1]
    assert deficit.recorded_at == LATER.wall
    summary = change.summary
    assert summary is not None
    assert ended.summary is not None
    assert summary.result_id == ended.summary.result_id
    assert (summary.revision, summary.status) == (2, ResultStatus.AMENDED)
    assert [item.revision for item in summary.trials] == [2, 1, 1, 1, 1, 1]
    assert summary.deficits == (
        Contribution(deficit.result_id, 2),
        Contribution(ended.deficits[1].result_id, 1),
    )
    assert change.sessions == ()


def test_nothing_changed_is_no_change() -> None:
    assert not amend_session(ended_session(*WHOLE), [], JUDGE, LATER)


def test_a_trial_that_no_longer_counts_leaves_its_side_incomplete() -> None:
    ended = ended_session(*WHOLE)
    spoilt = pulled(ended.trials[1], 102.0, Flag.CALIBRATION_REVOKED)
    change = amend_session(ended, [spoilt], JUDGE, LATER)
    (deficit,) = change.deficits
    assert deficit.comparison.classification is Classification.NOT_COMPUTABLE
    assert deficit.comparison.reason is Reason.SIDE_INCOMPLETE
    assert deficit.revision == 2
    again = amend_session(after(ended, change), [pulled(ended.trials[1], 102.0)], JUDGE, LATER)
    (restored,) = again.deficits
    assert (restored.revision, again.trials[0].revision) == (3, 3)
    assert restored.comparison.deficit_percent == ended.deficits[0].comparison.deficit_percent


def test_an_invalid_trial_that_becomes_valid_completes_its_side() -> None:
    ended = ended_session(*WHOLE[:5], 45.0)
    spoilt = after(
        ended, amend_session(ended, [pulled(ended.trials[5], 45.0, Flag.GAP)], JUDGE, LATER)
    )
    assert spoilt.deficits[1].comparison.reason is Reason.SIDE_INCOMPLETE
    change = amend_session(spoilt, [pulled(spoilt.trials[5], 40.0)], JUDGE, LATER)
    (deficit,) = change.deficits
    # 100·(1 − 40/50) = 20 %
    assert deficit.comparison.deficit_percent == pytest.approx(20.0)


def test_a_change_of_an_invalid_trial_leaves_the_deficit_alone() -> None:
    ended = ended_session(100.0, 102.0, 80.0, 82.0, 50.0, 45.0)
    invalid = after(
        ended, amend_session(ended, [pulled(ended.trials[0], 100.0, Flag.GAP)], JUDGE, LATER)
    )
    change = amend_session(
        invalid, [pulled(invalid.trials[0], 90.0, Flag.GAP, Flag.CHECKSUM)], JUDGE, LATER
    )
    assert [trial.revision for trial in change.trials] == [3]
    assert change.deficits == ()
    assert change.summary is not None
    assert change.summary.revision == 3


def test_a_trial_entered_in_error_stays_and_one_can_be_taken_back() -> None:
    ended = ended_session(*WHOLE)
    void = replace(ended.trials[4], status=ResultStatus.ENTERED_IN_ERROR)
    change = amend_session(ended, [void], JUDGE, LATER)
    assert change.trials[0].status is ResultStatus.ENTERED_IN_ERROR
    assert change.trials[0].revision == 2
    assert change.deficits[0].comparison.reason is Reason.SIDE_INCOMPLETE
    assert not amend_session(after(ended, change), [pulled(void, 70.0)], JUDGE, LATER)


def test_a_trial_on_its_other_side_counts_there() -> None:
    ended = ended_session(*WHOLE)
    slot = ended.trials[4].slot
    moved = replace(ended.trials[4], slot=replace(slot, side=Side.LEFT))
    change = amend_session(ended, [moved], JUDGE, LATER)
    (deficit,) = change.deficits
    assert deficit.comparison.reason is Reason.SIDE_INCOMPLETE
    assert [item.result_id for item in deficit.trials] == [
        ended.trials[4].result_id,
        ended.trials[5].result_id,
    ]


def test_new_numbers_ask_for_no_further_trial_in_a_session_that_has_ended() -> None:
    """The best two, 100 and 98 N, differ by 2 %; 100 and 80 N would ask for a third (10 %)."""
    wide = replace(force_test(repetitions=2), extra_trials=1)
    ended = ended_session(100.0, 98.0, 90.0, 89.0, tests=battery(wide))
    assert ended.deficits[0].comparison.deficit_percent is not None
    change = amend_session(ended, [pulled(ended.trials[1], 80.0)], JUDGE, LATER)
    (deficit,) = change.deficits
    # right (100 + 80) / 2 = 90, left (90 + 89) / 2 = 89.5
    assert deficit.comparison.deficit_percent == pytest.approx(100 * (1 - 89.5 / 90.0))


def test_a_further_trial_that_was_still_wanted_at_the_end_leaves_the_side_incomplete() -> None:
    wide = replace(force_test(repetitions=2), extra_trials=1)
    ended = ended_session(100.0, 80.0, tests=battery(wide))
    change = amend_session(ended, [pulled(ended.trials[0], 101.0)], JUDGE, LATER)
    assert change.deficits == ()
    assert change.summary is not None
    assert ended.deficits[0].comparison.reason is Reason.SIDE_INCOMPLETE


def test_norms_are_those_of_the_age_at_the_session() -> None:
    """Born in 1960 and tested in 2026: 66 years, also when the session is amended in 2027."""
    norms = tuple(
        Norm(
            source=f"of {age}",
            movement=Movement.HIP_ABDUCTION,
            sex="female",
            age_min=age,
            age_max=age,
            quantity="peak_force_n",
            unit="n",
            mean=60.0,
            sd=10.0,
            device="any",
            population="anybody",
        )
        for age in (66, 67)
    )
    ended = ended_session(*WHOLE)
    judge = replace(JUDGE, norms=norms)
    change = amend_session(ended, [pulled(ended.trials[0], 100.5)], judge, LATER)
    reading = change.deficits[0].interpretation
    assert reading is not None
    assert reading.left.norm_source == "of 66"


def test_a_skipped_side_stays_skipped() -> None:
    station = ScriptedStation(rules(battery(FLEXION), confirm_change=False))
    station.give(StartSession())
    trials = station.trial(50.0).change.trials
    deficits = station.give(NextTest()).change.deficits
    step = station.give(EndSession())
    ended = EndedSession(step.change.sessions[0], trials, deficits, step.change.summary)
    assert deficits[0].comparison.reason is Reason.SIDE_MISSING
    change = amend_session(ended, [pulled(trials[0], 51.0)], JUDGE, LATER)
    assert [deficit.comparison.reason for deficit in change.deficits] == [Reason.SIDE_MISSING]
    assert change.summary is not None


def test_a_changed_session_alone_gives_its_result_a_new_revision() -> None:
    ended = ended_session(*WHOLE)
    owner = replace(ended.session, body_mass_kg=70.0)
    change = amend_session(ended, [], JUDGE, LATER, session=owner)
    assert (change.sessions, change.trials, change.deficits) == ((owner,), (), ())
    assert change.summary is not None
    assert change.summary.session == owner


def test_a_running_session_and_a_foreign_trial_are_defects() -> None:
    ended = ended_session(*WHOLE)
    with pytest.raises(ValueError, match="runs"):
        amend_session(
            replace(ended, session=replace(ended.session, ended_at=None)), [], JUDGE, LATER
        )
    stranger = ended_session(*WHOLE).trials[0]
    foreign = replace(stranger, result_id=ended.session.session_id)
    with pytest.raises(ValueError, match="not one of its session"):
        amend_session(ended, [foreign], JUDGE, LATER)
