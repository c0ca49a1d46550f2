"""Captures replayed: in order of time, with what the site says, and as an expectation."""

import json
from pathlib import Path

import pytest

from dynod.cli.recording import read_capture, replayed
from dynod.config.profiles import load_profiles
from dynod.model.samples import EventKind
from dynod.wire.capture import Timing, chunks_of, format_timing, joined_blocks, parse_expectation
from dynod.wire.decoder import Decoder
from tests.cli.models import KEY, LINE, POLL, profile, profiles, write_profiles
from tests.cli.program import Done, Program, is_one_line

GAUGE = "--profile=chronojump_force_sensor"
KNOWN = profiles()


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """The gauge's lines at 80 Hz: two seconds at 4 N, three at 104 N, two at 4 N."""
    levels = [4.0] * 160 + [104.0] * 240 + [4.0] * 160
    path = tmp_path / "pull.bin"
    path.write_text("".join(f"{i * 12500};{n:.2f}\r\n" for i, n in enumerate(levels)))
    return path


def record(folder: Path, chunks: list[tuple[float, bytes]], **more: object) -> Path:
    """Write a capture of chunks and their arrival in s."""
    path = folder / "case.bin"
    path.write_bytes(b"".join(data for _, data in chunks))
    arrivals = tuple((at_s, len(data)) for at_s, data in chunks)
    timing = Timing(arrivals, **{"aligned": True, **more})  # type: ignore[arg-type]
    path.with_suffix(".chunks.json").write_text(format_timing(timing))
    return path


def replay(dynod: Program, capture: Path, *words: object) -> Done:
    config = capture.parent / "dynod.toml"
    return dynod("devices", "replay", capture, "-c", config, *words)


# -- trials --------------------------------------------------------------------------------


def test_a_replay_as_json(dynod: Program, capture: Path) -> None:
    done = replay(dynod, capture, GAUGE, "--trigger=onset", "--side=left", "--json")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert (report["samples"], report["events"], report["rejects"]) == (560, 0, {})
    (trial,) = report["trials"]
    assert (trial["movement"], trial["side"], trial["start_s"]) == ("hip_abduction", "left", 2.0)
    assert trial["tare_n"] == pytest.approx(4.0)
    assert trial["metrics"]["raw_peak_force_n"] == pytest.approx(104.0)


def test_a_replay_as_text(dynod: Program, capture: Path) -> None:
    done = replay(dynod, capture, GAUGE, "--trigger=onset")
    assert done.code == 0
    assert "560 samples, 0 events" in done.out
    assert "hip_abduction, right:" in done.out


def test_a_replay_without_a_trial_says_what_to_try(dynod: Program, capture: Path) -> None:
    done = replay(dynod, capture, GAUGE)
    assert (done.code, "try another --trigger" in done.out) == (0, True)


def test_each_reading_sent_by_hand_is_a_trial(dynod: Program, tmp_path: Path) -> None:
    write_profiles(tmp_path, {"quick_key": KEY})
    path = record(tmp_path, [(1.0, b"K100.5\r\n"), (4.0, b"K98.0\r\n")])
    done = replay(dynod, path, "--profile=quick_key", "--json")
    assert done.code == 0
    trials = json.loads(done.out)["trials"]
    assert [trial["metrics"]["peak_force_n"] for trial in trials] == pytest.approx([100.5, 98.0])


# -- order of time -------------------------------------------------------------------------


def test_polls_are_told_between_the_chunks(tmp_path: Path) -> None:
    """Three polls, three answers, and then the key of the gauge: nobody asked for that one."""
    chunks = [(0.01, b"R=1.00\r\n"), (0.12, b"R=2.00\r\n"), (0.21, b"R=3.00\r\n")]
    path = record(tmp_path, [*chunks, (2.0, b"R=9.00\r\n")], asked=(0.0, 0.1, 0.2))
    one = KNOWN["quick_poll"]
    pressing = one.model_copy(update={"dialogue": one.dialogue.model_copy(update={"press": True})})
    pieces = [
        piece for piece, _ in replayed(read_capture(path, one), Decoder(pressing, aligned=True))
    ]
    (block,) = joined_blocks(pieces)
    assert block.t_s.tolist() == [0.0, 0.1, 0.2]  # a sample was taken when it was asked for
    assert block.values[:, 0].tolist() == [1.0, 2.0, 3.0]
    assert [event.kind for piece in pieces for event in piece.events] == [EventKind.PRESS]


def test_silence_ends_an_answer_before_the_next_poll_and_at_the_end(tmp_path: Path) -> None:
    """Sauter: seven characters that only silence ends. The last has nothing behind it."""
    sauter = load_profiles(None)["sauter_fh_fl"]
    chunks = [(0.01, b"0011"), (0.02, b".70"), (0.11, b"1021.15")]
    path = record(tmp_path, chunks, asked=(0.0, 0.1))
    pieces = [
        piece for piece, _ in replayed(read_capture(path, sauter), Decoder(sauter, aligned=True))
    ]
    (block,) = joined_blocks(pieces)
    assert block.t_s.tolist() == [0.0, 0.1]
    assert block.values[:, 0].tolist() == [-11.70, 21.15]  # facts of the manual: 0 is minus


