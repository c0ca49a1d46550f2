"""Daemon and broker are killed while trials are recorded: what was shown is stored and arrives.

``DYNOD_SOAK_KILLS=200`` runs it long (``make soak``), and writes its figures into
docs/reliability.md.
"""

import json
import os
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dynod.model.trial import Trial
from dynod.store.store import Store
from tests.support.control_display import ControlDisplay
from tests.support.gauge import Gauge
from tests.support.killing import Campaign, Tally, Therapist
from tests.support.mosquitto import Mosquitto
from tests.support.page import write_block
from tests.support.station import Daemon, RecordSystem, battery, force_test
from tests.support.subscribing import Rows, SubscriberProcess

KILLS = int(os.environ.get("DYNOD_SOAK_KILLS", "10"))
BROKER_KILLS = max(KILLS // 10, 2)
SEED = 20260411
RECONNECTS, RECEIPTS_S = 10, 4.0
SLACK_N = 1.2  # half of what two pulls differ by, nearly

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(120 + 10 * KILLS)]


def test_nothing_that_was_shown_is_lost(tmp_path: Path) -> None:
    tally, begun_s = Tally(), time.monotonic()
    with (
        Mosquitto(tmp_path) as broker,
        SubscriberProcess(tmp_path, broker.port),
        RecordSystem(broker.port) as wire,
        Gauge(tmp_path / "gauge") as gauge,
        ControlDisplay(tmp_path / "control.sock") as display,
    ):
        daemon = Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test(repetitions=10)),
            broker_lines='receipts = "required"',
            session="confirm_change = false",
        )
        try:
            therapist = Therapist(display, gauge, tally)
            Campaign(daemon, broker, therapist, tally, SEED).run(KILLS, BROKER_KILLS)
            _wait_for_receipts(daemon, display)
            last_sequence = display.states["status"]["last_sequence"]
            stream = display.states["status"]["stream"]
        finally:
            daemon.stop()
        shown = dict(display.verdicts)
        for state in wire.states:
            if state["last_trial"]:
                shown.setdefault(state["last_trial"]["result_id"], state["last_trial"])
    trials = _stored(tmp_path / "dynod.db")
    assert len(shown) >= KILLS // 2
    _hold_against_the_store(shown, trials)
    _hold_against_the_pulls(trials, tally)
    _hold_against_the_subscriber(tmp_path, shown, trials, stream, last_sequence)
    _, trouble, what = daemon.log.read_text().partition("Traceback")
    assert not trouble, what[:4000]
    assert not daemon.lines("damaged|is gone")
    if KILLS >= 100:
        _write_figures(tally, shown, trials, wire, last_sequence, time.monotonic() - begun_s)


def _wait_for_receipts(daemon: Daemon, display: ControlDisplay) -> None:
    """Wait until everything is received; a reconnect stands for the wait of up to an hour.

    What went out while the broker had forgotten its subscriber goes out again at the next
    connection, or when its time has come, which grows from 30 s with every try.
    """
    for _ in range(RECONNECTS):
        if display.wait(lambda: _all_received(display), RECEIPTS_S):
            return
        daemon.stop()
        daemon.start()
    pytest.fail(f"not everything is received: {display.states['status']}")


def _all_received(display: ControlDisplay) -> bool:
    status = display.states.get("status", {})
    outbox = status.get("outbox") or {"pending": 1, "sent": 1}
    return bool(outbox["pending"] == outbox["sent"] == 0 and status["last_sequence"] > 0)


def _stored(path: Path) -> dict[str, Trial]:
    """Return every trial with its raw samples; the file must be whole."""
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert plain.execute("PRAGMA foreign_key_check").fetchall() == []
    with Store.open(path, now=datetime.now(UTC), readonly=True) as store:
        light = [trial for item in store.sessions(None) for trial in store.trials(item.session_id)]
        whole = [store.trial(trial.result_id, with_raw=True) for trial in light]
    return {str(trial.result_id): trial for trial in whole if trial is not None}


def _hold_against_the_store(shown: dict[str, dict[str, object]], trials: dict[str, Trial]) -> None:
    """Each verdict that a therapist saw stands, with that number, and with all its samples."""
    for result_id, verdict in shown.items():
        trial = trials[result_id]
        assert trial.analysis.metrics.get("peak_force_n") == pytest.approx(verdict["value"])
        assert trial.valid is verdict["valid"]
    for trial in trials.values():
        assert trial.recording is not None
        assert len(trial.recording.block) > 0


def _hold_against_the_pulls(trials: dict[str, Trial], tally: Tally) -> None:
    """A valid trial is one whole pull, and no pull is two; no slot is filled twice."""
    valid = [trial for trial in trials.values() if trial.valid]
    peaks = [trial.analysis.metrics.get("peak_force_n") for trial in valid]
    pulled = Counter(tally.pulls)
    for peak in peaks:
        near = [pull for pull in pulled if abs(pull - (peak or 0.0)) < SLACK_N]
        assert len(near) == 1, f"{peak} is no pull"
        pulled[near[0]] -= 1
    assert min(pulled.values()) >= 0
    slots = Counter((trial.session_id, trial.slot.side, trial.slot.trial_number) for trial in valid)
    assert set(slots.values()) == {1}


def _hold_against_the_subscriber(
    folder: Path,
    shown: dict[str, dict[str, object]],
    trials: dict[str, Trial],
    stream: str,
    last_sequence: int,
) -> None:
    """After dropping duplicates every number arrived once, and every trial is there."""
    with Rows(f"sqlite:///{folder / 'subscriber.db'}") as rows:
        messages = rows.query("SELECT stream, sequence FROM message ORDER BY sequence")
        found = rows.query("SELECT result_id FROM result")
        assert rows.one("SELECT count(*) FROM set_aside") == 0
    assert {_bare(item) for item, _ in messages} == {_bare(stream)}
    assert [number for _, number in messages] == list(range(1, last_sequence + 1))
    assert {_bare(item) for item in [*shown, *trials]} <= {_bare(key) for (key,) in found}


def _bare(identifier: object) -> str:
    return str(identifier).replace("-", "")


def _write_figures(
    tally: Tally,
    shown: dict[str, dict[str, object]],
    trials: dict[str, Trial],
    wire: RecordSystem,
    last_sequence: int,
    taken_s: float,
) -> None:
    arrived = [json.loads(data)["sequence"] for topic, data in wire.raw if "/results/" in topic]
    broker_kills = tally.kills.pop("broker")
    moments = ",\n  ".join(f"{count} {name}" for name, count in tally.kills.items())
    write_block(
        "killed",
        f"""\
- Kills of the daemon (SIGKILL): {KILLS}; of the broker: {broker_kills}. Of the daemon
  {moments}.
- Pulls: {len(tally.pulls)}, in {tally.sessions} sessions. Trials in the database: {len(trials)}.
- Verdicts that a therapist saw: {len(shown)}. Of these in the database: {len(shown)}, with all
  their samples; at the subscriber: {len(shown)}.
- Messages: {last_sequence}, without a hole; each at the subscriber once. At the wire
  {len(arrived)} were seen, {len(arrived) - len(set(arrived))} of them again: at every connection
  what has no receipt yet goes out once more.
- {taken_s / 60.0:.0f} minutes on two cores of x86-64, {datetime.now(UTC):%Y-%m-%d}.
""",
    )
