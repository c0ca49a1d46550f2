"""Which model is on a port, over ptys, with devices made up for the tests."""

import asyncio
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dynod.cli.listening import Fit
from dynod.cli.probe import Probe
from dynod.cli.probe_report import Report, config_lines, in_words, no_fit, stable_name
from dynod.daemon.ports import LineSettings, PortInfo
from dynod.model.errors import DeviceError
from dynod.simulate.device import DeviceOptions, ProfileDevice
from dynod.simulate.pty_port import PtyPort
from dynod.wire.profile import Profile
from tests.cli.models import FRAME, KEY, LINE, POLL, Speaker, profile, profiles, write_profiles
from tests.cli.program import Program, is_one_line

KNOWN = profiles()
RATES = {4800, 9600, 19200, 115200}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a sixth of the time; the devices of the tests are quicker still."""
    for name in ("LISTEN_S", "QUIET_S", "BETWEEN_S"):
        monkeypatch.setattr(f"dynod.cli.probe.{name}", {"LISTEN_S": 0.2}.get(name, 0.05))


def device(
    one: Profile, link: Path, options: DeviceOptions | None = None, baudrate: int | None = None
) -> PtyPort:
    """A device at its baud rate: at any other one nothing but rubbish passes."""
    rate = one.serial.baudrate if baudrate is None else baudrate
    return PtyPort(ProfileDevice(one, lambda _: 12.5, options), link, baudrate=lambda: rate)


def probe(
    link: Path, known: dict[str, Profile] | None = None, named: tuple[str, ...] = (), **more: Any
) -> Report:
    found: list[Report] = []

    async def run() -> None:
        told: list[str] = []
        found.append(await Probe(str(link), known or KNOWN, named, **more).run(told.append))
        assert told

    asyncio.run(run())
    return found[0]


def received(port: PtyPort) -> bytes:
    assert isinstance(port.firmware, ProfileDevice)
    return bytes(port.firmware.received)


# -- by listening --------------------------------------------------------------------------


@pytest.mark.parametrize("baudrate", [115200, 9600])
def test_a_stream_is_known_by_what_it_sends_at_any_rate(tmp_path: Path, baudrate: int) -> None:
    with device(KNOWN["quick_frame"], tmp_path / "port", baudrate=baudrate) as port:
        report = probe(tmp_path / "port")
        (fit,) = report.fits
        assert (fit.profile.key, fit.line.baudrate, fit.answer) == ("quick_frame", baudrate, None)
        assert fit.rate_hz == pytest.approx(100.0, rel=0.4)
        assert received(port) == b""


def test_a_device_that_streams_already_is_known_without_a_word(tmp_path: Path) -> None:
    with device(KNOWN["quick_line"], tmp_path / "port") as port:
        assert isinstance(port.firmware, ProfileDevice)
        port.firmware.streaming = True
        report = probe(tmp_path / "port")
        assert [fit.profile.key for fit in report.fits] == ["quick_line"]
        assert received(port) == b""


def test_too_few_readings_without_a_checksum_prove_nothing(tmp_path: Path) -> None:
    """The first line may lack its beginning; then two more come in the time that there is."""
    with Speaker(tmp_path / "port", says=b"F12.5\r\nPARAMETERS\r\n", every_s=0.05):
        assert probe(tmp_path / "port").fits == []


def test_of_what_nobody_knows_some_is_shown_and_nothing_is_sent(tmp_path: Path) -> None:
    with Speaker(tmp_path / "port", says=b"\x1b[2J\xff!?") as speaker:
        report = probe(tmp_path / "port")
        assert (report.fits, report.flowing, report.asked) == ([], True, [])
        assert speaker.received == b""
    words = list(in_words(report, KNOWN, []))
    shown = next(word for word in words if word.startswith("heard at"))
    assert "\\x1b[2J\\xff!?" in shown
    assert shown.isprintable()
    assert len(shown.partition(": ")[2]) <= 61
    assert "no profile reads what comes" in no_fit(report)


def test_who_says_hello_and_falls_silent_may_be_asked(tmp_path: Path) -> None:
    options = DeviceOptions(banner=b"Gauge started.\r\n")
    with device(KNOWN["quick_line"], tmp_path / "port", options):
        report = probe(tmp_path / "port")
        assert [fit.profile.key for fit in report.fits] == ["quick_line"]
        assert report.heard


# -- by asking -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["quick_line", "quick_poll"])
def test_a_silent_device_is_asked(tmp_path: Path, name: str) -> None:
    with device(KNOWN[name], tmp_path / "port") as port:
        report = probe(tmp_path / "port")
        (fit,) = report.fits
        assert (fit.profile.key, fit.line.baudrate) == (name, KNOWN[name].serial.baudrate)
        assert fit.answer == {"quick_line": "QL-1", "quick_poll": "a reading: -12.5"}[name]
        sent = received(port)
        assert not any(word in sent for word in (b"GO", b"STOP", b"ZERO", b"T\r"))


def test_models_that_answer_alike_are_all_named(tmp_path: Path) -> None:
    twin = profile(LINE.replace('name = "quick_line"', 'name = "twin"'))
    known = {**KNOWN, "twin": twin, "far": profile(LINE.replace("quick_line", "far"))}
    known["far"] = known["far"].model_copy(
        update={"dialogue": twin.dialogue.model_copy(update={"identified_by": "^FAR"})}
    )
    with device(KNOWN["quick_line"], tmp_path / "port"):
        report = probe(tmp_path / "port", known)
    assert [fit.profile.key for fit in report.fits] == ["quick_line", "twin"]


def test_a_question_is_asked_twice_for_what_stood_in_the_devices_buffer(tmp_path: Path) -> None:
    """What came before spoils the first answer: here it is an error, and then the name."""

    class Spoilt(ProfileDevice):
        def receive(self, data: bytes, now_s: float) -> None:
            first = not self.received
            super().receive(data if not first else b"", now_s)
            if first:
                self.received += data
                self._out.append((now_s, b"ERROR\r\n"))

    one = KNOWN["quick_line"]
    with PtyPort(Spoilt(one, lambda _: 0.0), tmp_path / "port", baudrate=lambda: 9600):
        report = probe(tmp_path / "port", {one.key: one})
    assert [fit.profile.key for fit in report.fits] == ["quick_line"]


def test_an_answer_that_nobody_expects_is_shown(tmp_path: Path) -> None:
    with Speaker(tmp_path / "port", answers={b"WHO\r": b"SOMEBODY ELSE\r\n"}):
        report = probe(tmp_path / "port", {"quick_line": KNOWN["quick_line"]})
    ((question, data),) = report.answered
    assert (question.shown, data) == ("WHO", b"SOMEBODY ELSE\r\n")
    assert "WHO at 9600 baud, 8N1 was answered: SOMEBODY ELSE" in "\n".join(
        in_words(report, KNOWN, [])
    )
    assert "no device that dynod knows" in no_fit(report)


def test_a_device_that_begins_to_stream_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the question was to it: there is no telling what the next one would be."""
    monkeypatch.setattr("dynod.cli.probe._LONGEST_NOISE_S", 0.3)

    class Woken(ProfileDevice):
        def receive(self, data: bytes, now_s: float) -> None:
            self.streaming = True
            super().receive(data, now_s)

    stranger = profile(LINE.replace("F{", "!{").replace("'F(", "'!(").replace('"QL-1', '"NO'))
    first = profile(LINE.replace("quick_line", "a_first"))
    second = profile(LINE.replace("quick_line", "b_second").replace("WHO", "NAME"))
    woken = Woken(stranger, lambda _: 1.0)
    with PtyPort(woken, tmp_path / "port", baudrate=lambda: 9600):
        report = probe(tmp_path / "port", {"a_first": first, "b_second": second})
    assert report.flowing
    assert len(report.asked) == 1