@pytest.mark.parametrize(("aligned", "samples"), [(True, 2), (False, 1)])
def test_whether_byte_0_begins_a_line_is_taken_from_the_file(
    dynod: Program, tmp_path: Path, aligned: bool, samples: int
) -> None:
    write_profiles(tmp_path, {"quick_line": LINE})
    path = record(tmp_path, [(0.0, b"F1.0\r\nF2.0\r\n")], aligned=aligned)
    done = replay(dynod, path, "--profile=quick_line", "--json")
    assert json.loads(done.out)["samples"] == samples


def test_polls_without_timing_make_no_trials(dynod: Program, tmp_path: Path) -> None:
    write_profiles(tmp_path, {"quick_poll": POLL})
    (tmp_path / "case.bin").write_bytes(b"R=1.00\r\n" * 10)
    done = replay(dynod, tmp_path / "case.bin", "--profile=quick_poll")
    assert done.code == 0
    assert "no trial computed: there is no .chunks.json" in done.out


def test_timing_that_does_not_fit_names_its_file(dynod: Program, tmp_path: Path) -> None:
    path = record(tmp_path, [(0.0, b"12;3.00\r\n")])
    path.write_bytes(b"1")
    done = replay(dynod, path, GAUGE)
    assert (done.code, is_one_line(done.err)) == (3, True)
    assert "case.chunks.json: the chunk lengths do not add up" in done.err


# -- what the site says --------------------------------------------------------------------

VAGUE = LINE.replace('unit = "N"\n', "").replace("push_sign = 1\n", "")
CONFIG = """
[station]
site = "clinic"
name = "room"
[broker]
url = "mqtt://127.0.0.1"
[[device]]
id = "hhd-1"
profile = "quick_line"
port = "gauge"
unit = "kgf"
push_sign = -1
[session]
trigger = "onset"
"""


def pull(folder: Path, level: float) -> Path:
    """A pull in the device's own numbers at 100 Hz: 2 s at 0, 3 s at a level, 2 s at 0."""
    levels = [0.0] * 200 + [level] * 300 + [0.0] * 200
    return record(folder, [(0.01 * k, b"F%.1f\r\n" % x) for k, x in enumerate(levels)])


def test_numbers_of_an_unknown_unit_make_no_trial(dynod: Program, tmp_path: Path) -> None:
    write_profiles(tmp_path, {"quick_line": VAGUE})
    path = pull(tmp_path, 10.0)
    done = replay(dynod, path, "--profile=quick_line", "--trigger=onset")
    assert done.code == 0
    assert "700 samples" in done.out
    assert "give --unit and --push-sign" in done.out


@pytest.mark.parametrize("where", ["options", "config"])
def test_the_unit_of_the_site_makes_newtons(dynod: Program, tmp_path: Path, where: str) -> None:
    """-10 kgf, pushing being minus, are 98.0665 N."""
    config = write_profiles(tmp_path, {"quick_line": VAGUE})
    words = ["--unit=kgf", "--push-sign=-1"]
    if where == "config":
        config.write_text(CONFIG)
        words = []
    path = pull(tmp_path, -10.0)
    done = replay(dynod, path, "--profile=quick_line", "--trigger=onset", "--json", *words)
    (trial,) = json.loads(done.out)["trials"]
    assert trial["metrics"]["raw_peak_force_n"] == pytest.approx(98.0665)


def test_the_command_line_wins_over_the_config(dynod: Program, tmp_path: Path) -> None:
    write_profiles(tmp_path, {"quick_line": VAGUE}).write_text(CONFIG)
    path = pull(tmp_path, -100.0)
    words = ("--profile=quick_line", "--trigger=onset", "--unit=N", "--json")
    (trial,) = json.loads(replay(dynod, path, *words).out)["trials"]
    assert trial["metrics"]["raw_peak_force_n"] == pytest.approx(100.0)


def test_two_devices_of_one_profile_say_nothing_about_a_capture(
    dynod: Program, tmp_path: Path
) -> None:
    second = CONFIG[CONFIG.index("[[device]]") : CONFIG.index("[session]")]
    second = second.replace("hhd-1", "hhd-2").replace('"gauge"', '"gauge-2"')
    config = write_profiles(tmp_path, {"quick_line": VAGUE})
    config.write_text(CONFIG.replace("[session]", second + "[session]"))
    path = pull(tmp_path, -10.0)
    done = replay(dynod, path, "--profile=quick_line", "--json")
    assert json.loads(done.out)["no_trials_because"] is not None


