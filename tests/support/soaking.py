"""A busy clinic's day in short: eight devices, trials all along, faults all along, and a meter."""

import math
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from uuid import uuid4

from dynod.config.profiles import load_profiles
from dynod.config.site_facts import SiteFacts, with_site_facts
from dynod.model.units import Unit
from dynod.simulate.device import ProfileDevice
from dynod.simulate.faults import FaultOptions
from dynod.simulate.pty_port import PtyPort
from tests.support.control_display import ControlDisplay
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT

RATE_HZ = 100.0
PROFILES = (
    "generic_line_force",
    "generic_line_force/button",
    "mark10_bgi/stream",
    "loadstar_di",
    "chronojump_force_platform",
    "wagner_fdix",
    "vectornav_vn100",
    "meas_dpg",
)
FACTS = {"baudrate": 115200, "unit": Unit.NEWTON, "push_sign": 1, "rate_hz": RATE_HZ}
TOP_N = 120.0
RAMP_S, HOLD_S = 0.5, 1.0
ANSWER_S = 5.0


class Device:
    """A simulated unit, whose patient pulls when it is told to."""

    def __init__(self, name: str, key: str, folder: Path, seed: int) -> None:
        profile = load_profiles(None)[key]
        self.name = name
        self.kind = profile.kind.value
        facts = {fact: FACTS[fact] for fact in profile.open_questions}
        if self.kind == "angle" and "unit" in facts:
            facts["unit"] = Unit.DEGREE
        self.section = _section(name, key, facts, profile.channels)
        self._begun_s = -math.inf
        made = with_site_facts(profile, SiteFacts(**facts))  # type: ignore[arg-type]
        self.unit = ProfileDevice(made, self._level)
        damage = FaultOptions(lost=1e-6, flipped=1e-6, noise=2e-5, seed=seed)
        self.port = PtyPort(self.unit, folder / name, faults=damage)

    def pull(self) -> None:
        """Begin to pull, for two seconds."""
        self._begun_s = time.monotonic()

    def _level(self, _t_s: float) -> float:
        at_s = time.monotonic() - self._begun_s - 0.3
        rise = min(max(at_s / RAMP_S, 0.0), 1.0)
        fall = min(max((at_s - RAMP_S - HOLD_S) / RAMP_S, 0.0), 1.0)
        return 3.0 + TOP_N * (rise - fall) + 0.2 * math.sin(40.0 * at_s if at_s < 1e6 else 0.0)


def _section(name: str, key: str, facts: dict[str, object], channels: tuple[str, ...]) -> str:
    lines = ["[[device]]", f'id = "{name}"', f'profile = "{key}"', f'port = "{name}"']
    lines += [f"{fact} = {_toml(value)}" for fact, value in facts.items()]
    if len(channels) > 1:
        lines.append(f'axis = "{channels[0]}"')
    return "\n".join(lines)


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else f"{value}"


@contextmanager
def devices(folder: Path) -> Iterator[list[Device]]:
    """Plug in one of each profile."""
    made = [Device(f"d{n}", key, folder, n) for n, key in enumerate(PROFILES, 1)]
    with ExitStack() as ports:
        for device in made:
            ports.enter_context(device.port)
        yield made


