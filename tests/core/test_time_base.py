"""What the times of samples say: rate, gaps, bursts, duplicates, and the even grid."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.core.time_base import Grid, TimeBase, grid_of, time_base
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray
from tests.core.curves import SETTINGS, grid


def base_of(*intervals_s: float) -> TimeBase:
    return time_base(np.cumsum([0.0, *intervals_s]), SETTINGS)


def gridded(t_s: FloatArray, values: FloatArray) -> Grid:
    base = time_base(t_s, SETTINGS)
    kept = slice(None) if base.keep is None else base.keep
    return grid_of(t_s[kept], values[kept], base)


@pytest.mark.parametrize("rate_hz", [1.0, 10.0, 40.0, 82.36, 250.0, 1000.0, 80_000.0])
def test_even_times_have_their_rate_and_no_flag(rate_hz: float) -> None:
    for first_s in (0.0, -3.0, 86_400.0):
        base = time_base(first_s + grid(200.0 / rate_hz, rate_hz), SETTINGS)
        assert base.rate_hz == pytest.approx(rate_hz, rel=1e-6)
        assert (base.even, base.flags, base.keep) == (True, (), None)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_samples_have_no_rate(count: int) -> None:
    base = time_base(np.zeros(count), SETTINGS)
    assert (base.rate_hz, base.even, base.flags, base.keep) == (None, True, (), None)


def test_a_board_that_begins_with_short_intervals_has_the_rate_of_the_others() -> None:
    """Two of 2 ms and 400 of 12.5 ms: 80 Hz, as the ordinary intervals say."""
    base = base_of(0.002, 0.002, *[0.0125] * 400)
    assert base.rate_hz == pytest.approx(80.0)
    assert base.flags == ()


@pytest.mark.parametrize(("factor", "flags"), [(1.74, ()), (1.76, (Flag.GAP,)), (2.0, (Flag.GAP,))])
def test_an_interval_of_more_than_one_and_three_quarters_is_a_gap(
    factor: float, flags: tuple[Flag, ...]
) -> None:
    base = base_of(*[0.01] * 50, 0.01 * factor, *[0.01] * 50)
    assert base.flags == flags
    assert base.rate_hz == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("short_s", "count", "burst"), [(0.004, 3, True), (0.004, 2, False), (0.006, 3, False)]
)
def test_three_intervals_in_a_row_below_half_the_median_are_a_burst(
    short_s: float, count: int, burst: bool
) -> None:
    base = base_of(*[0.01] * 50, *[short_s] * count, *[0.01] * 50)
    assert (Flag.BURST in base.flags) is burst


def test_a_time_that_has_been_there_is_dropped_with_its_sample() -> None:
    t_s = np.array([0.0, 0.01, 0.01, 0.02, 0.03, 0.03, 0.03, 0.04])
    base = time_base(t_s, SETTINGS)
    assert base.flags == (Flag.DUPLICATE_TIMES,)
    assert base.keep is not None
    assert base.keep.tolist() == [0, 1, 3, 4, 7]
    assert base.rate_hz == pytest.approx(100.0)
    assert gridded(t_s, np.arange(8.0)).values.tolist() == [0.0, 1.0, 3.0, 4.0, 7.0]


def test_times_that_are_all_one_have_no_rate() -> None:
    base = time_base(np.full(5, 3.0), SETTINGS)
    assert (base.rate_hz, base.flags) == (None, (Flag.DUPLICATE_TIMES,))
    one = gridded(np.full(5, 3.0), np.arange(5.0))
    assert math.isnan(one.rate_hz)
    assert one.values.tolist() == [0.0]


def test_a_jitter_of_a_third_of_an_interval_is_even_and_keeps_its_values() -> None:
    t_s = grid(5.0, 80.0)
    t_s[1:-1] += np.random.default_rng(1).uniform(-0.33, 0.33, 399) / 80.0
    values = np.sin(t_s)
    assert time_base(t_s, SETTINGS).even
    assert gridded(t_s, values).values.tolist() == values.tolist()


@pytest.mark.parametrize(("ratio", "even"), [(1.009, True), (1.012, False)])
def test_a_rate_that_changes_halfway_is_uneven_once_it_is_half_an_interval_off(
    ratio: float, even: bool
) -> None:
    """100 intervals of 10 ms and 100 of r·10 ms: the middle lies 100·(r − 1)/2 intervals early.

    The mean interval is (1 + r)/2 · 10 ms: 0.45/1.0045 = 0.448 and 0.6/1.006 = 0.596 intervals.
    """
    assert base_of(*[0.01] * 100, *[0.01 * ratio] * 100).even is even


def test_uneven_samples_are_interpolated_onto_a_grid_of_their_own_rate() -> None:
    """A straight line stays one, and the grid's time is where it says."""
    t_s = np.cumsum([0.5, *[0.01] * 100, *[0.013] * 100])
    curve = gridded(t_s, 3.0 * t_s)
    assert curve.start_s == 0.5
    times = curve.start_s + np.arange(len(curve.values)) / curve.rate_hz
    assert times[-1] <= t_s[-1] + 1e-9
    assert t_s[-1] - times[-1] < 1.0 / curve.rate_hz
    np.testing.assert_allclose(curve.values, 3.0 * times, atol=1e-9)


