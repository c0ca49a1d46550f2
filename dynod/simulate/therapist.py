"""A scripted therapist with a scripted patient: reads the display, presses, the patient pulls.

Follows ``session/state`` as a person follows the display, and knows nothing of the battery.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from dynod.publish.broker import BrokerSettings, Inbound, Outgoing
from dynod.publish.connection import BrokerConnection
from dynod.publish.topics import Topics
from dynod.simulate.patient import Patient
from dynod.simulate.pty_port import PtyPort

REST_S = 1.15  # the recorder wants a second of quiet before a pull
RISE_S = 0.3
HOLD_S = 1.55
SHORT_HOLD_S = 0.2
REACH_S = 0.7
STILL_S = 1.35


@dataclass(frozen=True, slots=True)
class Script:
    """What the patient can do: ``levels`` (N or deg) by (movement, kind, side), three each.

    ``bad`` names the trial at which the patient lets go too early the first time.
    """

    levels: Mapping[tuple[str, str, str], tuple[float, ...]]
    bad: tuple[str, str, int] | None
    session: Mapping[str, object]


class Therapist:
    """Leads one session from start to end. ``told`` hears every new state of the session."""

    def __init__(
        self,
        settings: BrokerSettings,
        topics: Topics,
        port: PtyPort,
        force: Patient,
        tilt: Patient,
        script: Script,
        told: Callable[[dict[str, Any]], None],
    ) -> None:
        self._topics = topics
        self._port = port
        self._force = force
        self._tilt = tilt
        self._script = script
        self._told = told
        self._states: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._streaming: set[str] = set()
        self._ready = asyncio.Event()
        self._bad_done = False
        self._connection = BrokerConnection(
            settings,
            filters=(topics.session_state, topics.device_status("+"), topics.reply("demo")),
            on_connected=self._connected,
            on_message=self._message,
        )

    async def run(self, devices: int) -> None:
        """Wait for the devices, do the whole battery, end the session."""
        running = asyncio.create_task(self._connection.run())
        try:
            while len(self._streaming) < devices:
                await self._ready.wait()
                self._ready.clear()
            await self._command("session.start", self._script.session)
            await self._follow()
            await self._command("session.end", {})
        finally:
            await self._connection.close()
            await running

    async def _follow(self) -> None:
        """Do what the display asks for, until it says that all is done."""
        while True:
            state = await self._newest()
            match state["phase"]:
                case "confirm":
                    await self._press()
                case "ready" if state["next"]["kind"] == "force":
                    await self._pull(state["next"])
                case "ready":
                    await self._reach(state["next"])
                case "complete":
                    return
                case _:
                    continue

    async def _newest(self) -> dict[str, Any]:
        state = await self._states.get()
        while not self._states.empty():
            state = self._states.get_nowait()
        self._told(state)
        return state

    async def _pull(self, wanted: dict[str, Any]) -> None:
        await asyncio.sleep(REST_S)
        await self._press(settle=False)
        place = (wanted["movement"], wanted["side"], wanted["trial_number"])
        bad = place == self._script.bad and not self._bad_done
        self._bad_done |= bad
        hold_s = SHORT_HOLD_S if bad else HOLD_S
        over_s = self._force.pull(time.monotonic() + 0.2, self._level(wanted), hold_s, RISE_S)
        await asyncio.sleep(over_s + 0.1 - time.monotonic())
        await self._press()

    async def _reach(self, wanted: dict[str, Any]) -> None:
        await asyncio.sleep(REST_S)
        await self._press(settle=False)
        self._tilt.move(time.monotonic() + 0.2, REACH_S, self._level(wanted))
        await asyncio.sleep(0.2 + REACH_S + STILL_S)
        await self._press()
        self._tilt.move(time.monotonic() + 0.1, 0.5, 0.0)
        await asyncio.sleep(0.6)

    def _level(self, wanted: dict[str, Any]) -> float:
        levels = self._script.levels[wanted["movement"], wanted["kind"], wanted["side"]]
        number: int = wanted["trial_number"]
        return levels[(number - 1) % len(levels)]

    async def _press(self, *, settle: bool = True) -> None:
        """Press, and wait until a second press would no longer be a bounce."""
        self._port.press(0.08)
        await asyncio.sleep(0.45 if settle else 0.1)

    async def _command(self, name: str, fields: Mapping[str, object]) -> None:
        payload = json.dumps({"request_id": str(uuid4()), **fields}).encode()
        response = self._topics.reply("demo")
        await self._connection.publish(
            Outgoing(self._topics.command(name), payload, response_topic=response)
        )

    async def _connected(self) -> None:
        return

    async def _message(self, message: Inbound) -> None:
        if message.topic == self._topics.session_state:
            self._states.put_nowait(json.loads(message.payload))
        elif message.topic.endswith("/status"):
            if json.loads(message.payload)["state"] == "streaming":
                self._streaming.add(message.topic)
            self._ready.set()
