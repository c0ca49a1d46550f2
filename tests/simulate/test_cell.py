"""A constructed sensor, by hand."""

import pytest

from dynod.simulate.cell import Cell, CellOptions
from dynod.simulate.patient import Patient


def shown(options: CellOptions, *loads: float) -> list[float]:
    cell = Cell(lambda t_s: loads[int(t_s)], options)
    return [cell(float(at)) for at in range(len(loads))]


def test_without_errors_it_shows_what_it_feels() -> None:
    assert shown(CellOptions(), 0.0, 50.0, 100.0, 50.0, 0.0) == [0.0, 50.0, 100.0, 50.0, 0.0]


def test_scale_offset_and_curvature() -> None:
    options = CellOptions(scale=2.0, offset=3.0, curvature=0.1)
    # 3 + 2·50·(1 + 0.1·0.5) and 3 + 2·100·(1 + 0.1·1)
    assert shown(options, 0.0, 50.0, 100.0) == pytest.approx([3.0, 108.0, 223.0])


def test_on_the_way_down_it_shows_more() -> None:
    options = CellOptions(hysteresis=0.01)
    # 1 % of 200 N, all of it half way down; nothing once it was unloaded
    assert shown(options, 100.0, 200.0, 100.0, 0.0, 100.0) == pytest.approx(
        [100.0, 200.0, 102.0, 0.0, 100.0]
    )


def test_a_placed_weight_does_not_tremble_and_ends_the_pulls() -> None:
    patient = Patient(tremor=5.0)
    patient.pull(1.0, 150.0, hold_s=2.0)
    patient.pull(10.0, 150.0, hold_s=2.0)
    patient.place(5.0, 40.0)
    assert [patient(t_s) for t_s in (6.0, 6.02, 11.0)] == pytest.approx([40.0] * 3)
