"""The guided calibration of a gauge: its steps, its doubts, its readings as runs."""

import math
from dataclasses import replace

import pytest

from dynod.model.calibration_record import Branch
from dynod.model.errors import UsageError
from dynod.session.force_plan import ForcePlan, StepKind, steps_of
from dynod.session.guided_force import GuidedForce
from dynod.session.steady_reading import Steady
from dynod.session.weights import PlannedLoad

# at 10 m/s²: 5, 10 and 15 kg
LOADS = tuple(
    PlannedLoad((name,), 5.0 * at, 50.0 * at, 0.01 * at) for at, name in enumerate("ABC", 1)
)
PLAN = ForcePlan(
    "three loads", LOADS, warm_up_s=60.0, preloads=2, preload_hold_s=5.0, runs=2, quiet_sd_n=0.5
)


def number(force_n: float) -> float:
    """What a made-up cell shows: 80 counts a newton above 20,000."""
    return 20_000.0 + 80.0 * force_n


def steady(value: float, sd: float = 4.0) -> Steady:
    return Steady(value, sd, 100, 0.0, 3.0)


def counts(plan: ForcePlan = PLAN) -> GuidedForce:
    return GuidedForce(plan, n_per_number=None)


def go_to(guided: GuidedForce, kind: StepKind, run: int = 0, force_n: float | None = None) -> None:
    """Do every step as it should be until one is next."""
    while True:
        step = guided.step
        assert step is not None
        if (step.kind, step.run) == (kind, run) and force_n in {None, step.force_n}:
            return
        if step.reads:
            reading = steady(number(step.force_n))
            assert guided.doubt(reading) is None
            guided.record(reading)
        else:
            guided.go_on()


def finish(guided: GuidedForce) -> None:
    while (step := guided.step) is not None:
        if step.reads:
            guided.record(steady(number(step.force_n)))
        else:
            guided.go_on()


def test_the_steps_are_preloads_and_runs_up_and_down_with_a_new_seat() -> None:
    steps = steps_of(PLAN)
    assert [step.kind.value for step in steps[:5]] == [
        *("warm_up", "unloaded", "preload", "unloaded", "preload"),
    ]
    first = [(step.force_n, step.branch.value) for step in steps if step.run == 1]
    up = [(0.0, "rising"), (50.0, "rising"), (100.0, "rising"), (150.0, "rising")]
    assert first == [*up, (100.0, "falling"), (50.0, "falling"), (0.0, "falling")]
    second = [step.kind.value for step in steps if step.run == 2]
    assert second == ["reseat", "preload", "zero", *["load"] * 5, "zero"]


def test_a_plan_may_only_rise_stay_seated_and_look_for_creep() -> None:
    plan = replace(PLAN, falling=False, reseat=False, warm_up_s=0.0, creep_hold_s=30.0)
    kinds = [step.kind.value for step in steps_of(plan)]
    assert kinds == [
        *("unloaded", "preload", "unloaded", "preload", "creep"),
        *(("zero", "load", "load", "load", "zero") * 2),
    ]


def test_words_name_the_weights() -> None:
    guided = counts()
    assert guided.words() == "[1/21] Let the device warm up for 1 min, switched on."
    go_to(guided, StepKind.PRELOAD)
    assert guided.words() == "[3/21] Preload 1 of 2: place C: 15 kg = 150.00 N, for 5 s."
    assert guided.hold_s == 5.0
    go_to(guided, StepKind.LOAD, 1, 100.0)
    assert guided.words() == "[8/21] Run 1 of 2, up: place B: 10 kg = 100.00 N."
    go_to(guided, StepKind.RESEAT, 2)
    assert "Take the device out of its seat" in guided.words()


def test_a_unit_of_bare_counts_learns_what_quiet_is_from_a_preload() -> None:
    guided = counts()
    go_to(guided, StepKind.UNLOADED)
    assert math.isinf(guided.rules.quiet_sd)
    go_to(guided, StepKind.ZERO, 1)
    assert guided.rules.quiet_sd == pytest.approx(0.5 * 80.0)
    assert guided.in_newtons(number(25.0)) == pytest.approx(25.0)


def test_the_nominal_scale_is_quiet_from_the_first() -> None:
    assert GuidedForce(PLAN, n_per_number=-0.1).rules.quiet_sd == pytest.approx(5.0)
    assert GuidedForce(PLAN, n_per_number=1.0, single_reading=True).rules.window_s == 0.0


# -- mishaps -------------------------------------------------------------------------------


def test_a_weight_on_it_too_early_is_seen_at_the_zero() -> None:
    guided = counts()
    go_to(guided, StepKind.ZERO, 1)
    doubt = guided.doubt(steady(number(50.0)))
    assert doubt is not None
    assert doubt.startswith("this reads as 5 kg (50.0 N): everything must be off")
    assert guided.doubt(steady(number(1.0))) is None


@pytest.mark.parametrize(
    ("on_it_n", "said"),
    [
        (100.0, "this reads as 10 kg (100.0 N), 15 kg (150.0 N) are expected: wrong weights?"),
        (0.0, "is the weight not on, or off again?"),
        (-150.0, "it feels a pull where it should feel a push"),
        (160.0, "wrong weights?"),
    ],
)
def test_another_weight_than_the_expected_is_doubted(on_it_n: float, said: str) -> None:
    guided = counts()
    go_to(guided, StepKind.LOAD, 1, 150.0)
    doubt = guided.doubt(steady(number(on_it_n)))
    assert doubt is not None
    assert said in doubt


