"""A simulated device from the command line, and the faults that can be switched on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from dynod.cli.simulate import read_faults
from dynod.model.errors import UsageError
from dynod.simulate.device import DeviceOptions
from dynod.simulate.faults import FaultOptions
from tests.cli.models import KEY, LINE, write_profiles
from tests.cli.program import Program, is_one_line

PATIENCE_S = 10.0


@contextmanager
def simulated(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run it as a process with its port at ``folder/port``; wait until that is there."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "dynod", "simulate", *words),
            *("--link", str(folder / "port"), "-c", str(folder / "dynod.toml")),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        limit_s = time.monotonic() + PATIENCE_S
        while not (folder / "port").exists():
            assert process.poll() is None
            assert time.monotonic() < limit_s
            time.sleep(0.01)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)


def read_until(port: Path, wanted: bytes, *, baudrate: int, sends: bytes = b"") -> bytes:
    heard = b""
    with serial.Serial(str(port), baudrate, timeout=0.05) as line:
        line.write(sends)
        limit_s = time.monotonic() + PATIENCE_S
        while wanted not in heard:
            assert time.monotonic() < limit_s, heard
            heard += line.read(4096)
    return heard


# -- a device ------------------------------------------------------------------------------


def test_a_sites_own_profile_answers_and_streams(tmp_path: Path) -> None:
    write_profiles(tmp_path, {"quick_line": LINE})
    with simulated(tmp_path, "quick_line", "--every", "0") as process:
        assert process.stdout is not None
        assert "9600 baud; Enter presses its button" in process.stdout.readline()
        heard = read_until(tmp_path / "port", b"F0.", baudrate=9600, sends=b"WHO\rGO\r")
        assert heard.startswith(b"QL-1\r\nGO\r\n")
    assert process.returncode == 0
    assert not (tmp_path / "port").is_symlink()  # it takes its port with it


def test_enter_presses_the_key(tmp_path: Path) -> None:
    write_profiles(tmp_path, {"quick_key": KEY})
    with simulated(tmp_path, "quick_key", "--every", "0") as process:
        assert process.stdin is not None
        with serial.Serial(str(tmp_path / "port"), 4800, timeout=0.05) as line:
            heard = b""
            limit_s = time.monotonic() + PATIENCE_S
            while b"\n" not in heard:  # a press before anybody listens is lost
                assert time.monotonic() < limit_s
                process.stdin.write("\n")
                process.stdin.flush()
                heard += line.read(64)
        assert heard.startswith((b"K0.", b"K-0."))


def test_the_line_carries_another_rate_only_as_rubbish(tmp_path: Path) -> None:
    write_profiles(tmp_path, {"quick_line": LINE})
    with simulated(tmp_path, "quick_line"):
        with serial.Serial(str(tmp_path / "port"), 115200, timeout=0.05) as line:
            line.write(b"WHO\r")
            assert line.read(64) == b""
        read_until(tmp_path / "port", b"QL-1", baudrate=9600, sends=b"WHO\r")


def test_a_fault_of_the_line_and_one_of_the_device(tmp_path: Path) -> None:
    write_profiles(tmp_path, {"quick_line": LINE})
    faults = ("--fault", "banner=Hello there", "--fault", "split=1")
    with simulated(tmp_path, "quick_line", *faults):
        heard = read_until(tmp_path / "port", b"there\r\n", baudrate=9600)
    assert heard == b"Hello there\r\n"


# -- faults --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "line", "device"),
    [
        ("noise=0.01", {"noise": 0.01}, {}),
        ("lost=0.001", {"lost": 0.001}, {}),
        ("flipped=1", {"flipped": 1.0}, {}),
        ("split=3", {"longest_write": 3}, {}),
        ("merge=0.016", {"hold_s": 0.016}, {}),
        ("silent-after=5", {"silent_after_s": 5.0}, {}),
        ("unplug-after=2.5", {"unplug_after_s": 2.5}, {}),
        ("checksum=0.1", {}, {"bad_checksum": 0.1}),
        ("deaf=0.3", {}, {"deaf": 0.3}),
        ("banner=a=b", {}, {"banner": b"a=b\r\n"}),
    ],
)
def test_a_fault_is_a_name_and_a_value(
    word: str, line: dict[str, float], device: dict[str, float]
) -> None:
    expected = FaultOptions(**line), DeviceOptions(**device)  # type: ignore[arg-type]
    assert read_faults([word]) == expected


def test_several_faults_at_once() -> None:
    assert read_faults(["lost=0.1", "deaf=0.2", "split=2"]) == (
        FaultOptions(lost=0.1, longest_write=2),
        DeviceOptions(deaf=0.2),
    )
    assert read_faults([]) == (FaultOptions(), DeviceOptions())


def test_an_unknown_fault_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="explode: no such fault; there are noise, lost, flipped"):
        read_faults(["explode=1"])


@pytest.mark.parametrize(
    "word",
    [
        *("noise=2", "lost=-0.1", "lost=", "flipped=often", "deaf=nan", "banner="),
        *("split=0", "split=1.5", "merge=0", "silent-after=inf", "unplug-after=-1"),
    ],
)
def test_a_value_that_means_nothing_says_what_would(word: str) -> None:
    with pytest.raises(UsageError, match=r"--fault \S+ needs .*, as in \S+="):
        read_faults([word])


# -- mistakes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["quick_lime"], 'did you mean "quick_line"'),
        (["quick_line", "--unit", "kgf"], "--unit: quick_line knows its unit"),
        (["quick_line", "--axis", "roll"], "quick_line has no channel roll: force"),
        (["quick_line", "--fault", "fire=1"], "there are noise"),
    ],
)
def test_what_cannot_be_simulated(
    dynod: Program, tmp_path: Path, words: list[str], said: str
) -> None:
    config = write_profiles(tmp_path, {"quick_line": LINE})
    done = dynod("simulate", *words, "--link", tmp_path / "port", "-c", config)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert said in done.err


def test_a_file_in_the_place_of_the_simulated_port_is_kept(dynod: Program, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("precious")
    done = dynod("simulate", "chronojump_force_sensor", "--link", tmp_path / "port")
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert (tmp_path / "port").read_text() == "precious"


# -- what it feels -------------------------------------------------------------------------


def test_a_typed_number_rests_on_it_as_its_sensor_shows_it(tmp_path: Path) -> None:
    write_profiles(tmp_path, {"quick_line": LINE})
    words = ("--every", "0", "--cell", "scale=2", "--cell", "offset=7")
    with simulated(tmp_path, "quick_line", *words) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("much\n50\n")
        process.stdin.flush()
        said = [process.stdout.readline() for _ in range(4)]
        assert said[1:] == [
            "type a force in N and Enter to let it rest there, 0 takes it off\n",
            "'much' is no number from -100000 to 100000\n",
            "it feels 50 N\n",
        ]
        # 7 + 2·50, within some noises of 0.2 N, twice
        read_until(tmp_path / "port", b"F107.", baudrate=9600, sends=b"WHO\rGO\r")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("scal=1", "no such error; there are scale, offset, curvature, hysteresis"),
        ("scale=much", "needs a number, as in scale=0.01"),
    ],
)
def test_a_wrong_cell_is_one_line(word: str, said: str, tmp_path: Path, dynod: Program) -> None:
    config = write_profiles(tmp_path, {"quick_line": LINE})
    done = dynod("simulate", "quick_line", "--cell", word, "-c", config)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert said in done.err
