"""The metrics of constructed curves, each derived by hand."""

import math

import numpy as np
import pytest

from dynod.core.analysis import analyse
from dynod.core.metrics import METRICS
from dynod.core.plateau import best_mean_n, seconds_above
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.clinical import Kind
from dynod.model.trial import TareOrigin
from tests.core.curves import (
    CERTIFIED,
    analysed,
    curves_of,
    force_recording,
    grid,
    hump,
    trapezoid,
)

REST_N = 5.0  # what the device shows when nobody pushes


def measured(rate_hz: float = 1000.0, seconds: float = 5.5) -> dict[str, float | None]:
    """Analyse a trapezoid: 1000 N/s from 1.0 s, 400 N from 1.4 to 4.4 s, 0 N from 4.8 s on."""
    t_s = grid(seconds, rate_hz)
    return dict(analysed(t_s, trapezoid(t_s) + REST_N).metrics)


def test_the_tare_is_what_the_device_shows_before_the_pull() -> None:
    t_s = grid(5.5, 1000.0)
    analysis = analysed(t_s, trapezoid(t_s) + REST_N)
    assert analysis.tare_n == pytest.approx(REST_N)
    assert analysis.tare_origin is TareOrigin.PREROLL
    assert analysis.sample_rate_hz == pytest.approx(1000.0)
    assert analysis.valid
    assert analysis.flags == ()


def test_the_raw_peak_is_neither_tared_nor_filtered() -> None:
    assert measured()["raw_peak_force_n"] == pytest.approx(405.0)


def test_the_peak_is_tared_and_low_passed() -> None:
    """A tremor of 20 N at 10 Hz, the cut-off, keeps 20/√2 = 14.1 N; the slow pull keeps its 400 N.

    A rise of one second is nearly all below 1 Hz, where the filter loses (1/12.5)⁴ = 0.004 %.
    """
    t_s = grid(7.0, 1000.0)
    pull_n = 200.0 * (1.0 - np.cos(math.pi * np.clip(t_s - 1.0, 0.0, 1.0)))
    tremor_n = np.sin(2.0 * math.pi * 10.0 * t_s) * pull_n / 20.0
    metrics = analysed(t_s, np.asarray(REST_N + pull_n + tremor_n)).metrics
    assert metrics["peak_force_n"] == pytest.approx(400.0 + 20.0 / math.sqrt(2.0), abs=0.2)
    assert metrics["raw_peak_force_n"] == pytest.approx(REST_N + 420.0)


def test_the_mean_is_the_best_second() -> None:
    assert measured()["mean_force_n"] == pytest.approx(400.0)


def test_the_best_second_of_a_triangle_lies_around_its_tip() -> None:
    """200 N/s up to 400 N at 2.0 s and down again: the mean is 400 − 200·0.25 = 350 N."""
    t_s = grid(4.0, 100.0)
    mean_n, begin = best_mean_n(curves_of(400.0 - 200.0 * np.abs(t_s - 2.0), 100.0), 1.0)
    assert mean_n.tolist() == pytest.approx([350.0])
    assert begin.tolist() == [150.0]


def test_there_is_no_best_second_in_less_than_a_second() -> None:
    t_s = grid(0.95, 100.0)
    for newtons in (np.full(len(t_s), 9.0), np.full(1, 9.0)):
        mean_n, begin = best_mean_n(curves_of(newtons, 100.0), 1.0)
        assert np.isnan([mean_n, begin]).all()
    assert analysed(np.empty(0), np.empty(0)).metrics["mean_force_n"] is None


def test_a_recording_of_one_second_by_rounding_alone_still_has_its_mean() -> None:
    """In floating point 1.45 − 0.45 is 1.0, and yet 1.45 − 1.0 is less than 0.45."""
    t_s = np.linspace(0.45, 1.45, 21)
    assert t_s[-1] - t_s[0] == 1.0
    assert t_s[-1] - 1.0 < t_s[0]
    analysis = analysed(t_s, np.full(21, 9.0), start_s=0.45)
    assert analysis.metrics["mean_force_n"] == pytest.approx(9.0)


def test_the_time_to_peak_counts_from_the_rise_through_ten_newtons() -> None:
    """200·(1 − cos(2πx/6)) = 10 N at x = 6/(2π)·arccos(0.95); the tip is at x = 3 s."""
    t_s = grid(8.0, 1000.0)
    onset_s = 6.0 / (2.0 * math.pi) * math.acos(0.95)
    metrics = analysed(t_s, hump(t_s) + REST_N).metrics
    assert metrics["time_to_peak_s"] == pytest.approx(3.0 - onset_s, abs=1e-3)
    assert metrics["peak_force_n"] == pytest.approx(400.0, abs=0.01)


@pytest.mark.parametrize("rate_hz", [40.0, 100.0, 1000.0])
def test_the_impulse_is_the_area_between_the_ten_newton_crossings(rate_hz: float) -> None:
    """Trapezoid 400·(3.0 + 3.8)/2 N·s, less two triangles of 10 N and 10 ms each (0.05 N·s)."""
    assert measured(rate_hz)["impulse_n_s"] == pytest.approx(1360.0 - 2 * 0.05, abs=1e-6)


def test_the_impulse_of_a_pull_that_is_cut_off_runs_to_the_last_sample() -> None:
    """Rise 80 − 0.05 N·s, then 400 N from 1.4 to 3.0 s."""
    assert measured(seconds=3.0)["impulse_n_s"] == pytest.approx(719.95, abs=1e-6)


