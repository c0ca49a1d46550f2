"""Lone spikes: the running median against scipy.signal, and what is replaced."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from dynod.core.spikes import hampel, running_median
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray
from tests.core.curves import SETTINGS, analysed, grid, human_pull, trapezoid

FORCES_N = st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=60)


def without_spikes(newtons: FloatArray) -> tuple[FloatArray, list[int]]:
    clean, mask = hampel(newtons[np.newaxis], SETTINGS)
    return clean[0], np.flatnonzero(mask[0]).tolist()


@settings(deadline=None)
@given(FORCES_N)
def test_the_median_of_five_equals_the_one_of_scipy(newtons: list[float]) -> None:
    """scipy pads with zeros beyond the ends; between them it is the same median."""
    values = np.array(newtons)
    expected = np.asarray(signal.medfilt(values, 5))[2:-2]
    assert running_median(values[np.newaxis])[0, 2:-2].tolist() == expected.tolist()


@settings(deadline=None)
@given(FORCES_N)
def test_the_ends_follow_tukey(newtons: list[float]) -> None:
    """y2 = med(x1, x2, x3); y1 = med(x1, y2, 3·y2 − 2·y3): R's manual of smoothEnds."""
    values = np.array(newtons)
    for given_values, found in (
        (values, running_median(values[np.newaxis])[0]),
        (values[::-1], running_median(values[np.newaxis])[0, ::-1]),
    ):
        second = float(np.median(given_values[:3]))
        third = float(np.median(given_values[:5]))
        first = float(np.median([given_values[0], second, 3.0 * second - 2.0 * third]))
        assert found[:2].tolist() == [first, second]


def test_rows_do_not_touch_each_other() -> None:
    rows = np.random.default_rng(2).normal(0.0, 100.0, (7, 40))
    together, mask = hampel(rows, SETTINGS)
    for row, clean, found in zip(rows, together, mask, strict=True):
        alone, indices = without_spikes(row)
        assert clean.tolist() == alone.tolist()
        assert np.flatnonzero(found).tolist() == indices


@pytest.mark.parametrize("at", [0, 1, 2, 30, 57, 58, 59])
@pytest.mark.parametrize("by_n", [61.0, -61.0, 5000.0])
def test_a_lone_spike_anywhere_is_replaced_and_nothing_else(at: int, by_n: float) -> None:
    """400 N held: the limit is 15 % of 400 N, 60 N."""
    newtons = np.full(60, 400.0)
    newtons[at] += by_n
    clean, indices = without_spikes(newtons)
    assert indices == [at]
    assert clean.tolist() == [400.0] * 60


@pytest.mark.parametrize("at", [0, 1, 2, 30, 57, 58, 59])
def test_a_deviation_below_the_limit_stays(at: int) -> None:
    newtons = np.full(60, 400.0)
    newtons[at] += 59.0
    clean, indices = without_spikes(newtons)
    assert indices == []
    assert clean.tolist() == newtons.tolist()


@pytest.mark.parametrize(("by_n", "indices"), [(19.9, []), (20.1, [30])])
def test_at_low_forces_the_limit_is_twenty_newtons(by_n: float, indices: list[int]) -> None:
    """15 % of 100 N are less than 20 N."""
    newtons = np.full(60, 100.0)
    newtons[30] += by_n
    assert without_spikes(newtons)[1] == indices


def test_two_spikes_side_by_side_are_none_and_two_apart_are_two() -> None:
    newtons = np.full(60, 400.0)
    newtons[[30, 31, 32]] += 300.0
    assert without_spikes(newtons)[1] == []
    newtons = np.full(60, 400.0)
    newtons[[20, 23]] += 300.0
    assert without_spikes(newtons)[1] == [20, 23]


@pytest.mark.parametrize("count", range(5))
def test_fewer_than_five_samples_have_no_median_of_five(count: int) -> None:
    newtons = np.array([0.0, 1000.0, 0.0, 0.0])[:count]
    clean, indices = without_spikes(newtons)
    assert indices == []
    assert clean.tolist() == newtons.tolist()


@pytest.mark.parametrize("cut_s", [1.02, 1.03, 1.05, 1.08])
@pytest.mark.parametrize("rate_hz", [82.0, 250.0, 1000.0])
def test_a_fast_rise_that_is_cut_off_is_no_spike(cut_s: float, rate_hz: float) -> None:
    """4000 N/s, 49 N from sample to sample at 82 Hz, cut off at its second sample or later."""
    t_s = grid(cut_s, rate_hz)
    if np.count_nonzero(t_s > 1.0) > 1:
        assert without_spikes(trapezoid(t_s, ramp_s=0.1))[1] == []


@pytest.mark.parametrize("knock_n", [-300.0, 61.0, 300.0, 800.0])
def test_a_knock_on_the_last_sample_is_never_the_peak(knock_n: float) -> None:
    """The second press may shake the device: 400 N held, the last sample off by the knock.

    The corner where the rise ends rings by less than 5 N.
    """
    t_s = grid(4.4, 100.0)
    newtons = trapezoid(t_s)
    newtons[-1] += knock_n
    analysis = analysed(t_s, newtons)
    assert analysis.metrics["peak_force_n"] == pytest.approx(400.0, abs=5.0)
    assert Flag.SPIKE in analysis.flags


def test_a_pull_as_people_make_it_is_left_alone() -> None:
    for rate_hz in (40.0, 82.0, 250.0, 1000.0):
        newtons = human_pull(grid(5.6, rate_hz))
        clean, indices = without_spikes(newtons)
        assert indices == []
        assert clean.tolist() == newtons.tolist()
