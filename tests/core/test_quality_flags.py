"""Each flag of a curve: one constructed curve that earns it, and a neighbour that does not."""

from dataclasses import replace

import numpy as np
import pytest

from dynod.model.flags import REJECTING, Flag
from dynod.model.samples import FloatArray
from dynod.model.trial import Analysis, TareOrigin
from tests.core.curves import SETTINGS, analysed, grid, human_pull, hump, trapezoid

RATES_HZ = [82.0, 250.0, 1000.0]


def flags_of(newtons: FloatArray, t_s: FloatArray) -> set[Flag]:
    return set(analysed(t_s, newtons).flags)


def held(*corners: tuple[float, float], rate_hz: float = 250.0) -> tuple[FloatArray, FloatArray]:
    """Return times to a second after the last corner, and straight pieces between the corners."""
    t_s = grid(corners[-1][0] + 1.0, rate_hz)
    return t_s, np.interp(t_s, [at for at, _ in corners], [newtons for _, newtons in corners])


def shape_flags(*corners: tuple[float, float], rate_hz: float = 250.0) -> set[Flag]:
    t_s, newtons = held(*corners, rate_hz=rate_hz)
    return flags_of(newtons, t_s)


@pytest.mark.parametrize("rate_hz", [40.0, 82.0, 82.36, 250.0, 333.3, 1000.0])
def test_a_clean_pull_earns_no_flag_at_any_rate(rate_hz: float) -> None:
    t_s = grid(5.6, rate_hz)
    assert flags_of(human_pull(t_s), t_s) == set()
    noise = np.random.default_rng(8).normal(0.0, 0.2, len(t_s))
    assert flags_of(human_pull(t_s) + noise, t_s) == set()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("weak_n", [25.0, 60.0])
def test_a_weak_pull_is_as_clean_as_a_strong_one(rate_hz: float, weak_n: float) -> None:
    t_s = grid(5.6, rate_hz)
    assert flags_of((human_pull(t_s) - 2.6) * weak_n / 400.0, t_s) == set()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("leaning_n", "flags"), [(10.2, {Flag.PRE_TENSION}), (9.8, set())])
def test_pre_tension_is_more_than_ten_newtons_before_the_begin(
    rate_hz: float, leaning_n: float, flags: set[Flag]
) -> None:
    """Half a second free, then the limb leans on the pad until the pull and after it."""
    t_s = grid(5.5, rate_hz)
    leaning = np.where((t_s >= 0.55) & (t_s < 4.7), leaning_n, 0.0)
    assert flags_of(np.maximum(trapezoid(t_s), leaning), t_s) == flags


def test_a_rise_that_an_onset_trigger_let_in_is_no_pre_tension() -> None:
    """The recording begins 20 N up a rise of 100 N/s: 0.2 s before nobody pulls."""
    t_s = grid(6.0, 250.0)
    rise = np.clip(100.0 * (t_s - 1.0), 0.0, 300.0)
    kept = t_s >= 0.2
    assert Flag.PRE_TENSION not in analysed(t_s[kept], rise[kept], start_s=1.2).flags


@pytest.mark.parametrize(("since_s", "flags"), [(0.62, {Flag.PRE_TENSION}), (0.68, set())])
def test_pre_tension_is_judged_from_half_to_a_fifth_of_a_second_before_the_begin(
    since_s: float, flags: set[Flag]
) -> None:
    """15 N for 0.18 s or 0.12 s of those three tenths, from 0.5 to 0.8 s: a median needs half."""
    t_s = grid(5.5, 250.0)
    leaning = np.where((t_s >= since_s) & (t_s < 4.7), 15.0, 0.0)
    assert flags_of(np.maximum(trapezoid(t_s), leaning), t_s) == flags


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("dip_n", "flags"), [(5.2, {Flag.COUNTERMOVEMENT}), (4.8, set())])
def test_a_dip_of_five_newtons_just_before_the_pull_is_a_countermovement(
    rate_hz: float, dip_n: float, flags: set[Flag]
) -> None:
    """The leg weighs 20 N on the pad and is lifted at 1.4 s; the pull begins at 1.5 s."""
    t_s = grid(6.0, rate_hz)
    dip = np.where((t_s >= 1.4) & (t_s < 1.5), -dip_n, 0.0)
    newtons = 20.0 + dip + trapezoid(t_s, begin_s=1.5)
    assert flags_of(newtons, t_s) == flags


