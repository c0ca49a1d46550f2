"""The weekly check of a live device, typed in a terminal."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dynod.model.clinical import Kind
from dynod.simulate.pty_port import PtyPort
from dynod.simulate.witmotion import WitMotionFirmware
from tests.cli.program import Program, is_one_line
from tests.support.calibrating import GAUGE, TILT, known_station, put_on_shelf, shelf_of
from tests.support.certificates import BEGIN, made_certificate, made_check
from tests.support.gauge import Gauge
from tests.support.inclinometer import Inclinometer
from tests.support.terminal import Terminal

FAST = ("--window-s", "0.4")


def verify(folder: Path, *words: object) -> Terminal:
    return Terminal(folder, "calibrate", "verify", "--config", "dynod.toml", *words, *FAST)


def force(folder: Path, *words: object) -> Terminal:
    return verify(folder, "--device", "hhd-1", "--load-n", "100", *words)


def test_a_unit_passes_with_a_weight_and_the_check_is_kept(tmp_path: Path, dynod: Program) -> None:
    known_station(tmp_path)
    # N = 1.25·x, until long ago: the check is made all the same, and says so
    valid = (datetime(2020, 9, 8, tzinfo=UTC), datetime(2021, 9, 8, tzinfo=UTC))
    put_on_shelf(
        tmp_path,
        made_certificate(
            Kind.FORCE, coefficients=(0.0, 1.25), span=(20.0, 80.0), unit=GAUGE, valid=valid
        ),
    )
    with Gauge(tmp_path / "gauge", rest_n=0.4) as gauge:
        plot = ("--plot", "checks.svg", "--operator", "A. Technician", "--note", "after a fall")
        with force(tmp_path, *plot) as terminal:
            terminal.expect("certificate CERT-1 expired on 2021-09-08: a check cannot replace")
            terminal.expect("100 N lies beyond the certificate, which holds from 20 to 80 N")
            terminal.expect("take everything off it")
            terminal.type()
            terminal.expect("zero +0.50 N")
            terminal.expect("Put on 100 N")
            gauge.hold(0.1, 80.8)
            terminal.type()
            # 80.8·1.25 = 101.0, less the zero of 0.5: half a newton too much
            terminal.expect("passed: 100.50 N at 100.00 N, off by +0.50 (allowed ±1.00)")
            terminal.expect("its certificate is expired: trials do not count")
            assert terminal.end() == 0
    (check,) = shelf_of(tmp_path).verifications(*GAUGE)
    assert check.check.reading == pytest.approx(101.0)
    assert check.check.zero == pytest.approx(0.5)
    assert (check.certificate_id, check.operator) == ("CERT-1", "A. Technician")
    assert (check.reference, check.note) == ("100 N", "after a fall")
    assert "1 check, none failed" in (tmp_path / "checks.svg").read_text(encoding="utf-8")
    done = dynod(
        *("calibrate", "verify", "--config", tmp_path / "dynod.toml"),
        *("--device", "hhd-1", "--history", "--json"),
    )
    (row,) = json.loads(done.out)["checks"]
    assert (row["passed"], row["error"]) == (True, pytest.approx(0.5))


def test_a_unit_that_is_off_fails_and_says_what_follows(tmp_path: Path) -> None:
    known_station(tmp_path, more="verify_relative = 0.02\n")
    with Gauge(tmp_path / "gauge", rest_n=0.0) as gauge, force(tmp_path) as terminal:
        terminal.expect("no certificate: the nominal scale is checked")
        terminal.type()
        terminal.expect("Put on")
        gauge.hold(0.1, 103.0)
        terminal.type()
        terminal.expect("failed: it shows 103.00 N at 100.00 N: off by +3.00, allowed ±2.00")
        terminal.expect("trials with this device do not count until a check is passed")
        assert terminal.end() == 1
    (check,) = shelf_of(tmp_path).verifications(*GAUGE)
    assert not check.result.passed


def test_a_weight_put_on_too_early_and_taken_off_too_early_is_asked_for_again(
    tmp_path: Path,
) -> None:
    known_station(tmp_path)
    with Gauge(tmp_path / "gauge", rest_n=100.0) as gauge, force(tmp_path) as terminal:
        terminal.expect("1. hhd-1")
        terminal.type()
        terminal.expect("it shows 100.0 N: is the weight on already?")
        gauge.hold(0.1, 0.0)
        terminal.type()
        terminal.expect("zero +0.00 N")
        gauge.hold(0.1, 100.0)
        terminal.expect("2. Put on")
        gauge.hold(0.1, 0.0)
        terminal.type()
        terminal.expect("taken off too early")
        gauge.hold(0.1, 100.0)
        terminal.type()
        terminal.expect("passed: 100.00 N")
        assert terminal.end() == 0


def test_an_unplugged_gauge_leaves_nothing(tmp_path: Path) -> None:
    known_station(tmp_path)
    with Gauge(tmp_path / "gauge") as gauge, force(tmp_path) as terminal:
        terminal.expect("1. hhd-1")
        gauge.unplug()
        terminal.expect("nothing was stored")
        assert terminal.end() == 4
    assert shelf_of(tmp_path).verifications(*GAUGE) == ()


@pytest.mark.parametrize("by", ["q", "Ctrl-C"])
def test_who_ends_it_leaves_nothing(by: str, tmp_path: Path) -> None:
    known_station(tmp_path)
    with (
        Inclinometer(tmp_path / "tilt"),
        verify(tmp_path, "--device", "tilt-1", "--angle-deg", "30") as terminal,
    ):
        terminal.expect("lay it level")
        if by == "q":
            terminal.type("q")
        else:
            terminal.interrupt()
        terminal.expect("nothing was stored")
        assert terminal.end() == 130
    assert shelf_of(tmp_path).verifications(*TILT) == ()


def test_an_inclinometer_is_checked_in_the_direction_that_it_is_worn(tmp_path: Path) -> None:
    known_station(tmp_path, mount_sign=-1)
    levels = [0.0]
    with (
        PtyPort(WitMotionFirmware(lambda _t_s: levels[-1]), tmp_path / "tilt"),
        verify(tmp_path, "--device", "tilt-1", "--angle-deg", "30") as terminal,
    ):
        terminal.expect("lay it level")
        terminal.type()
        terminal.expect("Tilt it to 30 deg")
        levels.append(30.0)
        terminal.type()
        terminal.expect("tilt it the other way")
        levels.append(-30.2)
        terminal.type()
        terminal.expect("passed: 30.2")
        assert terminal.end() == 0
    (check,) = shelf_of(tmp_path).verifications(*TILT)
    # the device counts in steps of 180/32768°
    assert check.check.reading == pytest.approx(30.2, abs=0.003)


def test_the_history_tells_drift_and_warns_before_a_check_fails(
    tmp_path: Path, dynod: Program
) -> None:
    known_station(tmp_path)
    shelf = shelf_of(tmp_path)
    for week, error in enumerate((0.0, 0.2, 0.4, 0.6)):
        shelf.add_verification(made_check(7.0 * week, error, certificate_id=None))
    words = ("calibrate", "verify", "--config", tmp_path / "dynod.toml", "--device", "hhd-1")
    done = dynod(*words, "--history", "--plot", tmp_path / "drift.svg")
    assert done.code == 0
    assert done.out.count("passed") == 4
    assert "drift of the reading: +0.200 % of the load a week" in done.out  # 0.2 N of 100 N
    assert "warning: the reading went up in 3 checks in a row, by 0.60 % of the load" in done.out
    assert "4 checks, none failed" in (tmp_path / "drift.svg").read_text(encoding="utf-8")


def test_a_new_certificate_begins_a_new_trend(tmp_path: Path, dynod: Program) -> None:
    known_station(tmp_path)
    valid = (BEGIN, BEGIN + timedelta(days=36500))
    put_on_shelf(tmp_path, made_certificate(Kind.FORCE, unit=GAUGE, valid=valid))
    shelf = shelf_of(tmp_path)
    for day, error, name in ((0, 0.9, None), (7, 0.0, "CERT-1"), (14, 0.1, "CERT-1")):
        shelf.add_verification(made_check(day, error, certificate_id=name))
    words = ("calibrate", "verify", "--config", tmp_path / "dynod.toml", "--device", "hhd-1")
    data = json.loads(dynod(*words, "--history", "--json").out)
    assert (len(data["checks"]), data["checks_in_trend"]) == (3, 2)
    assert data["per_week"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--device", "hhd-2", "--load-n", "9"), 'did you mean "hhd-1"'),
        (("--device", "hhd-1"), "--weights or --load-n"),
        (("--device", "tilt-1"), "--angle-deg"),
        (("--device", "hhd-1", "--angle-deg", "30"), "measures forces"),
        (("--device", "tilt-1", "--load-n", "30"), "measures angles"),
        (("--device", "hhd-1", "--load-n", "0"), "above 0"),
        (("--device", "hhd-1", "--load-n", "9", "--weights", "A1"), "name one load"),
        (("--device", "hhd-1", "--reference", "own"), "name both"),
        (("--device", "hhd-1", "--history", "--load-n", "9"), "only looks back"),
        (("--device", "hhd-1", "--history", "--plot", "x.svg"), "no check to draw"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: tuple[str, ...], said: str, tmp_path: Path, dynod: Program
) -> None:
    known_station(tmp_path)
    done = dynod("calibrate", "verify", "--config", tmp_path / "dynod.toml", *words)
    assert (done.code, is_one_line(done.err)) == (2, True), done.err
    assert said in done.err


def test_a_unit_without_a_serial_number_is_no_unit(tmp_path: Path, dynod: Program) -> None:
    path = known_station(tmp_path)
    text = path.read_text(encoding="utf-8").replace('serial_number = "SN-1"\n', "")
    path.write_text(text, encoding="utf-8")
    done = dynod("calibrate", "verify", "--config", path, "--device", "hhd-1", "--load-n", "9")
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "has no serial_number" in done.err


def test_weights_press_with_local_gravity(tmp_path: Path) -> None:
    known_station(tmp_path)
    words = ("--device", "hhd-1", "--weights", "A1+B1", "--reference", "example_mass_set")
    with Gauge(tmp_path / "gauge", rest_n=0.0) as gauge, verify(tmp_path, *words) as terminal:
        terminal.expect("1. hhd-1")
        terminal.type()
        # GRS 80 (Moritz 1980, gravity formula in powers of sin²) at 51.5°: 9.81204 m/s², less
        # 0.3086 mGal/m over 25 m; times 15 kg and 1 − 1.2/8000 for the air: 147.157 N
        terminal.expect("Put on A1 + B1: 15 kg = 147.16 N (set example_mass_set)")
        gauge.hold(0.1, 147.2)
        terminal.type()
        terminal.expect("A REHEARSAL with an example set of masses: nothing is stored")
        terminal.expect("passed: 147.20 N")
        assert terminal.end() == 0
    assert shelf_of(tmp_path).verifications(*GAUGE) == ()


@pytest.mark.parametrize(
    ("weights", "reference", "said"),
    [
        ("A1+A9", "example_mass_set", "weight A9"),
        ("A1+A1", "example_mass_set", "named twice"),
        ("A1", "example_masses", "did you mean"),
        ("A1", None, "no set of masses"),
    ],
)
def test_weights_that_are_not_there_are_one_line(
    weights: str, reference: str | None, said: str, tmp_path: Path, dynod: Program
) -> None:
    known_station(tmp_path)
    words = ["--device", "hhd-1", "--weights", weights]
    words += [] if reference is None else ["--reference", reference]
    done = dynod("calibrate", "verify", "--config", tmp_path / "dynod.toml", *words)
    assert (done.code, is_one_line(done.err)) == (2, True), done.err
    assert said in done.err
