"""The service: installed, running, answering, of this version; what its devices say."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import dynod
from dynod.cli.doctor.findings import Finding, calibrated, note, ok, problem
from dynod.daemon.control_client import ControlClient, DaemonNotRunningError

UNIT = "dynod"
ANSWER_S = 10.0
RUNS = Path("/run/systemd/system")  # is there where systemd is the first process (sd_booted(3))


@dataclass(frozen=True, slots=True)
class Running:
    """What a running daemon says of itself; ``pid`` is its process, if that can be seen."""

    status: Mapping[str, Any]
    devices: Mapping[str, Mapping[str, Any]]
    pid: int | None = None


def running(socket: Path) -> Running | None:
    """Ask the daemon how it is; None where none runs. Raises DynodError where it cannot answer."""
    try:
        client = ControlClient(socket)
    except DaemonNotRunningError:
        return None
    with client:
        payload = {"request_id": str(uuid4())}
        reply: dict[str, Any] = client.ask(
            {"op": "command", "name": "status.get", "payload": payload}
        )
        pid = client.peer_pid()
    return Running(reply.get("status", {}), reply.get("devices", {}), pid)


def daemon(found: Running | None, socket: Path) -> Iterator[Finding]:
    """Tell whether a daemon answers, and what it warns of."""
    if found is None:
        yield problem("daemon", f"none answers at {socket}; sudo systemctl start dynod")
        return
    software = found.status.get("software", "?")
    own = f"dynod {dynod.__version__}"
    if software == own:
        yield ok("daemon", f"{software} answers")
    else:
        yield problem("daemon", f"{software} runs, this is {own}: sudo systemctl restart dynod")
    for line in found.status.get("warnings") or ():
        yield problem("daemon", line)


def devices(found: Running) -> Iterator[Finding]:
    """Tell what the daemon knows of its devices and of their calibration."""
    for name, device in found.devices.items():
        state, fault = device.get("state", "?"), device.get("fault")
        if state == "streaming":
            yield ok(name, "streaming")
        else:
            yield problem(name, f"{state}{': ' + str(fault) if fault else ''}")
        calibration = device.get("calibration", {})
        warning, until = calibration.get("warning"), calibration.get("valid_until")
        yield from calibrated(
            name,
            [warning] if warning else [],
            calibration.get("status", "?"),
            str(until)[:10] if until else "",
        )


def unit(runs: Path = RUNS) -> Iterator[Finding]:
    """Ask systemd about the service."""
    program = shutil.which("systemctl")
    if program is None or not runs.is_dir():
        yield note("service", "systemd does not run here: nobody starts dynod after a failure")
        return
    active, enabled = _ask(program, "is-active"), _ask(program, "is-enabled")
    text = f"{active}, {enabled}"
    if active == "active" and enabled == "enabled":
        yield ok("service", text)
    elif active == "active":
        yield problem("service", f"{text}: not started with the Pi; sudo systemctl enable dynod")
    else:
        yield problem("service", f"{text}; sudo systemctl start dynod, then journalctl -u dynod")


def _ask(program: str, question: str) -> str:
    done = subprocess.run(  # noqa: S603 - a fixed command of the system's
        [program, question, UNIT],
        check=False,
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
    )
    return done.stdout.strip() or done.stderr.strip() or "no answer"