def test_a_silent_port_says_what_was_tried(tmp_path: Path) -> None:
    with Speaker(tmp_path / "port") as speaker:
        report = probe(tmp_path / "port")
        assert report.fits == []
        assert {line.baudrate for line in report.listened} == RATES
        assert speaker.received.count(b"WHO\r") == 1
        assert speaker.received.count(b"R\r") == 1
    words = "\n".join(in_words(report, KNOWN, []))
    assert "asked 2 questions" in words
    assert "--profile" in words  # of those who speak when their key is pressed
    assert "quick_key" in words
    assert "switch a gauge that heard the questions off and on" in no_fit(report)


# -- as the user says ----------------------------------------------------------------------


def test_what_could_zero_another_is_asked_only_by_name(tmp_path: Path) -> None:
    who = profile(POLL.replace('"T\\r"', '"who"').replace("quick_poll", "touchy"))
    known = {**KNOWN, "touchy": who}
    with device(KNOWN["quick_line"], tmp_path / "port"):
        report = probe(tmp_path / "port", known)
        assert report.fits == []
        assert [item.profile.key for item in report.not_asked] == ["quick_line"]
        words = "\n".join(in_words(report, known, []))
        assert "not asked: Quick line, because it could stop, zero or set a Quick poll" in words
        assert "--profile quick_line" in words
        named = probe(tmp_path / "port", known, ("quick_line",))
        assert [fit.profile.key for fit in named.fits] == ["quick_line"]


