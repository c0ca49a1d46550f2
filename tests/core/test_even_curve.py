"""The curve that leaves dynod, against samples written by hand."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from dynod.core.even_curve import even_curve
from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.clinical import Kind, Side, Slot, TestSpec
from dynod.model.samples import FloatArray, SampleBlock
from dynod.model.trial import Recording, ResultStatus, StartedBy, Trial
from tests.core.curves import NOMINAL
from tests.support.builders import HHD, START, TILT, analysis, force_test, rom_test

SETTINGS = AnalysisSettings()
T_S = 5.0 + np.arange(8, dtype=np.float64) * 0.1
COUNTS = np.array([10.0, 10.0, 11.0, 13.0, 17.0, 25.0, 41.0, 10.0])
TWICE = Calibration(CalibrationStatus.NOMINAL, (-5.0, 2.0))


def recorded(values: FloatArray, **changes: Any) -> Recording:
    block = SampleBlock(T_S, values[:, np.newaxis], np.zeros(len(T_S), np.uint8), ("force",), 0)
    made = Recording(block, 5.2, 5.7, StartedBy.PRESS, 10.0)
    return replace(made, **changes)


def trial(
    recording: Recording | None, test: TestSpec, calibration: Calibration, tare: float | None
) -> Trial:
    return Trial(
        UUID(int=1),
        1,
        ResultStatus.FINAL,
        UUID(int=2),
        Slot(0, test, Side.LEFT, False, 1),
        START,
        True,
        "dynod",
        HHD if test.kind is Kind.FORCE else TILT,
        calibration,
        replace(analysis(), tare_n=tare),
        recording=recording,
    )


def test_a_force_is_calibrated_and_tared_and_not_smoothed() -> None:
    """2 N a count less 5 N, less a tare of 15 N."""
    curve = even_curve(trial(recorded(COUNTS), force_test(), TWICE, 15.0), SETTINGS)
    assert curve is not None
    assert curve.kind is Kind.FORCE
    assert curve.rate_hz == pytest.approx(10.0)
    assert curve.first_s == pytest.approx(-0.2)
    np.testing.assert_allclose(curve.values, [0, 0, 2, 6, 14, 30, 62, 0])


def test_an_angle_is_against_the_pelvis_and_from_neutral_without_jumps() -> None:
    limb = np.array([170.0, 172.0, 176.0, -178.0, -170.0, -170.0, -170.0, -170.0])
    pelvis = np.full(8, 2.0)
    given = trial(recorded(limb, pelvis_deg=pelvis), rom_test(), NOMINAL, 168.0)
    curve = even_curve(given, SETTINGS)
    assert curve is not None
    np.testing.assert_allclose(curve.values, [0, 2, 6, 12, 20, 20, 20, 20])


def test_there_is_no_curve_without_samples_or_tare() -> None:
    assert even_curve(trial(None, force_test(), TWICE, 0.0), SETTINGS) is None
    assert even_curve(trial(recorded(COUNTS), force_test(), TWICE, None), SETTINGS) is None


def test_a_single_reading_is_no_curve() -> None:
    one = recorded(COUNTS)
    reading = replace(one, block=one.block[:1], started_by=StartedBy.READING)
    assert even_curve(trial(reading, force_test(), TWICE, 0.0), SETTINGS) is None
