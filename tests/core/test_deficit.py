"""The side-to-side answer (contract, section 6, "Deficit arithmetic")."""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dynod.core.consistency import ConsistencySettings
from dynod.core.deficit import DeficitSettings, compare_sides, interpret
from dynod.core.indices import INDICES
from dynod.core.measurement_error import load_table
from dynod.core.norms import Norm, Person
from dynod.model.calibration import Calibration, Uncertainty
from dynod.model.clinical import (
    Contraction,
    Fixation,
    InvolvedSide,
    Kind,
    Movement,
    Side,
    Slot,
    TestSpec,
)
from dynod.model.deficit import (
    Classification,
    Consistency,
    Interpretation,
    IntervalKind,
    Reason,
    SideComparison,
    SideInterpretation,
    Summary,
)
from dynod.model.device import DeviceIdentity
from dynod.model.flags import Flag, is_valid
from dynod.model.trial import Analysis, ResultStatus, TareOrigin, Trial
from dynod.store.codec import from_json, to_json
from tests.core.curves import CERTIFIED, NOMINAL
from tests.support.builders import HHD, START, TILT, force_test, rom_test

SHIPPED = files("dynod").joinpath("data", "measurement_error.toml").read_text("utf-8")
TABLE = load_table(tomllib.loads(SHIPPED))
ABDUCTION = force_test(Movement.HIP_ABDUCTION)
FLEXION_ROM = rom_test(Movement.HIP_FLEXION)
DEFAULTS = DeficitSettings()
H_ABDUCTION = 1.96 * 6.2  # 12.152 %: the table's 6.2 % for abduction
LEFT, RIGHT = (118.0, 121.0, 123.0), (150.0, 149.0, 154.0)  # the contract's worked example


def trial(
    side: Side,
    value: float,
    *,
    test: TestSpec = ABDUCTION,
    lever_arm_m: float | None = None,
    calibration: Calibration = CERTIFIED,
    device: DeviceIdentity = HHD,
    pain_nrs: int | None = None,
    flags: tuple[Flag, ...] = (),
    familiarisation: bool = False,
    status: ResultStatus = ResultStatus.FINAL,
) -> Trial:
    name = "angle_deg" if test.kind is Kind.ANGLE else "peak_force_n"
    metrics: dict[str, float | None] = {name: value}
    if lever_arm_m is not None:
        metrics["peak_torque_nm"] = value * lever_arm_m
    return Trial(
        UUID(int=1),
        1,
        status,
        UUID(int=2),
        Slot(0, test, side, familiarisation, 1),
        START,
        True,
        "dynod test",
        TILT if test.kind is Kind.ANGLE and device is HHD else device,
        calibration,
        Analysis(metrics, flags, is_valid(flags), 0.0, TareOrigin.PREROLL, 80.0),
        pain_nrs,
    )


def both(
    left: Sequence[float],
    right: Sequence[float],
    *,
    test: TestSpec = ABDUCTION,
    calibration: Calibration = CERTIFIED,
) -> list[Trial]:
    return [
        trial(side, value, test=test, calibration=calibration)
        for side, values in ((Side.LEFT, left), (Side.RIGHT, right))
        for value in values
    ]


def compare(
    trials: Sequence[Trial],
    involved: InvolvedSide | None = InvolvedSide.LEFT,
    *,
    test: TestSpec = ABDUCTION,
    deficit_settings: DeficitSettings = DEFAULTS,
    incomplete: bool = False,
) -> SideComparison:
    return compare_sides(
        test, trials, involved, table=TABLE, settings=deficit_settings, incomplete=incomplete
    )


def assert_no_numbers(answer: SideComparison, reason: Reason) -> None:
    assert answer.classification is Classification.NOT_COMPUTABLE
    assert answer.reason is reason
    numbers = (
        answer.reference_side,
        answer.weaker_side,
        answer.deficit_percent,
        answer.lsi_percent,
        answer.log_ratio_percent,
        answer.ci95_percent,
        answer.mdc95_percent,
        answer.deficit_deg,
        answer.ci95_deg,
        answer.mdc95_deg,
    )
    assert numbers == (None,) * len(numbers)


def test_the_worked_example_of_the_contract() -> None:
    """Figures as printed in the contract, to their last digit."""
    answer = compare(both(LEFT, RIGHT))
    assert answer.left is not None
    assert answer.right is not None
    assert answer.left.value == pytest.approx(120.667, abs=5e-4)
    assert answer.right.value == pytest.approx(151.000, abs=5e-4)
    assert answer.lsi_percent == pytest.approx(79.912, abs=5e-4)
    assert answer.deficit_percent == pytest.approx(20.09, abs=5e-3)
    assert answer.log_ratio_percent == pytest.approx(-22.42, abs=5e-3)
    assert answer.mdc95_percent == pytest.approx(17.19, abs=5e-3)
    assert answer.ci95_percent == pytest.approx((5.10, 32.71), abs=5e-3)
    assert answer.classification is Classification.EXCEEDS_ERROR_AND_THRESHOLD
    assert answer.reference_side is Side.RIGHT
    assert answer.weaker_side is Side.LEFT
    assert answer.threshold_percent == 15.0
    assert answer.quantity == "peak_force_n"
    assert answer.summary is Summary.MEAN
    assert answer.reason is None
    assert answer.flags == ()
    assert answer.mdc_source is not None
    assert answer.mdc_source.startswith("Byrne 2020")
    assert (answer.deficit_deg, answer.ci95_deg, answer.mdc95_deg) == (None, None, None)


