"""An inclinometer's calibration on the live device, typed in a terminal, and from a file."""

import json
from pathlib import Path

import pytest

from dynod.model.calibration import Certificate
from dynod.model.clinical import Kind
from tests.cli.program import Done, Program, is_one_line
from tests.support.calibrating import known_station, shelf_of
from tests.support.inclinometer import Inclinometer
from tests.support.terminal import Terminal

OFFSET_DEG, SCALE, TABLE_DEG = 0.7, 1.01, 0.2
STEP_DEG = 180.0 / 32768.0

PROCEDURE = """\
title = "six poses, once"
kind = "angle"
reference = "made-up squares"
reversals = 1
rounds = 1
window_s = 0.3
validity_months = 6
"""
ANGLES = (0.0, 30.0, 60.0, -30.0, -60.0)
POSE = '[[pose]]\nlabel = "at {0:g}"\nangle_deg = {0}\nown_deg = 0.01\ncommon_deg = 0.02\n'
WEDGE = '[[pose]]\nlabel = "wedge"\nangle_deg = 0\ncross_deg = 10\n'


def station(folder: Path, *, mount_sign: int = 1) -> None:
    known_station(folder, mount_sign=mount_sign)
    place = folder / "calibration.d" / "procedures"
    place.mkdir(parents=True)
    poses = "".join(POSE.format(angle) for angle in ANGLES)
    (place / "short.toml").write_text(PROCEDURE + poses + WEDGE, encoding="utf-8")


def calibrate(folder: Path, *words: object) -> Terminal:
    named = ("--config", "dynod.toml", "--device", "tilt-1", "--procedure", "short")
    return Terminal(folder, "calibrate", "angle", *named, *words)


class Bench:
    """A device with an offset and a wrong scale, on a table that is off level."""

    def __init__(self, tilt: Inclinometer, terminal: Terminal, *, mount_sign: int = 1) -> None:
        self.tilt = tilt
        self.terminal = terminal
        self.mount_sign = mount_sign

    def put(self, angle_deg: float, cross_deg: float = 0.0, *, turned: bool = False) -> None:
        true_deg = self.mount_sign * angle_deg + (-TABLE_DEG if turned else TABLE_DEG)
        self.tilt.angle_deg = OFFSET_DEG + SCALE * true_deg + 0.01 * cross_deg
        self.tilt.cross_deg = cross_deg

    def reversal(self) -> None:
        self.terminal.expect("1 of 8. lay it on the table")
        self.put(0.0)
        self.terminal.type()
        self.terminal.expect("2 of 8. turn it round by 180°")
        self.put(0.0, turned=True)
        self.terminal.type()
        self.terminal.expect("3 of 8. turn it back")

    def poses(self, *places: int) -> None:
        for place in places:
            self.terminal.expect(f"{place + 3} of 8. ") if place else None
            self.put(ANGLES[place])
            self.terminal.type()

    def wedge(self) -> None:
        self.terminal.expect("8 of 8. wedge: 0°, tilted across by 10°")
        self.put(0.0, 10.0)
        self.terminal.type()


def stored(folder: Path) -> Certificate:
    (found,) = shelf_of(folder).certificates()
    return found


