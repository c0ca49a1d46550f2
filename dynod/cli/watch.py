"""``dynod watch``: what comes next, the live force, and the verdict, in large letters."""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.align import Align
from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dynod.cli.bigtext import big, width
from dynod.cli.output import console
from dynod.cli.sounds import play
from dynod.config.load import load_config
from dynod.daemon.control_client import ControlClient, DaemonNotRunningError
from dynod.model.errors import UsageError
from dynod.model.flags import REJECTING
from dynod.publish.topics import LIVE_EXPIRY_S

_SIDE_COLOURS = {"left": "bright_cyan", "right": "bright_yellow"}
_FULL_SCALE = {"force_n": 400.0, "angle_deg": 140.0}
_CALLS = {
    "idle": "press to begin",
    "confirm": "press when in position",
    "ready": "press, then pull",
    "recording": "PULL",
    "analysing": "…",
    "complete": "done",
}
# Rows of the whole picture in large letters, with two problems below it; warnings come on top. A
# terminal of fewer rows shows all of it, with movement and verdict in small letters.
_TALL_ROWS = 32
WAKE_S = 0.5  # a screen that is told nothing looks for what is out of date
_WARNINGS_SHOWN = {True: 4, False: 2}


class Screen:
    """The picture, made of the newest messages; ``clock`` tells seconds.

    A live value goes when its device does, or when no newer one came for as long as one lasts at
    the broker.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.state: dict[str, Any] | None = None
        self._clock = clock
        self._devices: dict[str, dict[str, Any]] = {}
        self._live: dict[str, Any] = {}
        self._live_of = ""
        self._live_until_s = 0.0

    def take(self, topic: str, payload: dict[str, Any]) -> str | None:
        """Take a message; return the sound that it deserves."""
        if topic == "session/state":
            before, self.state = self.state, payload
            return _sound(before, payload)
        if topic.startswith("devices/"):
            device = topic.split("/")[1]
            self._devices[device] = payload
            if device == self._live_of and payload["state"] != "streaming":
                self._live = {}
        elif topic.startswith("live/") and self._wanted(payload):
            self._live = payload
            self._live_of = topic.split("/")[1]
            self._live_until_s = self._clock() + LIVE_EXPIRY_S
        return None

    def picture(self) -> RenderableType:
        """Return the whole screen."""
        state = self.state
        if state is None:
            return Align.center("waiting for the daemon …", vertical="middle")
        parts: list[RenderableType] = [self._head(state), self._slot(state), self._bar(state)]
        parts.append(_verdict(state))
        problems = [state.get("problem"), *self._faults()]
        parts += [Text(f"! {text}", style="bold red") for text in problems if text]
        parts += _warnings(state)
        return Panel(
            Group(*parts), title="dynod", border_style=_border(state), height=console.height
        )

    def _wanted(self, payload: dict[str, Any]) -> bool:
        """Tell whether a live value is of the kind that the next trial measures."""
        wanted = (self.state or {}).get("next") or {}
        name = "angle_deg" if wanted.get("kind") == "angle" else "force_n"
        return name in payload

    def _head(self, state: dict[str, Any]) -> RenderableType:
        """Return the trial's number on the left, the session's code on the right."""
        slot, code = state["next"], state["session_code"]
        number = "" if slot is None else f"{slot['trial_number']}"
        row = Table.grid(expand=True)
        row.add_column()
        row.add_column(justify="right")
        row.add_row(Text(big(number), style="bold"), Text(big(code or ""), style="bold magenta"))
        note = "" if state["assigned"] or not code else "no patient yet"
        return Group(row, Align.right(Text(note, style="magenta")))

    def _slot(self, state: dict[str, Any]) -> RenderableType:
        slot = state["next"]
        if slot is None:
            return Align.center(Text("\n" + big(_CALLS[state["phase"]].split()[0]) + "\n"))
        side = Text(big(slot["side"]), style=f"bold {_SIDE_COLOURS[slot['side']]}")
        movement = slot["movement"].removeprefix("hip_").replace("_", " ")
        name = _large(movement, state)
        count = "try it out" if slot["familiarisation"] else f"trial {slot['trial_number']}"
        call = f"{count}: {_CALLS[state['phase']]}"
        return Group(
            Align.center(Text(name, style="bold")),
            Text(),
            Align.center(side),
            Text(),
            Align.center(Text(f"{call}   ({slot['position'].replace('_', ' ')})", style="bold")),
        )

    def _bar(self, state: dict[str, Any]) -> RenderableType:
        live = self._live if self._clock() < self._live_until_s else {}
        name = "angle_deg" if "angle_deg" in live else "force_n"
        value = live.get(name)
        gap = "" if state.get("warnings") and not _tall(state) else "\n"
        if value is None:
            return Text(gap)
        full = _FULL_SCALE[name]
        cells = max(console.width - 22, 10)
        filled = int(min(max(value, 0.0) / full, 1.0) * cells)
        unit = "N" if name == "force_n" else "°"
        return Text(f"{gap}{value:8.0f} {unit}  " + "█" * filled + "░" * (cells - filled) + gap)

    def _faults(self) -> list[str]:
        return [
            f"{name}: {device.get('fault') or device['state']}"
            for name, device in self._devices.items()
            if device["state"] != "streaming"
        ]


def _sound(before: dict[str, Any] | None, state: dict[str, Any]) -> str | None:
    if before is None:
        return None
    if state["phase"] == "recording" and before["phase"] != "recording":
        return "begin"
    last, earlier = state["last_trial"], before["last_trial"]
    if last is not None and (earlier or {}).get("result_id") != last["result_id"]:
        return "accepted" if last["valid"] else "refused"
    if state.get("problem") and state.get("problem") != before.get("problem"):
        return "refused"
    return None


def _verdict(state: dict[str, Any]) -> RenderableType:
    last = state["last_trial"]
    if last is None:
        return Text("\n")
    unit = "N" if last["quantity"] == "peak_force_n" else "deg"
    value = "-" if last["value"] is None else f"{last['value']:.0f} {unit}"
    if last["valid"]:
        return Align.center(Text(_large(f"{value} ok", state), style="bold green"))
    reasons = [flag for flag in last["flags"] if flag in REJECTING] or last["flags"]
    why = ", ".join(flag.replace("_", " ") for flag in reasons)
    return Group(
        Align.center(Text(_large("repeat", state), style="bold red")),
        Align.center(Text(f"{value}: {why}", style="bold red")),
    )


def _warnings(state: dict[str, Any]) -> list[RenderableType]:
    """Return the warnings below all else, so that they push no verdict off the screen."""
    return [Text(line, style="bold yellow") for line in _warning_lines(state, tall=_tall(state))]


def _warning_lines(state: dict[str, Any], *, tall: bool) -> list[str]:
    lines = [f"* {line}" for line in state.get("warnings", ())]
    most = _WARNINGS_SHOWN[tall]
    if len(lines) <= most:
        return lines
    left_out = len(lines) - most + 1
    return [*lines[: most - 1], f"* and {left_out} more: dynod calibrate list"]


def _tall(state: dict[str, Any]) -> bool:
    inside = max(console.width - 4, 1)
    rows = sum(-(-len(line) // inside) for line in _warning_lines(state, tall=True))
    return console.height >= _TALL_ROWS + rows


def _large(text: str, state: dict[str, Any]) -> str:
    fits = _tall(state) and width(text) < console.width - 6
    return big(text) if fits else text.upper()


def _border(state: dict[str, Any]) -> str:
    return "red" if state["phase"] == "recording" else "white"


def run_watch(config_path: Path, *, as_json: bool, mute: bool) -> None:
    """Follow the running daemon until Ctrl-C; as lines until the daemon ends.

    The screen waits for a daemon that ends, and follows the one that is started in its place.
    Raises DaemonNotRunningError where none runs to begin with.
    """
    path = load_config(config_path, os.environ).control.socket
    client = ControlClient(path)
    if as_json:
        with client:
            for message in client.watch():
                sys.stdout.write(json.dumps(message) + "\n")
                sys.stdout.flush()
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            with client, suppress(DaemonNotRunningError):
                _follow(client, live, mute=mute)
            live.update(Screen().picture(), refresh=True)
            client = _once_it_runs(path)


def _follow(client: ControlClient, live: Live, *, mute: bool) -> None:
    screen = Screen()
    for message in client.watch_or_wake(WAKE_S):
        sound = None if message is None else screen.take(*_told(message))
        live.update(screen.picture(), refresh=True)
        if sound is not None and not mute:
            play(sound)


def _told(message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return message["topic"], message["payload"]


def _once_it_runs(path: Path) -> ControlClient:
    while True:
        try:
            return ControlClient(path)
        except (DaemonNotRunningError, UsageError):  # or its socket is not yet the group's
            time.sleep(WAKE_S)