def test_a_side_shows_its_trials_scatter_and_the_figure_of_the_table() -> None:
    """SD 2.517 and 2.646 N (worked example) over 120.667 and 151 N: 2.086 % and 1.752 %."""
    answer = compare(both(LEFT, RIGHT))
    assert answer.left is not None
    assert answer.right is not None
    assert (answer.left.trials, answer.right.trials) == (3, 3)
    assert answer.left.cv_percent == pytest.approx(2.086, abs=1e-3)
    assert answer.right.cv_percent == pytest.approx(1.752, abs=1e-3)
    assert (answer.left.sem_percent, answer.right.sem_percent) == (6.2, 6.2)


def test_scatter_beyond_the_table_widens_the_error() -> None:
    """100, 120, 140 N: mean 120, SD 20; 100·t·20/(√3·120) = 41.4 %, more than the table's 12.2."""
    t975 = float(stats.t.ppf(0.975, 2))
    scatter = 100.0 * t975 * 20.0 / (math.sqrt(3.0) * 120.0)
    answer = compare(both((100.0, 120.0, 140.0), (150.0, 150.0, 150.0)))
    assert answer.mdc95_percent == pytest.approx(math.hypot(scatter, H_ABDUCTION))
    assert answer.classification is Classification.WITHIN_ERROR


def test_one_trial_a_side_has_the_error_of_the_table_alone() -> None:
    answer = compare(both((120.0,), (150.0,)))
    assert answer.mdc95_percent == pytest.approx(math.sqrt(2.0) * H_ABDUCTION)
    assert answer.left is not None
    assert answer.left.cv_percent is None


@pytest.mark.parametrize(
    ("left_n", "threshold", "classification"),
    [
        (140.0, 15.0, Classification.WITHIN_ERROR),  # 100·|ln R| = 6.9, error 17.2
        (120.0, 25.0, Classification.EXCEEDS_ERROR),  # 22.3, deficit 20 %
        (120.0, 20.0, Classification.EXCEEDS_ERROR),  # a deficit at the threshold is not beyond it
        (120.0, 15.0, Classification.EXCEEDS_ERROR_AND_THRESHOLD),
    ],
)
def test_a_deficit_is_classified_by_error_and_threshold(
    left_n: float, threshold: float, classification: Classification
) -> None:
    answer = compare(
        both((left_n,) * 3, (150.0,) * 3),
        deficit_settings=DeficitSettings(threshold_percent=threshold),
    )
    assert answer.classification is classification
    assert answer.threshold_percent == threshold


def test_an_involved_side_that_is_stronger_has_a_symmetry_index_beyond_a_hundred() -> None:
    """R = 150/120 = 1.25: deficit −25 %, which is a finding as much as +25 % would be."""
    answer = compare(both((150.0,) * 3, (120.0,) * 3))
    assert answer.reference_side is Side.RIGHT
    assert answer.weaker_side is Side.RIGHT
    assert answer.lsi_percent == pytest.approx(125.0)
    assert answer.deficit_percent == pytest.approx(-25.0)
    assert answer.log_ratio_percent == pytest.approx(100.0 * math.log(1.25))
    assert answer.classification is Classification.EXCEEDS_ERROR_AND_THRESHOLD


@pytest.mark.parametrize("involved", [InvolvedSide.NONE, InvolvedSide.BOTH, None])
def test_without_one_involved_side_the_stronger_is_the_reference(
    involved: InvolvedSide | None,
) -> None:
    answer = compare(both(LEFT, RIGHT), involved)
    assert (answer.reference_side, answer.weaker_side) == (Side.RIGHT, Side.LEFT)
    answer = compare(both(RIGHT, LEFT), involved)
    assert (answer.reference_side, answer.weaker_side) == (Side.LEFT, Side.RIGHT)
    answer = compare(both(LEFT, LEFT), involved)
    assert (answer.reference_side, answer.weaker_side) == (Side.RIGHT, None)
    assert answer.deficit_percent == pytest.approx(0.0)
    assert answer.classification is Classification.WITHIN_ERROR


def test_the_involved_right_side_is_compared_to_the_left() -> None:
    answer = compare(both(RIGHT, LEFT), InvolvedSide.RIGHT)
    assert answer.reference_side is Side.LEFT
    assert answer.deficit_percent == pytest.approx(20.09, abs=5e-3)
    assert answer.log_ratio_percent == pytest.approx(22.42, abs=5e-3)