@pytest.mark.parametrize("mount_sign", [1, -1])
def test_a_guided_run_ends_with_a_certificate(mount_sign: int, tmp_path: Path) -> None:
    station(tmp_path, mount_sign=mount_sign)
    said = ("--operator", "A. Technician", "--temperature-c", "21.5", "--plot", "left.svg")
    with (
        Inclinometer(tmp_path / "tilt") as tilt,
        calibrate(tmp_path, *said) as terminal,
    ):
        bench = Bench(tilt, terminal, mount_sign=mount_sign)
        bench.reversal()
        bench.poses(*range(len(ANGLES)))
        bench.wedge()
        terminal.expect("certificate SN-2-")
        terminal.expect("the table was 0.20")
        terminal.expect("Store this certificate?")
        terminal.type("y")
        terminal.expect("stored: trials with this unit carry certificate")
        assert terminal.end() == 0
    found = stored(tmp_path)
    # the device shows 0.7 + 1.01·angle; the certificate turns that round
    c0, c1 = found.coefficients
    assert c1 == pytest.approx(1.0 / SCALE, abs=2e-4)
    assert -c0 / c1 == pytest.approx(OFFSET_DEG, abs=0.01)
    assert found.detail is not None
    assert found.detail.kind is Kind.ANGLE
    # 0.01° of the device's number for each degree across
    assert found.detail.cross_axis == pytest.approx(-0.01 / SCALE, abs=1e-3)
    assert (found.detail.operator, found.detail.procedure) == ("A. Technician", "six poses, once")
    assert found.detail.environment["temperature_c"] == "21.5"
    assert len(found.detail.poses) == 6
    assert {pose.common_deg for pose in found.detail.poses} == {0.0, 0.02}
    resolutions = {
        term.value
        for budget in found.detail.budgets
        for term in budget.terms
        if term.name == "resolution"
    }
    assert [*resolutions] == pytest.approx([0.5 * STEP_DEG * c1])
    assert "6 points" in (tmp_path / "left.svg").read_text(encoding="utf-8")
    assert not (tmp_path / "calibration-tilt-1.json").exists()


def test_an_interrupted_run_is_gone_on_with(tmp_path: Path) -> None:
    station(tmp_path)
    with Inclinometer(tmp_path / "tilt") as tilt:
        with calibrate(tmp_path) as terminal:
            bench = Bench(tilt, terminal)
            bench.reversal()
            bench.poses(0)
            terminal.expect("4 of 8.")
            terminal.interrupt()
            terminal.expect("interrupted; the readings are kept, go on with --resume")
            assert terminal.end() == 130
        with calibrate(tmp_path, "--dry-run") as terminal:
            terminal.expect("has 3 of 8 readings")
            terminal.type()
            bench = Bench(tilt, terminal)
            bench.poses(1)
            terminal.expect("5 of 8")
            terminal.type("r")
            bench.poses(1, 2, 3, 4)
            bench.wedge()
            terminal.expect("not stored")
            assert terminal.end() == 0
    assert shelf_of(tmp_path).certificates() == ()
    # all readings are there: no device is needed to come back to the certificate
    with calibrate(tmp_path, "--resume", "--yes") as terminal:
        terminal.expect("stored: trials")
        assert terminal.end() == 0
    assert stored(tmp_path).coefficients[1] == pytest.approx(1.0 / SCALE, abs=2e-4)


def test_mishaps_with_a_pose(tmp_path: Path) -> None:
    station(tmp_path)
    with Inclinometer(tmp_path / "tilt") as tilt, calibrate(tmp_path) as terminal:
        bench = Bench(tilt, terminal)
        bench.reversal()
        bench.poses(0)
        terminal.expect("4 of 8. at 30")
        bench.put(-30.0)
        terminal.type()
        terminal.expect("tilt it the other way")
        terminal.type()
        terminal.expect("4 of 8. at 30")
        bench.put(30.0, 8.0)
        terminal.type()
        terminal.expect("tilted across by 8.0°")
        terminal.type("t")
        terminal.expect("5 of 8. at 60")
        terminal.type("sixty")
        terminal.expect("'sixty' is no angle")
        bench.put(59.0)
        terminal.type("59")
        terminal.expect("by its own scale")
        tilt.silent = True
        terminal.expect("the readings are kept, go on with --resume")
        assert terminal.end() == 4
    kept = json.loads((tmp_path / "calibration-tilt-1.json").read_text(encoding="utf-8"))
    assert kept["readings"]["poses"]["4"]["angle_deg"] == 59.0
    assert len(kept["readings"]["poses"]) == 5


