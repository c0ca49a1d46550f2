"""The guided calibration of an inclinometer: its steps, its doubts, its readings as poses."""

import pytest

from dynod.model.errors import UsageError
from dynod.session.guided_angle import (
    AnglePlan,
    PlannedPose,
    PoseReading,
    PoseStep,
    doubt_of,
    result_of,
    steps_of,
    words_of,
)

LEVEL = PlannedPose("flat", 0.0)
SQUARE = PlannedPose("45° square", 45.0, own_deg=0.04, common_deg=0.06)
WEDGE = PlannedPose("on a wedge", 0.0, cross_deg=10.0)


def plan(*, reversals: int = 1, rounds: int = 2) -> AnglePlan:
    return AnglePlan("three poses", (LEVEL, SQUARE, WEDGE), reversals, rounds)


def step(pose: PlannedPose | None) -> PoseStep:
    return PoseStep(pose, turned=False, round=1)


def readings(*numbers: float) -> dict[int, PoseReading]:
    return {place: PoseReading(number) for place, number in enumerate(numbers)}


def test_the_reversal_comes_first_and_then_the_poses_in_rounds() -> None:
    steps = steps_of(plan(reversals=2))
    assert [item.turned for item in steps[:4]] == [False, True, False, True]
    assert [item.pose for item in steps[4:]] == [LEVEL, SQUARE, WEDGE] * 2
    assert [item.round for item in steps[4:]] == [1, 1, 1, 2, 2, 2]


def test_words_say_what_to_do() -> None:
    words = [words_of(plan(), item) for item in steps_of(plan())]
    assert words[0] == "lay it on the table, level, and draw round it"
    assert words[1] == "turn it round by 180° on the table, into the same outline"
    assert words[2].startswith("turn it back")
    assert words[3] == "45° square: 45° (round 1 of 2)"
    assert words[4] == "on a wedge: 0°, tilted across by 10° (round 1 of 2)"
    assert not words[5].startswith("turn it back")


def test_another_pose_than_the_expected_is_doubted() -> None:
    assert doubt_of(step(SQUARE), 46.2, 0.3) is None
    assert doubt_of(step(SQUARE), None, None) is None
    doubt = doubt_of(step(SQUARE), 0.2, 0.0)
    assert doubt is not None
    assert doubt.endswith("is this the pose?")
    mirrored = doubt_of(step(SQUARE), -44.6, 0.0)
    assert mirrored is not None
    assert mirrored.endswith("tilt it the other way")


def test_tilt_across_is_doubted_where_it_can_be_seen() -> None:
    assert doubt_of(step(LEVEL), 0.1, 8.0) is not None
    assert doubt_of(step(WEDGE), 0.1, -9.0) is None  # either way
    assert doubt_of(step(WEDGE), 0.1, 1.0) is not None
    steep = PlannedPose("upright", 90.0)
    assert doubt_of(step(steep), 89.0, 40.0) is None


def test_the_tilt_of_the_table_goes_into_every_pose() -> None:
    # Offset 0.7°, table tilted by 0.2°: 0.9 and, turned round, 0.7 − 0.2 = 0.5.
    poses, told = result_of(
        plan(rounds=1), readings(0.9, 0.5, 0.9, 45.9, 1.0), mount_sign=1, nominal_scale=1.0
    )
    assert told is not None
    assert (told.offset_deg, told.tilt_deg) == pytest.approx((0.7, 0.2))
    assert [pose.angle_deg for pose in poses] == pytest.approx([0.2, 45.2, 0.2])
    assert [pose.reading for pose in poses] == [0.9, 45.9, 1.0]
    assert (poses[1].own_deg, poses[1].common_deg) == (0.04, 0.06)
    assert [pose.cross_deg for pose in poses] == [0.0, 0.0, 10.0]


def test_angles_are_in_the_direction_of_the_devices_own_number() -> None:
    # mount_sign −1: a result of +45° is −45 to the device, and its table tilt is its own as well.
    poses, _ = result_of(
        plan(rounds=1), readings(0.9, 0.5, 0.9, -44.1, 0.9), mount_sign=-1, nominal_scale=1.0
    )
    assert [pose.angle_deg for pose in poses] == pytest.approx([0.2, -44.8, 0.2])


def test_what_was_typed_and_seen_wins_over_the_plan() -> None:
    taken = readings(0.0, 0.0, 0.0, 0.0, 0.0)
    taken[3] = PoseReading(44.0, angle_deg=44.2)
    taken[4] = PoseReading(0.3, cross_deg=11.6)
    poses, _ = result_of(plan(rounds=1), taken, mount_sign=1, nominal_scale=1.0)
    assert poses[1].angle_deg == pytest.approx(44.2)
    assert poses[2].cross_deg == 12.0


def test_without_reversal_the_angles_are_taken_as_they_are() -> None:
    poses, told = result_of(
        plan(reversals=0, rounds=1), readings(0.0, 45.0, 0.0), mount_sign=1, nominal_scale=1.0
    )
    assert told is None
    assert [pose.angle_deg for pose in poses] == [0.0, 45.0, 0.0]


def test_a_missing_reading_and_a_crooked_table_are_refused() -> None:
    with pytest.raises(UsageError, match="1 of 5 readings"):
        result_of(plan(rounds=1), readings(0, 0, 0, 45), mount_sign=1, nominal_scale=1.0)
    with pytest.raises(UsageError, match=r"5\.0° off level"):
        result_of(plan(rounds=1), readings(5, -5, 0, 45, 0), mount_sign=1, nominal_scale=1.0)