@pytest.mark.parametrize(
    ("rate_hz", "names"),
    [
        (40.0, set()),
        (82.0, {"rfd_0_200_n_per_s"}),
        (240.0, {"rfd_0_200_n_per_s"}),
        (300.0, {"rfd_0_100_n_per_s", "rfd_0_150_n_per_s", "rfd_0_200_n_per_s"}),
    ],
)
def test_a_rate_of_force_development_needs_a_sample_rate(rate_hz: float, names: set[str]) -> None:
    """None below 50 Hz, 0-200 ms below 250, from 0-100 ms on below 1000 Hz (White 2024)."""
    metrics = measured(rate_hz)
    assert {name for name in metrics if name.startswith("rfd")} == names
    for name in names:
        # Off the 300 Hz grid the corner at 1.0 s lies between samples: the onset moves by up to
        # one of them, and 0.2 s of a straight rise stay a straight rise.
        assert metrics[name] == pytest.approx(1000.0, rel=1e-9 if rate_hz == 300.0 else 0.03)


def test_a_rate_of_force_development_past_the_end_is_null() -> None:
    """Onset at 1.01 s, last sample at 1.15 s: 100 ms are there, 200 ms are not."""
    metrics = measured(seconds=1.15)
    assert metrics["rfd_0_100_n_per_s"] == pytest.approx(1000.0)
    assert metrics["rfd_0_200_n_per_s"] is None


def test_what_happened_before_the_begin_is_no_peak() -> None:
    t_s = grid(5.5, 100.0)
    knocked = trapezoid(t_s) + REST_N + np.where((t_s > 0.15) & (t_s < 0.3), 500.0, 0.0)
    metrics = analysed(t_s, knocked).metrics
    assert metrics["raw_peak_force_n"] == pytest.approx(405.0)
    assert metrics["peak_force_n"] == pytest.approx(400.0, rel=0.01)


def test_torque_and_force_per_body_mass_follow_from_the_peak() -> None:
    t_s = grid(8.0, 100.0)
    recording = force_recording(t_s, hump(t_s))
    metrics = analyse(recording, Kind.FORCE, CERTIFIED, body_mass_kg=80.0, lever_arm_m=0.41).metrics
    assert metrics["peak_torque_nm"] == pytest.approx(164.0, abs=0.01)  # 400 N · 0.41 m
    assert metrics["peak_force_n_per_kg"] == pytest.approx(5.0, abs=0.001)  # 400 N / 80 kg


def test_without_lever_arm_and_body_mass_their_metrics_are_absent() -> None:
    assert set(measured(300.0)) == {
        "peak_force_n",
        "raw_peak_force_n",
        "mean_force_n",
        "mean_force_500ms_n",
        "mean_force_3s_n",
        "time_to_peak_s",
        "rfd_0_100_n_per_s",
        "rfd_0_150_n_per_s",
        "rfd_0_200_n_per_s",
        "peak_rfd_200ms_n_per_s",
        "fit_rfd_n_per_s",
        "fit_error_percent",
        "impulse_n_s",
        "fatigue_percent",
        "steadiness_cv_percent",
    }


def test_the_calibration_is_applied_to_the_devices_own_numbers() -> None:
    """Device numbers 0 to 100 with c = (1, 2, 0.02): 100 stands for 1 + 200 + 200 = 401 N."""
    t_s = grid(5.5, 100.0)
    calibration = Calibration(CalibrationStatus.CERTIFIED, (1.0, 2.0, 0.02))
    analysis = analysed(t_s, trapezoid(t_s, peak_n=100.0), calibration=calibration)
    assert analysis.metrics["raw_peak_force_n"] == pytest.approx(401.0)
    assert analysis.metrics["mean_force_n"] == pytest.approx(400.0)
    assert analysis.tare_n == pytest.approx(1.0)


def test_the_time_above_a_level_is_interpolated() -> None:
    """A triangle of 100 N over 2 s lies above 50 N for 1 s, above 100 N for none."""
    triangle = curves_of(np.array([0.0, 100.0, 0.0]), 1.0)
    assert seconds_above(triangle, np.array([50.0])).tolist() == pytest.approx([1.0])
    assert seconds_above(triangle, np.array([100.0])).tolist() == pytest.approx([0.0])
    one = curves_of(np.zeros(1), 1.0)
    assert seconds_above(one, np.array([0.0])).tolist() == [0.0]


def test_the_registry_holds_the_metrics_of_the_contract_with_their_units() -> None:
    """Names: contract, section 6. Units: UCUM."""
    assert {name: metric.unit for name, metric in METRICS.items()} == {
        "peak_force_n": "N",
        "raw_peak_force_n": "N",
        "mean_force_n": "N",
        "mean_force_500ms_n": "N",
        "mean_force_3s_n": "N",
        "time_to_peak_s": "s",
        "rfd_0_50_n_per_s": "N/s",
        "rfd_0_100_n_per_s": "N/s",
        "rfd_0_150_n_per_s": "N/s",
        "rfd_0_200_n_per_s": "N/s",
        "peak_rfd_20ms_n_per_s": "N/s",
        "peak_rfd_200ms_n_per_s": "N/s",
        "fit_rfd_n_per_s": "N/s",
        "fit_error_percent": "%",
        "impulse_n_s": "N.s",
        "fatigue_percent": "%",
        "steadiness_cv_percent": "%",
        "peak_torque_nm": "N.m",
        "peak_force_n_per_kg": "N/kg",
        "angle_deg": "deg",
    }
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.title
        assert metric.definition.endswith(".")
        assert metric.source
