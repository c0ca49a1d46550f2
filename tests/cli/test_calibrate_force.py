"""The guided calibration of a live gauge, typed in a terminal, and every mishap."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dynod.model.calibration_record import Branch
from tests.cli.program import Program, is_one_line
from tests.support.calibrating import known_station, shelf_of
from tests.support.gauge import Gauge
from tests.support.station import quick_profile
from tests.support.terminal import Terminal
from tests.support.weights import Technician, newtons, short_procedure

WORDS = ("--device", "hhd-1", "--procedure", "two", "--reference", "own")


def station(folder: Path, *, runs: int = 1, window_s: float = 0.2, example: bool = False) -> Path:
    """A station with a gauge that answers quickly, a short procedure and two weights."""
    config = known_station(folder)
    quick_profile(folder)
    text = config.read_text(encoding="utf-8").replace("chronojump_force_sensor", "quick_gauge")
    config.write_text(text, encoding="utf-8")
    short_procedure(folder, runs=runs, window_s=window_s, example=example)
    return config


@contextmanager
def calibrating(folder: Path, gauge: Gauge, *words: object) -> Iterator[Technician]:
    command = ("calibrate", "force", "--config", "dynod.toml", *WORDS, *words)
    with Terminal(folder, *command) as terminal:
        yield Technician(terminal, gauge)


def kept(folder: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads((folder / "calibration-hhd-1.json").read_text())["readings"]
    return found


def test_a_run_through_ends_with_a_certificate(tmp_path: Path) -> None:
    station(tmp_path, runs=2)
    more = ("--operator", "A. Technician", "--temperature-c", "21.5", "--plot", "left.svg")
    with Gauge(tmp_path / "gauge") as gauge, calibrating(tmp_path, gauge, *more) as technician:
        terminal = technician.terminal
        terminal.expect("own: two weights; lab 4711")
        terminal.expect("normal gravity at 51.5°, 25 m")
        technician.preload()
        technician.run()
        terminal.expect("Take the device out of its seat")
        terminal.type()
        technician.place(15.0)
        technician.run()
        terminal.expect("a straight line: 0.")
        terminal.expect("its step is taken to be 0.01")
        terminal.expect("Store this certificate?")
        terminal.type("y")
        terminal.expect("stored: trials with this unit carry certificate SN-1-")
        assert terminal.end() == 0
    assert not (tmp_path / "calibration-hhd-1.json").exists()
    (made,) = shelf_of(tmp_path).certificates()
    # the gauge shows 3 + 1.25·F with two decimals: N = (x − 3)/1.25, to 0.01/1.25 N
    assert made.coefficients == pytest.approx((-2.4, 0.8), abs=0.01)
    assert (made.range_low, made.range_high) == pytest.approx((newtons(5.0), newtons(15.0)))
    detail = made.detail
    assert detail is not None
    assert (detail.operator, detail.environment["temperature_c"]) == ("A. Technician", "21.5")
    assert [run.mounting for run in detail.runs] == [1, 2]
    assert [point.branch for point in detail.runs[0].points[3:]] == [Branch.FALLING] * 2
    assert detail.reference == "own: two weights; lab 4711"
    assert "SN-1" in (tmp_path / "left.svg").read_text(encoding="utf-8")


def test_weights_put_on_too_early_or_wrong_ones_are_asked_for_again(tmp_path: Path) -> None:
    station(tmp_path)
    with Gauge(tmp_path / "gauge") as gauge, calibrating(tmp_path, gauge) as technician:
        terminal = technician.terminal
        technician.preload()
        terminal.expect("up: take everything off")
        technician.put_on(5.0)
        terminal.type()
        terminal.expect("this reads as 5 kg (49.1 N): everything must be off for the zero")
        technician.put_on(0.0)
        terminal.type()
        terminal.expect("without load")
        terminal.expect("place B: 5 kg")
        technician.put_on(10.0)
        terminal.type()
        terminal.expect("this reads as 10 kg (98.1 N), 5 kg (49.1 N) are expected: wrong weights?")
        terminal.type("t")  # taken all the same, and repeated then
        terminal.expect("off a straight line so far by")
        terminal.type("r")
        technician.place(5.0)
        terminal.type("what")
        terminal.expect("'what' means nothing here")


def test_a_weight_taken_off_during_a_reading_begins_it_again(tmp_path: Path) -> None:
    station(tmp_path, window_s=1.5)
    with Gauge(tmp_path / "gauge") as gauge, calibrating(tmp_path, gauge) as technician:
        terminal = technician.terminal
        technician.place(0.0)
        terminal.expect("15 kg")
        technician.put_on(15.0)
        terminal.type()
        begun = len(terminal.text)
        while not re.search(r"[4-6]\d% steady", terminal.text[begun:]):
            terminal.expect("% steady")
        technician.put_on(0.0)
        terminal.expect("it moved during the reading, which begins again")
        terminal.expect("the number hardly changed: does the weight stand on the device?")
        technician.put_on(15.0)
        terminal.type()
        terminal.expect("off a straight line so far by")


def test_an_unplugged_gauge_is_waited_for_and_goes_on(tmp_path: Path) -> None:
    station(tmp_path)
    with Gauge(tmp_path / "gauge") as gauge, calibrating(tmp_path, gauge) as technician:
        terminal = technician.terminal
        technician.preload()
        technician.place(0.0)
        technician.place(5.0)
        gauge.unplug()
        terminal.expect("plug the device in again")
        assert kept(tmp_path)["at"] == 4
        gauge.plug()
        terminal.expect("the device is back")
        for mass_kg in (15.0, 5.0, 0.0):
            technician.place(mass_kg)
        terminal.expect("run 1 was interrupted at step 5: the device was gone")
        terminal.expect("Store this certificate?")
        terminal.type("n")
        terminal.expect("not stored")
        terminal.expect("--resume comes back to them")
        assert terminal.end() == 0
        assert shelf_of(tmp_path).certificates() == ()
        # its readings are all there: no device is needed any more, and what it was made with is
        gauge.unplug()
        words = ("calibrate", "force", "--config", "dynod.toml", "--device", "hhd-1", "--resume")
        with Terminal(tmp_path, *words, "--yes", "--degree", "1") as again:
            again.expect("stored:")
            assert again.end() == 0
    assert len(shelf_of(tmp_path).certificates()) == 1


def test_who_gives_up_waiting_is_told_the_way_back(tmp_path: Path) -> None:
    station(tmp_path)
    with Gauge(tmp_path / "gauge") as gauge, calibrating(tmp_path, gauge) as technician:
        technician.preload()
        gauge.unplug()
        technician.terminal.expect("plug the device in again")
        technician.terminal.interrupt()
        technician.terminal.expect("dynod calibrate force --device hhd-1 --resume")
        assert technician.terminal.end() == 130


@pytest.mark.parametrize("by", ["q", "Ctrl-C"])
def test_an_interrupted_run_is_kept_and_asked_about(by: str, tmp_path: Path) -> None:
    station(tmp_path)
    with Gauge(tmp_path / "gauge") as gauge:
        with calibrating(tmp_path, gauge) as technician:
            technician.preload()
            technician.place(0.0)
            technician.terminal.expect("[4/7]")
            if by == "q":
                technician.terminal.type("q")
            else:
                technician.terminal.interrupt()
            technician.terminal.expect("interrupted; what was read is kept, go on with: dynod")
            assert technician.terminal.end() == 130
        assert kept(tmp_path)["at"] == 3
        with calibrating(tmp_path, gauge) as technician:
            terminal = technician.terminal
            terminal.expect("has done 3 of 7 steps. Enter goes on with it, n begins anew")
            terminal.type()
            technician.place(5.0)
            terminal.expect("[5/7]")
            terminal.type("n")
            technician.place(0.0)
            assert kept(tmp_path)["at"] == 3
            terminal.type("q")
            assert terminal.end() == 130
        with calibrating(tmp_path, gauge, "--restart") as technician:
            technician.terminal.expect("[1/7]")
            assert not (tmp_path / "calibration-hhd-1.json").exists()


def test_an_unfinished_run_of_another_plan_is_refused(tmp_path: Path, dynod: Program) -> None:
    config = station(tmp_path)
    with Gauge(tmp_path / "gauge") as gauge, calibrating(tmp_path, gauge) as technician:
        technician.place(0.0)
        technician.terminal.expect("[2/7]")
        technician.terminal.type("q")
        assert technician.terminal.end() == 130
    short_procedure(tmp_path, runs=2)
    done = dynod("calibrate", "force", "--config", config, *WORDS, "--resume")
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "with other steps or other weights than these" in done.err
    (tmp_path / "calibration-hhd-1.json").write_text("{", encoding="utf-8")
    done = dynod("calibrate", "force", "--config", config, *WORDS)
    assert (done.code, is_one_line(done.err)) == (5, True)
    assert "begin anew with --restart" in done.err


def test_a_rehearsal_with_an_example_set_stores_nothing(tmp_path: Path) -> None:
    station(tmp_path, example=True)
    with Gauge(tmp_path / "gauge") as gauge, calibrating(tmp_path, gauge, "--yes") as technician:
        technician.preload()
        technician.run()
        technician.terminal.expect("A REHEARSAL with an example set of masses")
        technician.terminal.expect("not stored")
        assert technician.terminal.end() == 0
    assert shelf_of(tmp_path).certificates() == ()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "name the device that is calibrated with --device"),
        (("--device", "tilt-1"), 2, "measures angles"),
        (("--device", "hhd-1", "--resume"), 2, "there is no unfinished run"),
        (("--device", "hhd-1", "--procedure", "tow"), 2, 'did you mean "two"'),
        (("--device", "hhd-1", "--procedure", "angle_squares"), 3, "kind: should be"),
        (("--device", "hhd-1", "--max-load-n", "20"), 2, "no weight is light enough"),
        (("--device", "hhd-1"), 4, "gauge"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: tuple[str, ...], code: int, said: str, tmp_path: Path, dynod: Program
) -> None:
    config = station(tmp_path)
    done = dynod("calibrate", "force", "--config", config, *words)
    assert done.code == code, done.err
    assert said in done.err
    if code != 3:
        assert is_one_line(done.err)


def test_a_unit_without_a_serial_number_has_no_certificate(tmp_path: Path, dynod: Program) -> None:
    config = station(tmp_path)
    text = config.read_text(encoding="utf-8").replace('serial_number = "SN-1"\n', "")
    config.write_text(text, encoding="utf-8")
    done = dynod("calibrate", "force", "--config", config, "--device", "hhd-1")
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "has no serial_number" in done.err
