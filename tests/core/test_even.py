"""The arithmetic of curves on an even grid, against numpy and scipy on one curve at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from dynod.core.even import (
    area_at,
    at,
    between,
    crossing,
    cut,
    first_true,
    last_true,
    mean_of,
    running_area,
    whole_width,
    widths,
)
from dynod.model.samples import FloatArray

ROWS = np.random.default_rng(11).normal(0.0, 100.0, (4, 25))
POSITIONS = np.array(
    [
        [0.0, 0.3, 11.0, 23.999, 24.0],
        [24.0, 17.5, 17.5, 0.0, 1e-9],
        [-1e-9, 24.001, np.nan, np.inf, -np.inf],
        [3.0, 3.25, 3.5, 3.75, 4.0],
    ]
)


def by_numpy(row: FloatArray, position: FloatArray) -> FloatArray:
    outside = ~((position >= 0.0) & (position <= len(row) - 1))
    found = np.interp(np.where(outside, 0.0, position), np.arange(len(row)), row)
    return np.where(outside, np.nan, found)


def test_values_between_samples_are_those_of_numpy() -> None:
    expected = [by_numpy(row, position) for row, position in zip(ROWS, POSITIONS, strict=True)]
    np.testing.assert_allclose(at(ROWS, POSITIONS), expected, rtol=1e-12)
    np.testing.assert_allclose(at(ROWS, POSITIONS[:, 1]), np.array(expected)[:, 1], rtol=1e-12)


def test_one_sample_has_one_value() -> None:
    found = at(np.array([[7.0]]), np.array([[0.0, 0.1, -0.1]]))
    np.testing.assert_array_equal(found, [[7.0, np.nan, np.nan]])


def test_the_running_area_is_the_cumulative_trapezoid_of_scipy() -> None:
    expected = integrate.cumulative_trapezoid(ROWS, axis=1, initial=0)
    np.testing.assert_allclose(running_area(ROWS), expected, rtol=0.0, atol=1e-10)


def test_the_area_to_a_position_is_that_of_the_interpolated_curve() -> None:
    """The trapezoid over all samples before, and the position, is exact for straight pieces."""
    found = area_at(ROWS, running_area(ROWS), POSITIONS)
    for row, positions, areas in zip(ROWS, POSITIONS, found, strict=True):
        for position, area in zip(positions.tolist(), areas.tolist(), strict=True):
            if not 0.0 <= position <= 24.0:
                assert np.isnan(area)
                continue
            corners = np.append(np.arange(np.floor(position) + 1.0), position)
            expected = np.trapezoid(by_numpy(row, corners), corners)
            assert area == pytest.approx(float(expected), abs=1e-9)


def test_the_mean_of_samples_is_that_of_numpy() -> None:
    first, last = np.array([0, 3, 24, 10]), np.array([24, 3, 24, 17])
    expected = [row[a : b + 1].mean() for row, a, b in zip(ROWS, first, last, strict=True)]
    found = mean_of(ROWS, running_area(ROWS), first, last)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_first_and_the_last_true_of_each_row() -> None:
    mask = np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]], dtype=bool)
    assert first_true(mask).tolist() == [1, -1, 0, 3]
    assert last_true(mask).tolist() == [3, -1, 3, 3]


def test_a_crossing_is_interpolated_and_needs_a_next_sample() -> None:
    """From 4 to 8 the level 5 is passed after a quarter, from 8 to 0 after three eighths."""
    values = np.array([[0.0, 4.0, 8.0, 8.0, 0.0]] * 9)
    index = np.array([1, 3, 1, 1, 2, 4, -1, 1, 1])
    level = np.array([5.0, 5.0, 4.0, 8.0, 8.0, 0.0, 5.0, 9.0, np.nan])
    expected = [1.25, 3.375, 1.0, 2.0, 2.0, *[np.nan] * 4]
    np.testing.assert_array_equal(crossing(values, index, level), expected)


def test_the_samples_between_two_positions_include_both() -> None:
    begin = np.array([3.0, 2.5, -4.0, np.nan])
    end = np.array([5.0, 5.4, 1.0, 9.0])
    samples, inside = between(ROWS, begin, end)
    assert samples.shape == inside.shape == (4, 3)
    assert inside.sum(axis=1).tolist() == [3, 3, 2, 0]
    assert samples[0].tolist() == ROWS[0, 3:6].tolist()
    assert samples[1].tolist() == ROWS[1, 3:6].tolist()
    assert samples[2, :2].tolist() == ROWS[2, :2].tolist()


@settings(deadline=None)
@given(
    begin=st.floats(-40.0, 40.0) | st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -1e300]),
    end=st.floats(-40.0, 40.0) | st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -1e300]),
)
def test_no_position_reaches_beyond_a_row(begin: float, end: float) -> None:
    for rows in (ROWS, ROWS[:1]):
        samples, inside = between(rows, np.full(len(rows), begin), np.full(len(rows), end))
        expected = [k for k in range(25) if begin - 1e-6 <= k <= end + 1e-6]
        if not np.isfinite([begin, end]).all():
            expected = []
        for row, found, mask in zip(rows, samples, inside, strict=True):
            assert found[mask].tolist() == row[expected].tolist()


def test_samples_are_cut_out_of_one_row_as_out_of_many() -> None:
    first, count = np.array([0, 20, 7, 25]), np.array([25, 5, 0, 0])
    together, inside = cut(ROWS, first, count)
    for index in range(4):
        alone, mask = cut(ROWS[index : index + 1], first[index : index + 1], count[[index]])
        assert mask.all()
        assert together[index][inside[index]].tolist() == alone[0].tolist()


def test_a_duration_in_samples_is_whole_where_the_rate_is_measured_a_little_off() -> None:
    rates_hz = np.array([1000.0, 999.9999999, 82.36, 1000.1])
    assert widths(0.5, rates_hz).tolist() == pytest.approx([500.0, 500.0, 41.18, 500.05])
    assert widths(0.5, rates_hz)[1] == 500.0
    assert widths(0.5, np.array([1e-9])).tolist() == [5e-10]  # never none


def test_a_duration_in_whole_samples_goes_up_at_a_half() -> None:
    """A quarter of a second at 250 Hz, measured a little below and a little above."""
    rates_hz = np.array([250.0, 250.0 - 1e-9, 250.0 + 1e-9, 249.0, 251.0])
    assert whole_width(0.25, rates_hz).tolist() == [63.0, 63.0, 63.0, 62.0, 63.0]
