"""The simulated WitMotion's registers, against what is documented of the real one's.

Commands and codes: WITMOTION/WitStandardProtocol_JY901, REG.h at e8f4e3af, and the WIT standard
communication protocol (wit-motion.gitbook.io): unlock FF AA 69 88 B5, then write within 10 s.
"""

import pytest

from dynod.simulate.witmotion import Registers, WitMotionFirmware

UNLOCK = b"\xff\xaa\x69\x88\xb5"
SAVE = b"\xff\xaa\x00\x00\x00"
READ = b"\xff\xaa\x27\x03\x00"


def rate(code: int) -> bytes:
    return bytes([0xFF, 0xAA, 0x03, code, 0x00])


def baud(code: int) -> bytes:
    return bytes([0xFF, 0xAA, 0x04, code, 0x00])


def unit(**options: float) -> WitMotionFirmware:
    return WitMotionFirmware(lambda _t_s: 0.0, **options)  # type: ignore[arg-type]


def frames_a_second(firmware: WitMotionFirmware, begun_s: float) -> int:
    """Angle frames in one second, the first of them at its begin and not counted."""
    firmware.advance(begun_s)
    before = firmware.samples_sent
    firmware.advance(begun_s + 1.0)
    return firmware.samples_sent - before


@pytest.mark.parametrize(
    ("code", "rate_hz"), [(0x06, 10), (0x07, 20), (0x08, 50), (0x09, 100), (0x0B, 200)]
)
def test_the_rate_is_set_by_its_code(code: int, rate_hz: int) -> None:
    firmware = unit(baudrate=115200)
    firmware.receive(UNLOCK + rate(code), 1.0)
    assert frames_a_second(firmware, 2.0) == pytest.approx(rate_hz, abs=1)


@pytest.mark.parametrize(("code", "baudrate"), [(0x02, 9600), (0x06, 115200)])
def test_the_baud_rate_is_set_by_its_code(code: int, baudrate: int) -> None:
    firmware = unit(baudrate=38400)
    firmware.receive(UNLOCK, 1.0)
    firmware.receive(baud(code), 1.1)
    assert firmware.baudrate == baudrate


def test_a_locked_unit_takes_nothing() -> None:
    firmware = unit()
    firmware.receive(rate(0x07), 1.0)
    assert firmware.registers.rate_hz == 10.0


@pytest.mark.parametrize(("at_s", "taken"), [(10.9, True), (11.1, False)])
def test_the_lock_falls_after_ten_seconds(at_s: float, taken: bool) -> None:
    firmware = unit()
    firmware.receive(UNLOCK, 1.0)
    firmware.receive(rate(0x07), at_s)
    assert (firmware.registers.rate_hz == 20.0) == taken


def test_a_wrong_key_opens_nothing() -> None:
    firmware = unit()
    firmware.receive(b"\xff\xaa\x69\x88\xb6" + rate(0x07), 1.0)
    assert firmware.registers.rate_hz == 10.0


@pytest.mark.parametrize(
    ("baudrate", "carried_hz"), [(9600, 20.0), (19200, 50.0), (38400, 100.0), (115200, 200.0)]
)
def test_a_rate_above_what_the_line_carries_is_reduced(baudrate: int, carried_hz: float) -> None:
    """Three frames of 11 bytes a sample, ten bits a byte: 330 bits; 9600 baud carry 29 samples."""
    firmware = unit(baudrate=baudrate)
    firmware.receive(UNLOCK + rate(0x0B), 1.0)
    assert frames_a_second(firmware, 2.0) == pytest.approx(carried_hz, abs=1)
    assert firmware.registers.rate == 0x0B


def test_a_faster_line_lets_the_rate_rise() -> None:
    firmware = unit()
    firmware.receive(UNLOCK + rate(0x09) + baud(0x06), 1.0)
    assert firmware.registers == Registers(0x09, 0x06)
    assert frames_a_second(firmware, 2.0) == pytest.approx(100, abs=1)


def test_registers_are_read_without_unlocking() -> None:
    """The reply 55 5F holds registers 3, 4, 5, 6 as little-endian words: rate 06, baud 02."""
    firmware = unit()
    firmware.advance(1.0)
    firmware.receive(READ, 1.0)
    reply = firmware.advance(1.01)
    body = bytes.fromhex("55 5F 06 00 02 00 00 00 00 00")
    assert reply == body + bytes([sum(body) % 256])


def test_commands_may_come_in_pieces_and_among_noise() -> None:
    firmware = unit()
    for byte in b"\x00\xffnoise\xaa" + UNLOCK + b"\x11" + rate(0x07):
        firmware.receive(bytes([byte]), 1.0)
    assert firmware.registers.rate_hz == 20.0


def test_only_what_was_saved_outlasts_power_off() -> None:
    firmware = unit()
    firmware.receive(UNLOCK + rate(0x07) + SAVE + baud(0x06), 1.0)
    firmware.power_cycle()
    assert firmware.registers == Registers(0x07, 0x02)
    firmware.receive(rate(0x06), 1.1)  # it is locked again
    assert firmware.registers.rate_hz == 20.0


def test_a_calibration_is_noticed() -> None:
    firmware = unit()
    firmware.receive(b"\xff\xaa\x01\x04\x00", 1.0)
    assert not firmware.zeroed
    firmware.receive(UNLOCK + b"\xff\xaa\x01\x04\x00", 1.0)
    assert firmware.zeroed