def test_a_cell_that_bends_a_little_is_not_doubted() -> None:
    guided = counts()
    go_to(guided, StepKind.LOAD, 1, 100.0)
    assert guided.doubt(steady(number(102.5))) is None  # 2 % of 150 N are 3


def test_a_preload_that_moves_nothing_is_doubted_even_without_a_scale() -> None:
    guided = counts()
    go_to(guided, StepKind.PRELOAD)
    doubt = guided.doubt(steady(number(0.0) + 30.0))  # less than ten times the sd of 4
    assert doubt == "the number hardly changed: does the weight stand on the device?"


def test_the_nominal_scale_knows_a_wrong_preload_and_a_loaded_begin() -> None:
    guided = GuidedForce(replace(PLAN, warm_up_s=0.0), n_per_number=1.0 / 80.0)
    loaded = guided.doubt(steady(80.0 * 150.0))
    assert loaded is not None
    assert "is a weight on it?" in loaded
    guided.record(steady(0.0))
    wrong = guided.doubt(steady(80.0 * 100.0))
    assert wrong is not None
    assert "wrong weights?" in wrong
    assert guided.doubt(steady(80.0 * 130.0)) is None


def test_a_new_seat_may_move_the_zero() -> None:
    guided = counts()
    go_to(guided, StepKind.ZERO, 2)
    assert guided.doubt(steady(number(7.0))) is None  # 5 % of 150 N are 7.5
    assert guided.doubt(steady(number(8.0))) is not None


# -- back and forth ------------------------------------------------------------------------


def test_a_reading_can_be_repeated_and_a_run_begun_anew() -> None:
    guided = counts()
    assert not guided.repeat()
    assert not guided.begin_run_anew()
    go_to(guided, StepKind.LOAD, 1, 150.0)
    at = guided.at
    assert guided.repeat()
    assert (guided.at, at - 1 in guided.readings) == (at - 1, False)
    assert guided.begin_run_anew()
    assert guided.step is not None
    assert (guided.step.kind, guided.step.branch) == (StepKind.ZERO, Branch.RISING)
    assert max(guided.readings) < guided.at


def test_what_was_kept_goes_on_where_it_was() -> None:
    before = counts()
    go_to(before, StepKind.LOAD, 2, 50.0)
    before.interrupted("the device was gone")
    after = GuidedForce(
        PLAN, None, at=before.at, readings=dict(before.readings), remarks=before.remarks
    )
    finish(after)
    assert len(after.runs()) == 2
    assert after.remarks == ["run 2 was interrupted at step 16: the device was gone"]


@pytest.mark.parametrize(("at", "what"), [(99, "is not among the 21"), (4, "reading of step 2")])
def test_progress_that_is_not_of_the_plan_is_refused(at: int, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        GuidedForce(PLAN, None, at=at)


def test_what_was_taken_against_doubt_is_remarked() -> None:
    guided = counts()
    go_to(guided, StepKind.LOAD, 1, 50.0)
    guided.record(steady(number(60.0)), despite="wrong weights?")
    assert guided.remarks == ["step 7 was taken in spite of: wrong weights?"]


# -- what it was for -----------------------------------------------------------------------


def test_readings_become_runs() -> None:
    guided = counts()
    with pytest.raises(UsageError, match="21 of 21 steps are still to do"):
        guided.runs()
    finish(guided)
    first, second = guided.runs()
    assert (first.mounting, second.mounting) == (1, 2)
    assert [(point.load, point.reading) for point in first.points] == [
        (force_n, number(force_n)) for force_n in (0.0, 50.0, 100.0, 150.0, 100.0, 50.0, 0.0)
    ]
    assert [point.load_uncertainty for point in first.points[:3]] == [0.0, 0.01, 0.02]
    assert first.points[-1].branch is Branch.FALLING


def test_the_residual_so_far_is_that_of_a_line_through_the_zeros() -> None:
    guided = counts()
    go_to(guided, StepKind.LOAD, 1, 150.0)
    guided.record(steady(number(151.0)))
    # moved by 80·150 (twice), 80·50, 80·100 and 80·151: slope = Σ F·m / Σ m²
    moved = [150.0, 150.0, 50.0, 100.0, 151.0]
    true = [150.0, 150.0, 50.0, 100.0, 150.0]
    slope = sum(m * f for m, f in zip(moved, true, strict=True)) / sum(m * m for m in moved)
    assert guided.residual_n() == pytest.approx(slope * 151.0 - 150.0)


def test_a_number_that_never_moved_steps_by_its_last_decimal() -> None:
    guided = counts(replace(PLAN, warm_up_s=0.0))
    guided.record(steady(3.0, sd=0.0))
    assert guided.step_by_decimals() == 1.0
    guided.record(steady(186.95, sd=0.0))
    assert guided.step_by_decimals() == pytest.approx(0.01)


def test_creep_is_between_the_last_preload_and_what_it_reads_later() -> None:
    guided = counts(replace(PLAN, creep_hold_s=300.0))
    go_to(guided, StepKind.CREEP)
    assert guided.hold_s == 300.0
    guided.record(steady(number(150.3)))
    assert guided.creep_percent() == pytest.approx(0.2)  # 0.3 of 150
    assert counts().creep_percent() is None
