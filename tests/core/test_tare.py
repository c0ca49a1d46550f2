"""The tare of a pre-roll, and the one of the tare command."""

import numpy as np
import pytest

from dynod.core.settings import AnalysisSettings
from dynod.core.tare import find_tare, quiet_second
from dynod.model.samples import FloatArray

SETTINGS = AnalysisSettings()
RATE_HZ = 80.0


def times(count: int) -> FloatArray:
    return np.arange(count) / RATE_HZ


def tare_of(*newtons: FloatArray) -> float | None:
    joined = np.concatenate(newtons)
    return find_tare(times(len(joined)), joined, SETTINGS)


def test_a_quiet_preroll_gives_its_median() -> None:
    # 2.1, 2.6, 3.1 in turn: median 2.6, standard deviation √(2·0.25/3) = 0.41 N.
    assert tare_of(np.tile([2.1, 2.6, 3.1], 27)) == pytest.approx(2.6)


def test_a_noisy_preroll_gives_none() -> None:
    assert tare_of(np.tile([-5.0, 5.0], 40)) is None


@pytest.mark.parametrize(("deviation_n", "quiet"), [(0.99, True), (1.01, False)])
def test_quiet_means_at_most_one_newton_of_standard_deviation(
    deviation_n: float, quiet: bool
) -> None:
    # Equal numbers of +d and −d have the standard deviation d (contract, section 2: 1 N).
    found = tare_of(np.tile([-deviation_n, deviation_n], 40))
    assert (found is not None) is quiet


def test_whoever_leans_on_the_pad_does_not_raise_the_tare() -> None:
    leaning, free = np.full(48, 25.0), np.full(48, 2.0)
    assert tare_of(leaning, free) == pytest.approx(2.0)
    assert tare_of(free, leaning) == pytest.approx(2.0)


def test_the_rise_of_the_pull_at_the_end_of_the_preroll_is_left_out() -> None:
    assert tare_of(np.full(60, 2.0), np.linspace(4.0, 20.0, 8)) == pytest.approx(2.0)


def test_less_than_half_a_second_is_too_little() -> None:
    assert tare_of(np.full(33, 2.0)) is None  # 32 intervals of 12.5 ms: 0.4 s
    assert tare_of(np.full(41, 2.0)) == pytest.approx(2.0)  # 40 intervals: 0.5 s


def test_half_a_second_of_quiet_hidden_in_noise_is_not_enough_when_it_is_shorter() -> None:
    noise = np.tile([-20.0, 20.0], 20)
    assert tare_of(noise, np.full(33, 2.0), noise) is None


def test_a_single_sample_of_a_slow_stream_is_no_quiet_stretch() -> None:
    """One reading a second and then two at once: each alone would be still, together they swing."""
    assert find_tare(np.array([0.0, 1.0]), np.array([-5.0, 5.0]), SETTINGS) is None
    assert find_tare(np.array([0.0, 2.0, 2.0]), np.array([-5.0, 5.0, 9.0]), SETTINGS) is None


@pytest.mark.parametrize("count", [0, 1])
def test_no_samples_give_no_tare(count: int) -> None:
    assert tare_of(np.zeros(count)) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_none_gives_no_tare(bad: float) -> None:
    assert tare_of(np.full(40, 2.0), np.array([bad]), np.full(40, 2.0)) is None


def test_the_tare_command_takes_the_median_of_a_quiet_second() -> None:
    outcome = quiet_second(times(81), np.tile([1.5, 2.0, 2.5], 27), SETTINGS)
    assert outcome.tare_n == pytest.approx(2.0)
    assert outcome.problem is None


@pytest.mark.parametrize(
    ("newtons", "problem"),
    [
        (np.full(0, 2.0), "less than one second"),
        (np.full(1, 2.0), "less than one second"),
        (np.full(60, 2.0), "less than one second"),
        (np.append(np.full(80, 2.0), np.nan), "overload"),
        (np.tile([-5.0, 5.0, 0.0], 27), "not quiet"),
        (np.full(81, 31.0), "pushing"),
        (np.full(81, -31.0), "pushing"),
    ],
)
def test_the_tare_command_says_why_there_is_none(newtons: FloatArray, problem: str) -> None:
    outcome = quiet_second(times(len(newtons)), newtons, SETTINGS)
    assert outcome.tare_n is None
    assert outcome.problem is not None
    assert problem in outcome.problem


def test_thirty_newtons_are_still_a_tare() -> None:
    assert quiet_second(times(81), np.full(81, 30.0), SETTINGS).tare_n == pytest.approx(30.0)