@pytest.mark.parametrize("lifted_s", [0.9, 1.1])
def test_a_dip_long_before_the_pull_is_no_countermovement(lifted_s: float) -> None:
    """It lies more than 0.2 s before the onset at 1.51 s, and leaves the half second's median."""
    t_s = grid(6.0, 250.0)
    dip = np.where((t_s >= lifted_s) & (t_s < lifted_s + 0.1), -15.0, 0.0)
    assert flags_of(20.0 + dip + trapezoid(t_s, begin_s=1.5), t_s) == set()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("hold_n", "early"), [(340.0, True), (380.0, False)])
def test_a_jerk_with_a_hold_well_below_it_is_an_early_peak(
    rate_hz: float, hold_n: float, early: bool
) -> None:
    """400 N 0.15 s after the onset; of the hold 340 N are 85 % and 380 N 95 % of it."""
    corners = ((1.0, 0.0), (1.15, 400.0), (1.2, 400.0), (1.4, hold_n), (4.5, hold_n), (4.8, 0.0))
    flags = shape_flags(*corners, rate_hz=rate_hz)
    assert flags == ({Flag.EARLY_PEAK, Flag.TOO_SHORT} if early else set())


def test_a_high_peak_later_than_three_tenths_of_a_second_is_not_early() -> None:
    """The same jerk, but it takes 0.45 s to rise."""
    corners = ((1.0, 0.0), (1.45, 400.0), (1.5, 400.0), (1.7, 340.0), (4.5, 340.0), (4.8, 0.0))
    assert shape_flags(*corners) == {Flag.TOO_SHORT}


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("dip_n", "flags"), [(312.0, {Flag.DOUBLE_PEAK}), (328.0, set())])
def test_a_dip_below_eight_tenths_between_two_peaks_is_a_double_peak(
    rate_hz: float, dip_n: float, flags: set[Flag]
) -> None:
    """400 N, for half a second less, 400 N again. 80 % are 320 N."""
    corners = ((1.0, 0.0), (1.5, 400.0), (2.5, 400.0), (3.0, dip_n), (3.5, dip_n), (4.0, 400.0))
    assert shape_flags(*corners, (5.5, 400.0), (5.8, 0.0), rate_hz=rate_hz) == flags


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("end_n", "flags"), [(296.0, {Flag.DROP_OFF}), (312.0, set())])
def test_a_hold_that_loses_a_fifth_drops_off(
    rate_hz: float, end_n: float, flags: set[Flag]
) -> None:
    """From 400 N at 1.5 s in 4 s to the end's force, let go within 0.2 s.

    The hold lasts from 1.47 s to about 5.3 s. Its first half second has about 395 N. The last is
    centred on 5.08 s, 90 % down the decline: 306 N or 321 N, 22 % or 19 % less.
    """
    corners = ((1.2, 0.0), (1.5, 400.0), (5.5, end_n), (5.7, 0.0))
    assert shape_flags(*corners, rate_hz=rate_hz) == flags


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("hold_s", "flags"), [(0.88, {Flag.TOO_SHORT}), (0.96, set())])
def test_less_than_a_second_above_nine_tenths_is_too_short(
    rate_hz: float, hold_s: float, flags: set[Flag]
) -> None:
    """Each ramp of 0.4 s spends 0.04 s above 90 %: 0.96 s and 1.04 s."""
    t_s = grid(4.0, rate_hz)
    assert flags_of(trapezoid(t_s, hold_s=hold_s), t_s) == flags


@pytest.mark.parametrize(("by_n", "flags"), [(61.0, {Flag.SPIKE}), (59.0, set())])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_spike_is_beyond_fifteen_percent(by_n: float, flags: set[Flag], sign: float) -> None:
    """400 N held: 60 N. At a rate at which a muscle may do less within two samples."""
    t_s = grid(5.5, 45.0)
    newtons = trapezoid(t_s)
    newtons[round(3.0 * 45.0)] += sign * by_n
    assert flags_of(newtons, t_s) == flags


