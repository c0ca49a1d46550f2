"""A station's files for the tests of the config room."""

from pathlib import Path

import pytest

from dynod.config.site import Site, load_site
from dynod.model.errors import ConfigError

STATION = """
[station]
site = "clinic-7"
name = "room-2"
"""
BROKER = """
[broker]
url = "mqtt://127.0.0.1:1883"
"""
DYNAMOMETER = """
[[device]]
id = "hhd-1"
profile = "chronojump_force_sensor"
port = "/dev/ttyUSB0"
"""
INCLINOMETER = """
[[device]]
id = "tilt-1"
profile = "witmotion_wt901"
port = "/dev/ttyUSB1"
axis = "roll"
"""
WHOLE = STATION + BROKER + DYNAMOMETER
CERTIFICATE = """
certificate_id = "C-1"
profile = "chronojump_force_sensor"
serial_number = "SN 1"
coefficients = [0.5, 1.01]
range_low = 20
range_high = 400
valid_from = 2026-01-15
valid_until = 2027-01-14T12:00:00+01:00
issued_by = "a laboratory"
[uncertainty]
floor = 1.0
slope = 0.01
[unshared]
floor = 0.5
"""
BATTERY = """
title = "One test"
[[test]]
movement = "hip_abduction"
contraction = "make"
fixation = "hand"
kind = "force"
"""


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def site_of(folder: Path, text: str, **env: str) -> Site:
    return load_site(write(folder / "dynod.toml", text), env)


def problems_of(folder: Path, text: str, **env: str) -> list[str]:
    """Return the lines of the error, without the folder in front of files."""
    with pytest.raises(ConfigError) as caught:
        site_of(folder, text, **env)
    return str(caught.value).replace(f"{folder}/", "").splitlines()
