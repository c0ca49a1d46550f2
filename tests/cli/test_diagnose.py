"""A look at a device and at a capture, from the command line."""

import json
from pathlib import Path

import pytest

from dynod.simulate.device import DeviceOptions, ProfileDevice
from dynod.simulate.faults import FaultOptions
from dynod.simulate.pty_port import PtyPort
from dynod.wire.capture import Timing, format_timing
from tests.cli.models import FRAME, Speaker, profiles, write_profiles
from tests.cli.program import Done, Program, is_one_line

KNOWN = profiles()
SECONDS = 0.6


@pytest.fixture(autouse=True)
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """In so short a time a machine that runs other tests as well cannot keep to a tenth."""
    monkeypatch.setattr("dynod.cli.findings.RATE_TOLERANCE", 0.3)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_profiles(tmp_path)


def device(
    name: str, folder: Path, options: DeviceOptions | None = None, **faults: float
) -> PtyPort:
    one = KNOWN[name]
    firmware = ProfileDevice(one, lambda t_s: 12.0 + 0.2 * (round(100 * t_s) % 3), options)
    return PtyPort(
        firmware,
        folder / "port",
        faults=FaultOptions(**faults),  # type: ignore[arg-type]
        baudrate=lambda: one.serial.baudrate,
    )


def look(dynod: Program, config: Path, name: str, *words: object) -> Done:
    return dynod(
        *("devices", "diagnose", config.parent / "port", "--profile", name),
        *("--seconds", SECONDS, "-c", config, *words),
    )


@pytest.mark.parametrize(
    ("name", "basis", "rate_hz"),
    [
        ("quick_line", "arrival", 100.0),
        ("quick_poll", "polls", 50.0),
        ("quick_frame", "arrival", 100.0),
    ],
)
def test_a_device_that_is_well(
    dynod: Program, tmp_path: Path, config: Path, name: str, basis: str, rate_hz: float
) -> None:
    with device(name, tmp_path):
        done = look(dynod, config, name, "--json")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert report["timing"]["basis"] == basis
    assert report["timing"]["rate_hz"] == pytest.approx(rate_hz, rel=0.3)
    assert report["samples"] == pytest.approx(SECONDS * rate_hz, rel=0.3)
    assert (report["rejects"], report["problem"]) == ({}, None)
    said = {finding["item"]: finding["state"] for finding in report["findings"]}
    assert said["rate"] == said["damage"] == "ok"


def test_the_same_in_words(dynod: Program, tmp_path: Path, config: Path) -> None:
    with device("quick_line", tmp_path):
        done = look(dynod, config, "quick_line")
    assert done.code == 0
    assert f"Quick line at {tmp_path / 'port'}, 9600 baud, 8N1" in done.out
    text = " ".join(done.out.split())
    assert "Hz, as expected" in text
    assert "no press came: press it while this runs" in text


def test_damage_on_the_line_is_counted(dynod: Program, tmp_path: Path, config: Path) -> None:
    with device("quick_frame", tmp_path, DeviceOptions(bad_checksum=0.3)):
        done = look(dynod, config, "quick_frame", "--json")
    report = json.loads(done.out)
    assert report["rejects"]["checksum"] >= 3
    (damage,) = [finding for finding in report["findings"] if finding["item"] == "damage"]
    assert damage["state"] == "bad"
    assert "check the cable" in damage["text"]


def test_a_stream_that_stops_is_told_and_what_came_before_is_judged(
    dynod: Program, tmp_path: Path
) -> None:
    config = write_profiles(tmp_path, {"quick_frame": FRAME.replace("2.0", "0.3")})
    with device("quick_frame", tmp_path, silent_after_s=0.2):
        done = look(dynod, config, "quick_frame", "--seconds", "5")
    assert (done.code, is_one_line(done.err)) == (4, True)
    assert "no data for 0.3 s" in done.err
    assert "Hz, as expected" in done.out


def test_a_device_that_sends_nothing(dynod: Program, tmp_path: Path, config: Path) -> None:
    with Speaker(tmp_path / "port"):
        done = look(dynod, config, "quick_frame", "--json")
    assert (done.code, is_one_line(done.err)) == (4, True)
    assert "check device, profile and baud rate" in done.err
    report = json.loads(done.out)
    assert (report["samples"], report["findings"]) == (0, [])
    assert report["problem"] in done.err


def test_without_a_profile_it_says_who_knows(dynod: Program, tmp_path: Path, config: Path) -> None:
    done = dynod("devices", "diagnose", tmp_path / "port", "-c", config)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "devices probe" in done.err


# -- captures ------------------------------------------------------------------------------


def test_a_capture_is_looked_at_with_its_timing(
    dynod: Program, tmp_path: Path, config: Path
) -> None:
    """Fifty lines at 20 ms, one of them hurt."""
    lines = [b"F12.%d\r\n" % (k % 2) for k in range(50)]
    lines[25] = b"F1x.0\r\n"
    (tmp_path / "case.bin").write_bytes(b"".join(lines))
    timing = Timing(tuple((0.02 * k, len(line)) for k, line in enumerate(lines)), aligned=True)
    (tmp_path / "case.chunks.json").write_text(format_timing(timing))
    done = dynod(
        *("devices", "diagnose", tmp_path / "case.bin", "--profile", "quick_line"),
        *("--json", "-c", config),
    )
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert (report["samples"], report["rejects"]) == (49, {"malformed": 1})
    assert report["timing"]["rate_hz"] == pytest.approx(48 / 0.98)
    assert report["timing"]["worst_interval_ms"] == pytest.approx(40.0)
    assert report["rest"]["force"]["distinct"] == 2


def test_a_capture_without_timing_says_that_times_are_guessed(
    dynod: Program, tmp_path: Path, config: Path
) -> None:
    (tmp_path / "case.bin").write_bytes(b"F12.0\r\n" * 50)
    done = dynod(
        "devices", "diagnose", tmp_path / "case.bin", "--profile", "quick_line", "-c", config
    )
    assert done.code == 0
    assert "times are guessed" in done.out


def test_a_capture_needs_its_profile(dynod: Program, tmp_path: Path, config: Path) -> None:
    done = dynod("devices", "diagnose", tmp_path / "case.bin", "-c", config)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "--profile" in done.err