@pytest.mark.parametrize(
    ("summary", "left", "right"),
    [
        (Summary.MEAN, 120.66666667, 151.0),
        (Summary.BEST, 123.0, 154.0),
        (Summary.MEAN_BEST_TWO, 122.0, 152.0),
    ],
)
def test_a_site_chooses_how_trials_become_one_value(
    summary: Summary, left: float, right: float
) -> None:
    answer = compare(both(LEFT, RIGHT), deficit_settings=DeficitSettings(summary=summary))
    assert answer.summary is summary
    assert answer.left is not None
    assert answer.right is not None
    assert answer.left.value == pytest.approx(left)
    assert answer.right.value == pytest.approx(right)


def test_the_two_best_of_one_trial_are_that_trial() -> None:
    answer = compare(
        both((118.0,), (150.0,)), deficit_settings=DeficitSettings(summary=Summary.MEAN_BEST_TWO)
    )
    assert answer.lsi_percent == pytest.approx(100.0 * 118.0 / 150.0)


def certified(certificate_id: str, *, floor_n: float = 0.0) -> Calibration:
    """2 % expanded uncertainty, of which 0.5 % (and a floor) is not shared by two sides."""
    return replace(
        CERTIFIED,
        certificate_id=certificate_id,
        uncertainty=Uncertainty(0.0, 0.02),
        unshared=Uncertainty(floor_n, 0.005),
    )


def test_one_device_counts_only_the_uncertainty_that_the_sides_do_not_share() -> None:
    answer = compare(both((120.0,) * 3, (150.0,) * 3, calibration=certified("a")))
    assert answer.mdc95_percent == pytest.approx(
        math.sqrt(2.0 * (H_ABDUCTION**2 + 0.5**2)), rel=1e-9
    )
    assert answer.flags == ()


def test_an_uncertainty_in_newtons_weighs_more_on_the_weaker_side() -> None:
    """1 N + 0.5 %: 1/120 + 0.005 = 1.333 % on the left, 1/150 + 0.005 = 1.167 % on the right."""
    answer = compare(both((120.0,) * 3, (150.0,) * 3, calibration=certified("a", floor_n=1.0)))
    left = H_ABDUCTION**2 + (100.0 / 120.0 + 0.5) ** 2
    right = H_ABDUCTION**2 + (100.0 / 150.0 + 0.5) ** 2
    assert answer.mdc95_percent == pytest.approx(math.sqrt(left + right), rel=1e-9)


@pytest.mark.parametrize(
    ("device", "certificate_id"),
    [(replace(HHD, device_id="hhd-2"), "a"), (HHD, "b"), (replace(HHD, device_id="hhd-2"), "b")],
)
def test_two_devices_or_certificates_count_the_whole_uncertainty_and_say_so(
    device: DeviceIdentity, certificate_id: str
) -> None:
    trials = [trial(Side.LEFT, 120.0, calibration=certified("a")) for _ in range(3)]
    trials += [
        trial(Side.RIGHT, 150.0, calibration=certified(certificate_id), device=device)
        for _ in range(3)
    ]
    answer = compare(trials)
    assert answer.mdc95_percent == pytest.approx(
        math.sqrt(2.0 * (H_ABDUCTION**2 + 2.0**2)), rel=1e-9
    )
    assert answer.flags == (Flag.DIFFERENT_DEVICES,)


def test_a_nominal_scale_adds_no_uncertainty_and_says_so() -> None:
    answer = compare(both((120.0,) * 3, (150.0,) * 3, calibration=NOMINAL))
    assert answer.mdc95_percent == pytest.approx(math.sqrt(2.0) * H_ABDUCTION)
    assert answer.flags == (Flag.NOMINAL_CALIBRATION,)


def with_levers(left_m: float | None, right_m: float | None) -> SideComparison:
    return compare(
        [
            *(trial(Side.LEFT, 120.0, lever_arm_m=left_m) for _ in range(2)),
            *(trial(Side.RIGHT, 150.0, lever_arm_m=right_m) for _ in range(2)),
        ]
    )


def test_torque_is_compared_when_both_lever_arms_are_known() -> None:
    """120 N · 0.4 m = 48 N·m against 150 N · 0.5 m = 75 N·m: 64 %."""
    answer = with_levers(0.4, 0.5)
    assert answer.quantity == "peak_torque_nm"
    assert answer.left is not None
    assert answer.left.value == pytest.approx(48.0)
    assert answer.lsi_percent == pytest.approx(64.0)
    assert answer.flags == ()


@pytest.mark.parametrize(("left_m", "right_m"), [(0.4, None), (None, 0.5)])
def test_with_one_lever_arm_force_is_compared_and_the_other_is_missed(
    left_m: float | None, right_m: float | None
) -> None:
    answer = with_levers(left_m, right_m)
    assert answer.quantity == "peak_force_n"
    assert answer.lsi_percent == pytest.approx(80.0)
    assert answer.flags == (Flag.LEVER_ARM_MISSING,)


