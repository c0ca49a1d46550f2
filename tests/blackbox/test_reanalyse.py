"""``dynod reanalyse`` from outside: by the daemon to a subscriber, and cut off in the middle."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from dynod.config.site import load_site
from dynod.daemon.plan import make_plan
from dynod.store.store import Store
from tests.support.builders import START
from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, TIMEOUT_S, Daemon, RecordSystem, battery, force_test
from tests.support.stored_sessions import Past, certificate_text, shelve

pytestmark = pytest.mark.mosquitto

MANY = 40


def station(folder: Path, port: int) -> Daemon:
    """A station whose gauge has serial number SN-1, with certificate A."""
    daemon = Daemon(
        folder,
        port,
        battery=battery(force_test()),
        session="confirm_change = false",
        more='serial_number = "SN-1"',
    )
    shelve(folder, certificate_text("A", 1.0))
    return daemon


def fill(daemon: Daemon) -> None:
    """Put many sessions under certificate A into its database, and certificate B beside it."""
    plan = make_plan(load_site(daemon.config, {}))
    with Store.open(plan.config.storage.path, now=START) as store:
        store.add_certificates(plan.certificates, START)
        past = Past(store, plan.rules, plan.certificates[0])
        for _ in range(MANY):
            past.session(154.0, 124.0)
    shelve(daemon.folder, certificate_text("B", 1.02, "2026-02-01"))


def answer(daemon: Daemon, *words: str) -> dict[str, Any]:
    done = daemon.command_line("reanalyse", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_new_certificate_amends_what_a_subscriber_has(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        station(tmp_path, broker.port) as daemon,
    ):
        records.streaming("hhd-1")
        records.command("session.start", patient=PATIENT, involved_side="left")
        for done, force_n in enumerate((150.0, 120.0), 1):  # right, then left
            gauge.trial(force_n)
            assert records.verdict(done)["last_trial"]["valid"]
        records.command("session.end")
        records.result("session")
        first = {item["result_id"]: item for item in records.results}

        daemon.stop()
        shelve(tmp_path, certificate_text("B", 1.02, "2026-02-01"))
        records.forget()
        daemon.start()
        records.streaming("hhd-1")
        records.command("session.start", patient=PATIENT)  # runs, with nothing recorded yet

        preview = daemon.command_line("reanalyse")
        assert preview.returncode == 0, preview.stderr
        assert re.search(
            r"abduction right 1 +(149\.9|150\.\d) → (152\.9|153\.\d) N", preview.stdout
        )
        assert "would change: 2 of 2 trials, 1 deficit, in 1 session" in preview.stdout
        unasked = daemon.command_line("reanalyse", "--apply")
        assert unasked.returncode == 2
        assert "--yes" in unasked.stderr
        assert len(distinct(records)) == len(first)

        assert answer(daemon, "--apply", "--yes")["counts"]["trials_changed"] == 2
        records.result("session", 2)
        amended = [item for (_, revision), item in distinct(records).items() if revision == 2]
        again = answer(daemon, "--apply", "--yes")
        daemon.stop()
    assert again["counts"]["trials_changed"] == 0
    assert again["sessions"] == []
    schemas = [item["schema"] for item in amended if item["schema"] != "dynod.fhir/1"]
    assert schemas == ["dynod.trial/1"] * 2 + ["dynod.deficit/1", "dynod.session/1"]
    assert {item["status"] for item in amended} == {"amended"}
    assert len({item["sequence"] for item in records.results}) == len(distinct(records))
    for item in amended[:2]:
        before = first[item["result_id"]]["metrics"]["peak_force_n"]
        assert item["metrics"]["peak_force_n"] == pytest.approx(1.02 * before)
        assert item["calibration"]["certificate_id"] == "B"
        assert item["recorded_at"] == first[item["result_id"]]["recorded_at"]
    deficit, session = amended[2:4]
    assert deficit["left"]["value"] == pytest.approx(1.02 * 120.0, abs=0.1)
    assert deficit["deficit_percent"] == pytest.approx(20.0, abs=0.1)  # both sides grew alike
    assert [item["revision"] for item in deficit["trials"]] == [2, 2]
    assert {item["revision"] for item in (*session["trials"], *session["deficits"])} == {2}


def test_a_kill_in_the_middle_leaves_each_session_whole_or_untouched(tmp_path: Path) -> None:
    daemon = station(tmp_path, 1)
    fill(daemon)
    with working(daemon, *APPLY) as process:
        wait(lambda: amended(daemon) > 0, process)
        process.kill()
    done = whole_sessions(daemon)
    assert 0 < done < MANY
    assert answer(daemon, "--apply", "--yes")["counts"]["sessions_changed"] == MANY - done
    assert whole_sessions(daemon) == MANY
    assert answer(daemon, "--apply", "--yes")["counts"]["sessions_changed"] == 0


def test_ctrl_c_stops_the_daemon_in_good_order(tmp_path: Path) -> None:
    daemon = station(tmp_path, 1)
    fill(daemon)
    with daemon:
        with working(daemon, *APPLY) as process:
            wait(lambda: amended(daemon) > 0, process)
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == 130
        done = whole_sessions(daemon)
        assert 0 < done < MANY
        # A client that is killed says no goodbye; the daemon hears it hang up all the same.
        with working(daemon, *APPLY) as process:
            wait(lambda: amended(daemon) > 2 * done, process)
            process.kill()
        assert answer(daemon, "--apply", "--yes")["counts"]["sessions"] == MANY
        assert whole_sessions(daemon) == MANY
        assert daemon.stop() == 0


def test_a_daemon_that_is_stopped_meanwhile_ends_at_once(tmp_path: Path) -> None:
    daemon = station(tmp_path, 1)
    fill(daemon)
    with daemon, working(daemon, *APPLY) as process:
        wait(lambda: amended(daemon) > 0, process)
        assert daemon.stop() == 0
        assert process.wait(TIMEOUT_S) == 4  # hung up on
        assert 0 < whole_sessions(daemon) < MANY


def asked(daemon: Daemon, answer: str) -> str:
    """Run ``dynod reanalyse --apply`` in a terminal, answer its question; return what it said."""
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "dynod", "reanalyse", "--apply", "-c", str(daemon.config)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    said = b""
    try:
        while b"[y/N]" not in said:
            said += os.read(master, 4096)
        os.write(master, answer.encode() + b"\n")
        with suppress(OSError):  # a terminal that nobody holds any more
            while part := os.read(master, 4096):
                said += part
        assert process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return said.decode()


def test_it_asks_in_a_terminal_and_takes_no_for_an_answer(tmp_path: Path) -> None:
    daemon = station(tmp_path, 1)
    fill(daemon)
    assert "nothing was changed" in asked(daemon, "n")
    assert whole_sessions(daemon) == 0
    assert f"changed: {2 * MANY} of {2 * MANY} trials" in asked(daemon, "y")
    assert whole_sessions(daemon) == MANY


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    done = station(tmp_path, 1).command_line("reanalyse")
    assert done.returncode == 5
    assert "does not exist; `dynod run` makes it" in done.stderr
    assert done.stderr.count("\n") == 1


APPLY = ("reanalyse", "--apply", "--yes", "--json")


@contextmanager
def working(daemon: Daemon, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program beside the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dynod", *words, "-c", str(daemon.config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


def distinct(records: RecordSystem) -> dict[tuple[str, int], dict[str, Any]]:
    """Return each result once: what was sent when the daemon stopped may be sent again."""
    return {(item["result_id"], item["revision"]): item for item in records.results}


def revisions(daemon: Daemon) -> dict[str, list[int]]:
    """Read the revisions of every session's trials, deficit and summary behind dynod's back."""
    query = " UNION ALL ".join(
        f"SELECT session_id, revision FROM {table}"  # noqa: S608 - three names of ours
        for table in ("trial", "deficit", "session_summary")
    )
    found: dict[str, list[int]] = {}
    uri = f"file:{daemon.folder / 'dynod.db'}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=TIMEOUT_S)) as connection:
        for session_id, revision in connection.execute(query):
            found.setdefault(session_id, []).append(revision)
    return found


def amended(daemon: Daemon) -> int:
    return sum(2 in of_session for of_session in revisions(daemon).values())


def whole_sessions(daemon: Daemon) -> int:
    """Count the amended sessions; each session has two trials, a deficit and a summary."""
    states = revisions(daemon).values()
    assert len(states) == MANY
    assert all(state in ([1] * 4, [2] * 4) for state in states)
    return sum(state == [2] * 4 for state in states)