def test_bare_counts_are_no_newtons(dynod: Program, tmp_path: Path) -> None:
    write_profiles(tmp_path, {"quick_line": LINE.replace('unit = "N"', 'unit = "{count}"')})
    path = pull(tmp_path, 8000.0)
    done = replay(dynod, path, "--profile=quick_line", "--trigger=onset")
    assert "no trial computed: bare counts are no newtons" in done.out


# -- samples and expectations --------------------------------------------------------------


def test_samples_as_csv(dynod: Program, tmp_path: Path) -> None:
    lines = b"0;1.50\r\n12500;x\r\n25000;-2.25\r\n"
    path = record(tmp_path, [(0.0, lines)])
    done = replay(dynod, path, GAUGE, "--samples")
    assert (done.code, done.err) == (0, "")
    assert done.out == "t_s,force\n0.000000,1.5\n0.025000,-2.25\n"


def test_an_overload_has_no_value(dynod: Program, tmp_path: Path) -> None:
    text = LINE.replace(r"[+-]?\d+\.\d)'", r"[+-]?\d+\.\d)(?P<status>!?)'").replace(
        "events =", 'statuses = { "!" = "overload" }\nevents ='
    )
    write_profiles(tmp_path, {"quick_line": text})
    path = record(tmp_path, [(0.0, b"F1.0\r\nF9.9!\r\n")])
    done = replay(dynod, path, "--profile=quick_line", "--samples")
    assert [line.partition(",")[2] for line in done.out.splitlines()] == ["force", "1.0", ""]


def test_an_expectation_says_what_the_capture_holds(dynod: Program, tmp_path: Path) -> None:
    """Times in microseconds, a press between two samples, and a line that is none."""
    data = b"0;1.50\r\n10000;R\r\nrubbish\x00\r\n12500;2.50\r\n"
    path = record(tmp_path, [(0.0, data)])
    done = replay(dynod, path, GAUGE, "--write-expect", "--source", "unit 7, 2026")
    assert done.code == 0
    expected = parse_expectation((tmp_path / "case.expect.json").read_text())
    assert (expected.origin, expected.source) == ("recorded", "unit 7, 2026")
    assert (expected.channels, expected.values) == (("force",), ((1.5,), (2.5,)))
    assert expected.t_s == pytest.approx((0.0, 0.0125))
    ((kind, t_s),) = expected.events
    assert (kind, round(t_s, 9)) == ("press", 0.01)
    assert expected.rejects == (("malformed", 10),)


def test_times_that_depend_on_arrival_are_not_expected(dynod: Program, tmp_path: Path) -> None:
    write_profiles(tmp_path, {"quick_line": LINE})
    path = record(tmp_path, [(0.0, b"F1.0\r\n")])
    assert replay(dynod, path, "--profile=quick_line", "--write-expect", "--source=x").code == 0
    assert parse_expectation((tmp_path / "case.expect.json").read_text()).t_s is None


def test_an_expectation_is_not_overwritten(dynod: Program, tmp_path: Path) -> None:
    path = record(tmp_path, [(0.0, b"0;1.50\r\n")])
    (tmp_path / "case.expect.json").write_text("precious")
    words = (GAUGE, "--write-expect", "--source=x")
    done = replay(dynod, path, *words)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert (tmp_path / "case.expect.json").read_text() == "precious"
    assert replay(dynod, path, *words, "--force").code == 0
    assert parse_expectation((tmp_path / "case.expect.json").read_text()).values == ((1.5,),)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--write-expect"], "--write-expect needs --source"),
        (["--samples", "--json"], "leave out --json"),
        (["--axis=roll"], "--axis must be one of force"),
        (["--unit=kgf"], "--unit: chronojump_force_sensor knows its unit"),
        (["--write-expect", "--source=x"], "case.chunks.json: missing"),
    ],
)
def test_what_a_replay_cannot_do(
    dynod: Program, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "case.bin").write_bytes(b"0;1.50\r\n")
    done = replay(dynod, tmp_path / "case.bin", GAUGE, *words)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert said in done.err
    assert not (tmp_path / "case.expect.json").exists()


def test_an_unknown_profile(dynod: Program, capture: Path) -> None:
    done = replay(dynod, capture, "--profile=chronojump")
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert 'did you mean "chronojump_force_' in done.err
    done = replay(dynod, capture, "--profile=xyz")
    assert "`dynod devices list` shows all" in done.err


def test_a_capture_that_is_not_there(dynod: Program, tmp_path: Path) -> None:
    done = replay(dynod, tmp_path / "gone.bin", GAUGE)
    assert (done.code, is_one_line(done.err)) == (4, True)
    assert "gone.bin" in done.err


def test_chunks_are_cut_as_they_came(tmp_path: Path) -> None:
    path = record(tmp_path, [(0.5, b"ab"), (1.0, b"cde")])
    capture = read_capture(path, profile(LINE))
    assert capture.timing is not None
    assert capture.chunks == chunks_of(b"abcde", capture.timing)
