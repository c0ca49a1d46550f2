"""The computer: its clock, its disk, its power, its heat."""

import errno
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import dynod
from dynod.cli.doctor.findings import Finding, note, ok, problem
from dynod.daemon.clock import instant
from dynod.daemon.disk import WARN_SHARE, floor_of, room_of

EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)  # no dynod is older
HOT_C = 80.0  # from here on a Raspberry Pi slows down
# Bits of `vcgencmd get_throttled` (Raspberry Pi documentation, "vcgencmd").
_THROTTLED = {0: "the voltage is too low now", 16: "the voltage was too low since the start"}
_HWMON = "rpi_volt"
_PARTS = ("numpy", "SQLAlchemy", "pydantic", "pyserial", "aiomqtt")
ROOT = Path("/")


def clock() -> Iterator[Finding]:
    """Look whether the clock is right."""
    now = instant()
    shown = f"{now.wall:%Y-%m-%d %H:%M} UTC"
    if now.wall < EARLIEST:
        yield problem("clock", f"{shown} cannot be; let the Pi reach a time server")
    elif now.clock_synced:
        yield ok("clock", f"{shown}, synchronised")
    else:
        yield problem(
            "clock",
            f"{shown}, not synchronised: results say so; let the Pi reach a time server"
            " (timedatectl)",
        )


def disk(folder: Path, floor_mb: int) -> Iterator[Finding]:
    """Look at the room for the database."""
    there = next((item for item in (folder, *folder.parents) if item.exists()), ROOT)
    room = room_of(there)
    fault = room.fault or ("the file system is read-only" if _broke_down(there) else None)
    left = f"{room.free_bytes / 1e6:,.0f} MB of {room.total_bytes / 1e6:,.0f} MB are free"
    share = f"{left} ({100.0 * room.share:.0f} %)"
    floor_bytes = floor_of(room, floor_mb * 1e6)
    if fault is not None:
        yield problem("disk", f"{there}: {fault}; nothing can be stored: mount it writable")
    elif room.free_bytes < floor_bytes:
        yield problem("disk", f"{share}: no session begins; `dynod results purge`, a larger card")
    elif room.share < WARN_SHARE:
        yield problem("disk", f"{share}: make room; `dynod results purge`, a larger card")
    else:
        yield ok("disk", f"{share} at {there}")
    yield from _files(there)


def _broke_down(there: Path) -> bool:
    """Tell whether the kernel stopped all writing after an error, which not every kernel flags.

    Asks for a file without a name (open(2), O_TMPFILE), which leaves nothing behind.
    """
    try:
        os.close(os.open(there, os.O_TMPFILE | os.O_WRONLY, 0o600))
    except OSError as error:
        return error.errno == errno.EROFS  # others: no right, no room, or no such files here
    return False


def _files(there: Path) -> Iterator[Finding]:
    """Tell of a file system that has bytes left, but room for few more files."""
    found = os.statvfs(there)
    # Some file systems (btrfs, FAT) make room for files as they need it, and say 0 of 0.
    if found.f_files and found.f_favail / found.f_files < WARN_SHARE:
        share = 100.0 * found.f_favail / found.f_files
        text = f"{found.f_favail} of {found.f_files} inodes are free ({share:.0f} %)"
        yield problem("disk", f"{text}: remove small files that nobody needs (df -i)")


def power(root: Path = ROOT) -> Iterator[Finding]:
    """Look whether a Pi gets the voltage that it needs, and whether it is hot."""
    alarms = [
        (item.parent / "in0_lcrit_alarm")
        for item in sorted(root.glob("sys/class/hwmon/hwmon*/name"))
        if item.read_text().strip() == _HWMON
    ]
    if any(alarm.read_text().strip() == "1" for alarm in alarms if alarm.exists()):
        yield problem("power", "the voltage is too low: use the Pi's own power supply and cable")
    elif alarms:
        yield ok("power", "the voltage is high enough now")
    throttled = _throttled()
    for bit, text in _THROTTLED.items():
        if throttled is not None and throttled & (1 << bit):
            yield problem("power", f"{text}: use the Pi's own power supply and cable")
    if not alarms and throttled is None:
        yield note("power", "this machine does not tell its voltage, as a Raspberry Pi does")


def _throttled() -> int | None:
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    done = subprocess.run(  # noqa: S603 - a fixed command of the system's
        [program, "get_throttled"], check=False, capture_output=True, text=True, timeout=10
    )
    _, _, value = done.stdout.strip().partition("=")
    return int(value, 16) if done.returncode == 0 and value.startswith("0x") else None


def heat(root: Path = ROOT) -> Iterator[Finding]:
    """Look at the temperature of the processor."""
    zones = sorted(root.glob("sys/class/thermal/thermal_zone*/temp"))
    if not zones:
        yield note("heat", "this machine does not tell its temperature")
        return
    hottest = max(int(zone.read_text()) / 1000.0 for zone in zones)
    if hottest >= HOT_C:
        yield problem("heat", f"{hottest:.0f} °C: it slows down; give it air or a heat sink")
    else:
        yield ok("heat", f"{hottest:.0f} °C")


def python() -> Iterator[Finding]:
    """Tell what the program runs on: whoever helps asks for it first."""
    parts = ", ".join(f"{name} {version(name)}" for name in _PARTS)
    text = f"dynod {dynod.__version__}, Python {platform.python_version()}, {parts}"
    yield ok("program", f"{text}, {platform.machine()}")
