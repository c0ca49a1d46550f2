"""Procedures of an inclinometer's calibration as files."""

import math
from pathlib import Path

import pytest

from dynod.config.angle_procedures import DEFAULT, load_angle_procedure
from dynod.model.errors import ConfigError, UsageError

SHORT = """\
title = "six poses"
kind = "angle"
reference = "made up"
reversals = 0
rounds = 1
"""
POSE = '[[pose]]\nlabel = "p{0}"\nangle_deg = {0}\n'


def write(folder: Path, text: str) -> None:
    place = folder / "calibration.d" / "procedures"
    place.mkdir(parents=True, exist_ok=True)
    (place / "own.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", [DEFAULT, "angle_sine_bar"])
def test_those_that_came_with_dynod_are_sound(name: str, tmp_path: Path) -> None:
    plan = load_angle_procedure(tmp_path, name).plan()
    assert plan.reversals == 2
    assert any(pose.cross_deg for pose in plan.poses)
    assert {math.copysign(1.0, pose.angle_deg) for pose in plan.poses} == {-1.0, 1.0}


def test_the_angle_of_a_sine_bar_is_its_arcsine(tmp_path: Path) -> None:
    plan = load_angle_procedure(tmp_path, "angle_sine_bar").plan()
    block = next(pose for pose in plan.poses if pose.label == "block of 50 mm")
    assert block.angle_deg == pytest.approx(30.0)  # sin 30° = 1/2
    # 0.002 mm / (100 mm · cos 30°), and tan 30° · 0.005/100, by hand
    assert block.own_deg == pytest.approx(math.degrees(0.002 / 86.60254), rel=1e-6)
    assert block.common_deg == pytest.approx(math.degrees(0.5773503 * 5e-5), rel=1e-6)


def test_a_site_has_its_own(tmp_path: Path) -> None:
    write(tmp_path, SHORT + "".join(POSE.format(angle) for angle in range(0, 60, 10)))
    plan = load_angle_procedure(tmp_path, "own").plan()
    assert [pose.angle_deg for pose in plan.poses] == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SHORT + POSE.format(0) * 6, "1 different poses are too few"),
        (SHORT + POSE.format(0) + "angel_deg = 3\n", "angle_deg"),
        (SHORT + '[[pose]]\nlabel = "p"\n', "needs angle_deg or sine_bar"),
        (SHORT.replace('"angle"', '"force"') + POSE.format(0), "kind"),
        (
            SHORT + '[[pose]]\nlabel = "p"\nsine_bar = { height_mm = 100, length_mm = 100,'
            " height_uncertainty_mm = 0, length_uncertainty_mm = 0 }\n",
            "cannot stand on a height",
        ),
    ],
)
def test_mistakes_name_file_and_key(text: str, said: str, tmp_path: Path) -> None:
    write(tmp_path, text)
    with pytest.raises(ConfigError, match=r"own\.toml") as error:
        load_angle_procedure(tmp_path, "own")
    assert said in str(error.value)


def test_an_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='did you mean "angle_squares"'):
        load_angle_procedure(tmp_path, "angle_square")
