"""A whole station for the tests: config, ``dynod run`` as a process, and the record system."""

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from dynod.config.paths import data_folder

ROOT = "dynod/v1/clinic/room"
PATIENT = {"system": "urn:clinic:mrn", "id": "patient-4711"}
TIMEOUT_S = 20.0

CONFIG = """\
[station]
site = "clinic"
name = "room"

[broker]
url = "mqtt://127.0.0.1:{broker}"
{broker_lines}

[storage]
{storage}

{first_device}

{more}

[session]
battery = "short"
{session}

[control]
socket = "control.sock"

[calibration]
allow_nominal = true

[fhir]
publish = {fhir}
"""

FIRST_DEVICE = """\
[[device]]
id = "hhd-1"
profile = "{profile}"
port = "gauge"
"""

TEST = """\
[[test]]
movement = "{movement}"
position = "supine"
contraction = "{contraction}"
fixation = "hand"
kind = "{kind}"
repetitions = {repetitions}
familiarisation = {familiarisation}
seconds = 2
rest_s = 1
"""


def battery(*tests: str) -> str:
    return 'title = "for tests"\n' + "\n".join(tests)


def force_test(
    movement: str = "hip_abduction", *, repetitions: int = 1, familiarisation: int = 0
) -> str:
    return TEST.format(
        movement=movement,
        contraction="make",
        kind="force",
        repetitions=repetitions,
        familiarisation=familiarisation,
    )


def rom_test(movement: str = "hip_flexion") -> str:
    return TEST.format(
        movement=movement, contraction="rom", kind="angle", repetitions=1, familiarisation=0
    )


def quick_profile(folder: Path) -> None:
    """Put a copy of the shipped gauge's profile into devices.d that need not wait for a boot."""
    source = data_folder("devices") / "chronojump_force_sensor" / "profile.toml"
    text = source.read_text()
    for old, new in (
        ('name = "chronojump_force_sensor"', 'name = "quick_gauge"'),
        ("open_wait_s = 3.0", "open_wait_s = 0.05"),
        ("spacing_s = 1.2", "spacing_s = 0.05"),
        ("reply_s = 3.0", "reply_s = 1.0"),
        ("stale_s = 1.5", "stale_s = 3600.0"),
    ):
        assert old in text
        text = text.replace(old, new)
    target = folder / "devices.d" / "quick_gauge"
    target.mkdir(parents=True)
    (target / "profile.toml").write_text(text)


READY = "ready: looking for"

# Runs the program with a clock that counts as synchronised while a file is there, as FHIR needs it.
CLOCK_MARK = "the-clock-is-right"
SYNCED = f"""
import sys
from pathlib import Path
from dynod.daemon import bundles, clock, clock_correction
from dynod.cli.main import run
mark = Path(sys.argv[-1]).with_name("{CLOCK_MARK}")
clock._clock_synced = lambda now_s: mark.exists()
bundles.LOOK_S = clock_correction.LOOK_S = 0.1
run()
"""