def test_without_any_lever_arm_nothing_is_missed() -> None:
    assert with_levers(None, None).flags == ()


@pytest.mark.parametrize("reference_n", [(20.0, 20.0), (18.0, 21.0)])
def test_a_reference_at_or_below_the_noise_has_no_answer(
    reference_n: tuple[float, float],
) -> None:
    answer = compare(both((19.0, 19.0), reference_n))
    assert_no_numbers(answer, Reason.REFERENCE_BELOW_NOISE)
    assert answer.left is not None
    assert answer.left.value == pytest.approx(19.0)


def test_a_compared_side_that_hardly_pulls_is_a_finding() -> None:
    answer = compare(both((6.0, 6.0), (150.0, 150.0)))
    assert answer.deficit_percent == pytest.approx(96.0)
    assert answer.classification is Classification.EXCEEDS_ERROR_AND_THRESHOLD


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(ABDUCTION, position="side_lying"), Reason.DIFFERENT_POSITIONS),
        (replace(ABDUCTION, contraction=Contraction.BREAK), Reason.DIFFERENT_CONTRACTIONS),
        (replace(ABDUCTION, fixation=Fixation.BELT), Reason.DIFFERENT_FIXATIONS),
    ],
)
def test_sides_tested_in_different_ways_are_not_compared(other: TestSpec, reason: Reason) -> None:
    trials = [
        *both(LEFT, ()),
        *(trial(Side.RIGHT, value, test=other) for value in RIGHT),
    ]
    assert_no_numbers(compare(trials), reason)


def test_a_side_without_trials_is_missing() -> None:
    answer = compare(both(LEFT, ()))
    assert_no_numbers(answer, Reason.SIDE_MISSING)
    assert answer.left is not None
    assert answer.left.trials == 3
    assert answer.right is None
    assert_no_numbers(compare([]), Reason.SIDE_MISSING)


def test_trials_that_do_not_count_are_left_out() -> None:
    excluded = [
        trial(Side.RIGHT, 900.0, flags=(Flag.GAP,), pain_nrs=9),
        trial(Side.RIGHT, 900.0, familiarisation=True, pain_nrs=9),
        trial(Side.RIGHT, 900.0, status=ResultStatus.ENTERED_IN_ERROR, pain_nrs=9),
    ]
    assert compare([*both(LEFT, RIGHT), *excluded]) == compare(both(LEFT, RIGHT))
    assert_no_numbers(compare([*both(LEFT, ()), *excluded]), Reason.SIDE_MISSING)


def test_an_amended_trial_counts() -> None:
    trials = [*both(LEFT, ()), trial(Side.RIGHT, 150.0, status=ResultStatus.AMENDED)]
    assert compare(trials).classification is not Classification.NOT_COMPUTABLE


def test_a_side_with_open_slots_is_incomplete() -> None:
    answer = compare(both(LEFT, RIGHT), incomplete=True)
    assert_no_numbers(answer, Reason.SIDE_INCOMPLETE)


@pytest.mark.parametrize(
    ("pain_nrs", "limit", "flags"),
    [(5, 5, (Flag.PAIN_LIMITED,)), (4, 5, ()), (None, 5, ()), (4, 3, (Flag.PAIN_LIMITED,))],
)
def test_pain_is_flagged_and_the_deficit_keeps_its_class(
    pain_nrs: int | None, limit: int, flags: tuple[Flag, ...]
) -> None:
    trials = [*both(LEFT[1:], RIGHT), trial(Side.LEFT, LEFT[0], pain_nrs=pain_nrs)]
    answer = compare(trials, deficit_settings=DeficitSettings(pain_limit_nrs=limit))
    assert answer.flags == flags
    assert answer.classification is Classification.EXCEEDS_ERROR_AND_THRESHOLD


@pytest.mark.parametrize(
    ("fixation", "right_n", "flags"),
    [
        (Fixation.HAND, 301.0, (Flag.TESTER_LIMITED,)),
        (Fixation.HAND, 300.0, ()),
        (Fixation.BELT, 301.0, ()),
        (Fixation.FRAME, 301.0, ()),
    ],
)
def test_a_peak_beyond_what_a_tester_can_hold_by_hand_is_flagged(
    fixation: Fixation, right_n: float, flags: tuple[Flag, ...]
) -> None:
    test = replace(ABDUCTION, fixation=fixation)
    answer = compare(both((200.0,), (right_n,), test=test), test=test)
    assert answer.flags == flags
    assert answer.classification is Classification.EXCEEDS_ERROR_AND_THRESHOLD


