"""A station to measure: a folder on a disk, a config, and `dynod run` as a process."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

STOP_TIMEOUT_S = 20.0
SITE, NAME, DEVICE = "bench", "room-1", "hhd-1"
CONTROL = "control.sock"

# /tmp may be memory, where a durable commit costs nothing; /var/tmp survives a reboot.
_DISK = Path("/var/tmp")

_CONFIG = """\
[station]
site = "{site}"
name = "{name}"

[broker]
url = "mqtt://127.0.0.1:{port}"

[storage]
path = "{folder}/dynod.db"

[[device]]
id = "{device}"
profile = "chronojump_force_sensor"
port = "{device_port}"

[session]
battery = "bench"
confirm_change = false

[control]
socket = "{folder}/{control}"

[calibration]
allow_nominal = true
"""

_BATTERY = """\
title = "Nothing but trials"

[[test]]
movement = "hip_abduction"
contraction = "make"
fixation = "belt"
kind = "force"
repetitions = 10
rest_s = 0

[[test]]
movement = "hip_adduction"
contraction = "make"
fixation = "belt"
kind = "force"
repetitions = 10
rest_s = 0
"""
TRIALS = 40  # of the battery: two tests, two sides, ten repetitions


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the time of a measurement, on a disk where there is one."""
    disk = _DISK if _DISK.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="dynod-bench-", dir=disk) as name:
        yield Path(name)


def write_config(folder: Path, broker_port: int, device_port: str) -> Path:
    batteries = folder / "batteries.d"
    batteries.mkdir()
    (batteries / "bench.toml").write_text(_BATTERY, encoding="utf-8")
    config = folder / "dynod.toml"
    text = _CONFIG.format(
        site=SITE,
        name=NAME,
        port=broker_port,
        folder=folder,
        control=CONTROL,
        device=DEVICE,
        device_port=device_port,
    )
    config.write_text(text, encoding="utf-8")
    return config


@contextmanager
def running(config: Path, stderr: int | IO[str]) -> Iterator[subprocess.Popen[str]]:
    """`dynod run` for the time of the context; ended as a service manager would."""
    command = [sys.executable, "-m", "dynod", "run", "--config", str(config)]
    process = subprocess.Popen(command, stderr=stderr, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
