"""``dynod simulate``: a device for somebody who has none, with the faults of a real line."""

import math
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NoReturn

from dynod.cli.port_session import NO_FACTS, check_config_named, choose_profile, show
from dynod.config.profiles import load_profiles
from dynod.config.site_facts import SiteFacts
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError
from dynod.simulate.catalogue import make_firmware
from dynod.simulate.cell import Cell, CellOptions
from dynod.simulate.device import DeviceOptions
from dynod.simulate.faults import FaultOptions
from dynod.simulate.firmware import Firmware
from dynod.simulate.patient import Patient, TimeCurve
from dynod.simulate.pty_port import PtyPort
from dynod.simulate.witmotion import WitMotionFirmware
from dynod.wire.profile import Profile

_NOISE = {Kind.FORCE: 0.2, Kind.ANGLE: 0.05}
_HOLD_S = 3.0
_LARGEST = 100_000.0
_REST_S = 3.0  # a pull needs a quiet second before it and half a second after it


@dataclass(frozen=True, slots=True)
class SimulateRequest:
    """Which device, how it is set, and what it feels: ``peak`` N or deg every ``every_s``.

    ``faults`` are words such as ``lost=0.001``, ``cell`` such as ``scale=1.02``.
    """

    device: str
    link: Path
    peak: float
    every_s: float
    axis: str | None = None
    facts: SiteFacts = NO_FACTS
    faults: Sequence[str] = ()
    cell: Sequence[str] = ()


def run_simulate(request: SimulateRequest, config_path: Path) -> None:
    """Run a simulated device until Ctrl-C or the end of the input.

    A number that is typed rests on it, as a weight or an angle, until another one is.
    """
    check_config_named(config_path)
    cell = read_cell(request.cell)
    line_faults, options = read_faults(request.faults)
    profile = choose_profile(load_profiles(config_path.parent), request.device, request.facts)
    patient = Patient(noise=_NOISE[profile.kind], tremor=1.0)
    firmware = _firmware(profile, Cell(patient, cell), request, options)
    link = request.link
    if link.exists() and not link.is_symlink():
        raise UsageError(f"{link}: exists and is no link; name another place with --link")
    baudrate = _baudrate_of(firmware, profile)
    signal.signal(signal.SIGTERM, _end)
    with PtyPort(firmware, link, faults=line_faults, baudrate=baudrate) as port:
        at = "any rate" if baudrate() is None else f"{baudrate()} baud"
        hint = "Enter presses its button, " if profile.has_button else ""
        what = "an angle in deg" if profile.kind is Kind.ANGLE else "a force in N"
        show(f"{profile.key} answers on {link} at {at}; {hint}Ctrl-C ends")
        show(f"type {what} and Enter to let it rest there, 0 takes it off")
        _schedule(patient, request.peak, request.every_s)
        for line in sys.stdin:
            _typed(line.strip(), port, patient, profile)
        while sys.stdin.closed is False and not sys.stdin.isatty():
            time.sleep(1.0)  # no terminal: run until somebody ends the process


def _typed(text: str, port: PtyPort, patient: Patient, profile: Profile) -> None:
    """Press the button at plain Enter; let the device feel a number."""
    if not text:
        port.press()
        show("pressed" if profile.has_button else "it has no button")
        return
    try:
        level = float(text.replace(",", "."))
    except ValueError:
        level = math.nan
    if not abs(level) <= _LARGEST:
        show(f"{text!r} is no number from -{_LARGEST:g} to {_LARGEST:g}")
        return
    patient.place(time.monotonic(), level)
    show(f"it feels {level:g} {'deg' if profile.kind is Kind.ANGLE else 'N'}")


def _firmware(
    profile: Profile, patient: TimeCurve, request: SimulateRequest, options: DeviceOptions
) -> Firmware:
    """Return the device; one with a simulator of its own keeps it where that can do what is asked.

    The rate of a WitMotion is in its registers, and so it takes it from its profile.
    """
    if profile.key != "witmotion_wt901":
        options = replace(options, rate_hz=request.facts.rate_hz)
    plain = options == DeviceOptions() and request.axis in {None, profile.channels[0]}
    if plain:
        return make_firmware(profile, patient)
    return make_firmware(profile, patient, options, axis=request.axis)


def _baudrate_of(firmware: Firmware, profile: Profile) -> Callable[[], int | None]:
    if isinstance(firmware, WitMotionFirmware):
        return lambda: firmware.baudrate
    return lambda: profile.serial.baudrate


def _end(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)  # and remove the link on the way


def _schedule(patient: Patient, peak: float, every_s: float) -> None:
    """Let the patient pull again and again, for some hours."""
    if every_s <= 0.0:
        return
    start_s = time.monotonic() + every_s
    for _ in range(1000):
        patient.pull(start_s, peak, _HOLD_S)
        start_s += max(every_s, _HOLD_S + _REST_S)


# -- faults --------------------------------------------------------------------------------


def read_faults(words: Sequence[str]) -> tuple[FaultOptions, DeviceOptions]:
    """Return the faults of the line and of the device; raises UsageError."""
    line: dict[str, Any] = {}
    device: dict[str, Any] = {}
    for word in words:
        name, _, text = word.partition("=")
        if name not in _FAULTS:
            raise UsageError(f"--fault {name}: no such fault; there are {', '.join(_FAULTS)}")
        key, read, meant = _FAULTS[name]
        try:
            value = read(text)
        except ValueError:
            raise UsageError(
                f"--fault {name} needs {meant}, as in {name}={_EXAMPLES[read]}"
            ) from None
        (device if name in _IN_DEVICE else line)[key] = value
    return FaultOptions(**line), DeviceOptions(**device)


def read_cell(words: Sequence[str]) -> CellOptions:
    """Return how far the sensor is off; raises UsageError."""
    known = [field.name for field in fields(CellOptions)]
    given: dict[str, float] = {}
    for word in words:
        name, _, text = word.partition("=")
        if name not in known:
            raise UsageError(f"--cell {name}: no such error; there are {', '.join(known)}")
        try:
            given[name] = float(text)
        except ValueError:
            given[name] = math.nan
        if not math.isfinite(given[name]):
            raise UsageError(f"--cell {name} needs a number, as in {name}=0.01")
    return CellOptions(**given)


def _probability(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise ValueError
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0.0):
        raise ValueError
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _line_of_text(text: str) -> bytes:
    if not text:
        raise ValueError
    return text.encode("latin-1", "replace") + b"\r\n"


_FAULTS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "noise": ("noise", _probability, "a probability for each write"),
    "lost": ("lost", _probability, "a probability for each byte"),
    "flipped": ("flipped", _probability, "a probability for each byte"),
    "split": ("longest_write", _count, "how many bytes come at once"),
    "merge": ("hold_s", _seconds, "how many seconds come at once"),
    "checksum": ("bad_checksum", _probability, "a probability for each sample"),
    "silent-after": ("silent_after_s", _seconds, "seconds"),
    "unplug-after": ("unplug_after_s", _seconds, "seconds"),
    "banner": ("banner", _line_of_text, "the text of a line"),
    "deaf": ("deaf", _probability, "a probability for each command"),
}
_IN_DEVICE = {"checksum", "banner", "deaf"}
_EXAMPLES: dict[Callable[[str], Any], str] = {
    _probability: "0.01",
    _seconds: "5",
    _count: "3",
    _line_of_text: "Hello",
}
