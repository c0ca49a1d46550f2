"""From the last byte of a trial to its result at the broker.

Measured: from just before the last line of a trial is written to the pty, until a QoS 1 subscriber
of the same broker has the message. The broker acknowledges a message when it hands it on, so this
is the publisher's PUBACK, give or take the subscriber's own delay. The five seconds before that
line come in one go, and are decoded when it is written, as they are at the pace of a real board.

Floor: one durable commit of a single row, and one QoS 1 publish until its PUBACK, on the same disk
and broker, before and after the trials. It is measured back to back, and again at the pace of the
trials: what runs ten times a second finds caches cold that a tight loop finds warm.
"""

import asyncio
import json
import socket
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import aiomqtt

from benchmarks.board import Board
from benchmarks.row import Row
from benchmarks.station import CONTROL, DEVICE, NAME, SITE, TRIALS, running, scratch, write_config
from dynod.publish.topics import Topics
from tests.support.mosquitto import LOOPBACK, Mosquitto

FLOOR_ROUNDS = 150  # before, and again after the trials
PACED_ROUNDS = 25
PACE_S = 0.1
HANDSHAKE_TIMEOUT_S = 30.0
TRIAL_TIMEOUT_S = 10.0
TOPICS = Topics(SITE, NAME)


def rows() -> list[Row]:
    warm, cold = Floor(FLOOR_ROUNDS, 0.0), Floor(PACED_ROUNDS, PACE_S)
    with scratch() as folder, Mosquitto(folder) as broker, Board() as board:
        for floor in (warm, cold):
            floor.measure(folder, broker.port)
        config = write_config(folder, broker.port, board.path)
        with (folder / "dynod.log").open("w+", encoding="utf-8") as log, running(config, log):
            print(f"  {TRIALS} trials, after the handshake", file=sys.stderr, flush=True)
            with told(log.name):
                trials_s = asyncio.run(measure_trials(board, broker.port, folder / CONTROL))
        for floor in (warm, cold):
            floor.measure(folder, broker.port)
    name, median_s = "last byte of a trial to PUBACK", statistics.median(trials_s)
    plain = "durable commit + QoS 1 round trip"
    return [
        Row(name, median_s, plain, warm.seconds, 5.0, "ratio<="),
        Row(name, median_s, f"{plain}, at its pace", cold.seconds, 5.0, "ratio<="),
    ]


@contextmanager
def told(log: str) -> Iterator[None]:
    """Show what dynod said when the measurement fails."""
    try:
        yield
    except BaseException:
        print(Path(log).read_text(encoding="utf-8"), file=sys.stderr)
        raise


class Floor:
    """Medians of commits and round trips, ``pause_s`` apart."""

    def __init__(self, rounds: int, pause_s: float) -> None:
        self._rounds = rounds
        self._pause_s = pause_s
        self._commits_s: list[float] = []
        self._trips_s: list[float] = []

    @property
    def seconds(self) -> float:
        return statistics.median(self._commits_s) + statistics.median(self._trips_s)

    def measure(self, folder: Path, port: int) -> None:
        print(f"  floor: {self._rounds} commits and round trips", file=sys.stderr, flush=True)
        with closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("CREATE TABLE IF NOT EXISTS row (id INTEGER PRIMARY KEY, text TEXT)")
            for _ in range(self._rounds):
                time.sleep(self._pause_s)
                self._commits_s.append(measure_commit(connection))
        asyncio.run(self._measure_round_trips(port))

    async def _measure_round_trips(self, port: int) -> None:
        async with aiomqtt.Client(LOOPBACK, port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            for _ in range(self._rounds):
                await asyncio.sleep(self._pause_s)
                begun_s = time.perf_counter()
                await client.publish("floor", b"result", qos=1)
                self._trips_s.append(time.perf_counter() - begun_s)


def measure_commit(connection: sqlite3.Connection) -> float:
    begun_s = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO row (text) VALUES ('result')")
    connection.execute("COMMIT")
    return time.perf_counter() - begun_s


async def measure_trials(board: Board, port: int, control: Path) -> list[float]:
    async with aiomqtt.Client(LOOPBACK, port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            await wait_for_stream(client)
        await client.unsubscribe(TOPICS.device_status(DEVICE))
        await client.subscribe(TOPICS.trial, qos=1)
        start_session(control)
        return [await measure_trial(board, client) for _ in range(TRIALS)]


def start_session(control: Path) -> None:
    request = {
        "op": "command",
        "name": "session.start",
        "payload": {
            "request_id": str(uuid4()),
            "patient": {"system": "urn:dynod:bench", "id": "nobody"},
        },
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(control))
        connection.sendall(json.dumps(request).encode() + b"\n")
        reply = connection.makefile().readline()
    if not json.loads(reply).get("ok"):
        raise RuntimeError(f"the session does not start: {reply}")


async def wait_for_stream(client: aiomqtt.Client) -> None:
    await client.subscribe(TOPICS.device_status(DEVICE), qos=1)
    async for message in client.messages:
        if json.loads(message.payload)["state"] == "streaming":
            return


async def measure_trial(board: Board, client: aiomqtt.Client) -> float:
    await asyncio.to_thread(board.pull)
    begun_s = board.end()
    async with asyncio.timeout(TRIAL_TIMEOUT_S):
        await anext(aiter(client.messages))
    return time.perf_counter() - begun_s
