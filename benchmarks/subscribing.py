"""How fast results reach PostgreSQL: two subscribers that share fifty stations, beside one.

Measured from the first result to the last receipt. The stations are threads of one process, which
takes its part of the machine: on two cores two subscribers can gain little.
"""

import sys
import time
from contextlib import ExitStack
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.row import Row
from tests.support.fake_station import FakeStation
from tests.support.mosquitto import Mosquitto
from tests.support.postgresql import PostgreSQL
from tests.support.subscribing import SubscriberProcess

STATIONS = 50
EACH = 40
QUEUE = ("max_queued_messages 100000",)


def rows() -> list[Row]:
    one_s, two_s = taken_s(1), taken_s(2)
    name = f"{STATIONS * EACH} results to PostgreSQL, two subscribers"
    return [Row(name, two_s, "one", one_s, inf, "ratio>=")]


def taken_s(members: int) -> float:
    print(f"  {STATIONS} stations, {members} of a group", file=sys.stderr, flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="dynod-bench-")))
        server = stack.enter_context(PostgreSQL())
        broker = stack.enter_context(Mosquitto(folder, QUEUE))
        stations = [
            stack.enter_context(FakeStation(broker.port, f"room-{number}"))
            for number in range(STATIONS)
        ]
        for number in range(members):
            process = SubscriberProcess(
                folder,
                broker.port,
                database=f'url = "{server.url}"',
                subscriber='group = "bench"',
                name=f"member-{number}",
                options=("--client-id", f"member-{number}"),
            )
            stack.enter_context(process)
        begun_s = time.perf_counter()
        for _ in range(EACH):
            for station in stations:
                station.trial()
        for station in stations:
            station.wait_receipts()
        return time.perf_counter() - begun_s
