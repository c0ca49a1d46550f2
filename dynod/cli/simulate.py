"""``dynod simulate``: a device for somebody who has none."""

import sys
import time
from pathlib import Path

from dynod.cli.output import say
from dynod.config.profiles import load_profiles
from dynod.model.errors import UsageError
from dynod.simulate.catalogue import make_firmware
from dynod.simulate.patient import Patient
from dynod.simulate.pty_port import PtyPort

_HOLD_S = 3.0
_REST_S = 3.0  # a pull needs a quiet second before it and half a second after it


def run_simulate(device: str, link: Path, *, peak: float, every_s: float) -> None:
    """Run a simulated device until Ctrl-C or the end of the input."""
    patient = Patient(noise=0.2, tremor=1.0)
    profiles = load_profiles(None)
    if device not in profiles:
        raise UsageError(f"no profile {device}; there are {', '.join(sorted(profiles))}")
    firmware = make_firmware(profiles[device], patient)
    if link.exists() and not link.is_symlink():
        raise UsageError(f"{link}: exists and is no link; name another place with --link")
    with PtyPort(firmware, link) as port:
        say(f"{device} answers on [bold]{link}[/]; Enter presses its button, Ctrl-C ends")
        _schedule(patient, peak, every_s)
        for _ in sys.stdin:
            port.press()
            say("pressed")
        while sys.stdin.closed is False and not sys.stdin.isatty():
            time.sleep(1.0)  # no terminal: run until somebody ends the process


def _schedule(patient: Patient, peak: float, every_s: float) -> None:
    """Let the patient pull again and again, for some hours."""
    if every_s <= 0.0:
        return
    start_s = time.monotonic() + every_s
    for _ in range(1000):
        patient.pull(start_s, peak, _HOLD_S)
        start_s += max(every_s, _HOLD_S + _REST_S)
