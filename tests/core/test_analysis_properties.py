"""Whatever comes from a device, the analysis answers, and what it cannot trust it rejects."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.core.analysis import analyse
from dynod.core.metrics import METRICS
from dynod.core.onset import OnsetMethod
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.clinical import Kind
from dynod.model.flags import Flag, is_valid
from dynod.model.samples import SampleBlock
from dynod.model.trial import Analysis, Recording, StartedBy, TareOrigin
from tests.core.curves import CERTIFIED, NOMINAL, SETTINGS, analysed, grid, human_pull

CALIBRATIONS = [
    CERTIFIED,
    NOMINAL,
    Calibration(CalibrationStatus.CERTIFIED, (1e300, 1e300, 1e300)),
    Calibration(CalibrationStatus.NONE, ()),
]
NUMBERS = st.one_of(
    st.sampled_from([0.0, 2.0, 15.0, 100.0, 400.0, 405.0]),
    st.floats(-500.0, 500.0),
    st.floats(),
)
INTERVALS_S = st.sampled_from([0.0, 1e-12, 1e-9, 2e-9, 0.001, 0.0125, 0.05, 0.1, 0.3, 2.0])
# What every valid pull has; the others need a rate, three seconds, a hold, or a model that fits.
ALWAYS = {
    "peak_force_n",
    "raw_peak_force_n",
    "mean_force_n",
    "mean_force_500ms_n",
    "time_to_peak_s",
    "impulse_n_s",
    "steadiness_cv_percent",
}
WITHIN_A_SECOND = {name for name in METRICS if "rfd_0_" in name or "peak_rfd" in name}


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """Draw any recording: any numbers, statuses and non-decreasing times, of any length."""
    usual_s = draw(INTERVALS_S)
    intervals = st.one_of(st.just(usual_s), st.just(usual_s), INTERVALS_S)
    samples = draw(
        st.lists(
            st.tuples(intervals, NUMBERS, st.sampled_from([0, 0, 0, 0, 1, 2, 4, 7])), max_size=120
        )
    )
    first_s = draw(st.sampled_from([0.0, 0.45, -3.0, 1e6]))
    t_s = first_s + np.cumsum([interval for interval, _, _ in samples])
    pelvis = draw(st.none() | st.lists(NUMBERS, min_size=len(samples), max_size=len(samples)))
    size_g = st.sampled_from([0.0, 1.0, 1.04, 1.2, math.nan, math.inf, 1e200])
    shaken = draw(st.none() | st.lists(size_g, min_size=len(samples), max_size=len(samples)))
    return Recording(
        SampleBlock(
            np.asarray(t_s, dtype=np.float64),
            np.array([[value] for _, value, _ in samples], dtype=np.float64).reshape(-1, 1),
            np.array([status for _, _, status in samples], dtype=np.uint8),
            ("force",),
            0,
        ),
        first_s + draw(st.floats(-1.0, 12.0)),
        first_s + 12.0,
        draw(st.sampled_from(StartedBy)),
        80.0,
        flags=draw(st.sampled_from([(), (Flag.TIMEOUT,), (Flag.GAP,)])),
        mount_sign=draw(st.sampled_from([1, -1])),
        pelvis_deg=None if pelvis is None else np.array(pelvis, dtype=np.float64),
        stamped=draw(st.booleans()),
        acceleration_g=None
        if shaken is None
        else np.outer(np.array(shaken), [0.28, 0.576, -0.768]),
    )


def is_consistent(analysis: Analysis, main: str) -> None:
    """Check what holds of every analysis; ``main`` is the metric that the deficit rests on."""
    assert set(analysis.metrics) <= set(METRICS)
    for value in (*analysis.metrics.values(), analysis.tare_n):
        assert value is None or math.isfinite(value)
    assert analysis.valid is is_valid(analysis.flags)
    assert set(analysis.notes) <= set(METRICS)
    assert len(set(analysis.flags)) == len(analysis.flags)
    assert (analysis.tare_n is None) is (analysis.tare_origin is TareOrigin.NONE)
    assert analysis.sample_rate_hz is None or analysis.sample_rate_hz > 0.0
    if analysis.valid:
        assert analysis.metrics[main] is not None
        assert analysis.tare_n is not None


@settings(deadline=None, max_examples=400)
@given(
    recording=recordings(),
    calibration=st.sampled_from(CALIBRATIONS),
    body_mass_kg=st.none() | st.floats(10.0, 300.0),
    lever_arm_m=st.none() | st.floats(0.05, 2.0),
    fallback_tare_n=st.none() | st.floats(-100.0, 100.0),
    method=st.sampled_from(OnsetMethod),
)
def test_every_force_recording_has_an_answer(
    recording: Recording,
    calibration: Calibration,
    body_mass_kg: float | None,
    lever_arm_m: float | None,
    fallback_tare_n: float | None,
    method: OnsetMethod,
) -> None:
    analysis = analyse(
        recording,
        Kind.FORCE,
        calibration,
        body_mass_kg=body_mass_kg,
        lever_arm_m=lever_arm_m,
        fallback_tare_n=fallback_tare_n,
        hand_held=True,
        settings=replace(SETTINGS, onset_method=method.value),
    )
    is_consistent(analysis, "peak_force_n")
    block = recording.block
    if np.any(block.status) or not np.isfinite(block.values).all():
        assert not analysis.valid  # what was no measurement is no trial
    assert ("peak_torque_nm" in analysis.metrics) is (lever_arm_m is not None)
    assert ("peak_force_n_per_kg" in analysis.metrics) is (body_mass_kg is not None)


@settings(deadline=None, max_examples=300)
@given(recording=recordings(), calibration=st.sampled_from(CALIBRATIONS))
def test_every_angle_recording_has_an_answer(
    recording: Recording, calibration: Calibration
) -> None:
    analysis = analyse(recording, Kind.ANGLE, calibration)
    is_consistent(analysis, "angle_deg")
    assert set(analysis.metrics) == {"angle_deg"}


@settings(deadline=None, max_examples=150)
@given(
    rate_hz=st.sampled_from([10.0, 20.0, 41.0, 82.36, 250.0, 1000.0]),
    spoilt=st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(-1000.0, 1000.0)), max_size=4),
    first_s=st.floats(0.0, 1.5),
    last_s=st.floats(1.0, 5.6),
)
def test_a_valid_pull_with_its_own_tare_has_all_its_numbers(
    rate_hz: float, spoilt: list[tuple[float, float]], first_s: float, last_s: float
) -> None:
    """A pull as people make it, cut anywhere, with a few samples anywhere off by anything."""
    t_s = grid(5.6, rate_hz)
    newtons = human_pull(t_s)
    for share, by_n in spoilt:
        newtons[int(share * (len(t_s) - 1))] += by_n
    kept = (t_s >= first_s) & (t_s <= last_s)
    analysis = analysed(t_s[kept], newtons[kept])
    is_consistent(analysis, "peak_force_n")
    if analysis.valid:
        missing = {name for name, value in analysis.metrics.items() if value is None}
        assert missing.isdisjoint(ALWAYS | WITHIN_A_SECOND)
        peak_n = analysis.metrics["peak_force_n"]
        assert peak_n is not None
        # Two spoilt samples side by side are no lone spike; else the peak is that of the pull.
        if len(spoilt) < 2 and rate_hz > 25.0:
            assert 390.0 < peak_n < 430.0


@settings(deadline=None, max_examples=60)
@given(by_n=st.floats(-1000.0, 1000.0), at=st.integers(0, 459))
def test_one_spoilt_sample_never_makes_a_valid_peak_that_nobody_pulled(
    by_n: float, at: int
) -> None:
    t_s = grid(5.6, 82.0)
    newtons = human_pull(t_s)
    newtons[at] += by_n
    analysis = analysed(t_s, newtons)
    peak_n = analysis.metrics["peak_force_n"]
    assert peak_n is not None
    assert not analysis.valid or abs(peak_n - 402.0) < 25.0
