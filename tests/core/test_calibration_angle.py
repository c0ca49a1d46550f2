"""Known angles, reversal and the fit over poses: geometry, closed forms and numpy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.core.calibration_angle import AngleSettings, calibrate_angle, reversal, sine_bar
from dynod.model.calibration_record import (
    AnglePose,
    CalibrationReport,
    StatedEffect,
    UncertaintyTerm,
)
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError

ANGLES = [-60.0, -30.0, -10.0, 0.0, 20.0, 40.0, 60.0]


def poses(
    offset: float = 0.0,
    scale: float = 1.0,
    cross: float = 0.0,
    own: float = 0.0,
    common: float = 0.0,
) -> list[AnglePose]:
    """Return readings offset + scale·angle + cross·tilt without noise, half of them tilted."""
    return [
        AnglePose(angle, offset + scale * angle + cross * tilt, tilt, own, common)
        for angle in ANGLES
        for tilt in ([0.0, 10.0] if abs(angle) == 60.0 or angle == 0.0 else [0.0])
    ]


def term(report: CalibrationReport, name: str, angle: float) -> UncertaintyTerm:
    (at_angle,) = (item for item in report.budgets if item.load == angle)
    (found,) = (item for item in at_angle.terms if item.name == name)
    return found


@pytest.mark.parametrize(
    ("height", "angle"), [(50.0, 30.0), (0.0, 0.0), (-50.0, -30.0), (70.710678, 45.0)]
)
def test_the_sine_bar(height: float, angle: float) -> None:
    found = sine_bar(height, 100.0, height_uncertainty=0.0, length_uncertainty=0.0)
    assert found.angle_deg == pytest.approx(angle, abs=1e-6)
    assert found.uncertainty_deg == 0.0


@given(height=st.floats(-90.0, 90.0))
@settings(max_examples=50)
def test_the_sine_bar_is_as_uncertain_as_its_lengths(height: float) -> None:
    """Against differences: the angle that a height (or a length) off by 1e-6 would give."""

    def angle(h: float, length: float) -> float:
        return math.degrees(math.asin(h / length))

    found = sine_bar(height, 100.0, height_uncertainty=0.01, length_uncertainty=0.02)
    by_height = abs(angle(height + 1e-6, 100.0) - angle(height, 100.0)) * 1e4
    by_length = abs(angle(height, 100.0 + 1e-6) - angle(height, 100.0)) * 2e4
    assert found.own_deg == pytest.approx(by_height, rel=1e-3)
    assert found.common_deg == pytest.approx(by_length, rel=1e-3, abs=1e-9)
    assert found.uncertainty_deg == pytest.approx(math.hypot(by_height, by_length), rel=1e-3)


def test_a_sine_bar_cannot_stand_on_more_than_its_length() -> None:
    with pytest.raises(UsageError, match="cannot stand"):
        sine_bar(100.0, 100.0, height_uncertainty=0.0, length_uncertainty=0.0)


def test_reversal_parts_the_offset_from_the_tilt() -> None:
    """An offset of 1.2° on a table that slopes by 0.5° reads 1.7° and, turned round, 0.7°."""
    found = reversal([(1.7, 0.7)])
    assert found.offset_deg == pytest.approx(1.2)
    assert found.tilt_deg == pytest.approx(0.5)
    assert found.uncertainty_deg is None


def test_reversal_over_several_pairs() -> None:
    """Offsets 1.2, 1.3 and 1.1: mean 1.2, standard deviation 0.1, of the mean 0.1/√3."""
    found = reversal([(1.7, 0.7), (1.8, 0.8), (1.6, 0.6)])
    assert found.offset_deg == pytest.approx(1.2)
    assert found.uncertainty_deg == pytest.approx(0.1 / math.sqrt(3))


@pytest.mark.parametrize("pairs", [[], [(math.nan, 1.0)]])
def test_reversal_needs_two_readings(pairs: list[tuple[float, float]]) -> None:
    with pytest.raises(UsageError, match="two readings"):
        reversal(pairs)


def test_offset_scale_and_cross_axis_are_found() -> None:
    """Reading 2 + 1.02·θ + 0.01·φ is θ = (x − 2)/1.02 − 0.01/1.02·φ."""
    report = calibrate_angle(poses(2.0, 1.02, 0.01), AngleSettings(0.0))
    assert report.kind is Kind.ANGLE
    assert report.fit.coefficients == pytest.approx((-2.0 / 1.02, 1.0 / 1.02))
    assert report.cross_axis == pytest.approx(-0.01 / 1.02)
    assert (report.range_low, report.range_high) == (-60.0, 60.0)
    assert term(report, "interpolation", 60.0).standard == pytest.approx(0.0, abs=1e-9)


def test_numpy_solves_the_same_poses() -> None:
    """lstsq of angle on 1, x, φ; s² over n − 3; the covariance s²·(XᵀX)⁻¹."""
    rng = np.random.default_rng(2)
    noisy = [
        AnglePose(pose.angle_deg, pose.reading + float(rng.normal(0, 0.1)), pose.cross_deg)
        for pose in poses(2.0, 1.02, 0.01)
    ]
    report = calibrate_angle(noisy, AngleSettings(0.0))
    design = np.array([[1.0, pose.reading, pose.cross_deg] for pose in noisy])
    angle = np.array([pose.angle_deg for pose in noisy])
    solved, squares, *_ = np.linalg.lstsq(design, angle, rcond=None)
    variance = float(squares[0]) / (len(noisy) - 3)
    covariance = variance * np.linalg.inv(design.T @ design)
    assert report.fit.coefficients == pytest.approx(tuple(solved[:2]))
    assert report.cross_axis == pytest.approx(solved[2])
    assert report.fit.standard_error == pytest.approx(math.sqrt(variance))
    np.testing.assert_allclose(report.fit.covariance, covariance[:2, :2], rtol=1e-6)


def test_without_cross_tilt_there_is_no_cross_axis() -> None:
    level = [AnglePose(angle, angle + 1.0) for angle in ANGLES]
    report = calibrate_angle(level, AngleSettings(0.1))
    assert report.cross_axis is None
    assert report.fit.degrees_of_freedom == 5
    assert "cross-axis" not in {item.name for item in report.budgets[0].terms}
    assert report.notes == (
        "no pose was repeated: scatter and lack of fit are not told apart",
        "no cross tilt in any pose: the cross-axis error is not known",
        "the angles of the poses were taken as exact",
    )


def test_the_terms_by_hand() -> None:
    """At 60°: common 0.02°, as it is; half a step of 0.1 at c1 = 1/1.02, for hold and zero;
    0.01/1.02 per degree of a cross tilt of up to 5°; 0.05° of drift, as stated."""
    drift = StatedEffect("drift", 0.05, 0.0, shared=False, source="x")
    found = calibrate_angle(
        poses(2.0, 1.02, 0.01, own=0.01, common=0.02), AngleSettings(0.1, 5.0, (drift,))
    )
    assert term(found, "reference angle", 60.0).standard == pytest.approx(0.02)
    assert term(found, "reference angle", 60.0).shared
    assert term(found, "resolution", 60.0).standard == pytest.approx(
        0.05 / 1.02 / math.sqrt(3) * math.sqrt(2)
    )
    assert term(found, "cross-axis", 60.0).standard == pytest.approx(0.05 / 1.02 / math.sqrt(3))
    assert term(found, "drift", 60.0).standard == pytest.approx(0.05 / math.sqrt(3))
    assert not term(found, "cross-axis", 60.0).shared


def test_repeated_poses_tell_scatter_from_lack_of_fit() -> None:
    """Readings ±0.1 about each angle: a pose has the variance 0.02 with one degree of freedom, the
    means are on the line, and nothing of the residuals is lack of fit."""
    pairs = [AnglePose(angle, angle + sign * 0.1) for angle in ANGLES for sign in (1.0, -1.0)]
    report = calibrate_angle(pairs, AngleSettings(0.0))
    # the slope is 1 but for what the scatter of x takes from it
    assert term(report, "repeatability", 20.0).value == pytest.approx(math.sqrt(0.02), rel=1e-3)
    assert term(report, "repeatability", 20.0).degrees_of_freedom == 7
    assert term(report, "interpolation", 20.0).standard == pytest.approx(0.0, abs=1e-2)


def test_the_poses_own_uncertainty_is_no_lack_of_fit() -> None:
    """Means that miss the line by about 0.1°: bent, unless the poses are that uncertain."""
    off = [0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1]
    sensitivities = []
    for own in (0.0, 0.2):
        bent = [
            AnglePose(angle, angle + miss, own_deg=own)
            for angle, miss in zip(ANGLES, off, strict=True)
            for _ in range(2)
        ]
        report = calibrate_angle(bent, AngleSettings(0.0))
        sensitivities.append(term(report, "interpolation", 0.0).sensitivity)
    assert sensitivities == [pytest.approx(math.sqrt(2.0)), pytest.approx(0.0, abs=1e-6)]


def test_a_line_through_repeated_poses_is_known_by_all_readings() -> None:
    """Two readings at each angle: Sxx is 2·(10,200 − 7·(20/7)²) = 20,286 deg², so that the slope
    adds 60²/20,286 of the variance of a reading at 60°, twice that of the variance of a mean."""
    bent = [
        AnglePose(angle, angle + miss, own_deg=1.0)
        for angle, miss in zip(ANGLES, [0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1], strict=True)
        for _ in range(2)
    ]
    found = term(calibrate_angle(bent, AngleSettings(0.0)), "interpolation", 60.0)
    assert found.sensitivity == pytest.approx(math.sqrt(2.0 * 3600.0 / 20286.0), rel=2e-3)
    assert found.degrees_of_freedom == 5


def test_an_upside_down_device_is_as_good() -> None:
    plain = calibrate_angle(poses(2.0, 1.0, 0.01), AngleSettings(0.1))
    turned = calibrate_angle(poses(2.0, -1.0, 0.01), AngleSettings(0.1))
    assert turned.fit.coefficients[1] == pytest.approx(-1.0)
    assert turned.uncertainty == plain.uncertainty


def test_the_lines_hold_on_both_sides_of_zero() -> None:
    report = calibrate_angle(poses(2.0, 1.02, 0.01, own=0.05, common=0.1), AngleSettings(0.1))
    for item in report.budgets:
        assert report.uncertainty.at(item.load) >= item.expanded
        assert report.unshared.at(item.load) >= item.unshared


@pytest.mark.parametrize(
    ("given_poses", "said"),
    [
        (poses()[:5], "5 different poses are too few: needs 6"),
        ([AnglePose(10.0, 10.0)] * 12, "1 different poses are too few"),
        ([AnglePose(angle, 3.0) for angle in ANGLES], "is the device connected"),
        ([AnglePose(10.0, float(at), float(at)) for at in range(6)], "is the device connected"),
        ([*poses()[:6], AnglePose(5.0, math.nan)], "not a finite number"),
        ([*poses()[:6], AnglePose(5.0, 5.0, own_deg=-0.1)], "not a finite number"),
        ([AnglePose(angle, angle, 0.5 * angle) for angle in ANGLES], "vary it by itself"),
    ],
)
def test_poses_that_no_line_can_be_had_from(given_poses: list[AnglePose], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        calibrate_angle(given_poses, AngleSettings(0.1))


def test_a_resolution_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="resolution"):
        calibrate_angle(poses(), AngleSettings(-0.1))