def test_a_rate_of_the_users_is_tried_first_and_asked_at(tmp_path: Path) -> None:
    with device(KNOWN["quick_line"], tmp_path / "port", baudrate=57600):
        report = probe(tmp_path / "port", named=("quick_line",), baudrates=(57600,))
    (fit,) = report.fits
    assert fit.line.baudrate == 57600
    assert report.listened[0].baudrate == 57600
    assert "baudrate = 57600" in config_lines(report.fits, "/dev/x")


def test_a_press_names_a_device_that_only_its_key_makes_speak(tmp_path: Path) -> None:
    port = device(KNOWN["quick_key"], tmp_path / "port")
    same_lines = profile(LINE.replace("quick_line", "streamer").replace("'F(?P", "'K(?P"))
    known = {**KNOWN, "streamer": same_lines}

    async def press_while_it_listens() -> Report:
        looking = Probe(str(tmp_path / "port"), known, ("quick_key",))
        task = asyncio.create_task(looking.run(lambda _: None))
        while not task.done():
            port.press()
            await asyncio.sleep(0.05)
        return await task

    with port:
        report = asyncio.run(press_while_it_listens())
    (fit,) = report.fits
    assert (fit.profile.key, fit.rate_hz) == ("quick_key", None)


# -- the port ------------------------------------------------------------------------------


def test_a_setting_that_the_port_refuses_is_passed_over(tmp_path: Path) -> None:
    """A pty takes no seven bits with parity."""
    seven = profile(LINE.replace("quick_line", "seven"))
    serial = seven.serial.model_copy(update={"bytesize": 7, "parity": "E"})
    known = {**KNOWN, "seven": seven.model_copy(update={"serial": serial})}
    with device(KNOWN["quick_poll"], tmp_path / "port"):
        report = probe(tmp_path / "port", known)
    assert [fit.profile.key for fit in report.fits] == ["quick_poll"]
    assert {str(line) for line in report.impossible} == {"9600 baud, 7E1"}


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no such port"):
        probe(tmp_path / "nothing")


# -- what is told --------------------------------------------------------------------------


def fit_of(one: Profile, **more: Any) -> Fit:
    return Fit(one, LineSettings(more.pop("baudrate", 9600)), more.pop("answer", None), **more)


def lines_for(*fits: Fit) -> dict[str, Any]:
    (table,) = tomllib.loads("\n".join(config_lines(fits, "/dev/ttyUSB0")))["device"]
    return dict(table)


