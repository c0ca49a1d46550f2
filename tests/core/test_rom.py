"""Range of motion, from the zero at neutral to the last stable hold, on constructed angles."""

import numpy as np
import pytest

from dynod.core.analysis import analyse
from dynod.model.calibration import Calibration
from dynod.model.clinical import Kind
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray, SampleBlock
from dynod.model.trial import Analysis, Recording, StartedBy, TareOrigin
from tests.core.curves import CERTIFIED, NOMINAL, grid

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
    )
    return analyse(recording, Kind.ANGLE, calibration, lever_arm_m=0.4, body_mass_kg=80.0)


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