@pytest.mark.parametrize(
    ("left_deg", "threshold", "classification"),
    [
        (110.0, None, Classification.WITHIN_ERROR),
        (105.0, None, Classification.WITHIN_ERROR),  # 15° apart: the interval ends at zero
        (90.0, None, Classification.EXCEEDS_ERROR),
        (90.0, 30.0, Classification.EXCEEDS_ERROR),
        (90.0, 20.0, Classification.EXCEEDS_ERROR_AND_THRESHOLD),
        (150.0, 20.0, Classification.EXCEEDS_ERROR_AND_THRESHOLD),
    ],
)
def test_a_range_of_motion_is_compared_in_degrees(
    left_deg: float, threshold: float | None, classification: Classification
) -> None:
    """Flexion: the least difference beyond error is 15° (contract, section 6)."""
    answer = compare(
        both((left_deg,), (120.0,), test=FLEXION_ROM),
        test=FLEXION_ROM,
        deficit_settings=DeficitSettings(threshold_deg=threshold),
    )
    deficit = 120.0 - left_deg
    assert answer.quantity == "angle_deg"
    assert answer.classification is classification
    assert answer.deficit_deg == pytest.approx(deficit)
    assert answer.ci95_deg == pytest.approx((deficit - 15.0, deficit + 15.0))
    assert answer.mdc95_deg == 15.0
    assert answer.threshold_deg == threshold
    assert answer.reference_side is Side.RIGHT
    percentages = (
        answer.deficit_percent,
        answer.lsi_percent,
        answer.log_ratio_percent,
        answer.ci95_percent,
        answer.mdc95_percent,
        answer.threshold_percent,
    )
    assert percentages == (None,) * 6
    assert answer.left is not None
    assert answer.left.sem_percent is None


def test_without_an_involved_side_the_larger_range_is_the_reference() -> None:
    answer = compare(both((120.0,), (90.0,), test=FLEXION_ROM), None, test=FLEXION_ROM)
    assert (answer.reference_side, answer.weaker_side) == (Side.LEFT, Side.RIGHT)
    assert answer.deficit_deg == pytest.approx(30.0)
    answer = compare(both((90.0,), (90.0,), test=FLEXION_ROM), None, test=FLEXION_ROM)
    assert (answer.reference_side, answer.weaker_side) == (Side.RIGHT, None)


def test_a_range_of_motion_without_a_figure_of_its_own_names_the_fallback() -> None:
    test = rom_test(Movement.HIP_EXTENSION)
    answer = compare(both((5.0,), (20.0,), test=test), test=test)
    assert answer.mdc95_deg == 10.0
    assert answer.mdc_source is not None
    assert "fallback" in answer.mdc_source


def test_two_inclinometers_are_two_devices() -> None:
    trials = [
        trial(Side.LEFT, 90.0, test=FLEXION_ROM),
        trial(Side.RIGHT, 120.0, test=FLEXION_ROM, device=replace(TILT, device_id="tilt-2")),
    ]
    assert compare(trials, test=FLEXION_ROM).flags == (Flag.DIFFERENT_DEVICES,)


PEAKS = st.lists(st.floats(30.0, 600.0), min_size=1, max_size=5)
INVOLVED = st.sampled_from([*InvolvedSide, None])
OTHER_SIDE = {InvolvedSide.LEFT: InvolvedSide.RIGHT, InvolvedSide.RIGHT: InvolvedSide.LEFT}


def numbers(answer: SideComparison) -> list[float]:
    found = (
        answer.deficit_percent,
        answer.lsi_percent,
        answer.log_ratio_percent,
        answer.mdc95_percent,
        *(answer.ci95_percent or (None,)),
    )
    present = [value for value in found if value is not None]
    assert len(present) == len(found)
    return present


@given(left=PEAKS, right=PEAKS, involved=INVOLVED)
def test_a_difference_is_within_error_exactly_when_the_interval_holds_zero(
    left: list[float], right: list[float], involved: InvolvedSide | None
) -> None:
    answer = compare(both(left, right), involved)
    assert answer.ci95_percent is not None
    low, high = answer.ci95_percent
    assert low < high
    if min(abs(low), abs(high)) > 1e-9:
        assert (answer.classification is Classification.WITHIN_ERROR) is (low < 0.0 < high)


