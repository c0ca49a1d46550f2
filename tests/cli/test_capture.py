"""Recording what a port sends: bytes, timing, polls, and how it ends."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dynod.cli.capture_file import CaptureFile
from dynod.cli.port_session import Unit, borrowed
from dynod.cli.recording import read_capture, replayed
from dynod.model.errors import DeviceError, UsageError
from dynod.model.samples import EventKind
from dynod.simulate.device import DeviceOptions, ProfileDevice
from dynod.simulate.pty_port import PtyPort
from dynod.wire.capture import parse_timing
from dynod.wire.decoder import Decoder
from tests.cli.models import LINE, Speaker, profile, profiles, write_profiles
from tests.cli.program import Program, is_one_line

KNOWN = profiles()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_profiles(tmp_path)


def device(name: str, folder: Path, options: DeviceOptions | None = None) -> PtyPort:
    one = KNOWN[name]
    firmware = ProfileDevice(one, lambda _: 12.5, options)
    return PtyPort(firmware, folder / "port", baudrate=lambda: one.serial.baudrate)


def device_of(port: PtyPort) -> ProfileDevice:
    assert isinstance(port.firmware, ProfileDevice)
    return port.firmware


def decoded(case: Path, name: str) -> tuple[list[float], list[EventKind], int]:
    """Read a capture back: values, events, number of rejects."""
    capture = read_capture(case.with_suffix(".bin"), KNOWN[name])
    decoder = Decoder(KNOWN[name], aligned=capture.aligned)
    pieces = [piece for piece, _ in replayed(capture, decoder)]
    values = [row[0] for piece in pieces for block in piece.blocks for row in block.values.tolist()]
    events = [event.kind for piece in pieces for event in piece.events]
    return values, events, sum(len(piece.rejects) for piece in pieces)


# -- with a profile ------------------------------------------------------------------------


def test_a_dialogue_is_led_and_all_of_it_recorded(
    dynod: Program, tmp_path: Path, config: Path
) -> None:
    with device("quick_line", tmp_path) as port:
        done = dynod(
            *("devices", "capture", tmp_path / "port", "--profile", "quick_line"),
            *("--seconds", "0.3", "--out", tmp_path / "case", "--json", "-c", config),
        )
        received, sent = bytes(device_of(port).received), device_of(port).samples_sent
    assert (done.code, done.err) == (0, "")
    assert received == b"WHO\rGO\rSTOP\r"
    report = json.loads(done.out)
    assert (report["identified"], report["rejects"], report["polls"]) == ("QL-1", 0, 0)
    assert 10 <= report["samples"] <= sent
    data = (tmp_path / "case.bin").read_bytes()
    assert data.startswith(b"QL-1\r\nGO\r\nF12.5\r\n")
    assert data.endswith(b"OK\r\n")
    values, _, rejects = decoded(tmp_path / "case", "quick_line")
    assert (values, rejects) == ([12.5] * sent, 0)


def test_polls_are_recorded_with_their_times(dynod: Program, tmp_path: Path, config: Path) -> None:
    with device("quick_poll", tmp_path) as port:
        done = dynod(
            *("devices", "capture", tmp_path / "port", "--profile", "quick_poll"),
            *("--seconds", "0.3", "--out", tmp_path / "case", "-c", config),
        )
        sent = device_of(port).samples_sent
    assert done.code == 0
    timing = parse_timing((tmp_path / "case.chunks.json").read_text())
    answered = len(timing.chunks)
    assert 5 <= answered <= sent <= len(timing.asked) <= answered + 1  # the last was cut off
    assert all(at_s >= 0.0 for at_s in timing.asked)
    values, events, rejects = decoded(tmp_path / "case", "quick_poll")
    # A press would mean that an answer was taken for one that nobody asked for.
    assert (values, events, rejects) == ([-12.5] * answered, [], 0)
    assert "samples, 0 rejects" in done.out
    assert "dynod devices replay" in done.out


def test_a_site_says_at_which_rate_to_ask(dynod: Program, tmp_path: Path, config: Path) -> None:
    with device("quick_poll", tmp_path) as port:
        done = dynod(
            *("devices", "capture", tmp_path / "port", "--profile", "quick_poll"),
            *("--rate-hz", "20", "--seconds", "0.5", "--out", tmp_path / "case", "-c", config),
        )
        assert done.code == 0
        assert 5 <= device_of(port).samples_sent <= 12


def test_readings_sent_by_hand_are_kept_from_the_first_on(
    tmp_path: Path, config: Path, dynod: Program
) -> None:
    with device("quick_key", tmp_path) as port:

        def press() -> None:
            over_s = time.monotonic() + 5.0
            while not port._attended and time.monotonic() < over_s:
                time.sleep(0.01)
            time.sleep(0.3)  # who is silent for a while begins with a whole line
            port.press()

        hand = threading.Thread(target=press)
        hand.start()
        done = dynod(
            *("devices", "capture", tmp_path / "port", "--profile", "quick_key"),
            *("--seconds", "0.8", "--out", tmp_path / "case", "--json", "-c", config),
        )
        hand.join()
    assert done.code == 0
    assert json.loads(done.out)["samples"] == 1
    assert parse_timing((tmp_path / "case.chunks.json").read_text()).aligned
    assert decoded(tmp_path / "case", "quick_key")[:2] == ([12.5], [EventKind.PRESS])


# -- without one ---------------------------------------------------------------------------


def test_without_a_profile_it_only_listens(dynod: Program, tmp_path: Path, config: Path) -> None:
    with Speaker(tmp_path / "port", says=b"anything\xff") as speaker:
        done = dynod(
            *("devices", "capture", tmp_path / "port", "--baudrate", "9600", "--seconds", "0.3"),
            *("--out", tmp_path / "case.bin", "-c", config),
        )
        assert speaker.received == b""
    assert done.code == 0
    data = (tmp_path / "case.bin").read_bytes()
    assert data.count(b"anything\xff") >= 5
    timing = parse_timing((tmp_path / "case.chunks.json").read_text())
    assert sum(length for _, length in timing.chunks) == len(data)
    assert not timing.aligned


def test_without_a_profile_it_must_know_the_baud_rate(
    dynod: Program, tmp_path: Path, config: Path
) -> None:
    done = dynod("devices", "capture", tmp_path / "port", "-c", config)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "--baudrate" in done.err
    assert "--profile" in done.err


# -- how it ends ---------------------------------------------------------------------------


def started(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dynod", "devices", "capture", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_told_to_stop_it_ends_in_good_order(
    tmp_path: Path, config: Path, how: signal.Signals
) -> None:
    with device("quick_line", tmp_path) as port:
        words = (tmp_path / "port", "--profile", "quick_line", "--out", tmp_path / "case")
        process = started(*words, "--json", "-c", config)
        while not (tmp_path / "case.bin").exists() or device_of(port).samples_sent < 20:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(how)
        out, err = process.communicate(timeout=20)
        received = bytes(device_of(port).received)
    assert (process.returncode, err) == (0, "")
    assert received.endswith(b"STOP\r")
    assert json.loads(out)["samples"] >= 15
    values, _, rejects = decoded(tmp_path / "case", "quick_line")
    assert len(values) >= 20
    assert rejects == 0


def test_what_came_before_the_plug_was_pulled_is_kept(tmp_path: Path, config: Path) -> None:
    with device("quick_line", tmp_path) as port:
        words = (tmp_path / "port", "--profile", "quick_line", "--out", tmp_path / "case")
        process = started(*words, "--json", "-c", config)
        while device_of(port).samples_sent < 20:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        port.unplug()
        out, err = process.communicate(timeout=20)
    assert process.returncode == 4
    assert is_one_line(err)
    report = json.loads(out)
    assert report["problem"] in err
    assert decoded(tmp_path / "case", "quick_line")[0].count(12.5) >= report["samples"] > 0


def test_a_device_that_does_not_answer_leaves_no_empty_capture(
    dynod: Program, tmp_path: Path, config: Path
) -> None:
    with Speaker(tmp_path / "port"):
        done = dynod(
            *("devices", "capture", tmp_path / "port", "--profile", "quick_line"),
            *("--seconds", "0.3", "--out", tmp_path / "case", "-c", config),
        )
    assert (done.code, is_one_line(done.err)) == (4, True)
    assert "no answer to WHO after 3 attempts" in done.err
    assert list(tmp_path.glob("case*")) == []


def test_what_a_wrong_device_sent_is_kept(dynod: Program, tmp_path: Path, config: Path) -> None:
    """The capture is how a new profile begins."""
    with Speaker(tmp_path / "port", answers={b"WHO\r": b"SOMETHING ELSE\r\n"}):
        done = dynod(
            *("devices", "capture", tmp_path / "port", "--profile", "quick_line"),
            *("--seconds", "0.3", "--out", tmp_path / "case", "-c", config),
        )
    assert (done.code, is_one_line(done.err)) == (4, True)
    assert "answers as 'SOMETHING ELSE', not as Quick line" in done.err
    assert (tmp_path / "case.bin").read_bytes().startswith(b"SOMETHING ELSE\r\n")
    assert (tmp_path / "case.chunks.json").exists()


@pytest.mark.parametrize("there", ["case.bin", "case.chunks.json"])
def test_nothing_is_overwritten(dynod: Program, tmp_path: Path, config: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with device("quick_line", tmp_path) as port:
        done = dynod(
            *("devices", "capture", tmp_path / "port", "--profile", "quick_line"),
            *("--seconds", "0.2", "--out", tmp_path / "case", "-c", config),
        )
        assert device_of(port).received == b""
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "--out" in done.err
    assert [path.read_text() for path in tmp_path.glob("case*")] == ["precious"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a port, or a device"),
        (["port", "--device", "hhd-1"], "and not both"),
        (["port", "--profile", "quick_lime"], 'did you mean "quick_line"'),
        (["port", "--profile", "quick_line", "--unit", "kgf"], "--unit: quick_line knows its unit"),
        (["port", "--profile", "quick_line", "--address", "zz"], "--address"),
        (["port", "--profile", "quick_line", "--push-sign", "0"], "--push-sign is 1 or -1"),
    ],
    ids=["nothing", "both", "typo", "unit", "address", "sign"],
)
def test_what_cannot_be_meant(dynod: Program, config: Path, words: list[str], said: str) -> None:
    done = dynod("devices", "capture", *words, "-c", config)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert said in done.err


def test_a_baud_rate_that_no_source_says_must_be_given(dynod: Program, tmp_path: Path) -> None:
    text = LINE.replace("baudrate = 9600", "")
    config = write_profiles(tmp_path, {"quick_line": text})
    assert profile(text).open_questions == ("baudrate",)
    done = dynod("devices", "capture", "port", "--profile", "quick_line", "-c", config)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "--baudrate: missing" in done.err


# -- the file ------------------------------------------------------------------------------


def test_times_count_from_the_begin(tmp_path: Path) -> None:
    file = CaptureFile(tmp_path / "case", by_itself=False)
    with file:
        begun_s = file._begun_s
        file.asked(begun_s + 0.25)
        file.chunk(b"abc", begun_s + 0.5)
        file.chunk(b"de", begun_s + 1.0)
    timing = parse_timing((tmp_path / "case.chunks.json").read_text())
    assert timing.chunks == ((0.5, 3), (1.0, 2))
    assert timing.asked == (0.25,)
    assert timing.aligned
    assert (tmp_path / "case.bin").read_bytes() == b"abcde"


def test_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="No such file"):
        CaptureFile(tmp_path / "no" / "case", by_itself=False).__enter__()


def test_a_capture_without_a_daemon_borrows_nothing(tmp_path: Path, config: Path) -> None:
    with borrowed(config, Unit(str(tmp_path / "port"), None)) as leased:
        assert not leased


def test_names_with_a_dot_keep_it(tmp_path: Path) -> None:
    file = CaptureFile(tmp_path / "unit-1.2", by_itself=False)
    assert (file.path.name, file.timing_path.name) == ("unit-1.2.bin", "unit-1.2.chunks.json")
    file.path.touch()
    with pytest.raises(UsageError, match="is there already"):
        file.__enter__()
