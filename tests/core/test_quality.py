"""What makes a trial doubtful or invalid: one constructed curve per flag."""

import math
from dataclasses import replace

import numpy as np
import pytest

from dynod.model.calibration import CalibrationStatus
from dynod.model.flags import Flag
from dynod.model.samples import SampleStatus
from dynod.model.trial import Analysis, StartedBy, TareOrigin
from tests.core.curves import CERTIFIED, NOMINAL, analysed, grid, human_pull, hump, trapezoid

RATE_HZ = 82.0


def pull_with(
    preroll_n: float, *, rate_hz: float = 100.0, fallback_tare_n: float | None = None
) -> Analysis:
    """Analyse a trapezoid on a device that shows ``preroll_n`` at rest."""
    t_s = grid(5.5, rate_hz)
    return analysed(t_s, trapezoid(t_s) + preroll_n, fallback_tare_n=fallback_tare_n)


def noisy_preroll(fallback_tare_n: float | None) -> Analysis:
    """Analyse a trapezoid after a second that swings by ±5 N: standard deviation 5 N."""
    t_s = grid(5.5, 100.0)
    swing = np.where(t_s < 1.0, np.where(np.arange(len(t_s)) % 2, 5.0, -5.0), 0.0)
    return analysed(t_s, trapezoid(t_s) + swing, fallback_tare_n=fallback_tare_n)


def test_a_pull_as_people_make_it_has_no_flag() -> None:
    t_s = grid(5.6, RATE_HZ)
    analysis = analysed(t_s, human_pull(t_s))
    assert analysis.flags == ()
    assert analysis.valid
    assert analysis.tare_n == pytest.approx(2.6)


def test_the_same_pull_found_by_onset_has_no_flag_but_the_missing_calibration() -> None:
    t_s = grid(5.6, RATE_HZ)
    newtons = human_pull(t_s)
    start_s = float(t_s[newtons > 22.6][0])
    kept = t_s >= start_s - 1.0
    analysis = analysed(
        t_s[kept],
        newtons[kept],
        start_s=start_s,
        started_by=StartedBy.ONSET,
        calibration=NOMINAL,
    )
    assert analysis.flags == (Flag.UNCALIBRATED,)
    assert analysis.valid
    assert analysis.tare_n == pytest.approx(2.6)


@pytest.mark.parametrize(
    ("status", "flag", "valid"),
    [
        (CalibrationStatus.NOMINAL, Flag.UNCALIBRATED, True),
        (CalibrationStatus.EXPIRED, Flag.CALIBRATION_EXPIRED, False),
        (CalibrationStatus.REVOKED, Flag.CALIBRATION_REVOKED, False),
        (CalibrationStatus.NONE, Flag.NO_CALIBRATION, False),
    ],
)
def test_the_calibration_decides_whether_a_trial_counts(
    status: CalibrationStatus, flag: Flag, valid: bool
) -> None:
    t_s = grid(5.5, 100.0)
    analysis = analysed(t_s, trapezoid(t_s), calibration=replace(CERTIFIED, status=status))
    assert analysis.flags == (flag,)
    assert analysis.valid is valid


@pytest.mark.parametrize(
    ("range_high", "flags"), [(399.0, (Flag.BEYOND_CALIBRATION,)), (401.0, ())]
)
def test_a_load_beyond_the_calibrated_range_warns(
    range_high: float, flags: tuple[Flag, ...]
) -> None:
    t_s = grid(5.5, 100.0)
    analysis = analysed(t_s, trapezoid(t_s), calibration=replace(CERTIFIED, range_high=range_high))
    assert analysis.flags == flags
    assert analysis.valid


@pytest.mark.parametrize(
    ("low_n", "high_n", "rest_n", "flags"),
    [
        (50.0, 500.0, 0.0, ()),  # rests at zero, below the smallest load, as every pull
        (50.0, 500.0, -20.0, ()),
        (410.0, 500.0, 0.0, (Flag.BEYOND_CALIBRATION,)),  # the result is below every load
        (0.0, 390.0, -20.0, (Flag.BEYOND_CALIBRATION,)),  # reads 380 N, and says 400 N
        (0.0, 410.0, 20.0, (Flag.BEYOND_CALIBRATION,)),  # reads 420 N, and says 400 N
        (-10.0, 500.0, -20.0, (Flag.BEYOND_CALIBRATION,)),
        (-30.0, 500.0, -20.0, ()),
        (-500.0, -10.0, 0.0, (Flag.BEYOND_CALIBRATION,)),  # calibrated for pulling only
    ],
)
def test_a_force_is_held_against_both_ends_of_the_range(
    low_n: float, high_n: float, rest_n: float, flags: tuple[Flag, ...]
) -> None:
    t_s = grid(5.5, 100.0)
    calibration = replace(CERTIFIED, range_low=low_n, range_high=high_n)
    newtons = trapezoid(t_s, peak_n=400.0) + rest_n
    assert analysed(t_s, newtons, calibration=calibration).flags == flags


