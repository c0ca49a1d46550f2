"""Setting a unit, against a simulated WitMotion that obeys as the real one is documented to."""

import json
from pathlib import Path
from typing import Any

import pytest

from dynod.cli.configure import ConfigureRequest, run_configure
from dynod.cli.port_session import Wanted
from dynod.model.errors import DeviceError, UsageError
from dynod.simulate.pty_port import PtyPort
from dynod.simulate.witmotion import WitMotionFirmware
from dynod.wire.profile import Setup
from tests.cli.models import FRAME, Speaker, write_profiles
from tests.cli.program import Done, Program, is_one_line

RATE, BAUD = b"\xff\xaa\x03", b"\xff\xaa\x04"
UNLOCK, SAVE = b"\xff\xaa\x69\x88\xb5", b"\xff\xaa\x00\x00\x00"


class Recorder(WitMotionFirmware):
    """Keeps what it was sent; ``pace`` is how fast its crystal runs against the host's."""

    def __init__(self, *, pace: float = 1.0, **options: Any) -> None:
        super().__init__(lambda _: 12.5, **options)
        self.received = b""
        self.pace = pace

    def advance(self, now_s: float) -> bytes:
        return super().advance(self.pace * now_s)

    def receive(self, data: bytes, now_s: float) -> None:
        self.received += data
        super().receive(data, now_s)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for a short time, in which a busy machine cannot keep to a tenth."""
    monkeypatch.setattr("dynod.cli.findings.RATE_TOLERANCE", 0.3)
    monkeypatch.setattr("dynod.cli.configuring.MEASURE_S", 0.6)
    monkeypatch.setattr("dynod.cli.configuring._GLANCE_S", 0.15)
    monkeypatch.setattr("dynod.cli.configuring._READ_S", 0.5)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_profiles(tmp_path)


def unit(folder: Path, firmware: WitMotionFirmware) -> PtyPort:
    return PtyPort(firmware, folder / "port", baudrate=lambda: firmware.baudrate)


def configure(dynod: Program, config: Path, *words: object, profile: str = "quick_frame") -> Done:
    return dynod(
        "devices", "configure", config.parent / "port", "--profile", profile, "-c", config, *words
    )


def test_a_rate_is_set_measured_and_read_back(dynod: Program, tmp_path: Path, config: Path) -> None:
    firmware = Recorder(rate_hz=10.0, baudrate=115200)
    with unit(tmp_path, firmware):
        done = configure(dynod, config, "--set-rate", "100", "--json")
    assert (done.code, done.err) == (0, "")
    assert firmware.received == UNLOCK + RATE + b"\x09\x00" + b"\xff\xaa\x27\x03\x00"
    report = json.loads(done.out)
    assert report["rate_before_hz"] == pytest.approx(10.0, rel=0.3)
    assert report["rate_hz"] == pytest.approx(100.0, rel=0.3)
    assert report["registers"] == {"rate": "100", "baudrate": "115200"}
    assert (report["saved"], report["problem"]) == (False, None)
    firmware.power_cycle()
    assert firmware.registers.rate_hz == 10.0


def test_a_baud_rate_is_followed_and_saved(dynod: Program, tmp_path: Path, config: Path) -> None:
    """A unit that runs 2 % fast: of a count over so short a time one sample may be missing."""
    firmware = Recorder(rate_hz=10.0, baudrate=9600, pace=1.02)
    with unit(tmp_path, firmware):
        done = configure(
            *(dynod, config, "--baudrate", "9600", "--set-baudrate", "115200"),
            *("--set-rate", "100", "--save"),
        )
    assert (done.code, done.err) == (0, "")
    assert firmware.received.endswith(UNLOCK + SAVE)
    firmware.power_cycle()
    assert (firmware.registers.rate_hz, firmware.baudrate) == (100.0, 115200)
    assert "now 115200 baud: it sends 1" in done.out
    assert "saved: it stays so when it is switched off" in done.out
    assert "baudrate = 115200\n" in done.out


def test_a_rate_that_the_line_does_not_carry_is_told_and_not_saved(
    dynod: Program, tmp_path: Path, config: Path
) -> None:
    """33 bytes a sample at 9600 baud are 29 Hz at most: the unit falls back on 20."""
    firmware = Recorder(rate_hz=10.0, baudrate=9600)
    with unit(tmp_path, firmware):
        done = configure(dynod, config, "--baudrate", "9600", "--set-rate", "100", "--save")
    assert (done.code, is_one_line(done.err)) == (4, True)
    assert "asked 100 Hz, the unit sends" in done.err
    assert "at 9600 baud it reduces the rate" in done.err
    assert SAVE not in firmware.received
    assert "not saved (since it does not do what was asked)" in done.out


def test_without_a_setting_it_only_looks(dynod: Program, tmp_path: Path, config: Path) -> None:
    firmware = Recorder(rate_hz=100.0, baudrate=115200)
    with unit(tmp_path, firmware):
        done = configure(dynod, config)
    assert (done.code, done.err) == (0, "")
    assert firmware.received == b"\xff\xaa\x27\x03\x00"
    assert "it says that it is set to 100 Hz, 115200 baud" in done.out
    assert "--set-rate can be 10, 100, 200 Hz" in done.out


def test_nothing_is_sent_to_what_is_not_that_device(
    dynod: Program, tmp_path: Path, config: Path
) -> None:
    with Speaker(tmp_path / "port", says=b"12.5 N\r\n") as speaker:
        done = configure(dynod, config, "--set-rate", "100")
        assert speaker.received == b""
    assert (done.code, is_one_line(done.err)) == (4, True)


class Deaf(Recorder):
    """Does not know the command for baud rates."""

    def receive(self, data: bytes, now_s: float) -> None:
        super().receive(data.replace(BAUD, b"\xff\xaa\x6f"), now_s)


def test_a_unit_that_keeps_its_baud_rate_is_found_where_it_was(
    dynod: Program, tmp_path: Path, config: Path
) -> None:
    firmware = Deaf(rate_hz=100.0, baudrate=115200)
    with unit(tmp_path, firmware):
        done = configure(dynod, config, "--set-baudrate", "9600", "--save")
    assert (done.code, is_one_line(done.err)) == (4, True)
    assert "did not take 9600 baud, and is still where it was" in done.err
    assert SAVE not in firmware.received


@pytest.mark.parametrize(
    ("words", "profile", "said"),
    [
        (["--set-rate", "33"], "quick_frame", "--set-rate 33: the profile knows 10, 100, 200"),
        (["--set-baudrate", "1"], "quick_frame", "the profile knows 9600, 115200"),
        (["--set-rate", "10"], "quick_line", "has no settings that dynod could change"),
    ],
)
def test_what_a_profile_cannot_set(
    dynod: Program, config: Path, words: list[str], profile: str, said: str
) -> None:
    done = configure(dynod, config, *words, profile=profile)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert said in done.err


def test_a_profile_that_cannot_save_says_so(dynod: Program, tmp_path: Path) -> None:
    text = "\n".join(line for line in FRAME.splitlines() if not line.startswith("save"))
    config = write_profiles(tmp_path, {"quick_frame": text})
    done = configure(dynod, config, "--set-rate", "10", "--save")
    assert (done.code, is_one_line(done.err)) == (2, True)


def test_a_setting_that_is_forbidden_is_not_sent(tmp_path: Path) -> None:
    """A profile that mixes them up: what zeroes the unit stands among its rates."""
    text = FRAME.replace('10 = "hex: FF AA 03 06 00"', '10 = "hex: FF AA 01 04 00"')
    config = write_profiles(tmp_path, {"quick_frame": text})
    firmware = Recorder(rate_hz=100.0, baudrate=115200)
    wanted = Wanted(str(tmp_path / "port"), None, "quick_frame")
    with unit(tmp_path, firmware), pytest.raises(DeviceError, match="both sets and forbids"):
        run_configure(ConfigureRequest(wanted, 10.0, None, False), config, as_json=True)
    assert not firmware.zeroed


def test_a_unit_needs_a_name(tmp_path: Path, config: Path) -> None:
    request = ConfigureRequest(Wanted(str(tmp_path / "port")), 10.0, None, False)
    with pytest.raises(UsageError, match="--profile"):
        run_configure(request, config, as_json=True)


@pytest.mark.parametrize(
    "keys",
    [{"read": "R\r"}, {"read_by": "(?P<rate>.)"}, {"read": "R\r", "read_by": "(?P<speed>.)"}],
)
def test_reading_back_needs_question_and_groups(keys: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="read"):
        Setup.model_validate(keys)
