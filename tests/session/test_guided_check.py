"""Mishaps of the hand in a check, told from a unit that is off."""

import pytest

from dynod.model.clinical import Kind
from dynod.session.guided_check import doubt_of_load, doubt_of_zero


@pytest.mark.parametrize(
    ("kind", "zero", "doubted"),
    [
        (Kind.FORCE, 0.3, False),
        (Kind.FORCE, -12.0, False),  # off, and so for the verdict
        (Kind.FORCE, 98.0, True),  # the weight is on
        (Kind.ANGLE, 1.2, False),
        (Kind.ANGLE, 30.0, True),
    ],
)
def test_a_weight_that_is_on_too_early_is_no_zero(kind: Kind, zero: float, doubted: bool) -> None:
    assert (doubt_of_zero(kind, zero, 98.1) is not None) is doubted


@pytest.mark.parametrize(
    ("kind", "result", "reference", "said"),
    [
        (Kind.FORCE, 99.9, 98.1, None),
        (Kind.FORCE, 90.0, 98.1, None),  # off by 8 %: for the verdict
        (Kind.FORCE, 0.2, 98.1, "taken off too early"),
        (Kind.FORCE, 147.1, 98.1, "right weight"),
        (Kind.FORCE, -98.0, 98.1, "pulled"),
        (Kind.ANGLE, 28.0, 30.0, None),
        (Kind.ANGLE, -29.7, 30.0, "the other way"),
        (Kind.ANGLE, 45.1, 30.0, "right pose"),
        (Kind.ANGLE, 0.1, 0.0, None),
    ],
)
def test_another_load_is_asked_for_again(
    kind: Kind, result: float, reference: float, said: str | None
) -> None:
    doubt = doubt_of_load(kind, result, reference)
    if said is None:
        assert doubt is None
    else:
        assert doubt is not None
        assert said in doubt