@given(left=PEAKS, right=PEAKS, involved=INVOLVED)
def test_swapping_the_sides_turns_the_log_ratio_round_and_changes_no_other_number(
    left: list[float], right: list[float], involved: InvolvedSide | None
) -> None:
    here = compare(both(left, right), involved)
    swapped = OTHER_SIDE.get(involved, involved) if involved is not None else None
    there = numbers(compare(both(right, left), swapped))
    there[2] = -there[2]
    assert numbers(here) == pytest.approx(there, rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(left=PEAKS, right=PEAKS, involved=INVOLVED, factor=st.floats(0.7, 20.0))
def test_a_wrong_scale_common_to_both_sides_changes_no_number(
    left: list[float], right: list[float], involved: InvolvedSide | None, factor: float
) -> None:
    calibration = certified("a")
    here = compare(both(left, right, calibration=calibration), involved)
    scaled = both(
        [factor * value for value in left],
        [factor * value for value in right],
        calibration=calibration,
    )
    assert numbers(compare(scaled, involved)) == pytest.approx(numbers(here), rel=1e-9, abs=1e-9)


# -- the edges -----------------------------------------------------------------------------


@pytest.mark.parametrize("reference_n", [0.0, -50.0, 20.0, 5e-324])
@pytest.mark.parametrize("summary", list(Summary))
def test_a_reference_that_is_no_strength_has_no_ratio(reference_n: float, summary: Summary) -> None:
    answer = compare(
        both(LEFT, (reference_n,) * 3), deficit_settings=DeficitSettings(summary=summary)
    )
    assert_no_numbers(answer, Reason.REFERENCE_BELOW_NOISE)


@pytest.mark.parametrize("compared_n", [0.0, -50.0])
def test_a_compared_side_that_is_no_strength_has_no_ratio(compared_n: float) -> None:
    assert_no_numbers(compare(both((compared_n,) * 3, RIGHT)), Reason.REFERENCE_BELOW_NOISE)


def test_trials_that_cancel_have_no_scatter_in_percent() -> None:
    """Best of −100 and 100 N is 100, but their mean, which scatter is relative to, is 0."""
    best = DeficitSettings(summary=Summary.BEST)
    answer = compare(both((-100.0, 100.0), RIGHT), deficit_settings=best)
    assert_no_numbers(answer, Reason.REFERENCE_BELOW_NOISE)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_value_that_is_no_number_does_not_count(wrong: float) -> None:
    answer = compare(both((*LEFT, wrong), RIGHT))
    assert replace(answer, flags=()) == compare(both(LEFT, RIGHT))
    assert_no_numbers(compare(both((wrong,), RIGHT)), Reason.SIDE_MISSING)


def test_a_torque_without_a_force_has_no_answer() -> None:
    """Calibration uncertainty is taken at the force; nothing makes such trials, but a file may."""
    trials = [
        replace(item, analysis=replace(item.analysis, metrics={"peak_torque_nm": 50.0}))
        for item in both(LEFT, RIGHT, calibration=certified("a"))
    ]
    assert_no_numbers(compare(trials), Reason.REFERENCE_BELOW_NOISE)


def test_one_trial_without_a_torque_makes_force_the_quantity() -> None:
    """Both sides know a lever arm, so the flag of a side without one would be wrong."""
    trials = [
        trial(Side.LEFT, 120.0, lever_arm_m=0.4),
        trial(Side.LEFT, 120.0),
        trial(Side.RIGHT, 150.0, lever_arm_m=0.4),
    ]
    assert (compare(trials).quantity, compare(trials).flags) == ("peak_force_n", ())


def test_unequal_levers_alone_are_no_deficit() -> None:
    """150 N at 0.36 m and 135 N at 0.40 m are 54 N·m both; as forces they would be 10 % apart."""
    trials = [trial(Side.LEFT, 150.0, lever_arm_m=0.36), trial(Side.RIGHT, 135.0, lever_arm_m=0.4)]
    answer = compare(trials)
    assert answer.deficit_percent == pytest.approx(0.0, abs=1e-9)
    assert compare(both((150.0,), (135.0,))).deficit_percent == pytest.approx(-11.11, abs=5e-3)


@pytest.mark.parametrize("pain_left", [0, 9])
@pytest.mark.parametrize("pain_right", [0, 9])
def test_pain_on_either_side_is_flagged_once(pain_left: int, pain_right: int) -> None:
    trials = [
        *(trial(Side.LEFT, value, pain_nrs=pain_left) for value in LEFT),
        *(trial(Side.RIGHT, value, pain_nrs=pain_right) for value in RIGHT),
    ]
    flags = (Flag.PAIN_LIMITED,) if pain_left or pain_right else ()
    assert compare(trials) == replace(compare(both(LEFT, RIGHT)), flags=flags)


# -- how to read it ------------------------------------------------------------------------

NORM = Norm(
    "a study",
    Movement.HIP_ABDUCTION,
    "female",
    20,
    59,
    "peak_force_n",
    "N",
    113.1,
    32.4,
    "a gauge",
    "healthy women",
)
WOMAN = Person("female", 40.0)


def read(
    trials: Sequence[Trial],
    involved: InvolvedSide | None = InvolvedSide.LEFT,
    *,
    test: TestSpec = ABDUCTION,
    person: Person | None = None,
    norms: Sequence[Norm] = (),
    consistency_settings: ConsistencySettings | None = None,
) -> Interpretation:
    return interpret(
        compare(trials, involved, test=test),
        test,
        trials,
        table=TABLE,
        person=person,
        norms=norms,
        consistency_settings=consistency_settings,
    )


def test_the_worked_example_read() -> None:
    """118, 121, 123 and 150, 149, 154 N: h 12.152 % both, margins 14.6635 and 18.3495 N.

    Fieller's ends are the roots of (151² − 18.3495²)·R² − 2·120.667·151·R + (120.667² − 14.6635²):
    22464.3·R² − 36441.3·R + 14345.4 = 0, R = 0.67195 and 0.95034. Indices: facts, section 2.
    """
    found = read(both(LEFT, RIGHT))
    left, right = 120.0 + 2.0 / 3.0, 151.0
    of_left, of_right = 0.12152 * left, 0.12152 * right
    roots = np.roots(
        [right**2 - of_right**2, -2.0 * left * right, left**2 - of_left**2]
    ).real.tolist()
    interval = found.fieller95_percent
    assert interval is not None
    assert interval.kind is IntervalKind.BOUNDED
    assert interval.low == pytest.approx(100.0 * (1.0 - max(roots)))
    assert interval.high == pytest.approx(100.0 * (1.0 - min(roots)))
    assert found.indices.keys() == INDICES.keys()
    assert found.indices["lsi_percent"] == pytest.approx(79.912, abs=5e-4)
    assert found.indices["percent_difference"] == pytest.approx(20.09, abs=5e-3)
    assert found.indices["symmetry_index_percent"] == pytest.approx(
        200.0 * (right - left) / (right + left)
    )
    assert found.left == found.right == SideInterpretation(Consistency.ACCEPT)
    assert found.flags == ()


def test_indices_and_interval_follow_the_reference() -> None:
    """The right side involved: 151 over 120.667."""
    found = read(both(LEFT, RIGHT), InvolvedSide.RIGHT)
    answer = compare(both(LEFT, RIGHT), InvolvedSide.RIGHT)
    assert found.indices["lsi_percent"] == pytest.approx(answer.lsi_percent)
    assert found.indices["deficit_percent"] == pytest.approx(answer.deficit_percent)
    assert found.indices["log_ratio_percent"] == pytest.approx(answer.log_ratio_percent)
    interval = found.fieller95_percent
    assert interval is not None
    assert interval.low is not None
    assert answer.deficit_percent is not None
    assert interval.low < answer.deficit_percent < 0.0


def test_a_reference_that_scatters_over_zero_has_an_unbounded_interval() -> None:
    """30 and 150 N: mean 90, SD 84.9, 100·t(1)·SD/(√2·90) = 847 %."""
    interval = read(both((40.0, 41.0), (30.0, 150.0))).fieller95_percent
    assert interval is not None
    assert interval.kind is not IntervalKind.BOUNDED


def test_each_side_has_its_own_consistency() -> None:
    """Left 100, 120, 140: CV 16.7 %; right 100, 110, 125: 11.2 %."""
    trials = both((100.0, 120.0, 140.0), (100.0, 110.0, 125.0))
    found = read(trials)
    assert found.left.consistency is Consistency.REPEAT
    assert found.right.consistency is Consistency.WARN
    loose = ConsistencySettings(accept_cv_percent=20.0)
    assert read(trials, consistency_settings=loose).left.consistency is Consistency.ACCEPT
    assert read(both((100.0,), (120.0,))).left.consistency is None


def test_what_cannot_be_compared_is_read_side_by_side() -> None:
    found = read(both(LEFT, ()), person=WOMAN, norms=(NORM,))
    assert found.left.consistency is Consistency.ACCEPT
    assert found.left.z == pytest.approx((120.6667 - 113.1) / 32.4, abs=1e-5)
    assert found.right == SideInterpretation()
    assert (found.fieller95_percent, found.indices, found.flags) == (None, {}, ())
    assert read([]) == Interpretation()


@pytest.mark.parametrize(
    ("left_n", "right_n", "flags"),
    [
        # the limit: 113.1 − 1.96·32.4 = 49.596 N
        (49.0, 49.5, (Flag.SYMMETRIC_BUT_WEAK,)),
        (49.7, 49.5, ()),
        (49.5, 49.7, ()),
        (30.0, 49.5, ()),  # weak too, but not symmetric: the deficit says so already
        (113.0, 114.0, ()),
    ],
)
def test_two_weak_sides_are_symmetric_but_weak(
    left_n: float, right_n: float, flags: tuple[Flag, ...]
) -> None:
    found = read(both((left_n,) * 3, (right_n,) * 3), person=WOMAN, norms=(NORM,))
    assert found.flags == flags
    assert found.left.z == pytest.approx((left_n - 113.1) / 32.4)
    assert found.right.z == pytest.approx((right_n - 113.1) / 32.4)
    assert found.left.norm_source == found.right.norm_source == "a study"


@pytest.mark.parametrize(
    ("person", "norms"),
    [
        (None, (NORM,)),
        (Person("male", 40.0), (NORM,)),
        (Person("female", 60.0), (NORM,)),
        (WOMAN, ()),
        (WOMAN, (replace(NORM, position="side_lying"),)),
        (WOMAN, (replace(NORM, movement=Movement.HIP_FLEXION),)),
    ],
)
def test_without_a_norm_that_fits_nobody_is_weak(
    person: Person | None, norms: tuple[Norm, ...]
) -> None:
    found = read(both((30.0,) * 3, (30.0,) * 3), person=person, norms=norms)
    assert found.flags == ()
    assert (found.left.z, found.left.norm_source) == (None, None)


def test_a_break_test_is_not_put_against_norms_of_make_tests() -> None:
    test = replace(ABDUCTION, contraction=Contraction.BREAK)
    found = read(both((30.0,), (30.0,), test=test), test=test, person=WOMAN, norms=(NORM,))
    assert (found.left.z, found.flags) == (None, ())


def test_both_sides_are_put_against_one_norm() -> None:
    """The narrower row is one of torque, and the right side has no lever arm: force for both."""
    torque = replace(
        NORM, source="torque", age_max=49, quantity="peak_torque_nm", unit="N.m", mean=40.0, sd=9.0
    )
    trials = [trial(Side.LEFT, 48.0, lever_arm_m=0.4), trial(Side.RIGHT, 49.0)]
    found = read(trials, person=WOMAN, norms=(torque, NORM))
    assert found.left.norm_source == found.right.norm_source == "a study"
    assert found.flags == (Flag.SYMMETRIC_BUT_WEAK,)
    with_levers = [trial(side, 48.0, lever_arm_m=0.4) for side in Side]
    found = read(with_levers, person=WOMAN, norms=(torque, NORM))
    assert found.left.norm_source == "torque"
    assert found.left.z == pytest.approx((48.0 * 0.4 - 40.0) / 9.0)


def test_body_mass_opens_norms_in_percent_of_body_weight() -> None:
    """60 kg weigh 588.4 N: 60 N are 10.2 %; (10.2 − 16.85)/2.9 = −2.29."""
    of_weight = replace(
        NORM,
        source="of weight",
        quantity="peak_force_percent_body_weight",
        unit="%",
        mean=16.85,
        sd=2.9,
    )
    trials = both((60.0,) * 3, (60.0,) * 3)
    assert read(trials, person=WOMAN, norms=(of_weight,)).left.z is None
    found = read(trials, person=replace(WOMAN, mass_kg=60.0), norms=(of_weight,))
    assert found.left.z == pytest.approx(-2.294, abs=1e-3)
    assert found.flags == (Flag.SYMMETRIC_BUT_WEAK,)


def test_a_range_of_motion_has_neither_indices_nor_weakness() -> None:
    """90°: (90 − 120)/10 = −3 against a site's own norm."""
    norm = replace(
        NORM, movement=Movement.HIP_FLEXION, quantity="angle_deg", unit="deg", mean=120.0, sd=10.0
    )
    trials = both((90.0, 90.0), (90.0, 91.0), test=FLEXION_ROM)
    found = read(trials, test=FLEXION_ROM, person=WOMAN, norms=(norm,))
    assert found.left == SideInterpretation(None, -3.0, "a study")
    assert (found.fieller95_percent, found.indices, found.flags) == (None, {}, ())


def test_reading_leaves_the_comparison_alone_and_can_be_stored() -> None:
    trials = both(LEFT, RIGHT)
    found = read(trials, person=WOMAN, norms=(NORM,))
    assert compare(trials) == compare(list(reversed(trials)))
    assert from_json(Interpretation, to_json(found)) == found
    unbounded = read(both((40.0, 41.0), (30.0, 150.0)))
    assert from_json(Interpretation, to_json(unbounded)) == unbounded


@settings(deadline=None, max_examples=100)
@given(left=PEAKS, right=PEAKS, involved=INVOLVED)
def test_fieller_holds_the_deficit_and_is_never_infinite(
    left: list[float], right: list[float], involved: InvolvedSide | None
) -> None:
    answer, found = compare(both(left, right), involved), read(both(left, right), involved)
    interval = found.fieller95_percent
    assert interval is not None
    assert answer.deficit_percent is not None
    assert all(value is not None and math.isfinite(value) for value in found.indices.values())
    if interval.kind is IntervalKind.WHOLE_LINE:
        return
    assert interval.low is not None
    assert interval.high is not None
    assert math.isfinite(interval.low)
    assert math.isfinite(interval.high)
    inside = interval.low <= answer.deficit_percent <= interval.high
    assert inside is (interval.kind is IntervalKind.BOUNDED)


@settings(deadline=None, max_examples=50)
@given(left=st.floats(100.0, 200.0), right=st.floats(100.0, 200.0))
def test_with_small_errors_fieller_and_the_contract_say_the_same(left: float, right: float) -> None:
    """h = 0.196 % a side; both are R ± h_both·R to first order."""
    table = [replace(TABLE[0], sem_percent=0.1)]
    trials = both((left,), (right,))
    answer = compare_sides(ABDUCTION, trials, None, table=table, settings=DEFAULTS)
    interval = interpret(answer, ABDUCTION, trials, table=table).fieller95_percent
    assert interval is not None
    assert answer.ci95_percent is not None
    assert interval.low == pytest.approx(answer.ci95_percent[0], abs=2e-3)
    assert interval.high == pytest.approx(answer.ci95_percent[1], abs=2e-3)
