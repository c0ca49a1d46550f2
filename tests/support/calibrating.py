"""A station whose devices are known units, and what is stored of them."""

from datetime import UTC, datetime
from pathlib import Path

from dynod.cli.shelf import Shelf, open_shelf
from dynod.model.calibration import Certificate
from dynod.store.store import Store
from tests.support.station import battery, force_test

GAUGE = ("chronojump_force_sensor", "SN-1")
TILT = ("witmotion_wt901", "SN-2")

_CONFIG = """\
[station]
site = "clinic"
name = "room"
latitude = 51.5
altitude_m = 25

[broker]
url = "mqtt://127.0.0.1:1"

[storage]
path = "dynod.db"

[[device]]
id = "hhd-1"
profile = "chronojump_force_sensor"
serial_number = "SN-1"
port = "gauge"

[[device]]
id = "tilt-1"
profile = "witmotion_wt901"
serial_number = "SN-2"
port = "tilt"
axis = "roll"
mount_sign = {mount_sign}

[session]
battery = "short"

[control]
socket = "control.sock"

[calibration]
allow_nominal = true
"""


def known_station(folder: Path, *, mount_sign: int = 1, more: str = "") -> Path:
    """Write the config of a gauge hhd-1 and an inclinometer tilt-1; return its path."""
    path = folder / "dynod.toml"
    path.write_text(_CONFIG.format(mount_sign=mount_sign) + more, encoding="utf-8")
    (folder / "batteries.d").mkdir()
    (folder / "batteries.d" / "short.toml").write_text(battery(force_test()), encoding="utf-8")
    return path


def shelf_of(folder: Path) -> Shelf:
    """What is stored at the station, and the way to add to it."""
    with open_shelf(folder / "dynod.toml") as shelf:
        return shelf


def put_on_shelf(folder: Path, *certificates: Certificate) -> None:
    """Store certificates."""
    now = datetime.now(UTC)
    with Store.open(folder / "dynod.db", now=now) as store:
        store.add_certificates(certificates, now)