def test_a_failed_check_rejects_whatever_the_certificate_says() -> None:
    t_s = grid(5.5, 100.0)
    failed = replace(CERTIFIED, verification_failed=True)
    analysis = analysed(t_s, trapezoid(t_s), calibration=failed)
    assert analysis.flags == (Flag.VERIFICATION_FAILED,)
    assert not analysis.valid
    expired = replace(failed, status=CalibrationStatus.EXPIRED)
    assert analysed(t_s, trapezoid(t_s), calibration=expired).flags == (
        Flag.CALIBRATION_EXPIRED,
        Flag.VERIFICATION_FAILED,
    )


def test_without_a_quiet_preroll_and_without_the_tare_command_a_trial_is_invalid() -> None:
    analysis = noisy_preroll(None)
    assert analysis.flags == (Flag.NO_BASELINE,)
    assert not analysis.valid
    assert (analysis.tare_n, analysis.tare_origin) == (None, TareOrigin.NONE)


def test_the_tare_command_stands_in_for_a_preroll_that_is_not_quiet() -> None:
    analysis = noisy_preroll(3.0)
    assert analysis.flags == ()
    assert (analysis.tare_n, analysis.tare_origin) == (3.0, TareOrigin.COMMAND)
    assert analysis.metrics["mean_force_n"] == pytest.approx(397.0)


def test_a_quiet_preroll_comes_before_the_tare_command() -> None:
    analysis = pull_with(2.0, fallback_tare_n=9.0)
    assert analysis.tare_n == pytest.approx(2.0)
    assert analysis.tare_origin is TareOrigin.PREROLL


@pytest.mark.parametrize(
    ("preroll_n", "flags"),
    [(35.0, (Flag.TARE_LIMIT,)), (-35.0, (Flag.TARE_LIMIT,)), (29.0, ()), (-29.0, ())],
)
def test_a_tare_of_more_than_thirty_newtons_rejects(
    preroll_n: float, flags: tuple[Flag, ...]
) -> None:
    analysis = pull_with(preroll_n)
    assert analysis.flags == flags
    assert analysis.valid is not bool(flags)


def test_a_tare_command_of_more_than_thirty_newtons_rejects_as_well() -> None:
    assert noisy_preroll(40.0).flags == (Flag.TARE_LIMIT,)


@pytest.mark.parametrize(
    ("first_s", "flags"), [(0.4, (Flag.SHORT_PREROLL,)), (0.02, ()), (0.0, ())]
)
def test_less_than_a_second_before_the_begin_warns(first_s: float, flags: tuple[Flag, ...]) -> None:
    """Two sample intervals (24 ms at 82 Hz) are forgiven."""
    t_s = grid(5.6, RATE_HZ)
    kept = t_s >= first_s
    analysis = analysed(t_s[kept], human_pull(t_s)[kept])
    assert analysis.flags == flags
    assert analysis.valid


@pytest.mark.parametrize("at", [40, 200])
def test_one_lost_sample_rejects_before_and_in_the_pull(at: int) -> None:
    t_s = grid(5.6, RATE_HZ)
    analysis = analysed(np.delete(t_s, at), np.delete(human_pull(t_s), at))
    assert analysis.flags == (Flag.GAP,)
    assert not analysis.valid
    assert analysis.sample_rate_hz == pytest.approx(RATE_HZ)


def test_a_jitter_of_a_fifth_of_an_interval_is_no_gap() -> None:
    t_s = grid(5.6, RATE_HZ)
    jitter = np.random.default_rng(1).uniform(-0.2, 0.2, len(t_s)) / RATE_HZ
    analysis = analysed(t_s + jitter, human_pull(t_s))
    assert analysis.flags == ()


