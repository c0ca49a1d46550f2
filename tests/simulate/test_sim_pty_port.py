"""Simulated devices on a real pseudo-terminal, read through pyserial."""

import time
import tomllib
from pathlib import Path

import pytest
import serial

from dynod.model.samples import Chunk, EventKind
from dynod.simulate.chronojump import ChronojumpFirmware, ChronojumpOptions
from dynod.simulate.faults import FaultOptions
from dynod.simulate.pty_port import PtyPort
from dynod.simulate.witmotion import WitMotionFirmware
from dynod.wire.decoder import Decoder
from dynod.wire.dialogue import DialoguePhase, Step, make_dialogue
from dynod.wire.profile import Profile, StartStop

DEVICES = Path(__file__).parents[2] / "devices"
PATIENCE_S = 10.0


def profile(name: str) -> Profile:
    return Profile.model_validate(
        tomllib.loads((DEVICES / name / "profile.toml").read_text(encoding="utf-8"))
    )


class Host:
    """Reads a port and drives its dialogue in real time."""

    def __init__(self, link: Path, device: Profile) -> None:
        self.line = serial.Serial(str(link), device.serial.baudrate or 9600, timeout=0.01)
        self.decoder = Decoder(device)
        self.dialogue = make_dialogue(device)
        self.samples = 0
        self.events: list[EventKind] = []
        self.phase = DialoguePhase.WAITING
        self.apply(self.dialogue.start(time.monotonic()))

    def apply(self, step: Step) -> None:
        self.phase = step.phase
        if step.send:
            self.line.write(step.send)

    def exchange(self) -> None:
        now_s = time.monotonic()
        decoded = self.decoder.feed(Chunk(self.line.read(4096), now_s))
        self.samples += sum(len(block) for block in decoded.blocks)
        self.events.extend(event.kind for event in decoded.events)
        seen = bool(decoded.blocks)
        self.apply(self.dialogue.receive(decoded.replies, now_s, data_seen=seen))
        self.apply(self.dialogue.tick(now_s))

    def until(self, phase: DialoguePhase, *, samples: int = 0, events: int = 0) -> None:
        limit_s = time.monotonic() + PATIENCE_S
        while not (self.phase is phase and self.samples >= samples and len(self.events) >= events):
            assert time.monotonic() < limit_s
            self.exchange()

    def stop(self) -> None:
        self.apply(self.dialogue.stop(time.monotonic()))


def quick_chronojump() -> Profile:
    device = profile("chronojump_force_sensor")
    assert isinstance(device.dialogue, StartStop)
    hasty = device.dialogue.model_copy(update={"open_wait_s": 0.2})
    return device.model_copy(update={"dialogue": hasty})


def test_a_session_of_the_force_sensor(tmp_path: Path) -> None:
    options = ChronojumpOptions(drop_probability=0.0, boot_s=0.05)
    firmware = ChronojumpFirmware(lambda _t_s: 27.3, options)
    with PtyPort(firmware, tmp_path / "force") as port:
        host = Host(port.link, quick_chronojump())
        with host.line:
            host.until(DialoguePhase.STREAMING, samples=20)
            port.press(held_s=0.05)
            host.until(DialoguePhase.STREAMING, events=2)
            host.stop()
            host.until(DialoguePhase.STOPPED)
    assert host.dialogue.identified == "Force_Sensor-0.6"
    assert host.events == [EventKind.PRESS, EventKind.RELEASE]
    assert host.samples == firmware.samples_sent
    assert not host.decoder.rejects


def test_unplugged_and_plugged_in_again_under_the_same_name(tmp_path: Path) -> None:
    device = profile("witmotion_wt901")
    with PtyPort(WitMotionFirmware(lambda _t_s: 5.0, rate_hz=100.0), tmp_path / "angle") as port:
        host = Host(port.link, device)
        with host.line:
            host.until(DialoguePhase.STREAMING, samples=10)
            port.unplug()
            assert not port.link.exists()
            with pytest.raises((serial.SerialException, OSError)):
                host.until(DialoguePhase.FAILED)
        port.plug()
        again = Host(port.link, device)
        with again.line:
            again.until(DialoguePhase.STREAMING, samples=10)


def test_a_board_resets_when_the_port_is_opened_again(tmp_path: Path) -> None:
    options = ChronojumpOptions(drop_probability=0.0, boot_s=0.05)
    firmware = ChronojumpFirmware(lambda _t_s: 27.3, options)
    with PtyPort(firmware, tmp_path / "force") as port:
        host = Host(port.link, quick_chronojump())
        with host.line:
            host.until(DialoguePhase.STREAMING, samples=5)
        port.unplug()
        port.plug()
        again = Host(port.link, quick_chronojump())
        with again.line:
            again.until(DialoguePhase.STREAMING, samples=5)
    starts = [command for command in firmware.commands if command == "start_capture:"]
    assert len(starts) == 2


def test_pulled_and_put_in_again_by_itself(tmp_path: Path) -> None:
    device = profile("witmotion_wt901")
    faults = FaultOptions(unplug_after_s=0.3, replug_s=0.2)
    firmware = WitMotionFirmware(lambda _t_s: 5.0, rate_hz=100.0)
    with PtyPort(firmware, tmp_path / "angle", faults=faults) as port:
        host = Host(port.link, device)
        with host.line, pytest.raises((serial.SerialException, OSError)):
            host.until(DialoguePhase.FAILED)
        assert host.samples > 0
        limit_s = time.monotonic() + PATIENCE_S
        while not port.link.exists():
            assert time.monotonic() < limit_s
            time.sleep(0.01)
        again = Host(port.link, device)
        with again.line:
            again.until(DialoguePhase.STREAMING, samples=10)


@pytest.mark.parametrize(("own", "heard"), [(9600, True), (115200, False), (None, True)])
def test_at_a_wrong_baud_rate_nothing_but_rubbish_passes(
    tmp_path: Path, own: int | None, heard: bool
) -> None:
    """In both directions: the register would be read as FF AA 27 03 00."""
    firmware = WitMotionFirmware(lambda _t_s: 5.0, rate_hz=100.0)
    with PtyPort(firmware, tmp_path / "angle", baudrate=lambda: own) as port:
        line = serial.Serial(str(port.link), 9600, timeout=0.01)
        read = b""
        with line:
            line.write(b"\xff\xaa\x27\x03\x00")
            limit_s = time.monotonic() + PATIENCE_S
            while len(read) < 1000:
                assert time.monotonic() < limit_s
                read += line.read(4096)
    assert (b"\x55\x53" in read) == heard
    assert (b"\x55\x5f" in read) == heard
