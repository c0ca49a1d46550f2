"""The power of a working station is cut after any write: what a therapist was shown is there.

The record of ``dynod run`` holds what it wrote and what it told in one line of time, so that a
result which left before it was on the disk would be seen even where no cut falls between.
``DYNOD_SOAK_CUTS=3`` runs it long (``make soak``), and writes its figures into docs/reliability.md.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dynod.daemon.opening import open_database
from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.page import write_block
from tests.support.power_cut_judge import DATABASE, NOW, cut_everywhere
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test
from tests.support.subscribing import SubscriberProcess
from tests.support.write_recorder import (
    Operation,
    Recording,
    Said,
    Synced,
    read_trace,
    traced_python,
)

SEED = 20260302
TRIES = int(os.environ.get("DYNOD_SOAK_CUTS", "0"))
LONG = TRIES > 0

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(3600 if LONG else 120)]


def record(folder: Path, trials: int) -> Recording:
    """Record a station from its first start to its end, a session of so many trials between."""
    trace = folder / "trace"
    with (
        Mosquitto(folder) as broker,
        RecordSystem(broker.port) as records,
        SubscriberProcess(folder, broker.port),
        Gauge(folder / "gauge") as gauge,
    ):
        daemon = Daemon(
            folder,
            broker.port,
            battery=battery(force_test(repetitions=trials // 2)),
            broker_lines='receipts = "required"',
            session="confirm_change = false",
        )
        daemon.run_as(*traced_python(trace, "-m", "dynod"))
        with daemon:
            records.streaming("hhd-1")
            assert records.command("session.start", patient=PATIENT)["ok"]
            records.state(phase="ready")
            for number in range(trials):
                gauge.trial(100.0 + number)
                records.verdict(number + 1)
            records.wait("receipts", lambda: all_received(records))
    return read_trace(trace, folder, {})


def all_received(records: RecordSystem) -> bool:
    outbox = records.retained["status"]["outbox"]
    return bool(outbox["received"] and outbox["pending"] == outbox["sent"] == 0)


def test_what_was_shown_is_there(tmp_path: Path) -> None:
    trials = 20 if LONG else 4
    recording = record(tmp_path, trials)
    with open_database(tmp_path / DATABASE, NOW) as store:
        stored = store.trials()
        assert len(stored) == trials
        assert all(store.recording(trial.result_id) for trial in stored)
        sequences = [row.sequence for row in reversed(store.outbox_rows())]
        assert sequences == [*range(1, store.last_sequence + 1)]
    figures = cut_everywhere(
        recording,
        tries=TRIES or 1,
        chosen=range(0, sys.maxsize, 1 if LONG else 6),
        seed=SEED,
        workers=2 if LONG else 1,
    )
    assert figures.told >= trials
    assert figures.lost == []
    if LONG:
        write_block("power cut of the station", figures.lines())
    found_out(told_early(recording, [str(trial.result_id) for trial in stored]))


def told_early(recording: Recording, result_ids: list[str]) -> Recording:
    """Have the station tell of every trial one sync too early."""
    ids = [result_id.encode() for result_id in result_ids]
    operations: list[Operation] = []
    for item in recording.operations:
        if isinstance(item, Said) and any(result_id in item.data for result_id in ids):
            syncs = [place for place, done in enumerate(operations) if isinstance(done, Synced)]
            operations.insert(syncs[-1], item)
        else:
            operations.append(item)
    return replace(recording, operations=tuple(operations))


def found_out(recording: Recording) -> None:
    """The same judge sees what a station that does not wait for the disk would lose."""
    told = {after for after, item in enumerate(recording.operations, 1) if isinstance(item, Said)}
    assert cut_everywhere(recording, tries=0, chosen=told, seed=SEED).lost