@pytest.mark.parametrize(
    ("status", "flag"),
    [
        (SampleStatus.OVERLOAD, Flag.OVERLOAD),
        (SampleStatus.UNDER_RANGE, Flag.UNDER_RANGE),
        (SampleStatus.SATURATED, Flag.SATURATED),
    ],
)
def test_a_sample_that_is_no_measurement_rejects(status: SampleStatus, flag: Flag) -> None:
    t_s = grid(5.6, RATE_HZ)
    newtons = human_pull(t_s)
    newtons[200] = np.nan
    bits = np.zeros(len(t_s), np.uint8)
    bits[200] = status
    analysis = analysed(t_s, newtons, status=bits)
    assert set(analysis.flags) == {flag, Flag.GAP}
    assert not analysis.valid


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e12])
def test_a_number_that_no_device_can_mean_counts_as_saturated(number: float) -> None:
    t_s = grid(5.6, RATE_HZ)
    newtons = human_pull(t_s)
    newtons[200] = number
    analysis = analysed(t_s, newtons)
    assert set(analysis.flags) == {Flag.SATURATED, Flag.GAP}
    assert not analysis.valid
    raw_peak_n = analysis.metrics["raw_peak_force_n"]
    assert raw_peak_n is not None
    assert raw_peak_n < 410.0


def spiked(at: int, by_n: float) -> Analysis:
    """Analyse a hump of 400 N with its tip at sample 400, with one sample off by ``by_n``."""
    t_s = grid(8.0, 100.0)
    newtons = hump(t_s)
    newtons[at] += by_n
    return analysed(t_s, newtons)


@pytest.mark.parametrize("by_n", [200.0, -200.0])
def test_a_spike_beside_the_peak_warns_and_is_not_the_peak(by_n: float) -> None:
    analysis = spiked(460, by_n)
    assert analysis.flags == (Flag.SPIKE,)
    assert analysis.valid
    assert analysis.metrics["peak_force_n"] == pytest.approx(400.0, abs=0.1)


def test_the_raw_peak_shows_the_spike() -> None:
    """The hump at 4.6 s is 200·(1 − cos(2π·3.6/6)) = 361.8 N."""
    expected = 200.0 * (1.0 - math.cos(1.2 * math.pi)) + 200.0
    assert spiked(460, 200.0).metrics["raw_peak_force_n"] == pytest.approx(expected)


def test_a_spike_under_the_peak_rejects_and_is_never_reported_as_the_peak() -> None:
    analysis = spiked(402, 200.0)
    assert set(analysis.flags) == {Flag.SPIKE, Flag.PEAK_ON_SPIKE}
    assert not analysis.valid
    assert analysis.metrics["peak_force_n"] == pytest.approx(400.0, abs=0.5)


@pytest.mark.parametrize("at", [400, 460])
def test_a_glitch_is_told_and_rejects_nothing_even_at_the_peak(at: int) -> None:
    """50 N are below 15 % of 400 N, and far above what the hump does from sample to sample."""
    analysis = spiked(at, 50.0)
    assert analysis.flags == (Flag.SPIKE,)
    assert analysis.valid
    # Without it: the tip of the hump at 400 N.
    assert analysis.metrics["peak_force_n"] == pytest.approx(400.0, abs=0.5)


@pytest.mark.parametrize("ramp_s", [0.05, 0.1, 0.3])
def test_a_fast_rise_is_no_spike(ramp_s: float) -> None:
    t_s = grid(5.5, RATE_HZ)
    assert analysed(t_s, trapezoid(t_s, ramp_s=ramp_s)).flags == ()


@pytest.mark.parametrize(("hold_s", "flags"), [(0.85, (Flag.TOO_SHORT,)), (1.0, ())])
def test_less_than_a_second_above_nine_tenths_of_the_peak_rejects(
    hold_s: float, flags: tuple[Flag, ...]
) -> None:
    """Each ramp of 0.4 s spends 0.04 s above 90 %: 0.93 s and 1.08 s."""
    t_s = grid(4.0, 100.0)
    analysis = analysed(t_s, trapezoid(t_s, hold_s=hold_s))
    assert analysis.flags == flags
    assert analysis.valid is not bool(flags)


@pytest.mark.parametrize(("peak_n", "flags"), [(15.0, (Flag.NO_CONTRACTION,)), (25.0, ())])
def test_less_than_twenty_newtons_are_no_contraction(
    peak_n: float, flags: tuple[Flag, ...]
) -> None:
    t_s = grid(5.5, 100.0)
    analysis = analysed(t_s, trapezoid(t_s, peak_n=peak_n))
    assert analysis.flags == flags
    assert analysis.valid is not bool(flags)


