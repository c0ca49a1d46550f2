"""A station in use whose processes are killed at random moments, and what became of its results.

Daemon, broker and subscriber are real processes; the gauge speaks its protocol on a pty. A
therapist by script goes on whatever happens: presses and pulls, ends a session, begins the next.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.support.control_display import ControlDisplay
from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon

PATIENCE_S = 30.0
PULL_S = 3.0  # longest wait for the verdict of a pull, which takes some tenths of a second
# Pulls differ by more than a verdict may be off, so that each is known by its force.
WEAKEST_N, STEP_N, STRENGTHS = 60.0, 2.5, 80


@dataclass(slots=True)
class Tally:
    """What was done, and when the kills fell."""

    kills: Counter[str] = field(default_factory=Counter)
    pulls: list[float] = field(default_factory=list)
    sessions: int = 0


class Therapist:
    """Uses the station as long as its daemon lives."""

    def __init__(self, display: ControlDisplay, gauge: Gauge, tally: Tally) -> None:
        self._display = display
        self._gauge = gauge
        self._tally = tally
        self._pulling = threading.Thread()
        self._start: dict[str, Any] | None = None
        self.pulled = threading.Event()
        self.judged = threading.Event()

    def work(self, alive: Callable[[], bool]) -> None:
        """Do what the display asks for, until the daemon is dead."""
        while alive():
            match self._phase(alive):
                case "idle":
                    self._begin()
                case "ready":
                    self._pull(alive)
                case "complete":
                    self._display.command("session.end", {"request_id": str(uuid4())}, PULL_S)
                case _:
                    time.sleep(0.005)

    def new_cable(self) -> None:
        """Forget what was being pulled when the daemon died."""
        self._gauge.replug()
        self.rest()

    def rest(self) -> None:
        """Wait until the hand is off the gauge; somebody must be reading it."""
        if self._pulling.ident is not None:
            self._pulling.join()

    def _phase(self, alive: Callable[[], bool]) -> str | None:
        def shown() -> str | None:
            states = self._display.states
            device = states.get("devices/hhd-1/status", {})
            state = states.get("session/state", {})
            return state.get("phase") if device.get("state") == "streaming" else None

        phase: str | None = self._display.wait(lambda: shown() or not alive(), 0.2) and shown()
        return phase

    def _begin(self) -> None:
        """Begin a session; who got no answer asks again with the same words."""
        if self._start is None:
            self._start = {"request_id": str(uuid4()), "patient": PATIENT}
        reply = self._display.command("session.start", self._start, PULL_S)
        if reply is not None:
            self._start = None
            self._tally.sessions += reply["ok"] is True

    def _pull(self, alive: Callable[[], bool]) -> None:
        """Press, pull, press; wait for the verdict, or for the daemon's end."""
        self.rest()
        if not alive():
            return
        count = len(self._tally.pulls)
        peak_n = WEAKEST_N + STEP_N * (count % STRENGTHS)
        self._tally.pulls.append(peak_n)
        before = len(self._display.verdicts)
        self._pulling = threading.Thread(target=self._gauge.trial, args=(peak_n,))
        self._pulling.start()
        self.pulled.set()
        told = self._display.wait(
            lambda: len(self._display.verdicts) > before or not alive(), PULL_S
        )
        if told:
            self.judged.set()


class Campaign:
    """Kills, one after the other; every kill falls into a moment that is drawn by lot."""

    def __init__(
        self, daemon: Daemon, broker: Mosquitto, therapist: Therapist, tally: Tally, seed: int
    ) -> None:
        self._daemon = daemon
        self._broker = broker
        self._therapist = therapist
        self._tally = tally
        self._rng = random.Random(seed)
        self._moments: dict[str, Callable[[], None]] = {
            "at any time": self._at_any_time,
            "around a commit": self._around_a_commit,
            "right after a verdict": self._after_a_verdict,
            "while starting": self._while_starting,
            "while saying goodbye": self._at_the_goodbye,
        }

    def run(self, daemon_kills: int, broker_kills: int) -> None:
        """Kill the daemon and, between, the broker; in the end both run again."""
        with_broker = set(self._rng.sample(range(daemon_kills), broker_kills))
        names = list(self._moments)
        for number in range(daemon_kills):
            name = names[number % len(names)]
            if number in with_broker:
                threading.Timer(self._rng.uniform(0.0, 1.5), self._restart_broker).start()
            self._one(name)
            self._tally.kills[name] += 1
        self._tally.kills["broker"] += broker_kills
        self._therapist.new_cable()
        self._daemon.start()

    def _one(self, name: str) -> None:
        self._therapist.pulled.clear()
        self._therapist.judged.clear()
        self._therapist.new_cable()
        self._daemon.launch()
        killer = threading.Thread(target=self._moments[name])
        killer.start()
        self._therapist.work(self._daemon.alive)
        killer.join()

    def _restart_broker(self) -> None:
        self._broker.kill()
        self._broker.start()

    # -- moments --------------------------------------------------------------------------

    def _after(self, longest_s: float) -> None:
        time.sleep(self._rng.uniform(0.0, longest_s))
        self._daemon.kill()

    def _at_any_time(self) -> None:
        self._therapist.pulled.wait(PATIENCE_S)
        self._after(1.5)

    def _around_a_commit(self) -> None:
        self._therapist.pulled.wait(PATIENCE_S)
        self._after(0.12)

    def _after_a_verdict(self) -> None:
        self._therapist.judged.wait(PATIENCE_S)
        self._after(0.01)

    def _while_starting(self) -> None:
        self._after(1.2)

    def _at_the_goodbye(self) -> None:
        self._therapist.judged.wait(PATIENCE_S)
        self._daemon.ask_to_stop()
        self._after(0.1)