def test_a_run_by_another_procedure_is_not_gone_on_with(tmp_path: Path, dynod: Program) -> None:
    station(tmp_path)
    kept = {
        "version": 1,
        "kind": "angle",
        "serial_number": "SN-2",
        "procedure": "angle_squares",
        "plan": "x",
        "begun_at": "2026-03-02T09:00:00+00:00",
        "readings": {"poses": {}, "step": 0.0},
    }
    file = tmp_path / "calibration-tilt-1.json"
    words = ("--config", tmp_path / "dynod.toml", "--device", "tilt-1", "--procedure", "short")
    file.write_text(json.dumps(kept), encoding="utf-8")
    done = dynod("calibrate", "angle", *words)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "by angle_squares" in done.err
    assert "--restart" in done.err
    file.write_text("{", encoding="utf-8")
    done = dynod("calibrate", "angle", *words)
    assert (done.code, is_one_line(done.err)) == (5, True)
    file.unlink()
    done = dynod("calibrate", "angle", *words, "--resume")
    assert (done.code, "no unfinished run" in done.err) == (2, True)


# -- from a file ---------------------------------------------------------------------------

# real = 2 + 0.5·measured, exactly
POINTS = "measured,real\n" + "".join(f"{x:.1f},{2 + 0.5 * x}\n" for x in range(-60, 61, 20))

BACKWARDS = "measured,real\n" + "".join(f"{x},{-x}\n" for x in range(-60, 61, 20))


def from_file(dynod: Program, folder: Path, text: str, *words: object) -> Done:
    station(folder)
    (folder / "poses.csv").write_text(text, encoding="utf-8")
    named = ("--config", folder / "dynod.toml", "--device", "tilt-1")
    return dynod("calibrate", "angle", *named, "--from", folder / "poses.csv", *words)


def test_poses_of_a_file_become_a_certificate(tmp_path: Path, dynod: Program) -> None:
    done = from_file(dynod, tmp_path, POINTS, "--yes", "--certificate-id", "LAB-7", "--json")
    assert done.code == 0, done.err
    data = json.loads(done.out)
    assert data["coefficients"] == pytest.approx([2.0, 0.5])
    assert (data["range_low"], data["range_high"]) == (-28.0, 32.0)
    assert data["stored"] is True
    assert "no pose was repeated" in "\n".join(data["statements"])
    assert stored(tmp_path).certificate_id == "LAB-7"
    again = dynod(
        *("calibrate", "angle", "--config", tmp_path / "dynod.toml", "--device", "tilt-1"),
        *("--from", tmp_path / "poses.csv", "--yes", "--certificate-id", "LAB-7"),
    )
    assert (again.code, "is taken" in again.err) == (2, True)


def test_a_dry_run_stores_nothing(tmp_path: Path, dynod: Program) -> None:
    done = from_file(dynod, tmp_path, POINTS, "--dry-run")
    assert done.code == 0
    assert "a straight line: 0.5° for each device number, which is -4 at 0°" in done.out
    assert "not stored" in done.out
    assert shelf_of(tmp_path).certificates() == ()


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("measured,reel\n1,2\n", 3, 'did you mean "real"'),
        ("measured\n1\n", 3, "the column real is missing"),
        ("measured,real\n1,2\n3\n", 3, "line 3 has 1 cells, not 2"),
        ("measured,real\n1,two\n", 3, "line 2, real: 'two'"),
        ("measured,real,own\n1,2,-1\n", 3, "line 2, own: '-1'"),
        ("measured,real\n", 3, "no pose below its header"),
        ("measured,real\n1,1\n2,2\n3,3\n", 2, "3 different poses are too few"),
        (BACKWARDS, 2, "mount_sign"),
    ],
)
def test_mistakes_in_a_file_name_the_line(
    text: str, code: int, said: str, tmp_path: Path, dynod: Program
) -> None:
    done = from_file(dynod, tmp_path, text, "--dry-run")
    assert (done.code, is_one_line(done.err)) == (code, True), done.err
    assert said in done.err


def test_a_gauge_is_no_inclinometer(tmp_path: Path, dynod: Program) -> None:
    known_station(tmp_path)
    words = ("--config", tmp_path / "dynod.toml", "--device", "hhd-1")
    done = dynod("calibrate", "angle", *words)
    assert (done.code, "dynod calibrate force" in done.err) == (2, True)
