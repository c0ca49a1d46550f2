"""Procedures and sets of masses of a force calibration as files."""

from pathlib import Path

import pytest

from dynod.config.procedures import DEFAULT, load_force_procedure
from dynod.config.references import load_mass_set
from dynod.core.gravity import local_gravity
from dynod.model.calibration_record import Distribution
from dynod.model.errors import ConfigError, UsageError
from dynod.session.force_plan import StepKind, steps_of
from dynod.session.weights import Mass, plan_loads
from tests.config.files import write

PROCEDURE = """\
title = "short"
kind = "force"
load_steps = [0.5, 1.0]
"""
SET = """\
title = "two weights"
certificate = "lab 4711"

[[mass]]
label = "A"
mass_kg = 10
uncertainty_kg = 0.0005

[[mass]]
label = "B"
mass_kg = 5.0
uncertainty_kg = 0.00025
"""


def procedure(folder: Path, text: str, name: str = "own") -> Path:
    return write(folder / "calibration.d" / "procedures" / f"{name}.toml", text)


def masses(folder: Path, text: str = SET, name: str = "own") -> Path:
    return write(folder / "calibration.d" / "references" / f"{name}.toml", text)


def test_the_shipped_procedure_goes_with_the_shipped_example(tmp_path: Path) -> None:
    found = load_force_procedure(tmp_path, DEFAULT)
    _, example = load_mass_set(tmp_path, "example_mass_set")
    loads = plan_loads(
        example.masses(),
        found.load_steps,
        gravity=local_gravity(None),
        air=example.buoyancy(),
    )
    # 36 kg in whole kg: 3.6, 7.2, 14.4, 21.6 and 28.8 kg become 4, 7, 14, 22 and 29
    assert [load.mass_kg for load in loads] == [4.0, 7.0, 14.0, 22.0, 29.0, 36.0]
    kinds = [step.kind for step in steps_of(found.plan(loads))]
    assert kinds.count(StepKind.RESEAT) == 2
    assert kinds.count(StepKind.LOAD) == 3 * 11
    assert "AN EXAMPLE" in example.words


def test_a_sites_own_files_win(tmp_path: Path) -> None:
    procedure(tmp_path, PROCEDURE, DEFAULT)
    masses(tmp_path)
    assert load_force_procedure(tmp_path, DEFAULT).title == "short"
    name, found = load_mass_set(tmp_path, None)
    assert (name, found.words) == ("own", "two weights; lab 4711")
    assert found.pieces("B + A") == (Mass("B", 5.0, 0.00025), Mass("A", 10.0, 0.0005))
    assert found.buoyancy().factor == pytest.approx(1.0 - 1.2 / 8000.0)


def test_the_temperature_is_stated_only_where_it_is_known(tmp_path: Path) -> None:
    procedure(tmp_path, PROCEDURE)
    assert load_force_procedure(tmp_path, "own").stated() == ()
    known = "temperature_percent_per_k = 0.02\ntemperature_reach_k = 5\n"
    procedure(tmp_path, PROCEDURE + known)
    (effect,) = load_force_procedure(tmp_path, "own").stated()
    assert effect.slope == pytest.approx(0.001)  # 0.02 % per K over 5 K
    assert effect.distribution is Distribution.RECTANGULAR


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PROCEDURE + "preload = 3\n", 'preload: unknown key; did you mean "preloads"?'),
        (PROCEDURE + "runs = 0\n", "runs: should be greater than or equal to 1"),
        (PROCEDURE.replace("[0.5, 1.0]", "[0.5, 0.9]"), "load_steps: should rise to 1.0"),
        (PROCEDURE.replace("[0.5, 1.0]", "[0.5, 0.4, 1.0]"), "load_steps: should rise to 1.0"),
        (PROCEDURE.replace('"force"', '"angle"'), "kind: should be 'force'"),
        ("kind = ", "no valid TOML"),
    ],
)
def test_a_wrong_procedure_names_file_and_key(text: str, said: str, tmp_path: Path) -> None:
    path = procedure(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load_force_procedure(tmp_path, "own")
    assert str(error.value).startswith(f"{path}: {said}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mass_kg = 5.0", "mass = 5.0", 'mass[2].mass: unknown key; did you mean "mass_kg"?'),
        ("mass_kg = 5.0", "mass_kg = -5.0", "mass[2].mass_kg: should be greater than 0"),
        ('label = "B"', 'label = "A"', "mass: two pieces have the same label"),
        ('label = "B"', 'label = "B+C"', "mass[2].label:"),
    ],
)
def test_a_wrong_set_names_file_and_key(old: str, new: str, said: str, tmp_path: Path) -> None:
    path = masses(tmp_path, SET.replace(old, new))
    with pytest.raises(ConfigError) as error:
        load_mass_set(tmp_path, "own")
    assert f"{path}: {said}" in str(error.value)


def test_names_that_there_are_not_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='unknown procedure; did you mean "force_dead_weight"'):
        load_force_procedure(tmp_path, "force_dead_weights")
    with pytest.raises(UsageError, match='unknown set of masses; did you mean "example_mass_set"'):
        load_mass_set(tmp_path, "example_mass_sett")
    with pytest.raises(UsageError, match=r"no set of masses in .*references: describe yours there"):
        load_mass_set(tmp_path, None)
    masses(tmp_path)
    masses(tmp_path, name="other")
    with pytest.raises(UsageError, match="name the set of masses with --reference: other, own"):
        load_mass_set(tmp_path, None)


@pytest.mark.parametrize(
    ("names", "said"),
    [("A+D", "weight D: unknown piece"), ("A+A", "named twice"), ("", r"weight \(none\)")],
)
def test_pieces_that_there_are_not_are_told(names: str, said: str, tmp_path: Path) -> None:
    masses(tmp_path)
    with pytest.raises(UsageError, match=said):
        load_mass_set(tmp_path, "own")[1].pieces(names)