def _at_once(_client: object, _data: object, sock: Any) -> None:
    """Send each packet as it is written, and not together with the next one 40 ms later."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class RecordSystem:
    """The other side of the broker: receives everything, sends commands and receipts."""

    def __init__(self, port: int) -> None:
        self.messages: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.results: list[dict[str, Any]] = []
        self.bundles: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.states: list[dict[str, Any]] = []
        self.raw: list[tuple[str, bytes]] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._replies: dict[bytes, dict[str, Any]] = {}
        self.retained: dict[str, dict[str, Any]] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_socket_open = _at_once
        self._client.on_message = self._message
        self._client.on_connect = self._connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._subscribed.wait(TIMEOUT_S)
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def back(self) -> None:
        """Wait until it hears the broker again, which was away."""
        assert self._subscribed.wait(TIMEOUT_S)

    def _connect(self, *_details: Any) -> None:
        self._client.subscribe([(f"{ROOT}/#", SubscribeOptions(qos=1))])

    def _message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        topic = message.topic.removeprefix(f"{ROOT}/")
        with self._changed:
            self.raw.append((message.topic, bytes(message.payload)))
            if topic.startswith(("commands/", "receipts")):
                return
            payload = json.loads(message.payload)
            if topic.startswith("replies/"):
                self._replies[getattr(message.properties, "CorrelationData", b"")] = payload
            elif topic == "results/fhir":
                properties = getattr(message.properties, "UserProperty", ())
                self.bundles.append((dict(properties), payload))
            elif topic.startswith("results/"):
                self.results.append(payload)
            else:
                self.retained[topic] = payload
                if topic == "session/state":
                    self.states.append(payload)
            self._changed.notify_all()

    def wait(self, what: str, condition: Callable[[], Any], timeout_s: float = TIMEOUT_S) -> Any:
        """Return the condition's first true value."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout_s), (
                f"{what} did not come; state {self.retained.get('session/state')}, "
                f"devices {[v for k, v in self.retained.items() if k.startswith('devices')]}"
            )
            return condition()

    def state(self, **wanted: Any) -> dict[str, Any]:
        """Wait for a session/state with these values; ``side`` means that of the next slot."""

        def fits() -> dict[str, Any] | None:
            state = self.retained.get("session/state")
            if state is None:
                return None
            flat = {**state, **(state["next"] or {})}
            return state if all(flat.get(k) == v for k, v in wanted.items()) else None

        found: dict[str, Any] = self.wait(f"session/state {wanted}", fits)
        return found

    def verdict(self, count: int) -> dict[str, Any]:
        """Wait until ``count`` trials have been judged and the next may begin."""

        def judged() -> dict[str, Any] | None:
            seen = {s["last_trial"]["result_id"] for s in self.states if s["last_trial"]}
            state = self.retained.get("session/state")
            busy = state is None or state["phase"] in {"recording", "analysing"}
            return None if busy or len(seen) < count else state

        found: dict[str, Any] = self.wait(f"{count} verdicts", judged)
        return found

    def streaming(self, *devices: str) -> None:
        for device in devices:
            topic = f"devices/{device}/status"
            self.wait(f"{device} streaming", partial(self._is_streaming, topic))

    def _is_streaming(self, topic: str) -> bool:
        return bool(self.retained.get(topic, {}).get("state") == "streaming")

    def online(self) -> dict[str, Any]:
        """Wait for a station that is there: the last will of a killed one may come late."""

        def there() -> dict[str, Any] | None:
            status = self.retained.get("status", {})
            return status if status.get("state") == "online" else None

        found: dict[str, Any] = self.wait("status", there)
        return found

    def forget(self) -> None:
        """Forget retained states, so that only those of a restarted daemon count."""
        with self._changed:
            self.retained.clear()

    def result(self, schema: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for ``count`` results of a kind (``trial``, ``deficit``, ``session``)."""
        prefix = f"dynod.{schema}/"

        def found() -> list[dict[str, Any]] | None:
            have = [item for item in self.results if item["schema"].startswith(prefix)]
            return have if len(have) >= count else None

        results: list[dict[str, Any]] = self.wait(f"{count} of results/{schema}", found)
        return results

    def next_trial(self, known: set[str]) -> str:
        """Wait for the result of a trial that is not among these; return its id."""

        def new() -> str | None:
            fresh = (r["result_id"] for r in self.results if "metrics" in r)
            return next((result_id for result_id in fresh if result_id not in known), None)

        result_id: str = self.wait("the result of a trial", new)
        return result_id

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        reply_to: str | None = None,
        correlation: bytes | None = None,
        retain: bool = False,
    ) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if reply_to is not None:
            properties.ResponseTopic = reply_to
        if correlation is not None:
            properties.CorrelationData = correlation
        info = self._client.publish(f"{ROOT}/{topic}", payload, 1, retain, properties)
        info.wait_for_publish(TIMEOUT_S)

    def ask(self, name: str, payload: bytes, *, retain: bool = False) -> dict[str, Any]:
        """Send a command's bytes; return the reply."""
        correlation = uuid4().bytes
        self.publish(
            f"commands/{name}",
            payload,
            reply_to=f"{ROOT}/replies/test",
            correlation=correlation,
            retain=retain,
        )
        reply: dict[str, Any] = self.wait(
            f"a reply to {name}", lambda: self._replies.get(correlation)
        )
        return reply

    def command(self, name: str, **fields: Any) -> dict[str, Any]:
        return self.ask(name, json.dumps({"request_id": str(uuid4()), **fields}).encode())


class Daemon:
    """``dynod run`` in a folder; ``fhir`` turns Bundles on: True, or "later" for `set_clock`."""

    def __init__(self, folder: Path, broker: int, **options: Any) -> None:
        self.folder = folder
        self._program = ["-c", SYNCED] if options.get("fhir") else ["-m", "dynod"]
        if options.get("fhir") is True:
            self.set_clock()
        self.environment: dict[str, str] = {}
        self.config = folder / "dynod.toml"
        self.log = folder / "dynod.log"
        quick = options.get("profile", "quick_gauge") == "quick_gauge"
        if quick and not (folder / "devices.d").exists():
            quick_profile(folder)
        (folder / "batteries.d").mkdir(exist_ok=True)
        (folder / "batteries.d" / "short.toml").write_text(options.get("battery", ""))
        self.config.write_text(
            CONFIG.format(
                broker=broker,
                broker_lines=options.get("broker_lines", ""),
                first_device=options.get(
                    "first_device",
                    FIRST_DEVICE.format(profile=options.get("profile", "quick_gauge")),
                ),
                more=options.get("more", ""),
                session=options.get("session", ""),
                storage=options.get("storage", 'path = "dynod.db"'),
                fhir="true" if options.get("fhir") else "false",
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:  # nobody else would end it
            self.kill()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it looks for its devices."""
        count = self.log.read_text().count(READY) if self.log.exists() else 0
        self.launch()
        self.wait_log(READY, count + 1)

    def launch(self) -> None:
        """Start it, and do not wait."""
        environment = {key: value for key, value in os.environ.items() if "DYNOD" not in key}
        environment |= self.environment
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._program, "run", "--verbose", "-c", str(self.config)],
                stdout=log,
                stderr=log,
                env=environment,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def alive(self) -> bool:
        """Tell whether it runs."""
        process = self._process
        return process is not None and process.poll() is None

    def ask_to_stop(self) -> None:
        """Send what systemd sends first, and do not wait."""
        assert self._process is not None
        self._process.terminate()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let it do nothing meanwhile: without receipts, what nobody hears is heard by nobody."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def run_as(self, *program: str) -> None:
        """Have ``dynod`` started by these words of Python's, in place of ``-m dynod``."""
        self._program = [*program]

    def wait(self) -> int:
        """Wait until it ends by itself; return the exit code."""
        assert self._process is not None
        return self._process.wait(TIMEOUT_S)

    def set_clock(self) -> None:
        """Let the clock count as synchronised from now on."""
        (self.folder / CLOCK_MARK).touch()

    def unset_clock(self) -> None:
        """Let the clock count as not synchronised from now on."""
        (self.folder / CLOCK_MARK).unlink()

    def stop(self) -> int:
        """End it as systemd does; return the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def lines(self, pattern: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if re.search(pattern, line)]

    def wait_log(self, text: str, count: int = 1) -> None:
        deadline_s = time.monotonic() + TIMEOUT_S
        while self.log.read_text().count(text) < count:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline_s, f"no {text!r} in:\n{self.log.read_text()}"
            time.sleep(0.01)

    def command_line(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dynod", *words, "-c", str(self.config)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
