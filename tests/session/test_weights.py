"""Which weights make up a load, by hand."""

import pytest

from dynod.model.calibration_record import Buoyancy, Gravity
from dynod.model.errors import UsageError
from dynod.session.weights import Mass, PlannedLoad, plan_loads

GRAVITY = Gravity(10.0, 0.0, "by hand")
AIR = Buoyancy(1.0, 0.0)
SET = tuple(
    Mass(label, mass_kg, uncertainty_kg=1e-4 * mass_kg)
    for label, mass_kg in (("A1", 10.0), ("A2", 10.0), ("B1", 5.0), ("C1", 2.0), ("C2", 2.0))
)


def planned(*steps: float, limit_n: float | None = None) -> tuple[PlannedLoad, ...]:
    return plan_loads(SET, steps, gravity=GRAVITY, air=AIR, limit_n=limit_n)


def test_each_step_is_the_nearest_sum_with_the_fewest_pieces() -> None:
    # 29 kg in all: half is 14.5 kg, of which 14 = 10 + 2 + 2 and 15 = 10 + 5 are as near: the less
    found = planned(0.2, 0.5, 1.0)
    assert [load.mass_kg for load in found] == [5.0, 14.0, 29.0]
    assert [load.labels for load in found[:2]] == [("B1",), ("A1", "C1", "C2")]
    assert [load.force_n for load in found] == pytest.approx([50.0, 140.0, 290.0])
    # one laboratory: expanded uncertainties add up, half of that is the standard one
    assert found[1].uncertainty_n == pytest.approx(0.5 * 1e-4 * 14.0 * 10.0)
    assert found[0].words == "B1: 5 kg = 50.00 N"


def test_the_highest_load_stays_below_the_limit() -> None:
    assert [load.mass_kg for load in planned(0.5, 1.0, limit_n=165.0)] == [7.0, 15.0]
    assert planned(0.5, 1.0, limit_n=150.0)[-1].mass_kg == 15.0


def test_steps_that_come_to_one_load_are_one() -> None:
    assert [load.mass_kg for load in planned(0.01, 0.02, 0.5, 1.0, limit_n=40.0)] == [2.0, 4.0]


def test_air_carries_a_part() -> None:
    (_, highest) = plan_loads(SET, (0.5, 1.0), gravity=GRAVITY, air=Buoyancy(0.99985, 0.0))
    assert highest.force_n == pytest.approx(290.0 * 0.99985)


@pytest.mark.parametrize(
    ("limit_n", "what"),
    [(19.0, "no weight is light enough for 19 N: it begins at 20 N"), (20.0, "two different")],
)
def test_a_set_that_makes_up_too_little_is_refused(limit_n: float, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        planned(0.5, 1.0, limit_n=limit_n)