class Worker(threading.Thread):
    """A thread that goes on until it is told to stop, and tells what ended it otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self._over = threading.Event()
        self._failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._over.is_set():
                self.turn()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._failure = error

    def turn(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self._over.set()
        self.join()
        if self._failure is not None:
            raise self._failure


class Therapist(Worker):
    """Records trials, ends the session, begins the next; takes each device in its turn."""

    def __init__(self, display: ControlDisplay, units: list[Device]) -> None:
        super().__init__()
        self._display = display
        self._turns = {
            kind: cycle([unit for unit in units if unit.kind == kind])
            for kind in ("force", "angle")
        }
        self.sessions = 0
        self.started = 0

    def turn(self) -> None:
        state = self._display.states.get("session/state", {})
        match state.get("phase"):
            case "idle":
                self.sessions += self._ask("session.start", patient=PATIENT)
            case "complete":
                self._ask("session.end")
            case "ready":
                self._trial(next(self._turns[state["next"]["kind"]]))
            case _:
                self._over.wait(0.02)

    def _trial(self, unit: Device) -> None:
        if not self._ask("trial.start", device=unit.name):
            self._over.wait(0.1)
            return
        self.started += 1
        unit.pull()
        self._over.wait(0.3 + 2 * RAMP_S + HOLD_S + 0.2)
        self._ask("trial.stop", device=unit.name)

    def _ask(self, name: str, **fields: object) -> bool:
        payload = {"request_id": str(uuid4()), **fields}
        reply = self._display.command(name, payload, ANSWER_S)
        return reply is not None and reply["ok"] is True


class Mishaps(Worker):
    """Pulls plugs, lets devices stall, restarts the broker, opens displays that hang up again."""

    def __init__(
        self,
        units: list[Device],
        broker: Mosquitto,
        control: Path,
        longest_wait_s: float,
        seed: int,
    ) -> None:
        super().__init__()
        self._units = units
        self._broker = broker
        self._control = control
        self._longest_wait_s = longest_wait_s
        self._rng = random.Random(seed)
        self.count = dict.fromkeys(("unplugged", "stalled", "broker restarted", "displays"), 0)

    def turn(self) -> None:
        self._over.wait(self._rng.uniform(0.3, 1.0) * self._longest_wait_s)
        what = self._rng.choices(list(self.count), (4, 4, 1, 3))[0]
        unit = self._rng.choice(self._units)
        match what:
            case "unplugged":
                unit.port.unplug()
                self._over.wait(self._rng.uniform(0.1, 3.0))
                unit.port.plug()
            case "stalled":
                unit.unit.streaming = False
                self._over.wait(self._rng.uniform(0.2, 3.0))
                unit.unit.streaming = True
            case "broker restarted":
                self._broker.kill()
                self._broker.start()
            case _:
                with ControlDisplay(self._control) as display:
                    display.command("status.get", {"request_id": str(uuid4())}, ANSWER_S)
                    self._over.wait(self._rng.uniform(0.1, 2.0))
        self.count[what] += 1


@dataclass(frozen=True, slots=True)
class Reading:
    """The daemon at one moment; ``stored_mb`` is the database with its log."""

    at_s: float
    memory_mb: float
    handles: int
    threads: int
    cpu_s: float
    stored_mb: float
    flight_mb: float
    trials: int


def read(pid: int, folder: Path, begun_s: float, trials: int) -> Reading:
    """Look at a process and its files; /proc is proc(5)'s."""
    process = Path(f"/proc/{pid}")
    status = dict(
        line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
    )
    ticks = (process / "stat").read_text().rpartition(")")[2].split()
    return Reading(
        at_s=time.monotonic() - begun_s,
        memory_mb=int(status["VmRSS"].split()[0]) / 1024.0,
        handles=sum(1 for _ in (process / "fd").iterdir()),
        threads=int(status["Threads"]),
        cpu_s=(int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK"),
        stored_mb=_size_mb(folder.glob("dynod.db*")),
        flight_mb=_size_mb((folder / "flight").rglob("*")),
        trials=trials,
    )


def _size_mb(paths: Iterator[Path]) -> float:
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def slope(points: list[tuple[float, float]]) -> float:
    """Return the least-squares slope through points (x, y)."""
    count = len(points)
    x_mean = math.fsum(x for x, _ in points) / count
    y_mean = math.fsum(y for _, y in points) / count
    spread = math.fsum((x - x_mean) ** 2 for x, _ in points)
    return math.fsum((x - x_mean) * (y - y_mean) for x, y in points) / spread