def test_a_gap_is_bridged_at_the_rate_of_the_others() -> None:
    """Forty of 200 samples lost in one piece: the grid has them all, on the line between."""
    t_s = grid(2.0, 100.0)
    kept = (t_s < 0.8) | (t_s > 1.2)
    curve = gridded(t_s[kept], 5.0 * t_s[kept])
    assert curve.rate_hz == pytest.approx(100.0)
    np.testing.assert_allclose(curve.values, 5.0 * t_s, atol=1e-9)


def test_bursts_of_bytes_make_no_endless_grid() -> None:
    """Ten samples within 10 ns, every two seconds: a rate of 1 GHz would be 2·10⁹ samples.

    A grid has at most four samples for each that came.
    """
    t_s = np.concatenate([2.0 * k + 2e-9 * np.arange(10) for k in range(6)])
    assert Flag.GAP in time_base(t_s, SETTINGS).flags
    assert len(gridded(t_s, np.arange(60.0)).values) <= 4 * 60


@pytest.mark.parametrize(
    ("t_s", "index"),
    [(-1.0, 0), (2.0, 0), (2.0001, 1), (2.1, 1), (2.1 + 1e-9, 1), (2.95, 10), (3.0, 10), (9.0, 11)],
)
def test_the_begin_of_a_recording_is_the_first_sample_at_or_after_it(
    t_s: float, index: int
) -> None:
    """Eleven samples from 2.0 s on at 10 Hz; a millionth of an interval is forgiven."""
    assert Grid(2.0, 10.0, np.zeros(11)).index_from(t_s) == index


def test_the_one_sample_of_a_reading_is_at_its_own_time() -> None:
    one = Grid(2.0, math.nan, np.zeros(1))
    assert [one.index_from(t_s) for t_s in (1.0, 2.0, 2.1)] == [0, 0, 1]


@settings(deadline=None)
@given(
    intervals_s=st.lists(
        st.sampled_from([0.0, 1e-12, 1e-9, 2e-9, 1e-6, 0.001, 0.0125, 0.1, 3.0, 1e5]), max_size=60
    ),
    first_s=st.sampled_from([0.0, -7.0, 1e6]),
)
def test_any_times_have_a_grid_of_a_sane_length(intervals_s: list[float], first_s: float) -> None:
    t_s = first_s + np.cumsum([0.0, *intervals_s])
    curve = gridded(t_s, np.arange(float(len(t_s))))
    assert 1 <= len(curve.values) <= 4 * len(t_s)
    assert np.all(np.diff(curve.values) >= 0.0)  # rising values stay so
    base = time_base(t_s, SETTINGS)
    assert (base.rate_hz is None) == math.isnan(curve.rate_hz)
    assert base.rate_hz is None or 0.0 < base.rate_hz < 2e9