@pytest.mark.parametrize(("by_n", "flags"), [(8.1, {Flag.SPIKE}), (7.9, set())])
@pytest.mark.parametrize("rate_hz", [50.0, 250.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_glitch_is_beyond_two_percent(
    by_n: float, flags: set[Flag], rate_hz: float, sign: float
) -> None:
    """400 N held: 8 N, where all around is level."""
    t_s = grid(5.5, rate_hz)
    newtons = trapezoid(t_s)
    newtons[round(3.0 * rate_hz)] += sign * by_n
    assert flags_of(newtons, t_s) == flags


@pytest.mark.parametrize(("by_n", "flags"), [(15.1, {Flag.SPIKE}), (14.9, set())])
def test_a_glitch_is_beyond_three_times_what_is_around_it(by_n: float, flags: set[Flag]) -> None:
    """400 N held, with a step of 10 N three samples before, which bends the curve by 5 N."""
    t_s = grid(5.5, 100.0)
    newtons = trapezoid(t_s)
    newtons[(t_s >= 2.965) & (t_s < 3.5)] += 10.0
    newtons[300] += by_n
    assert flags_of(newtons, t_s) == flags


@pytest.mark.parametrize("by_n", [10.0, -10.0])
def test_a_glitch_in_the_rise_does_not_reach_its_rate(by_n: float) -> None:
    """The ramp of 0.4 s to 400 N at 1 kN/s: 200 ms after the onset 10 N would be 5 %."""
    t_s = grid(5.5, 250.0)
    newtons = trapezoid(t_s, ramp_s=0.4)
    plain = analysed(t_s, newtons).metrics
    rise = np.flatnonzero(newtons > 10.0)[0]
    newtons[rise + 50] += by_n
    hurt = analysed(t_s, newtons)
    assert set(hurt.flags) == {Flag.SPIKE}
    for name in ("rfd_0_200_n_per_s", "peak_rfd_200ms_n_per_s"):
        assert hurt.metrics[name] == pytest.approx(plain[name], rel=1e-3)


@pytest.mark.parametrize(
    ("off", "flags"), [(50, {Flag.SPIKE, Flag.PEAK_ON_SPIKE}), (51, {Flag.SPIKE})]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_spike_within_fifty_milliseconds_of_the_peak_is_what_it_rests_on(
    off: int, flags: set[Flag], sign: int
) -> None:
    """The tip of the hump is at 4.0 s, the 4000th sample."""
    t_s = grid(8.0, 1000.0)
    newtons = hump(t_s)
    newtons[4000 + sign * off] += 200.0
    assert flags_of(newtons, t_s) == flags


def yielding(fallen_n: float, after_n: float, fall_s: float = 0.15) -> set[Flag]:
    """Return the flags of 300 N held, a fall at 2.5 s, and another hold from 3.2 s on."""
    return shape_flags(
        (1.0, 0.0),
        (1.3, 300.0),
        (2.5, 300.0),
        (2.5 + fall_s, fallen_n),
        (2.6 + fall_s, fallen_n),
        (3.2 + fall_s, after_n),
        (5.0, after_n),
        (5.3, 0.0),
    )


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_sudden_fall_with_more_force_after_it_is_a_yield(rate_hz: float) -> None:
    """300 N, a fall by 30 % within 0.15 s, then 325 N, 8 % more: the tester broke the hold."""
    t_s, newtons = held(
        (1.0, 0.0), (1.3, 300.0), (2.5, 300.0), (2.65, 210.0), (2.75, 210.0), (3.3, 325.0),
        (5.0, 325.0), (5.3, 0.0), rate_hz=rate_hz,
    )  # fmt: skip
    analysis = analysed(t_s, newtons)
    assert set(analysis.flags) == {Flag.YIELD, Flag.DOUBLE_PEAK}
    assert not analysis.valid


@pytest.mark.parametrize(
    ("fallen_n", "after_n", "fall_s"),
    [
        (247.0, 325.0, 0.15),  # by 17.7 % only
        (210.0, 305.0, 0.15),  # not 5 % above 300 N
        (210.0, 325.0, 0.6),  # 150 N/s: within 0.2 s by 30 N, a tenth
    ],
)
def test_a_smaller_a_weaker_and_a_slower_fall_are_no_yield(
    fallen_n: float, after_n: float, fall_s: float
) -> None:
    assert Flag.YIELD not in yielding(fallen_n, after_n, fall_s)
    assert Flag.YIELD in yielding(210.0, 325.0)


@pytest.mark.parametrize(("swing_n", "flags"), [(0.25, {Flag.NOISY_BASELINE}), (0.23, set())])
def test_a_baseline_s_noise_is_measured_from_sample_to_sample(
    swing_n: float, flags: set[Flag]
) -> None:
    """Swinging by ±a, neighbours differ by 2a: 1.4826·2a/√2 = 2.097·a, against 0.5 N."""
    t_s = grid(5.5, 250.0)
    swing = np.where(np.arange(len(t_s)) % 2, swing_n, -swing_n)
    assert flags_of(trapezoid(t_s) + swing, t_s) == flags


@pytest.mark.parametrize(("sigma_n", "noisy"), [(0.65, True), (0.35, False)])
def test_noise_of_half_a_newton_is_too_much(sigma_n: float, noisy: bool) -> None:
    """The estimate from 400 differences is good to a tenth or so."""
    t_s = grid(5.5, 500.0)
    noise = np.random.default_rng(2).normal(0.0, sigma_n, len(t_s))
    assert (Flag.NOISY_BASELINE in flags_of(trapezoid(t_s) + noise, t_s)) is noisy


def test_a_drift_is_no_noise() -> None:
    """3 N in the second before the begin: a standard deviation of 0.87 N, and no noise."""
    t_s = grid(5.5, 250.0)
    assert flags_of(trapezoid(t_s) + 3.0 * np.minimum(t_s, 1.0), t_s) == set()


@pytest.mark.parametrize(("peak_n", "flags"), [(19.9, {Flag.NO_CONTRACTION}), (20.1, set())])
def test_twenty_newtons_are_a_contraction(peak_n: float, flags: set[Flag]) -> None:
    """The hump of 6 s loses nothing in the filter."""
    t_s = grid(8.0, 250.0)
    assert flags_of(hump(t_s) * peak_n / 400.0, t_s) == flags


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(
    ("shift_n", "flags"),
    [
        (4.8, set()),
        (-4.8, set()),
        (5.2, {Flag.BASELINE_SHIFT}),
        (-5.2, {Flag.BASELINE_SHIFT}),
        (-22.0, {Flag.BASELINE_SHIFT}),
        (9.0, {Flag.BASELINE_SHIFT}),
        (15.0, {Flag.BASELINE_SHIFT}),  # beyond the 10 N that end a contraction
        (80.0, {Flag.BASELINE_SHIFT}),
    ],
)
def test_a_device_that_rests_elsewhere_afterwards_has_shifted(
    rate_hz: float, shift_n: float, flags: set[Flag]
) -> None:
    """The pad slips at 3 s, in the pull; a second of rest comes after it."""
    t_s = grid(6.0, rate_hz)
    newtons = trapezoid(t_s, peak_n=600.0) + np.interp(t_s, [3.0, 3.1], [0.0, shift_n])
    assert flags_of(newtons, t_s) == flags


@pytest.mark.parametrize("end_s", [4.4, 4.6, 5.0])
def test_without_a_rest_after_the_pull_nothing_has_shifted(end_s: float) -> None:
    """Held to the end, let go half, or too short a rest to tell: 15 N are left."""
    t_s = grid(end_s, 250.0)
    newtons = trapezoid(t_s) + np.interp(t_s, [3.0, 3.1], [0.0, 15.0])
    assert Flag.BASELINE_SHIFT not in flags_of(newtons, t_s)


def test_the_first_three_tenths_of_a_second_after_a_pull_are_no_rest_yet() -> None:
    """It falls through 10 N at 4.79 s, stays at 8 N to 5.07 s, and has 0.24 s of 0 N after that."""
    t_s = grid(5.32, 250.0)
    lingering = np.where((t_s > 4.6) & (t_s < 5.07), 8.0, 0.0)
    assert flags_of(np.maximum(trapezoid(t_s), lingering), t_s) == set()
    assert flags_of(np.maximum(trapezoid(t_s), np.where(t_s > 4.6, 8.0, 0.0)), t_s) == {
        Flag.BASELINE_SHIFT
    }


def test_a_force_that_is_eased_off_slowly_is_no_shift() -> None:
    """From 400 N at 4.0 s by 180 N/s to 40 N at the end: it never rests."""
    t_s = grid(7.0, 250.0)
    eased = np.interp(t_s, [1.0, 1.4, 4.0, 6.0], [0.0, 400.0, 400.0, 40.0])
    assert Flag.BASELINE_SHIFT not in flags_of(eased[t_s < 6.0], t_s[t_s < 6.0])
    assert Flag.BASELINE_SHIFT in flags_of(eased, t_s)  # and then 40 N for a second


def test_what_belongs_to_the_baseline_needs_one() -> None:
    """With the tare of a command there is no resting level of this trial."""
    t_s = grid(6.0, 250.0)
    shaken = np.where(t_s < 1.0, np.where(np.arange(len(t_s)) % 2, 5.0, -5.0), 0.0)
    newtons = trapezoid(t_s) + shaken + np.interp(t_s, [3.0, 3.1], [0.0, 8.0])
    analysis = analysed(t_s, newtons, fallback_tare_n=0.0)
    assert analysis.tare_origin is TareOrigin.COMMAND
    assert analysis.flags == ()


@pytest.mark.parametrize(
    ("peak_n", "hand_held", "limited"),
    [(301.0, True, True), (299.0, True, False), (301.0, False, False)],
)
def test_a_tester_holds_no_more_than_three_hundred_newtons(
    peak_n: float, hand_held: bool, limited: bool
) -> None:
    t_s = grid(8.0, 250.0)
    analysis = analysed(t_s, hump(t_s) * peak_n / 400.0, hand_held=hand_held)
    assert set(analysis.flags) == ({Flag.TESTER_LIMITED} if limited else set())
    assert analysis.valid


@pytest.mark.parametrize(("ratio", "flags"), [(1.006, {Flag.RESAMPLED}), (1.0038, set())])
def test_a_rate_that_wanders_is_evened_out_and_says_so(ratio: float, flags: set[Flag]) -> None:
    """Half of 458 intervals are longer: the middle is 229·(r − 1)/2 of them off, 0.68 and 0.43."""
    t_s = np.cumsum([0.0, *[1.0 / 82.0] * 229, *[ratio / 82.0] * 229])
    analysis = analysed(t_s, human_pull(t_s))
    assert set(analysis.flags) == flags
    assert analysis.valid
    assert analysis.metrics["peak_force_n"] == pytest.approx(402.0, abs=1.5)


def stamped_at(*short: float) -> set[Flag]:
    """Return the flags of a pull of which some intervals in a row are shortened to a share."""
    intervals = np.full(458, 1.0 / 82.0)
    intervals[300 : 300 + len(short)] *= short
    t_s = np.cumsum([0.0, *intervals])
    return flags_of(human_pull(t_s), t_s)


def test_three_short_intervals_in_a_row_are_a_burst() -> None:
    """That the burst brings its samples early makes the grid uneven besides."""
    assert stamped_at(0.45, 0.45, 0.45) == {Flag.BURST, Flag.RESAMPLED}
    assert Flag.BURST not in stamped_at(0.45, 0.45)
    assert Flag.BURST not in stamped_at(0.55, 0.55, 0.55)


def test_a_sample_at_a_time_that_has_been_there_is_left_out() -> None:
    t_s = np.insert(grid(5.6, 82.0), 200, grid(5.6, 82.0)[200])
    newtons = human_pull(t_s)
    newtons[201] += 500.0  # the second of the two
    analysis = analysed(t_s, newtons)
    assert set(analysis.flags) == {Flag.DUPLICATE_TIMES}
    assert analysis.valid
    assert analysis.metrics == analysed(grid(5.6, 82.0), human_pull(grid(5.6, 82.0))).metrics


@pytest.mark.parametrize(("share", "flags"), [(1.74, set()), (1.76, {Flag.GAP})])
def test_an_interval_of_one_and_three_quarters_is_a_gap(share: float, flags: set[Flag]) -> None:
    """One interval longer by three quarters leaves the others within half of one."""
    assert stamped_at(share) - {Flag.RESAMPLED} == flags


@pytest.mark.parametrize(("rate_hz", "flags"), [(24.8, {Flag.LOW_RATE}), (25.1, set())])
def test_below_twenty_five_hertz_nothing_is_filtered(rate_hz: float, flags: set[Flag]) -> None:
    """2 · 10 Hz / 0.802 = 24.9 Hz."""
    t_s = grid(5.6, rate_hz)
    assert flags_of(human_pull(t_s), t_s) == flags


@pytest.mark.parametrize(("missing_s", "flags"), [(0.027, {Flag.SHORT_PREROLL}), (0.022, set())])
def test_two_intervals_of_the_preroll_may_be_missing(missing_s: float, flags: set[Flag]) -> None:
    """Two intervals of 12.2 ms at 82 Hz: 24.4 ms."""
    t_s = missing_s + grid(5.6 - missing_s, 82.0)
    assert flags_of(human_pull(t_s), t_s) == flags


@pytest.mark.parametrize(("number", "flags"), [(1e9, {Flag.SATURATED, Flag.GAP}), (401.0, set())])
def test_a_number_beyond_any_device_is_saturated(number: float, flags: set[Flag]) -> None:
    t_s = grid(5.6, 82.0)
    newtons = human_pull(t_s)
    newtons[200] = number
    assert flags_of(newtons, t_s) == flags


def analysis_with(flag: Flag, rejecting: frozenset[Flag]) -> Analysis:
    t_s = grid(5.5, 82.0)
    settings = replace(SETTINGS, rejecting=rejecting)
    return analysed(t_s, trapezoid(t_s), flags=(flag,), settings=settings)


@pytest.mark.parametrize("flag", list(Flag))
def test_a_site_says_what_rejects(flag: Flag) -> None:
    assert analysis_with(flag, REJECTING).valid is (flag not in REJECTING)
    assert analysis_with(flag, frozenset()).valid
    assert not analysis_with(flag, frozenset({flag})).valid
