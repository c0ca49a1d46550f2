"""A disk that gets full, and one that the kernel turned read-only, under a whole station."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dynod.store.store import Store
from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto

MEGABYTES = 40
FLOOR = 10_000_000

# Runs the program so that it looks at the disk ten times a second.
ATTENTIVE = """
from dynod.daemon import disk
from dynod.cli.main import run
disk.LOOK_S = 0.1
run()
"""


class Clinic:
    """A station whose database lies on a small disk of its own."""

    def __init__(self, folder: Path, disk: SmallDisk, records: RecordSystem, port: int) -> None:
        self.disk = disk
        self.records = records
        self.gauge = Gauge(folder / "gauge")
        self.daemon = Daemon(
            folder,
            port,
            battery=battery(force_test(repetitions=5)),
            session="confirm_change = false",
            storage=f'path = "disk/dynod.db"\nbackup = false\nfloor_mb = {FLOOR // 1_000_000}',
        )
        self.daemon.run_as("-c", ATTENTIVE)

    def begin(self) -> None:
        self.records.streaming("hhd-1")
        assert self.records.command("session.start", patient=PATIENT)["ok"]
        self.records.state(phase="ready")

    def trial(self, peak_n: float) -> dict[str, Any]:
        """Record a trial; return its verdict."""
        before = len({s["last_trial"]["result_id"] for s in self.records.states if s["last_trial"]})
        self.gauge.trial(peak_n)
        verdict: dict[str, Any] = self.records.verdict(before + 1)["last_trial"]
        return verdict

    def failed_trial(self, peak_n: float) -> dict[str, Any]:
        """Pull, and wait for the state that says why it was not saved."""
        self.gauge.trial(peak_n)
        state: dict[str, Any] = self.records.wait(
            "what went wrong",
            lambda: (
                (state := self.records.retained["session/state"])["phase"] == "ready"
                and state.get("problem", "").startswith("storage: ")
                and state
            ),
        )
        return state

    def warned(self, words: str, *, gone: bool = False) -> None:
        self.records.wait(
            words,
            lambda: (words in str(self.records.retained["status"].get("warnings"))) is not gone,
        )

    def stored(self) -> dict[str, float]:
        """Return the peaks in the database by the trials' ids, once the daemon has ended."""
        path = self.disk.folder / "dynod.db"
        with Store.open(path, now=datetime.now(UTC)) as store:
            trials = [t for of in store.sessions(None) for t in store.trials(of.session_id)]
            assert all(store.recording(trial.result_id) is not None for trial in trials)
        return {
            str(trial.result_id): trial.analysis.metrics.get("peak_force_n") or 0.0
            for trial in trials
        }


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path, MEGABYTES))
        broker = stack.enter_context(Mosquitto(tmp_path))
        records = stack.enter_context(RecordSystem(broker.port))
        made = Clinic(tmp_path, disk, records, broker.port)
        stack.enter_context(made.gauge)
        stack.enter_context(made.daemon)
        yield made


def test_below_the_floor_a_session_is_finished_and_none_begun(clinic: Clinic) -> None:
    clinic.begin()
    clinic.trial(60.0)
    clinic.disk.leave(FLOOR * 7 // 10)
    clinic.warned("no new session before there is more room")
    assert clinic.trial(70.0)["valid"]
    assert clinic.records.command("session.end")["ok"]
    reply = clinic.records.command("session.start", patient=PATIENT)
    assert reply["ok"] is False
    assert reply["error"]["code"] == "storage"
    assert "no new session before there is more room" in reply["error"]["message"]
    clinic.gauge.hold(1.0, 4.0)
    clinic.gauge.press()  # a press begins a session too, and is told the same
    clinic.records.wait(
        "the refusal of a press",
        lambda: "no new session" in clinic.records.retained["session/state"].get("problem", ""),
    )
    clinic.disk.clear()
    clinic.warned("no new session", gone=True)
    clinic.begin()
    assert clinic.trial(80.0)["valid"]


def test_a_trial_that_does_not_fit_is_not_called_recorded(clinic: Clinic) -> None:
    clinic.begin()
    shown = {v["result_id"]: v["value"] for v in (clinic.trial(60.0), clinic.trial(70.0))}
    clinic.disk.leave(0)
    failed = clinic.failed_trial(80.0)
    assert failed["last_trial"]["result_id"] in shown  # still the one before
    assert failed["next"]["trial_number"] == 3
    assert "full" in failed["problem"]
    clinic.disk.clear()
    clinic.warned("the last change could not be stored")
    again = clinic.trial(90.0)
    clinic.warned("the last change could not be stored", gone=True)
    shown[again["result_id"]] = again["value"]
    clinic.daemon.stop()
    assert not clinic.daemon.lines("Traceback")
    assert clinic.stored() == pytest.approx(shown)


def test_a_disk_that_the_kernel_turned_read_only(clinic: Clinic) -> None:
    clinic.begin()
    shown = {v["result_id"]: v["value"] for v in (clinic.trial(60.0), clinic.trial(70.0))}
    clinic.disk.break_down()
    failed = clinic.failed_trial(80.0)
    assert failed["last_trial"]["result_id"] in shown
    clinic.warned("the last change could not be stored")
    clinic.daemon.stop()
    assert not clinic.daemon.lines("Traceback")
    clinic.disk.restart()
    assert clinic.stored() == pytest.approx(shown)
    clinic.records.forget()
    clinic.gauge.replug()
    clinic.daemon.start()
    clinic.records.streaming("hhd-1")
    assert clinic.records.state(phase="ready")["next"]["trial_number"] == 3
    assert clinic.trial(90.0)["valid"]
