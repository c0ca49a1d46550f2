"""Range of motion, from the zero at neutral to the last stable hold, on constructed angles."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.core.analysis import analyse
from dynod.core.rom import hold_deg, is_moving, tilt_deg, unwrapped, zero_deg
from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Calibration
from dynod.model.clinical import Kind
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray, SampleBlock
from dynod.model.trial import Analysis, Recording, StartedBy, TareOrigin
from tests.core.curves import CERTIFIED, NOMINAL, SETTINGS, grid

T_S = grid(6.0, 10.0)
# Neutral at 0° until 2.0 s, by 45°/s to 45° at 3.0 s, held to the end; pressed at 1.5 s and 6.0 s.
MOVED_DEG = np.interp(T_S, [2.0, 3.0], [0.0, 45.0])


def measured(
    angle_deg: FloatArray,
    *,
    t_s: FloatArray = T_S,
    start_s: float = 1.5,
    mount_sign: int = 1,
    pelvis_deg: FloatArray | None = None,
    calibration: Calibration = CERTIFIED,
    acceleration_g: FloatArray | None = None,
    settings: AnalysisSettings = SETTINGS,
) -> Analysis:
    """Analyse a recording of an inclinometer at 10 Hz whose other axis points elsewhere."""
    block = SampleBlock(
        t_s,
        np.column_stack((np.full(len(t_s), 77.0), angle_deg)),
        np.zeros(len(t_s), np.uint8),
        ("roll", "pitch"),
        0,
    )
    recording = Recording(
        block,
        start_s,
        float(t_s[-1]) if len(t_s) else start_s,
        StartedBy.PRESS,
        10.0,
        axis="pitch",
        mount_sign=mount_sign,
        pelvis_deg=pelvis_deg,
        acceleration_g=acceleration_g,
    )
    return analyse(
        recording, Kind.ANGLE, calibration, lever_arm_m=0.4, body_mass_kg=80.0, settings=settings
    )


def shown(angle_deg: FloatArray) -> FloatArray:
    """Return angles as a sensor shows them, between −180° and 180°."""
    return np.asarray(np.mod(angle_deg + 180.0, 360.0) - 180.0, dtype=np.float64)


def test_the_range_counts_from_the_zero_before_the_press_to_the_hold() -> None:
    analysis = measured(MOVED_DEG + 2.0)
    assert analysis.metrics == {"angle_deg": pytest.approx(45.0)}
    assert analysis.flags == ()
    assert analysis.valid
    assert analysis.tare_n == pytest.approx(2.0)
    assert analysis.tare_origin is TareOrigin.PREROLL
    assert analysis.sample_rate_hz == pytest.approx(10.0)


def test_a_movement_to_the_other_side_has_the_same_range() -> None:
    assert measured(2.0 - MOVED_DEG).metrics["angle_deg"] == pytest.approx(45.0)


@pytest.mark.parametrize("neutral_deg", [-179.9, 135.0, 150.0, 179.0, 180.0])
def test_the_jump_of_the_sensor_at_half_a_turn_does_not_matter(neutral_deg: float) -> None:
    analysis = measured(shown(MOVED_DEG + neutral_deg))
    assert analysis.metrics["angle_deg"] == pytest.approx(45.0)
    assert analysis.valid


def test_the_last_of_several_holds_counts() -> None:
    twice = np.interp(T_S, [1.6, 2.0, 3.5, 4.0], [0.0, 30.0, 30.0, 50.0])
    assert measured(twice).metrics["angle_deg"] == pytest.approx(50.0)


def test_the_pelvis_is_taken_off() -> None:
    """The thigh moves by 45° and the pelvis, 3° off at neutral, by 8° with it: 37° in the hip."""
    pelvis = 3.0 + MOVED_DEG * 8.0 / 45.0
    assert measured(MOVED_DEG, pelvis_deg=pelvis).metrics["angle_deg"] == pytest.approx(37.0)


def test_a_sensor_mounted_the_other_way_round_is_turned_before_the_pelvis_is_taken_off() -> None:
    pelvis = MOVED_DEG * 8.0 / 45.0
    turned = measured(-MOVED_DEG, mount_sign=-1, pelvis_deg=pelvis)
    assert turned.metrics["angle_deg"] == pytest.approx(37.0)
    not_turned = measured(-MOVED_DEG, mount_sign=1, pelvis_deg=pelvis)
    assert not_turned.metrics["angle_deg"] == pytest.approx(53.0)


def test_the_jump_of_the_pelvis_sensor_at_half_a_turn_does_not_matter() -> None:
    pelvis = shown(179.0 + MOVED_DEG * 8.0 / 45.0)
    assert measured(MOVED_DEG, pelvis_deg=pelvis).metrics["angle_deg"] == pytest.approx(37.0)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_pelvis_that_was_not_measured_leaves_no_angle(number: float) -> None:
    pelvis = np.zeros(len(T_S))
    pelvis[20] = number
    analysis = measured(MOVED_DEG, pelvis_deg=pelvis)
    assert analysis.metrics == {"angle_deg": None}
    assert not analysis.valid


def test_a_leg_that_never_holds_still_has_no_range() -> None:
    moving = np.interp(T_S, [1.5, 6.0], [0.0, 90.0])
    analysis = measured(moving)
    assert analysis.flags == (Flag.NO_STABLE_HOLD,)
    assert analysis.metrics == {"angle_deg": None}
    assert not analysis.valid


def test_a_hold_of_less_than_a_second_is_none() -> None:
    passing = np.interp(T_S, [1.5, 3.0, 3.8, 6.0], [0.0, 30.0, 30.0, 80.0])
    assert measured(passing).flags == (Flag.NO_STABLE_HOLD,)


@pytest.mark.parametrize(("trembling_deg", "flags"), [(0.45, ()), (0.6, (Flag.NO_STABLE_HOLD,))])
def test_a_hold_may_tremble_by_half_a_degree(trembling_deg: float, flags: tuple[Flag, ...]) -> None:
    """Swinging by ±d has the standard deviation d; the limit is 0.5°."""
    swing = np.where(T_S >= 3.0, np.where(np.arange(len(T_S)) % 2, 1.0, -1.0), 0.0)
    analysis = measured(MOVED_DEG + trembling_deg * swing)
    assert analysis.flags == flags


def test_a_leg_that_moves_before_the_press_has_no_zero() -> None:
    moving = np.interp(T_S, [0.0, 3.0], [0.0, 60.0])
    analysis = measured(moving)
    assert analysis.flags == (Flag.NO_BASELINE,)
    assert analysis.metrics == {"angle_deg": None}
    assert not analysis.valid
    assert (analysis.tare_n, analysis.tare_origin) == (None, TareOrigin.NONE)


def test_half_a_second_of_zero_is_enough_but_short() -> None:
    kept = T_S >= 0.9
    analysis = measured(MOVED_DEG[kept], t_s=T_S[kept])
    assert analysis.flags == (Flag.SHORT_PREROLL,)
    assert analysis.valid
    assert analysis.metrics["angle_deg"] == pytest.approx(45.0)


def test_a_nominal_scale_and_a_lost_sample_are_flagged_as_they_are_for_a_force() -> None:
    assert measured(MOVED_DEG, calibration=NOMINAL).flags == (Flag.UNCALIBRATED,)
    lost = measured(np.delete(MOVED_DEG, 45), t_s=np.delete(T_S, 45))
    assert lost.flags == (Flag.GAP,)
    assert not lost.valid


@pytest.mark.parametrize("pelvis_deg", [None, np.empty(0)])
def test_no_samples_at_all_are_an_invalid_trial(pelvis_deg: FloatArray | None) -> None:
    analysis = measured(np.empty(0), t_s=np.empty(0), pelvis_deg=pelvis_deg)
    assert set(analysis.flags) == {Flag.SHORT_PREROLL, Flag.NO_BASELINE, Flag.NO_STABLE_HOLD}
    assert analysis.metrics == {"angle_deg": None}
    assert not analysis.valid


def test_a_number_that_the_inclinometer_calls_a_measurement_is_none() -> None:
    wild = MOVED_DEG.copy()
    wild[40] = np.nan
    assert set(measured(wild).flags) == {Flag.SATURATED, Flag.GAP}


@pytest.mark.parametrize("start_deg", [-180.0, -90.0, 0.0, 170.0, 179.9])
@pytest.mark.parametrize("step_deg", [-170.0, -3.0, 0.0, 3.0, 170.0])
def test_unwrapping_gives_back_a_turn_of_any_length(start_deg: float, step_deg: float) -> None:
    """As long as no step is half a turn: a mechanical truth of any angle that wraps."""
    turned = start_deg + step_deg * np.arange(50.0)
    np.testing.assert_allclose(unwrapped(shown(turned)) - shown(turned)[0], turned - start_deg)
    assert unwrapped(np.empty(0)).tolist() == []


@pytest.mark.parametrize(("sd_deg", "there"), [(0.55, False), (0.65, True)])
def test_a_site_says_how_still_a_hold_is(sd_deg: float, there: bool) -> None:
    """Swinging by ±0.6° has the standard deviation 0.6°; 90 samples, so the mean is 30°."""
    swing = 30.0 + np.where(np.arange(90) % 2, 0.6, -0.6)
    found = hold_deg(np.arange(90) / 10.0, swing, replace(SETTINGS, hold_sd_deg=sd_deg))
    assert (found is not None) is there


@pytest.mark.parametrize(
    ("hold_s", "expected"), [(0.5, 70.0), (1.0, 50.0), (2.5, 30.0), (3.5, None)]
)
def test_a_site_says_how_long_a_hold_is(hold_s: float, expected: float | None) -> None:
    """30° for 3 s, 50° for 1.5 s, 70° for 0.7 s: the last that is long enough counts."""
    corners = [3.0, 3.2, 4.7, 4.9, 5.6, 5.8]
    angles = np.interp(grid(7.0, 20.0), corners, [30.0, 50.0, 50.0, 70.0, 70.0, 0.0])
    moving = np.where(grid(7.0, 20.0) > 5.8, 90.0 * (grid(7.0, 20.0) - 5.8), angles)
    found = hold_deg(grid(7.0, 20.0), moving, replace(SETTINGS, hold_s=hold_s))
    assert found == (None if expected is None else pytest.approx(expected, abs=0.5))


def test_each_position_has_its_own_zero() -> None:
    """Neutral is 10° for one test and −35° for the next: both move by 45°."""
    for neutral_deg in (10.0, -35.0):
        analysis = measured(MOVED_DEG + neutral_deg)
        assert analysis.tare_n == pytest.approx(neutral_deg)
        assert analysis.metrics["angle_deg"] == pytest.approx(45.0)


def test_the_zero_is_the_median_of_the_last_still_half_second() -> None:
    """5° for two seconds, then 8°: the last still half second is at 8°."""
    t_s = grid(4.0, 10.0)
    assert zero_deg(t_s, np.where(t_s < 2.0, 5.0, 8.0), SETTINGS) == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("axis", "ax", "ay", "az", "expected"),
    [
        ("x", 0.0, 0.0, 1.0, 0.0),
        ("x", 0.5, 0.0, math.sqrt(0.75), 30.0),
        ("x", math.sqrt(0.5), 0.5, 0.5, 45.0),  # whatever y and z share
        ("x", -1.0, 0.0, 0.0, -90.0),
        ("y", 0.0, 0.5, -math.sqrt(0.75), 30.0),
        ("y", 0.0, 1.0, 0.0, 90.0),
        ("z", 0.0, 0.0, 1.0, 0.0),
        ("z", 0.0, 0.5, math.sqrt(0.75), 30.0),
        ("z", 1.0, 0.0, 0.0, 90.0),
        ("z", 0.0, math.sqrt(0.75), -0.5, 120.0),  # a hip that flexes beyond a right angle
        ("z", 0.0, 0.0, -1.0, 180.0),
    ],
)
def test_the_tilt_of_known_poses(
    axis: Literal["x", "y", "z"], ax: float, ay: float, az: float, expected: float
) -> None:
    """Sine and cosine of 30°, 45° and 60°. Units do not matter: in g and in m/s² alike."""
    for unit in (1.0, 9.80665):
        x, y, z = (unit * np.full(3, a) for a in (ax, ay, az))
        found = tilt_deg(x, y, z, axis)
        assert found.tolist() == pytest.approx([expected] * 3)


@settings(deadline=None)
@given(
    pose=st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda pose: math.hypot(*pose) > 0.1),
)
def test_the_tilt_is_the_arcsine_of_an_axis_and_the_arccosine_of_the_vertical(
    pose: tuple[float, float, float],
) -> None:
    """AN-1057 begins with asin(a/1 g) of one axis, which agrees wherever it is well conditioned."""
    size = math.hypot(*pose)
    ax, ay, az = (np.array([a]) for a in pose)
    for axis, part in (("x", pose[0]), ("y", pose[1])):
        expected = math.degrees(math.asin(max(-1.0, min(1.0, part / size))))
        found = tilt_deg(ax, ay, az, axis)  # type: ignore[arg-type]
        assert found[0] == pytest.approx(expected, abs=1e-5)
    expected = math.degrees(math.acos(max(-1.0, min(1.0, pose[2] / size))))
    assert tilt_deg(ax, ay, az, "z")[0] == pytest.approx(expected, abs=1e-5)


def test_a_turn_about_one_axis_is_followed_all_the_way() -> None:
    turn = np.linspace(0.0, 180.0, 181)
    across, up = np.sin(np.radians(turn)), np.cos(np.radians(turn))
    np.testing.assert_allclose(tilt_deg(across, np.zeros(181), up, "z"), turn, atol=1e-12)
    np.testing.assert_allclose(tilt_deg(across, np.zeros(181), up, "x")[:91], turn[:91], atol=1e-6)


def test_more_or_less_than_one_g_is_movement() -> None:
    sizes = np.array([1.0, 1.049, 0.951, 1.051, 0.949, 0.0, math.nan, math.inf, 1e200])
    accelerations = np.outer(sizes, np.full(3, 1.0 / math.sqrt(3.0)))
    expected = [False, False, False, True, True, True, True, True, True]
    assert is_moving(accelerations, SETTINGS).tolist() == expected
    tolerant = replace(SETTINGS, moving_g=0.2)
    assert is_moving(accelerations, tolerant).tolist() == [False] * 5 + [True] * 4


def accelerated(*spans_s: tuple[float, float], t_s: FloatArray = T_S) -> FloatArray:
    """Return 1 g along a slanting axis, and 1.2 g in the given spans; (n, 3)."""
    shaken = np.zeros(len(t_s), dtype=bool)
    for first_s, last_s in spans_s:
        shaken |= (t_s >= first_s - 1e-9) & (t_s <= last_s + 1e-9)
    return np.asarray(np.outer(np.where(shaken, 1.2, 1.0), [0.0, 0.6, 0.8]))


def test_movement_during_the_movement_is_no_matter() -> None:
    analysis = measured(MOVED_DEG, acceleration_g=accelerated((2.0, 3.2)))
    assert analysis.flags == ()
    assert analysis.metrics["angle_deg"] == pytest.approx(45.0)


def test_a_hold_is_counted_from_where_the_acceleration_ends() -> None:
    """Held from 3.0 s at 45°, sinking to 44.6° at 4.5 s, shaken up to 4.4 s."""
    sinking = np.where(T_S > 4.4, 44.6, MOVED_DEG)
    analysis = measured(sinking, acceleration_g=accelerated((2.0, 4.4)))
    assert analysis.metrics["angle_deg"] == pytest.approx(44.6)
    assert analysis.flags == ()


def test_an_earlier_hold_at_rest_counts_before_a_later_one_under_movement() -> None:
    twice = np.interp(T_S, [1.6, 2.0, 3.5, 4.0], [0.0, 30.0, 30.0, 50.0])
    analysis = measured(twice, acceleration_g=accelerated((3.9, 6.0)))
    assert analysis.metrics["angle_deg"] == pytest.approx(30.0)
    assert analysis.flags == ()


def test_holds_that_are_all_under_movement_are_none_and_say_why() -> None:
    analysis = measured(MOVED_DEG, acceleration_g=accelerated((2.0, 6.0)))
    assert analysis.flags == (Flag.NO_STABLE_HOLD, Flag.MOVING)
    assert analysis.metrics == {"angle_deg": None}
    assert not analysis.valid


def test_a_knock_each_second_leaves_no_second_of_hold() -> None:
    knocks = [(k, k) for k in (2.9, 3.8, 4.7, 5.6)]
    assert measured(MOVED_DEG, acceleration_g=accelerated(*knocks)).flags == (
        Flag.NO_STABLE_HOLD,
        Flag.MOVING,
    )


def test_a_zero_under_movement_is_none() -> None:
    analysis = measured(MOVED_DEG, acceleration_g=accelerated((0.0, 1.5)))
    assert analysis.flags == (Flag.NO_BASELINE, Flag.MOVING)
    assert not analysis.valid


def test_a_leg_that_never_holds_still_is_not_called_moving_for_it() -> None:
    moving = np.interp(T_S, [1.5, 6.0], [0.0, 90.0])
    analysis = measured(moving, acceleration_g=accelerated((2.0, 6.0)))
    assert analysis.flags == (Flag.NO_STABLE_HOLD,)


def test_accelerations_belong_to_the_samples_that_are_left() -> None:
    """A lost number at 4.0 s does not shift the accelerations of those after it."""
    wild = MOVED_DEG.copy()
    wild[40] = np.nan
    analysis = measured(wild, acceleration_g=accelerated((2.0, 3.9)))
    assert analysis.metrics["angle_deg"] == pytest.approx(45.0)
    assert Flag.MOVING not in analysis.flags


@pytest.mark.parametrize(
    ("low_deg", "high_deg", "mount_sign", "flags"),
    [
        (-10.0, 50.0, 1, ()),
        (-10.0, 40.0, 1, (Flag.BEYOND_CALIBRATION,)),
        (5.0, 50.0, 1, (Flag.BEYOND_CALIBRATION,)),
        (-10.0, 50.0, -1, ()),  # the certificate is of the device, however it is mounted
        (-50.0, 10.0, -1, (Flag.BEYOND_CALIBRATION,)),
    ],
)
def test_an_angle_outside_the_calibrated_range_warns(
    low_deg: float, high_deg: float, mount_sign: int, flags: tuple[Flag, ...]
) -> None:
    """The device goes from 2° to 47°."""
    calibration = replace(CERTIFIED, range_low=low_deg, range_high=high_deg)
    analysis = measured(MOVED_DEG + 2.0, mount_sign=mount_sign, calibration=calibration)
    assert analysis.flags == flags
    assert analysis.valid
