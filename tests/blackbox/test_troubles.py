"""What goes wrong in a clinic, from outside: each ends as the contract says, and loses nothing."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto

TWO_TRIALS = battery(force_test(repetitions=2))


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
def daemon(tmp_path: Path, broker: Mosquitto, gauge: Gauge) -> Iterator[Daemon]:
    """A station with two trials a side that asks for no acknowledgement."""
    with Daemon(
        tmp_path, broker.port, battery=TWO_TRIALS, session="confirm_change = false"
    ) as daemon:
        yield daemon


@pytest.fixture
def ready(daemon: Daemon, records: RecordSystem) -> Daemon:
    records.streaming("hhd-1")
    assert records.command("session.start", patient=PATIENT)["ok"]
    records.state(phase="ready")
    return daemon


def request(**fields: object) -> bytes:
    return json.dumps({"request_id": str(uuid4()), **fields}).encode()


def test_a_killed_daemon_resumes_at_the_open_slot(
    ready: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    gauge.trial(100.0)
    records.verdict(1)
    gauge.hold(1.2, gauge.rest_n)
    gauge.press()
    session_id = records.state(phase="recording")["session_id"]
    ready.kill()
    records.forget()
    ready.start()
    resumed = records.state(phase="ready", trial_number=2)
    assert resumed["session_id"] == session_id
    records.streaming("hhd-1")
    gauge.trial(101.0)
    records.verdict(2)
    records.command("session.end")
    records.result("session")
    # The recording that was cut off left no result; the sequence has no hole. A result whose
    # acknowledgement was not yet noted goes again: a receiver drops what it has.
    once = {trial["result_id"]: trial for trial in records.result("trial", 2)}
    assert [trial["trial_number"] for trial in once.values()] == [1, 2]
    numbers = sorted({result["sequence"] for result in records.results})
    assert numbers == list(range(1, len(numbers) + 1))


def test_stopped_in_a_recording_the_display_does_not_go_on_recording(
    ready: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    gauge.hold(1.2, gauge.rest_n)
    gauge.press()
    records.state(phase="recording")
    assert ready.stop() == 0
    records.state(phase="ready", trial_number=1)
    assert records.results == []


def test_unplugged_in_a_trial_and_plugged_in_again(
    ready: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    gauge.hold(1.2, gauge.rest_n)
    gauge.press()
    records.state(phase="recording")
    gauge.hold(1.0, 80.0)
    gauge.unplug()
    state = records.verdict(1)
    assert state["last_trial"]["valid"] is False
    assert "disconnect" in state["last_trial"]["flags"]
    assert (state["phase"], state["next"]["trial_number"]) == ("ready", 1)
    records.wait(
        "the device to be absent",
        lambda: records.retained["devices/hhd-1/status"]["state"] == "absent",
    )
    gauge.plug()
    records.streaming("hhd-1")
    gauge.trial(100.0)
    assert records.verdict(2)["last_trial"]["valid"]
    (trial, _) = records.result("trial", 2)
    assert trial["quality"]["valid"] is False
    assert len(ready.lines("WARNING.*hhd-1")) == 1


@pytest.mark.parametrize("rubbish", [b"\xff\x00garbage\n", b"1;2;3\r\n", b"12x4;9.1\r\n"])
def test_rubbish_inside_a_trial_rejects_it(
    ready: Daemon, gauge: Gauge, records: RecordSystem, rubbish: bytes
) -> None:
    gauge.hold(1.2, gauge.rest_n)
    gauge.press()
    gauge.pull(90.0, hold_s=1.0)
    gauge.write(rubbish)
    gauge.pull(90.0)
    gauge.press()
    assert "bytes_lost" in records.verdict(1)["last_trial"]["flags"]
    gauge.hold(1.0, gauge.rest_n)
    gauge.trial(100.0)
    assert records.verdict(2)["last_trial"]["valid"]


def test_a_long_press_discards_the_running_trial_then_takes_back_the_last(
    ready: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    gauge.trial(100.0)
    first = records.verdict(1)["last_trial"]["result_id"]
    gauge.hold(1.2, gauge.rest_n)
    gauge.press()
    records.state(phase="recording")
    gauge.pull(50.0)
    gauge.press(held_s=1.0)
    last = records.verdict(2)["last_trial"]
    assert (last["valid"], "discarded" in last["flags"]) == (False, True)
    assert records.state(phase="ready")["next"]["trial_number"] == 2
    assert records.command("trial.redo", result_id=first)["ok"]
    assert records.state(phase="ready", trial_number=1)["last_trial"] is None
    voided = records.result("trial", 3)[-1]
    assert (voided["result_id"], voided["revision"]) == (first, 2)
    assert voided["status"] == "entered-in-error"


def test_a_contact_that_bounces_is_one_press(
    ready: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    gauge.hold(1.2, gauge.rest_n)
    at_us = gauge.t_us
    letters = [(100, "R"), (2100, "r"), (4000, "R"), (90000, "r")]
    gauge.write("".join(f"{at_us + us};{letter}\r\n" for us, letter in letters).encode())
    records.state(phase="recording")
    gauge.pull(100.0)
    gauge.press()
    assert records.verdict(1)["last_trial"]["valid"]


def test_the_broker_is_down_at_start_and_goes_away_later(
    tmp_path: Path, broker: Mosquitto, gauge: Gauge
) -> None:
    broker.stop()
    with Daemon(
        tmp_path, broker.port, battery=TWO_TRIALS, session="confirm_change = false"
    ) as daemon:
        assert gauge.started.wait(20)
        reply = daemon.command_line("session", "start", "--patient", "urn:x|1", "--json")
        assert reply.returncode == 0, reply.stderr
        gauge.trial(100.0)
        gauge.hold(1.0, gauge.rest_n)
        daemon.wait_log("hhd-1: streaming")
        wait_for_results(daemon, 1)
        with ExitStack() as stack:
            with daemon.held():
                broker.start()
                records = stack.enter_context(RecordSystem(broker.port))
            (trial,) = records.result("trial")
            assert trial["metrics"]["peak_force_n"] == pytest.approx(100.0, abs=0.05)
            broker.stop()
            gauge.trial(104.0)
            wait_for_results(daemon, 2)
            with daemon.held():
                broker.start()
                records.back()
            assert [item["sequence"] for item in records.result("trial", 2)] == [1, 2]
        # One warning per outage, not one per attempt.
        assert len(daemon.lines("WARNING.*broker")) <= 3


def wait_for_results(daemon: Daemon, count: int) -> None:
    for _ in range(200):
        listed = daemon.command_line("results", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        if len(json.loads(listed.stdout)) >= count:
            return
    pytest.fail(f"{count} results were not recorded")


@pytest.fixture
def demanding(
    tmp_path: Path, broker: Mosquitto, gauge: Gauge, records: RecordSystem
) -> Iterator[Daemon]:
    """A station that requires receipts, after one trial that has none yet."""
    with Daemon(
        tmp_path,
        broker.port,
        battery=TWO_TRIALS,
        session="confirm_change = false",
        broker_lines='receipts = "required"',
    ) as daemon:
        records.streaming("hhd-1")
        records.command("session.start", patient=PATIENT)
        gauge.trial(100.0)
        yield daemon


@pytest.mark.usefixtures("demanding")
def test_receipts_make_results_received(records: RecordSystem) -> None:
    (trial,) = records.result("trial")
    outbox = {"pending": 0, "sent": 1, "received": 0}
    records.wait("sent", lambda: records.retained.get("status", {}).get("outbox") == outbox)
    receipt = {"result_id": trial["result_id"], "revision": 1}
    unknown = {"result_id": str(uuid4()), "revision": 1}
    records.publish("receipts", json.dumps({"receipts": [receipt, unknown]}).encode())
    received = {"pending": 0, "sent": 0, "received": 1}
    records.wait("received", lambda: records.retained.get("status", {}).get("outbox") == received)
    records.wait(
        "the unknown receipt counted",
        lambda: records.retained["status"]["refused"].get("unknown_receipt") == 1,
    )


def test_an_unreceipted_result_goes_again_on_reconnect(
    demanding: Daemon, records: RecordSystem
) -> None:
    records.result("trial")
    demanding.stop()
    records.forget()
    demanding.start()
    first, again = records.result("trial", 2)
    assert first == again


def test_refusals_change_nothing(ready: Daemon, records: RecordSystem) -> None:
    before = records.retained["session/state"]
    cases = {
        "too_large": ("status.get", b"{" + b" " * 17000 + b"}"),
        "malformed": ("session.start", b"{not json"),
        "unknown_command": ("session.explode", request()),
        "unknown_key": ("session.end", request(patience=1)),
        "invalid_value": ("session.start", request(patient=None, body_mass_kg=1.0)),
        "session_running": ("session.start", request(patient=None)),
        "wrong_phase": ("change.confirm", request()),
        "not_found": ("trial.redo", request(result_id=str(uuid4()))),
    }
    for code, (name, payload) in cases.items():
        reply = records.ask(name, payload)
        assert (reply["ok"], reply["error"]["code"]) == (False, code)
        assert PATIENT["id"] not in json.dumps(reply)
    records.wait(
        "the counters",
        lambda: set(cases) <= set(records.retained["status"].get("refused", {})),
    )
    assert records.command("status.get")["session_state"]["phase"] == before["phase"]
    assert records.retained["session/state"]["session_id"] == before["session_id"]


def test_a_foreign_response_topic_is_not_carried_out(ready: Daemon, records: RecordSystem) -> None:
    for reply_to in (None, "dynod/v1/elsewhere/replies/x", "plain"):
        records.publish("commands/session.end", request(), reply_to=reply_to)
    records.wait(
        "three refusals",
        lambda: records.retained["status"]["refused"].get("response_topic") == 3,
    )
    assert records.retained["session/state"]["phase"] == "ready"


def test_a_retained_command_is_refused_at_subscription(
    tmp_path: Path, broker: Mosquitto, gauge: Gauge, records: RecordSystem
) -> None:
    records.publish(
        "commands/session.start",
        request(patient=None),
        reply_to="dynod/v1/clinic/room/replies/test",
        correlation=b"late",
        retain=True,
    )
    with Daemon(tmp_path, broker.port, battery=TWO_TRIALS):
        records.wait(
            "the refusal",
            lambda: records.retained.get("status", {}).get("refused", {}).get("retained") == 1,
        )
        records.state(phase="idle")


def test_a_repeated_request_gets_the_first_reply_again(
    ready: Daemon, records: RecordSystem
) -> None:
    records.command("session.end")
    payload = request(patient=None)
    first = records.ask("session.start", payload)
    records.state(phase="ready")
    again = records.ask("session.start", payload)
    assert first["ok"]
    assert again == first
    ready.kill()
    records.forget()
    ready.start()
    records.streaming("hhd-1")
    assert records.ask("session.start", payload) == first


def test_a_session_without_a_patient_is_kept_but_not_published(
    daemon: Daemon, gauge: Gauge, records: RecordSystem
) -> None:
    records.streaming("hhd-1")
    gauge.hold(1.0, gauge.rest_n)
    gauge.press()
    state = records.state(phase="ready")
    assert (state["assigned"], state["next"]["side"]) == (False, "right")
    gauge.trial(100.0)
    records.verdict(1)
    assert records.command("session.end")["ok"]
    records.state(phase="idle")
    assert records.results == []
    assert len(json.loads(daemon.command_line("results", "list", "--json").stdout)) == 1


def test_an_onset_station_needs_no_button(
    tmp_path: Path, broker: Mosquitto, gauge: Gauge, records: RecordSystem
) -> None:
    with Daemon(
        tmp_path,
        broker.port,
        battery=TWO_TRIALS,
        session='trigger = "onset"\nconfirm_change = false',
    ):
        records.streaming("hhd-1")
        records.command("session.start", patient=PATIENT)
        records.state(phase="ready")
        gauge.hold(1.2, gauge.rest_n)
        gauge.pull(100.0)
        gauge.hold(1.0, gauge.rest_n)
        last = records.verdict(1)["last_trial"]
        assert last["valid"], last
        assert last["value"] == pytest.approx(100.0, abs=0.05)


def test_a_device_that_answers_as_something_else_is_refused(
    tmp_path: Path, broker: Mosquitto, records: RecordSystem
) -> None:
    with (
        Gauge(tmp_path / "gauge", version="Weird\x1b[31m Scale 9"),
        Daemon(tmp_path, broker.port, battery=TWO_TRIALS) as daemon,
    ):
        daemon.wait_log("not as Chronojump")
        (line,) = daemon.lines("WARNING.*not as Chronojump")
        assert "\x1b" not in line


def test_a_port_that_is_missing_or_held_is_one_clear_line(
    tmp_path: Path, broker: Mosquitto, records: RecordSystem
) -> None:
    import serial

    with Daemon(tmp_path, broker.port, battery=TWO_TRIALS) as daemon:
        daemon.wait_log("no such port")
        with Gauge(tmp_path / "gauge") as gauge:
            records.streaming("hhd-1")
            daemon.stop()
            with serial.Serial(os.fspath(gauge.link.resolve()), exclusive=True):
                daemon.start()
                daemon.wait_log("held by another process")
            records.streaming("hhd-1")
        assert len(daemon.lines("held by another process")) <= 1 + len(
            daemon.lines("DEBUG.*held by another process")
        )


def test_a_second_daemon_is_kept_out(ready: Daemon) -> None:
    second = ready.command_line("run")
    assert second.returncode == 5
    assert "in use by another dynod process" in second.stderr


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ('site = "clinic"', 'sight = "clinic"', 3, ["dynod.toml", "sight", '"site"']),
        ('profile = "quick_gauge"', 'profile = "quik_gauge"', 3, ["quick_gauge"]),
        ("[station]", "[station", 3, ["dynod.toml"]),
    ],
)
def test_a_wrong_config_is_named_before_anything_is_opened(
    tmp_path: Path, broker: Mosquitto, old: str, new: str, code: int, words: list[str]
) -> None:
    daemon = Daemon(tmp_path, broker.port, battery=TWO_TRIALS)
    daemon.config.write_text(daemon.config.read_text().replace(old, new))
    for command in ("check", "run"):
        done = daemon.command_line(command)
        assert done.returncode == code
        assert all(word in done.stderr for word in words), done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "dynod.db").exists()


def test_the_command_line_tells_when_no_daemon_runs(tmp_path: Path, broker: Mosquitto) -> None:
    daemon = Daemon(tmp_path, broker.port, battery=TWO_TRIALS)
    done = daemon.command_line("session", "end")
    assert done.returncode == 4
    assert "no daemon answers" in done.stderr
