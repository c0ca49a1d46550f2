"""Mending what was recorded, from outside: assign, relabel, annotate, void, resend.

A real broker, a gauge on a pty, ``dynod run`` and a record system that sees every message. Two
trials a side; what must come of each command stands in docs/contract.md, sections 2 to 4.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto

TWO_TRIALS = battery(force_test(repetitions=2))
OTHER = {"system": "urn:clinic:mrn", "id": "patient-4712", "sex": "male", "birth_year": 1950}
WORDS = ("patient-4711", "patient-4712", "limped on the left", "Nurse Grey", "wrong leg")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def gauge(tmp_path: Path) -> Iterator[Gauge]:
    with Gauge(tmp_path / "gauge") as gauge:
        yield gauge


@pytest.fixture
def records(broker: Mosquitto) -> Iterator[RecordSystem]:
    with RecordSystem(broker.port) as records:
        yield records


@pytest.fixture
def daemon(
    tmp_path: Path, broker: Mosquitto, gauge: Gauge, records: RecordSystem
) -> Iterator[Daemon]:
    with Daemon(
        tmp_path, broker.port, battery=TWO_TRIALS, session="confirm_change = false"
    ) as daemon:
        records.streaming("hhd-1")
        yield daemon


def record(records: RecordSystem, gauge: Gauge, *peaks: float) -> None:
    """Record trials one after the other, from wherever the session stands."""
    for peak in peaks:
        known = records.retained["session/state"]["last_trial"]
        gauge.trial(peak)
        records.wait("the next verdict", partial(has_other_verdict, records, known))
        gauge.hold(1.0, gauge.rest_n)


def has_other_verdict(records: RecordSystem, known: object) -> bool:
    state = records.retained["session/state"]
    return state["phase"] in {"ready", "complete"} and state["last_trial"] not in (None, known)


def begin(records: RecordSystem, gauge: Gauge, patient: dict[str, Any] | None) -> str:
    reply = records.command("session.start", patient=patient)
    records.state(phase="ready")
    session_id: str = reply["session_id"]
    return session_id


def everything(records: RecordSystem, count: int) -> list[dict[str, Any]]:
    """Wait for so many results in all, whose numbers have no hole."""
    records.wait(f"{count} results", lambda: len(records.results) >= count)
    results = sorted(records.results, key=lambda item: item["sequence"])
    assert [item["sequence"] for item in results] == list(range(1, count + 1))
    return results


def told(results: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    kinds = [item["schema"].removeprefix("dynod.").removesuffix("/1") for item in results]
    return [
        (kind, item["revision"], item["status"]) for kind, item in zip(kinds, results, strict=True)
    ]


def quiet(records: RecordSystem, count: int) -> None:
    """See that no more than so many results were ever numbered."""
    status = records.command("status.get")["status"]
    assert status["last_sequence"] == count


def actions(folder: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(folder / "dynod.db")) as database:
        return database.execute(
            "SELECT action, subject, who FROM audit ORDER BY ordinal"
        ).fetchall()


def test_a_session_without_a_patient_is_published_once_it_is_assigned(
    daemon: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    session_id = begin(records, gauge, None)
    record(records, gauge, 150.0, 151.0, 120.0, 121.0)
    assert records.command("session.end")["ok"]
    listed = json.loads(daemon.command_line("session", "list", "--json").stdout)
    assert [(row["session_id"], row["assigned"], row["trials"]) for row in listed] == [
        (session_id, False, 4)
    ]
    assert records.results == []
    unknown = records.command("session.assign", session_id=str(uuid4()), patient=PATIENT)
    assert unknown["error"]["code"] == "not_found"
    request = json.dumps(
        {"request_id": str(uuid4()), "session_id": session_id, "patient": PATIENT}
    ).encode()
    reply = records.ask("session.assign", request)
    assert reply["ok"], reply
    assert reply["session_id"] == session_id
    results = everything(records, 6)
    final = "final"
    assert told(results) == [
        *[("trial", 1, final)] * 4, ("deficit", 1, final), ("session", 1, final)
    ]  # fmt: skip
    peaks = [item["metrics"]["peak_force_n"] for item in results[:4]]
    assert peaks == pytest.approx([150.0, 151.0, 120.0, 121.0], abs=0.05)
    assert all(item["patient"] == PATIENT for item in results)
    # The same request, and the same patient by another request, change nothing.
    assert records.ask("session.assign", request) == reply
    again = records.command("session.assign", session_id=session_id, patient=PATIENT)
    assert again["ok"]
    quiet(records, 6)
    # Somebody else: taken back for the one, under new ids for the other.
    assert daemon.command_line(
        *("session", "assign", session_id[:8], "--patient", "urn:clinic:mrn|patient-4712"),
        *("--sex", "male", "--birth-year", "1950"),
    ).returncode == 0  # fmt: skip
    moved = everything(records, 18)[6:]
    assert {item["result_id"] for item in moved[:6]} == {item["result_id"] for item in results}
    assert {(item["revision"], item["status"]) for item in moved[:6]} == {(2, "entered-in-error")}
    assert all(item["patient"] == PATIENT for item in moved[:6])
    assert told(moved[6:]) == told(results)
    assert all(item["patient"] == OTHER for item in moved[6:])
    assert not {item["result_id"] for item in moved[6:]} & {item["result_id"] for item in results}
    by_id = {item["result_id"]: item for item in moved[6:]}
    deficit, session = moved[10], moved[11]
    assert all(by_id[ref["result_id"]]["patient"] == OTHER for ref in deficit["trials"])
    assert len(session["trials"]) == 4
    # The copies have the curve of what was recorded once.
    shown = daemon.command_line("results", "show", moved[6]["result_id"], "--json")
    assert max(json.loads(shown.stdout)["curve"]["value"]) == pytest.approx(150.0, abs=0.5)
    assert actions(daemon.folder) == [
        ("session.assign", session_id, "record system"),
        ("session.assign", session_id, "control socket"),
    ]
    wrong = daemon.command_line("session", "assign", "nobody", "--patient", "a|b")
    assert wrong.returncode == 2
    assert "no session is called so" in wrong.stderr
    check_privacy(daemon, records)


def test_a_running_session_is_assigned_at_once(
    daemon: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    session_id = begin(records, gauge, None)
    record(records, gauge, 150.0)
    assert records.retained["session/state"]["assigned"] is False
    assert records.command("session.assign", session_id=session_id, patient=PATIENT)["ok"]
    records.state(assigned=True, phase="ready")
    everything(records, 1)
    daemon.kill()
    records.forget()
    daemon.start()
    records.streaming("hhd-1")
    records.state(assigned=True, phase="ready", trial_number=2)
    record(records, gauge, 151.0)
    once = {item["sequence"]: item for item in records.result("trial", 2)}
    assert sorted(once) == [1, 2]


def test_a_session_moved_while_it_runs_goes_on_after_a_restart(
    daemon: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    session_id = begin(records, gauge, PATIENT)
    record(records, gauge, 150.0, 151.0, 120.0)
    assert records.command("session.assign", session_id=session_id, patient=OTHER)["ok"]
    results = everything(records, 9)
    assert told(results[3:]) == [("trial", 2, "entered-in-error")] * 3 + [("trial", 1, "final")] * 3
    daemon.kill()
    records.forget()
    daemon.start()
    records.streaming("hhd-1")
    records.state(phase="ready", side="left", trial_number=2)
    record(records, gauge, 121.0)
    records.state(phase="complete")
    (deficit,) = records.result("deficit")
    copies = [item["result_id"] for item in results[6:]]
    assert [ref["result_id"] for ref in deficit["trials"]][:3] == copies
    assert deficit["patient"] == OTHER
    assert records.command("session.end")["ok"]
    (session,) = records.result("session")
    assert len(session["trials"]) == 4
    assert {item["patient"]["id"] for item in (deficit, session)} == {OTHER["id"]}


def test_a_side_is_mended_and_what_is_said_of_a_trial_goes_with_it(
    daemon: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    begin(records, gauge, PATIENT)
    record(records, gauge, 150.0, 151.0)
    first, second = (item["result_id"] for item in records.result("trial", 2))
    reply = records.command("trial.relabel", result_id=first, side="left")
    assert (reply["ok"], reply["result_id"]) == (True, first)
    records.state(phase="ready", side="right", trial_number=1)
    amended = records.result("trial", 3)[-1]
    assert (amended["revision"], amended["status"]) == (2, "amended")
    assert (amended["test"]["side"], amended["trial_number"]) == ("left", 1)
    reply = records.command("trial.annotate", pain_nrs=6, note="limped on the left")
    assert reply["result_id"] == second
    noted = records.result("trial", 4)[-1]
    assert (noted["result_id"], noted["pain_nrs"], noted["note"]) == (
        second, 6, "limped on the left",
    )  # fmt: skip
    # While one is being recorded, that one is meant.
    gauge.hold(1.2, gauge.rest_n)
    gauge.press()
    records.state(phase="recording")
    running = records.command("trial.annotate", pain_nrs=1)["result_id"]
    gauge.pull(149.0)
    gauge.press()
    records.wait("its result", lambda: len(records.results) == 5)
    fifth = records.results[-1]
    assert (fifth["result_id"], fifth["revision"], fifth["pain_nrs"]) == (running, 1, 1)
    gauge.hold(1.0, gauge.rest_n)
    record(records, gauge, 121.0)
    records.state(phase="complete")
    (deficit,) = records.result("deficit")
    # Right 151 and 149, left 150 and 121: 100·(1 − 135.5/150) = 9.67.
    assert deficit["deficit_percent"] == pytest.approx(9.67, abs=0.05)
    assert "pain_limited" in deficit["flags"]
    assert records.command("session.end")["ok"]
    records.result("session")
    # After the end, too: the relabelled trial goes back, and its side is incomplete.
    reply = records.command("trial.relabel", result_id=first, side="right")
    assert reply["ok"], reply
    results = everything(records, 11)[-3:]
    assert told(results) == [
        ("trial", 3, "amended"), ("deficit", 2, "amended"), ("session", 2, "amended")
    ]  # fmt: skip
    assert results[1]["reason"] == "side_incomplete"
    check_privacy(daemon, records)


def test_a_voided_result_is_taken_back_and_the_audit_knows_why(
    daemon: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    begin(records, gauge, PATIENT)
    record(records, gauge, 150.0, 151.0, 120.0, 121.0)
    first = records.result("trial", 4)[0]["result_id"]
    why = {"reason": "wrong leg", "by": "Nurse Grey"}
    assert records.command("result.void", result_id=first, **why)["ok"]
    records.state(phase="ready", side="right", trial_number=1)
    results = everything(records, 7)[-2:]
    assert told(results) == [("trial", 2, "entered-in-error"), ("deficit", 2, "amended")]
    assert results[1]["classification"] == "not_computable"
    again = records.command("result.void", result_id=first, **why)
    assert again["error"]["code"] == "not_found"
    record(records, gauge, 152.0)
    records.command("session.end")
    session = records.result("session")[0]["result_id"]
    deficit = results[1]["result_id"]
    done = daemon.command_line("results", "void", session, "--reason", "wrong leg", "--by", "Nurse")
    assert done.returncode == 0, done.stderr
    assert records.command("result.void", result_id=deficit, **why)["ok"]
    last = everything(records, 12)[-2:]
    assert told(last) == [("session", 2, "entered-in-error"), ("deficit", 4, "entered-in-error")]
    unknown = records.command("result.void", result_id=str(uuid4()), **why)
    assert unknown["error"]["code"] == "not_found"
    assert [(action, who) for action, _, who in actions(daemon.folder)] == [
        ("result.void", "Nurse Grey"), ("result.void", "Nurse"), ("result.void", "Nurse Grey")
    ]  # fmt: skip
    check_privacy(daemon, records)


def test_out_of_order_corrections_change_nothing(
    daemon: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    one = str(uuid4())
    idle: dict[str, tuple[dict[str, Any], str]] = {
        "trial.relabel": ({"result_id": one, "side": "left"}, "no_session"),
        "trial.annotate": ({"pain_nrs": 1}, "no_session"),
        "result.void": ({"result_id": one, "reason": "r", "by": "b"}, "not_found"),
        "session.assign": ({"session_id": one, "patient": PATIENT}, "not_found"),
    }
    running = {
        **idle,
        "trial.relabel": ({"result_id": one, "side": "left"}, "not_found"),
        "trial.annotate": ({"pain_nrs": 1}, "wrong_phase"),
    }
    for cases in (idle, running):
        before = records.command("status.get")["session_state"]
        for name, (fields, code) in cases.items():
            assert records.command(name, **fields)["error"]["code"] == code, name
        after = records.command("status.get")["session_state"]
        assert {**after, "at": None} == {**before, "at": None}
        begin(records, gauge, PATIENT) if cases is idle else None
    assert records.results == []


def raw_results(records: RecordSystem) -> list[bytes]:
    return [payload for topic, payload in list(records.raw) if "/results/" in topic]


def test_results_go_out_again_byte_for_byte_and_purged_numbers_are_named(
    daemon: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    begin(records, gauge, PATIENT)
    record(records, gauge, 150.0, 151.0, 120.0, 121.0)
    everything(records, 5)
    stream = records.results[0]["stream"]
    records.wait("them at rest", lambda: records.retained["status"]["outbox"]["sent"] == 5)
    first = raw_results(records)
    reply = records.command("results.resend", stream=stream, from_sequence=2, to_sequence=4)
    assert (reply["ok"], reply["count"], reply["purged"]) == (True, 3, [])
    records.wait("three again", lambda: len(records.results) == 8)
    assert raw_results(records)[5:] == first[1:4]
    with closing(sqlite3.connect(daemon.folder / "dynod.db", timeout=10)) as database, database:
        database.execute("DELETE FROM outbox WHERE sequence IN (1, 2, 4)")
    reply = records.command("results.resend", stream=stream, from_sequence=1, to_sequence=99)
    assert reply["count"] == 2
    assert reply["purged"] == [
        {"from_sequence": 1, "to_sequence": 2}, {"from_sequence": 4, "to_sequence": 4}
    ]  # fmt: skip
    records.wait("two again", lambda: len(records.results) == 10)
    assert raw_results(records)[8:] == [first[2], first[4]]
    # What cannot be: another stream, a range that ends before it begins, one without end.
    for fields, code, field in (
        ({"stream": str(uuid4()), "from_sequence": 1, "to_sequence": 2}, "not_found", "stream"),
        ({"stream": stream, "from_sequence": 3, "to_sequence": 2}, "invalid_value", "to_sequence"),
        (
            {"stream": stream, "from_sequence": 1, "to_sequence": 100_001},
            "invalid_value",
            "to_sequence",
        ),
    ):
        error = records.command("results.resend", **fields)["error"]
        assert (error["code"], error["field"]) == (code, field)
    listed = json.loads(daemon.command_line("outbox", "--json").stdout)
    assert (listed["sent"], listed["last_sequence"]) == (2, 5)
    assert [(row["sequence"], row["attempts"]) for row in listed["messages"]] == [(5, 1), (3, 1)]
    record_one_more(records, gauge, daemon)


def record_one_more(records: RecordSystem, gauge: Gauge, daemon: Daemon) -> None:
    """A new result comes through as ever."""
    records.command("session.end")
    assert records.result("session")[0]["sequence"] == 6


def test_what_was_asked_for_while_the_broker_was_away_comes_after_a_power_cut(
    daemon: Daemon, broker: Mosquitto, gauge: Gauge, records: RecordSystem
) -> None:
    begin(records, gauge, PATIENT)
    record(records, gauge, 150.0, 151.0)
    everything(records, 2)
    records.wait("them at rest", lambda: records.retained["status"]["outbox"]["sent"] == 2)
    before = sorted(raw_results(records))
    broker.stop()
    asked = daemon.command_line("results", "resend", "--from", "1", "--to", "2", "--json")
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["count"] == 2
    daemon.kill()
    broker.start()
    with RecordSystem(broker.port) as late:
        daemon.start()
        late.wait("both again", lambda: len(late.results) == 2)
        assert [item["sequence"] for item in late.results] == [1, 2]
        assert sorted(raw_results(late)) == before


def check_privacy(daemon: Daemon, records: RecordSystem) -> None:
    """Nothing that was said of a person is in a topic, a state, a log line or a file name."""
    log = daemon.log.read_text()
    names = [path.name for path in daemon.folder.rglob("*")]
    for word in WORDS:
        assert word not in log
        assert not any(word in name for name in names)
        for topic, payload in records.raw:
            assert word not in topic
            if "/results/" not in topic and "/commands/" not in topic:
                assert word.encode() not in payload
    for topic, payload in records.raw:
        if "/results/" in topic:
            assert b"Nurse Grey" not in payload
            assert b"wrong leg" not in payload
