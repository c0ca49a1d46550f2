"""Simulated devices against the documented strings and bytes of the real ones."""

import itertools

import pytest

from dynod.config.profiles import load_profiles
from dynod.model.errors import UsageError
from dynod.simulate.catalogue import make_firmware
from dynod.simulate.chronojump import ChronojumpFirmware, ChronojumpOptions
from dynod.simulate.witmotion import ACCELERATION, ANGLE, WitMotionFirmware, counts, frame


def board(**options: float) -> ChronojumpFirmware:
    settings = {"drop_probability": 0.0, **options}
    return ChronojumpFirmware(lambda _t_s: 27.3, ChronojumpOptions(**settings))  # type: ignore[arg-type]


def answer(firmware: ChronojumpFirmware, command: bytes, now_s: float = 0.0) -> bytes:
    """Send one command and wait out the firmware's readString()."""
    firmware.receive(command, now_s)
    assert firmware.advance(now_s + 0.99) == b""
    return firmware.advance(now_s + 1.0)


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"get_version:", b"Force_Sensor-0.6\r\n"),
        (b"get_version:\n", b"Force_Sensor-0.6\r\n"),
        (b"start_capture:", b"Starting capture...\r\n"),
        (b"end_capture:", b"Capture ended:\r\n"),
        (b"get_transmission_format:", b"text\r\n"),
        (b"end_cture:", b"Not a valid command\r\n"),
    ],
)
def test_answers_are_those_of_the_firmware(command: bytes, reply: bytes) -> None:
    """ForceSensor-0.6.ino; `end_cture:` is a drop that was seen on a real board."""
    assert answer(board(), command) == reply


def test_commands_closer_than_a_second_merge() -> None:
    firmware = board()
    firmware.receive(b"get_version:", 0.0)
    firmware.receive(b"start_capture:", 0.5)
    assert firmware.advance(1.4) == b""
    assert firmware.advance(1.5) == b"Not a valid command\r\n"
    assert firmware.commands == ["get_version:start_capture:"]


def test_a_board_is_deaf_while_it_boots() -> None:
    firmware = board(boot_s=1.5)
    firmware.opened(0.0)
    firmware.receive(b"get_version:", 1.4)
    assert firmware.advance(3.0) == b""
    assert answer(firmware, b"get_version:", 3.0) == b"Force_Sensor-0.6\r\n"


def test_the_first_intervals_are_short() -> None:
    """0, 972, 10836 us as in a recorded file; then 1e6 / 82.36 = 12141.8 us each."""
    firmware = board()
    answer(firmware, b"start_capture:")
    lines = firmware.advance(1.04).split(b"\r\n")[:-1]
    assert lines == [b"0;27.30", b"972;27.30", b"10836;27.30", b"22978;27.30", b"35120;27.30"]
    assert firmware.samples_sent == 5


def test_stamps_wrap() -> None:
    """2^32 − 5000 + 972 = 4294963268; 10836 − 5000 = 5836."""
    firmware = board(stamp_offset_us=2**32 - 5000)
    answer(firmware, b"start_capture:")
    lines = firmware.advance(1.02).split(b"\r\n")[:-1]
    assert [line.split(b";")[0] for line in lines] == [b"4294962296", b"4294963268", b"5836"]


def test_the_switch_prints_capital_and_small_r() -> None:
    firmware = board()
    answer(firmware, b"start_capture:")
    firmware.press(1.002)
    firmware.release(1.005)
    lines = firmware.advance(1.011).split(b"\r\n")[:-1]
    assert lines == [b"0;27.30", b"972;27.30", b"2000;R", b"5000;r", b"10836;27.30"]


def test_the_switch_is_not_read_at_rest() -> None:
    firmware = board()
    firmware.press(0.1)
    assert firmware.advance(0.2) == b""
    assert b"R" not in answer(firmware, b"start_capture:", 1.0).removeprefix(b"Starting")


def test_characters_are_dropped_only_while_streaming() -> None:
    firmware = board(drop_probability=1.0)
    assert answer(firmware, b"start_capture:") == b"Starting capture...\r\n"
    firmware.receive(b"end_capture:", 1.1)
    firmware.advance(5.0)
    assert firmware.streaming
    assert firmware.commands == ["start_capture:"]


def test_a_frame_is_the_documented_one() -> None:
    """ElettraSciComp/witmotion_IMU_QT, doc/protocol.md; 0x2D58 = 11608 is the version."""
    documented = bytes.fromhex("55 53 3A 00 DF FF 1C 00 58 2D 61")
    angles = [counts(angle_deg) for angle_deg in (0.3186, -0.1813, 0.1538)]
    assert frame(ANGLE, *angles, 11608) == documented
    acceleration = bytes.fromhex("55 51 03 00 0B 00 4D 08 DE 09 F0")
    assert frame(ACCELERATION, 3, 11, 0x084D, 0x09DE) == acceleration


@pytest.mark.parametrize(
    ("angle_deg", "count"), [(0.0, 0), (90.0, 16384), (180.0, -32768), (-180.0, -32768)]
)
def test_half_a_turn_wraps(angle_deg: float, count: int) -> None:
    assert counts(angle_deg) == count


def test_angle_frames_come_at_the_rate_among_others() -> None:
    firmware = WitMotionFirmware(lambda t_s: 10.0 * t_s, rate_hz=10.0)
    sent = b"".join(firmware.advance(0.05 * tick) for tick in range(21))  # two seconds
    frames = [sent[k : k + 11] for k in range(0, len(sent), 11)]
    assert all(sum(part[:10]) % 256 == part[10] for part in frames)
    angles = [part for part in frames if part[1] == 0x53]
    assert len(angles) == firmware.samples_sent == 11
    rolls = [int.from_bytes(part[2:4], "little", signed=True) for part in angles]
    steps = [after - before for before, after in itertools.pairwise(rolls)]
    assert all(abs(step - 32768 / 180) <= 1 for step in steps)  # one degree each


def test_a_channel_that_the_device_lacks_names_those_there_are() -> None:
    profile = load_profiles(None)["witmotion_wt901"]
    with pytest.raises(UsageError, match="roll, pitch, yaw"):
        make_firmware(profile, lambda _t_s: 0.0, axis="slant")
