"""Points of a force calibration as a file, and the certificate that comes of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from dynod.cli.calibrate_points import read_points
from dynod.model.calibration_record import Branch, LoadPoint
from dynod.model.errors import ConfigError
from tests.cli.program import Program, is_one_line
from tests.support.calibrating import GAUGE, known_station, shelf_of

HEAD = "measured,real\n"


def points_file(folder: Path, text: str) -> Path:
    path = folder / "points.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_plain_points_are_points_of_no_run(tmp_path: Path) -> None:
    found = read_points(points_file(tmp_path, "\ufeffMeasured, Real\n10.25,0\n\n20.5,9.81\n"))
    assert found.points == (LoadPoint(0.0, 10.25), LoadPoint(9.81, 20.5))
    assert found.runs == ()
    assert found.step == pytest.approx(0.01)


def test_runs_branches_and_uncertainties_are_told_apart(tmp_path: Path) -> None:
    text = (
        "run,measured,real,branch,uncertainty,mounting\n"
        "2,31,30,rising,0.2,2\n1,30,30,rising,0.2,1\n1,30.5,30,falling,0.2,1\n"
    )
    found = read_points(points_file(tmp_path, text))
    assert [(len(run.points), run.mounting) for run in found.runs] == [(2, 1), (1, 2)]
    # stated with k = 2, kept as a standard uncertainty
    assert found.runs[0].points[1] == LoadPoint(30.0, 30.5, Branch.FALLING, 0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("measured,force\n1,2\n", "line 1, 'force': unknown column"),
        ("measured\n1\n", "line 1: the column real is missing; it should be measured,real"),
        ("", "line 1: the column measured is missing"),
        ("measured,real,real\n1,2,3\n", "a column is there twice"),
        (HEAD, "has no point below its header"),
        (HEAD + "1,2\n1,2,3\n", "line 3 has 3 cells, not 2"),
        (HEAD + "1,2\n\n1;2,3\n", "line 4, measured: '1;2' is no number (write 12.5)"),
        (HEAD + "1,inf\n", "line 2, real: 'inf' is no number"),
        ("measured,real,branch\n1,2,up\n", "line 2, branch: 'up' is neither rising nor falling"),
        ("measured,real,run\n1,2,0\n", "line 2, run: '0' is no whole number from 1 on"),
        ("measured,real,uncertainty\n1,2,-1\n", "line 2, uncertainty: it cannot be below 0"),
        ("measured,real,run,mounting\n1,2,1,1\n1,3,1,2\n", "line 3: run 1 has two mountings"),
    ],
)
def test_a_wrong_file_names_the_line(text: str, said: str, tmp_path: Path) -> None:
    path = points_file(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        read_points(path)
    assert str(error.value).startswith(f"{path}: ")
    assert said in str(error.value)


def calibrate(dynod: Program, folder: Path, *words: object) -> tuple[int, str, str]:
    config = folder / "dynod.toml"
    return dynod("calibrate", "force", "-c", config, *words, "--from", folder / "points.csv")


def test_points_make_a_certificate_that_says_what_they_are_worth(
    tmp_path: Path, dynod: Program
) -> None:
    known_station(tmp_path)
    # a made-up cell, some newtons off; the line is numpy's
    counts = [80_600.0, 92_100.0, 105_450.0, 117_200.0, 130_900.0]
    forces = [0.0, 50.0, 100.0, 150.0, 200.0]
    rows = "".join(f"{c},{f}\n" for c, f in zip(counts, forces, strict=True))
    points_file(tmp_path, HEAD + rows)
    unit = ("--profile", "chronojump_force_sensor", "--serial", "SN-1")
    done = calibrate(
        dynod, tmp_path, *unit, "--yes", "--json", "--operator", "A. T.", "--plot", tmp_path / "p"
    )
    assert (done[0], done[2]) == (0, "")
    report = json.loads(done[1])
    slope, constant = np.polyfit(counts, forces, 1)
    assert report["coefficients"] == pytest.approx([constant, slope])
    assert report["stored"]
    worst = np.abs(np.array(forces) - np.polyval([slope, constant], counts)).max()
    assert any(f"up to {worst:.3g} N off" in line for line in report["statements"])
    assert any(line.startswith("NOT FIT") for line in report["statements"])
    assert (tmp_path / "p").read_text(encoding="utf-8").startswith("<svg")
    (stored,) = shelf_of(tmp_path).certificates()
    assert (stored.profile, stored.serial_number) == GAUGE
    assert stored.detail is not None
    assert [point.reading for point in stored.detail.runs[0].points] == counts
    assert stored.detail.reference == "as stated in points.csv"
    # the second of this day has the next number
    again = calibrate(dynod, tmp_path, "--device", "hhd-1", "--yes", "--json")
    assert json.loads(again[1])["certificate_id"].endswith("-2")


def test_runs_with_zeros_are_judged_as_runs(tmp_path: Path, dynod: Program) -> None:
    known_station(tmp_path)
    rows = [
        f"{force + 0.1 * run + (0.2 if branch == 'falling' else 0)},{force},{branch},{run},{run}"
        for run in (1, 2, 3)
        for branch, forces in (("rising", (0, 50, 100, 200)), ("falling", (100, 50, 0)))
        for force in forces
    ]
    points_file(tmp_path, "measured,real,branch,run,mounting\n" + "\n".join(rows) + "\n")
    done = calibrate(dynod, tmp_path, "--device", "hhd-1", "--dry-run", "--json")
    report = json.loads(done[1])
    assert not report["stored"]
    assert any("reversibility" in line for line in report["statements"])
    assert shelf_of(tmp_path).certificates() == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say whose points these are"),
        (("--profile", "chronojump_force_sensor"), "say whose points these are"),
        (("--profile", "chronojump", "--serial", "1"), "unknown profile; did you mean"),
        (("--device", "hhd-1", "--serial", "1"), "leave out --profile and --serial"),
        (("--device", "tilt-1"), "measures angles"),
        (("--device", "hhd-1", "--reference", "own"), "leave out the guided run's options"),
        (("--device", "hhd-1", "--resume"), "leave out the guided run's options"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: tuple[str, ...], said: str, tmp_path: Path, dynod: Program
) -> None:
    known_station(tmp_path)
    points_file(tmp_path, HEAD + "0,0\n1,1\n2,2\n")
    code, _, err = calibrate(dynod, tmp_path, *words)
    assert (code, is_one_line(err)) == (2, True), err
    assert said in err