def test_the_lines_for_the_config_are_toml_and_say_what_is_known() -> None:
    assert lines_for(fit_of(KNOWN["quick_line"], answer="QL-1")) == {
        "id": "hhd-1",
        "profile": "quick_line",
        "port": "/dev/ttyUSB0",
    }
    table = lines_for(fit_of(KNOWN["quick_frame"], baudrate=9600, rate_hz=19.96))
    assert table["id"] == "tilt-1"
    assert (table["baudrate"], table["rate_hz"]) == (9600, pytest.approx(20.0))


def test_what_no_source_says_stands_there_to_be_said() -> None:
    """As comments: a value that nobody looked up must not pass."""
    vague = KNOWN["quick_line"].model_copy(
        update={"unit": None, "push_sign": None, "rate_hz": None}
    )
    lines = list(config_lines([fit_of(vague, answer="QL-1")], "/dev/x"))
    said = [line for line in lines if line.startswith("# ")]
    assert [line.split()[1] for line in said] == ["unit", "push_sign", "rate_hz"]


def test_several_channels_and_several_profiles_are_named() -> None:
    two = KNOWN["quick_frame"].model_copy(update={"channels": ("roll", "pitch")})
    lines = list(config_lines([fit_of(two), fit_of(KNOWN["quick_line"])], "/dev/x"))
    assert 'axis = "roll"  # or pitch' in lines
    assert 'profile = "quick_frame"  # or quick_line' in lines


def test_a_setting_that_makes_the_numbers_unusable_is_told(tmp_path: Path) -> None:
    with Speaker(tmp_path / "port", answers={b"WHO\r": b"QL-2 POLARITY OFF\r\n"}):
        report = probe(tmp_path / "port")
    assert "switch them on in its menu" in "\n".join(in_words(report, KNOWN, []))


def test_the_stable_name_of_a_port(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    port = PortInfo("/dev/null", "", by_id="/dev/serial/by-id/unit")
    assert stable_name(str(tmp_path / "link"), [port]) == "/dev/serial/by-id/unit"
    assert stable_name("/dev/zero", [port]) == "/dev/zero"


# -- the command ---------------------------------------------------------------------------


@pytest.fixture
def only_these(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def use(*texts: str) -> None:
        monkeypatch.setattr("dynod.cli.probe.load_profiles", lambda _: profiles(*texts))

    return use


def test_the_command_prints_what_to_put_into_the_config(
    dynod: Program, tmp_path: Path, only_these: Callable[..., None]
) -> None:
    only_these(LINE, POLL)
    config = write_profiles(tmp_path, {})
    with device(KNOWN["quick_line"], tmp_path / "port"):
        done = dynod("devices", "probe", tmp_path / "port", "-c", config)
    assert (done.code, done.err) == (0, "")
    text = done.out.partition("for dynod.toml:")[2]
    assert tomllib.loads(text)["device"] == [
        {"id": "hhd-1", "profile": "quick_line", "port": str(tmp_path / "port")}
    ]
    assert "9600 baud, 8N1; it answers: QL-1" in done.out


def test_the_command_as_json_when_nobody_is_there(
    dynod: Program, tmp_path: Path, only_these: Callable[..., None]
) -> None:
    only_these(LINE, FRAME, KEY)
    config = write_profiles(tmp_path, {})
    with Speaker(tmp_path / "port"):
        done = dynod("devices", "probe", tmp_path / "port", "--json", "-c", config)
    assert (done.code, is_one_line(done.err)) == (4, True)
    report = json.loads(done.out)
    assert report["found"] == []
    assert report["asked"] == [{"line": "9600 baud, 8N1", "question": "WHO"}]


def test_a_name_stands_for_its_variants(dynod: Program, tmp_path: Path) -> None:
    config = write_profiles(tmp_path, {})
    done = dynod("devices", "probe", tmp_path / "port", "--profile", "mark11", "-c", config)
    assert (done.code, is_one_line(done.err)) == (2, True)
    assert "did you mean" in done.err
    done = dynod("devices", "probe", tmp_path / "port", "--profile", "mark10_bgi", "-c", config)
    assert (done.code, is_one_line(done.err)) == (4, True)
    assert "no such port" in done.err
