"""Eight devices at 100 Hz, trials and faults all along: what the daemon takes does not grow.

``DYNOD_SOAK_MINUTES=30`` runs it long (``make soak``), holds growth to its bounds, and writes
figures and picture into docs/.
"""

import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.control_display import ControlDisplay
from tests.support.mosquitto import Mosquitto
from tests.support.page import PAGE, write_block
from tests.support.soak_plot import soak_plot
from tests.support.soaking import (
    PROFILES,
    RATE_HZ,
    Device,
    Mishaps,
    Reading,
    Therapist,
    devices,
    read,
)
from tests.support.soaking import slope as slope_of
from tests.support.station import Daemon, battery, force_test, rom_test
from tests.support.subscribing import SubscriberProcess

MINUTES = float(os.environ.get("DYNOD_SOAK_MINUTES", "0"))
LONG = MINUTES > 0
SECONDS = 60.0 * MINUTES if LONG else 15.0
EVERY_S = 5.0 if LONG else 1.0
SEED = 20260412
UNIT = Path(__file__).parents[2] / "systemd" / "dynod.service"
BATTERY = battery(force_test(repetitions=4), rom_test(), force_test("hip_extension", repetitions=4))
# Bounds of the long form. Memory: of what the allocator holds back no more than this is seen.
MEMORY_MB_PER_10_MIN = 1.0
TRIAL_GROWS_BY = 1.15

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(120 + SECONDS)]


def test_what_the_daemon_takes_does_not_grow(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        SubscriberProcess(tmp_path, broker.port),
        devices(tmp_path) as units,
        ControlDisplay(tmp_path / "control.sock") as display,
        _service(tmp_path, broker.port, units) as daemon,
    ):
        assert display.wait(lambda: _streaming(display) == len(PROFILES), 30.0), display.states
        therapist = Therapist(display, units)
        control, longest_s = tmp_path / "control.sock", 8.0 if LONG else 1.5
        mishaps = Mishaps(units, broker, control, longest_wait_s=longest_s, seed=SEED)
        readings: list[Reading] = []
        begun_s = time.monotonic()
        therapist.start()
        mishaps.start()
        try:
            while time.monotonic() - begun_s < SECONDS:
                time.sleep(EVERY_S)
                readings.append(read(daemon.pid, tmp_path, begun_s, len(display.verdicts)))
                for unit in units:
                    unit.unit.sent_values.clear()
        finally:
            mishaps.stop()
            therapist.stop()
    assert readings[-1].trials > SECONDS / 15.0
    assert sum(mishaps.count.values()) > 0
    assert max(r.handles for r in readings) < 120
    if LONG:
        _write(readings, therapist, mishaps)
        _hold(readings)
    _, trouble, what = daemon.log.read_text().partition("Traceback")
    assert not trouble, what[:4000]
    assert not daemon.lines("stands still")


def _service(folder: Path, broker_port: int, units: list[Device]) -> Daemon:
    """Return the daemon with the memory settings of the unit that is installed."""
    daemon = Daemon(
        folder,
        broker_port,
        first_device="\n\n".join(unit.section for unit in units),
        battery=BATTERY,
        broker_lines='receipts = "required"',
        session="confirm_change = false",
    )
    settings = re.findall(r"^Environment=(MALLOC_\w+)=(.*)$", UNIT.read_text(), re.MULTILINE)
    daemon.environment |= dict(settings)
    return daemon


def _streaming(display: ControlDisplay) -> int:
    return sum(
        topic.startswith("devices/") and state.get("state") == "streaming"
        for topic, state in display.states.items()
    )


def _hold(readings: list[Reading]) -> None:
    """After a third of the time everything has had its turn; then only what is stored grows."""
    settled = readings[len(readings) // 3 :]
    memory = slope_of([(reading.at_s, reading.memory_mb) for reading in settled])
    assert memory * 600.0 < MEMORY_MB_PER_10_MIN
    middle = len(settled) // 2
    first, second = settled[:middle], settled[middle:]
    # Displays come and go, and ports: the most that is open at a time stays the same.
    assert max(r.handles for r in second) <= max(r.handles for r in first) + 3
    assert max(r.threads for r in second) <= max(r.threads for r in first) + 1
    assert _per_trial(second) < TRIAL_GROWS_BY * _per_trial(first)


def _per_trial(readings: list[Reading]) -> float:
    """Return the megabytes that a trial adds to the database."""
    return slope_of([(float(reading.trials), reading.stored_mb) for reading in readings])


def _write(readings: list[Reading], therapist: Therapist, mishaps: Mishaps) -> None:
    settled = readings[len(readings) // 3 :]
    memory = slope_of([(reading.at_s, reading.memory_mb) for reading in settled]) * 600.0
    last = readings[-1]
    words = (
        f"{len(PROFILES)} devices at {RATE_HZ:g} Hz, two cores of x86-64,"
        f" {datetime.now(UTC):%Y-%m-%d}"
    )
    picture = soak_plot(f"dynod run for {MINUTES:g} minutes", words, readings)
    PAGE.with_name("soak.svg").write_text(picture)
    done = ", ".join(f"{what} {count} times" for what, count in mishaps.count.items())
    write_block(
        "soak",
        f"""\
![What the daemon took over the time](soak.svg)

- {MINUTES:g} minutes, {words}: {last.trials} trials in {therapist.sessions} sessions.
- Meanwhile: {done.replace("displays", "a display came and went")}; lost, flipped and foreign bytes
  on every line.
- Memory: {readings[0].memory_mb:.1f} MB at first, {settled[0].memory_mb:.1f} MB after a third,
  {last.memory_mb:.1f} MB at the end; slope of the last two thirds {memory:+.2f} MB in ten minutes
  (bound {MEMORY_MB_PER_10_MIN:g}).
- File handles {min(r.handles for r in settled)} to {max(r.handles for r in settled)}, threads
  {min(r.threads for r in settled)} to {max(r.threads for r in settled)}, one core
  {100.0 * last.cpu_s / last.at_s:.0f} % busy.
- Database {last.stored_mb:.1f} MB, {1e3 * _per_trial(settled):.1f} kB a trial; flight recorder
  {last.flight_mb:.1f} MB.
""",
    )
