"""The weekly check and its trend, by hand; how often chance alone warns, by counting."""

import math
from datetime import UTC, datetime, timedelta
from itertools import permutations

import numpy as np
import pytest

from dynod.core.verification import drift, verify
from dynod.model.calibration_record import Check, CheckLimits
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def force(week: float, reading: float, zero: float = 0.0, weight: float = 100.0) -> Check:
    return Check(START + timedelta(weeks=week), Kind.FORCE, weight, reading, zero)


def angle(week: float, reading: float, zero: float = 0.0, known: float = 30.0) -> Check:
    return Check(START + timedelta(weeks=week), Kind.ANGLE, known, reading, zero)


@pytest.mark.parametrize(
    ("check", "passed"),
    [
        (force(0, 100.0), True),
        (force(0, 101.0), True),  # on the limit of 1 %
        (force(0, 98.99), False),
        (force(0, 101.9, zero=1.0), True),  # the zero is taken off: 0.9 %
        (force(0, 101.0, zero=1.01), False),  # the result is right, the zero is not
        (force(0, 100.0, zero=-1.01), False),
        (angle(0, 30.5), True),
        (angle(0, 29.4), False),
        (angle(0, -30.4, known=-30.0), True),
        (angle(0, 0.2, known=0.0), True),
        (angle(0, 30.6, zero=0.6), False),
    ],
)
def test_the_default_limits(check: Check, passed: bool) -> None:
    """±1 % of the load and ±1 N, ±0.5°: remembered practice, as the facts say."""
    result = verify(check, CheckLimits())
    assert result.passed is passed
    assert bool(result.problems) is not passed


def test_what_is_wrong_is_said_in_a_line_each() -> None:
    result = verify(force(0, 103.5, zero=1.5), CheckLimits())
    assert result.problems == (
        "shows 102.00 N at 100.00 N: off by +2.00, allowed ±1.00",
        "shows +1.50 N unloaded, allowed ±1.00",
    )
    assert (result.error, result.limit, result.zero, result.zero_limit) == (2.0, 1.0, 1.5, 1.0)


def test_other_limits_hold_where_a_site_has_them() -> None:
    assert verify(force(0, 101.9), CheckLimits(relative=0.02)).passed
    assert verify(angle(0, 31.0), CheckLimits(angle_deg=1.0)).passed


def test_no_number_is_no_pass() -> None:
    result = verify(force(0, math.nan), CheckLimits())
    assert not result.passed
    assert len(result.problems) == 1


def test_a_force_check_needs_a_weight() -> None:
    with pytest.raises(UsageError, match="needs a weight"):
        verify(force(0, 0.0, weight=0.0), CheckLimits())


def test_three_moves_one_way_warn_while_all_still_pass() -> None:
    history = [force(week, 100.0 + 0.2 * week) for week in range(4)]
    found = drift(history, resolution=0.1)
    assert all(verify(check, CheckLimits()).passed for check in history)
    assert found.warnings == (
        "the reading went up in 3 checks in a row, by 0.60 % of the load in all",
    )
    assert found.per_week == pytest.approx(0.2)
    assert found.zero_per_week == pytest.approx(0.0)


@pytest.mark.parametrize(
    "readings",
    [
        [100.0, 100.2, 100.4],  # two moves
        [100.0, 100.2, 100.1, 100.4],  # not one way
        [100.0, 100.2, 100.3, 100.5],  # one of them no more than a step of 0.1
        [100.0, 100.3, 100.6, 100.9, 100.5],  # over: the last move went back
        [],
        [100.0],
    ],
)
def test_other_moves_do_not_warn(readings: list[float]) -> None:
    history = [force(week, reading) for week, reading in enumerate(readings)]
    assert drift(history, resolution=0.1000001).warnings == ()


def test_the_zero_drifts_by_itself() -> None:
    """Readings follow the zero, so that the result stays right."""
    history = [force(week, 100.0 - 0.3 * week, zero=-0.3 * week) for week in range(4)]
    found = drift(history, resolution=0.1)
    assert found.warnings == ("the zero went down in 3 checks in a row, by 0.90 N in all",)
    assert found.zero_per_week == pytest.approx(-0.3)


def test_angles_drift_in_degrees() -> None:
    found = drift([angle(week, 30.0 - 0.1 * week) for week in range(5)], resolution=0.05)
    assert found.per_week == pytest.approx(-0.1)
    assert found.warnings == ("the reading went down in 3 checks in a row, by 0.30° in all",)


def test_checks_with_different_weights_compare_by_their_share() -> None:
    """0.1, 0.3, 0.5 and 0.7 % too high, with 100 and 200 N in turn."""
    history = [
        force(week, weight * (1.001 + 0.002 * week), weight=weight)
        for week, weight in enumerate([100.0, 200.0, 100.0, 200.0])
    ]
    found = drift(history, resolution=0.1)
    assert found.per_week == pytest.approx(0.2)
    assert len(found.warnings) == 1


def test_the_coarser_of_two_weights_says_what_a_step_is() -> None:
    """A step of 0.25 N is 0.25 % of 100 N: from there to 0.2 % more at 200 N is no move."""
    weights = [100.0, 200.0, 200.0, 200.0]
    history = [
        force(week, weight * (1.001 + 0.002 * week), weight=weight)
        for week, weight in enumerate(weights)
    ]
    assert drift(history, resolution=0.25).warnings == ()
    assert len(drift(history, resolution=0.15).warnings) == 1


def test_the_slope_is_that_of_least_squares_in_weeks() -> None:
    """numpy's polyfit over uneven days, given in any order."""
    days = np.array([0.0, 5.0, 15.0, 20.0, 31.0])
    errors = np.array([0.1, -0.2, 0.3, 0.2, 0.5])
    history = [force(day / 7.0, 100.0 + error) for day, error in zip(days, errors, strict=True)]
    found = drift(history[::-1], resolution=0.1)
    assert found.checks == 5
    assert found.per_week == pytest.approx(np.polyfit(days / 7.0, errors, 1)[0])


def test_checks_of_one_moment_have_no_slope() -> None:
    found = drift([force(0, 100.0), force(0, 101.0)], resolution=0.1)
    assert (found.per_week, found.zero_per_week) == (None, None)
    assert drift([], resolution=0.1).checks == 0


def test_a_reading_that_is_no_number_is_left_out() -> None:
    found = drift([force(0, 100.0), force(1, math.nan), force(2, 100.4)], resolution=0.1)
    assert found.checks == 2
    assert found.per_week == pytest.approx(0.2)


def test_kinds_are_not_mixed() -> None:
    with pytest.raises(UsageError, match="one trend"):
        drift([force(0, 100.0), angle(1, 30.0)], resolution=0.1)


def test_chance_alone_warns_once_in_twelve_times() -> None:
    """Of the 24 orders of four different errors two are in one direction: 1/12."""
    warned = 0
    for order in permutations(range(4)):
        history = [force(week, 100.0 + error) for week, error in enumerate(order)]
        warned += bool(drift(history, resolution=0.5).warnings)
    assert warned == 2