def test_nothing_recorded_is_no_contraction() -> None:
    t_s = grid(0.9, 100.0)
    analysis = analysed(t_s, np.zeros(len(t_s)))
    assert Flag.NO_CONTRACTION in analysis.flags
    assert not analysis.valid
    assert set(analysis.metrics.values()) == {None}


@pytest.mark.parametrize(("leaning_n", "flags"), [(15.0, (Flag.PRE_TENSION,)), (9.0, ())])
def test_whoever_leans_on_the_pad_before_the_pull_is_warned(
    leaning_n: float, flags: tuple[Flag, ...]
) -> None:
    t_s = grid(5.5, 100.0)
    leaning = np.where((t_s >= 0.55) & (t_s < 4.7), leaning_n, 0.0)
    analysis = analysed(t_s, np.maximum(trapezoid(t_s), leaning))
    assert analysis.flags == flags
    assert analysis.valid
    assert analysis.tare_n == pytest.approx(0.0)


@pytest.mark.parametrize("rate_hz", [10.0, 20.0, math.nextafter(20.0, 21.0)])
def test_a_device_too_slow_for_the_filter_warns(rate_hz: float) -> None:
    t_s = grid(5.6, rate_hz)
    analysis = analysed(t_s, trapezoid(t_s))
    assert analysis.flags == (Flag.LOW_RATE,)
    assert analysis.valid
    assert analysis.metrics["peak_force_n"] == pytest.approx(400.0)


def one_reading(
    fallback_tare_n: float | None = None,
    newtons: float = 123.4,
    status: int = 0,
) -> Analysis:
    return analysed(
        np.array([1.0]),
        np.array([newtons]),
        started_by=StartedBy.READING,
        fallback_tare_n=fallback_tare_n,
        status=np.array([status], np.uint8),
    )


def test_a_trial_of_one_reading_is_a_peak_and_says_so() -> None:
    analysis = one_reading(0.4)
    assert analysis.metrics == {
        "peak_force_n": pytest.approx(123.0),
        "raw_peak_force_n": pytest.approx(123.4),
    }
    assert set(analysis.flags) == {Flag.SHORT_PREROLL, Flag.SINGLE_READING}
    assert analysis.valid
    assert (analysis.tare_n, analysis.tare_origin) == (0.4, TareOrigin.COMMAND)
    assert analysis.sample_rate_hz is None


def test_a_trial_of_one_reading_rests_on_the_gauge_s_own_zero() -> None:
    """Without a ``tare`` command nothing is subtracted: 123.4 − 0 = 123.4 N."""
    analysis = one_reading()
    assert analysis.metrics == {"peak_force_n": 123.4, "raw_peak_force_n": 123.4}
    assert set(analysis.flags) == {Flag.SHORT_PREROLL, Flag.SINGLE_READING}
    assert analysis.valid
    assert (analysis.tare_n, analysis.tare_origin) == (0.0, TareOrigin.GAUGE)


@pytest.mark.parametrize(("newtons", "valid"), [(19.9, False), (20.0, True), (-123.4, False)])
def test_a_reading_below_twenty_newtons_is_no_contraction(newtons: float, valid: bool) -> None:
    analysis = one_reading(newtons=newtons)
    assert analysis.valid is valid
    assert (Flag.NO_CONTRACTION in analysis.flags) is not valid


def test_a_reading_at_the_device_s_limit_is_no_number() -> None:
    analysis = one_reading(newtons=math.nan, status=SampleStatus.OVERLOAD)
    assert {Flag.OVERLOAD, Flag.SINGLE_READING} <= set(analysis.flags)
    assert not analysis.valid
    assert analysis.metrics == {"peak_force_n": None, "raw_peak_force_n": None}


@pytest.mark.parametrize(("flag", "valid"), [(Flag.TIMEOUT, True), (Flag.DISCONNECT, False)])
def test_what_the_recording_found_out_itself_is_kept(flag: Flag, valid: bool) -> None:
    t_s = grid(5.5, 100.0)
    analysis = analysed(t_s, trapezoid(t_s), flags=(flag,))
    assert analysis.flags == (flag,)
    assert analysis.valid is valid


def test_a_flag_is_named_once() -> None:
    t_s = np.delete(grid(5.5, 100.0), 300)
    assert analysed(t_s, trapezoid(t_s), flags=(Flag.GAP,)).flags == (Flag.GAP,)
