"""``dynod subscribe`` beside a station of the contract, over a real broker."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.fake_station import PATIENT, FakeStation, wait_until
from tests.support.mosquitto import Mosquitto
from tests.support.subscribing import Rows, SubscriberProcess

pytestmark = pytest.mark.mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def station(mosquitto: Mosquitto) -> Iterator[FakeStation]:
    with FakeStation(mosquitto.port) as fake:
        yield fake


@pytest.fixture
def subscriber(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[SubscriberProcess]:
    with SubscriberProcess(tmp_path, mosquitto.port) as process:
        yield process


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    with Rows(f"sqlite:///{tmp_path / 'subscriber.db'}") as found:
        yield found


def test_a_session_arrives_once_and_gets_its_receipts(
    station: FakeStation, subscriber: SubscriberProcess, rows: Rows
) -> None:
    """Two trials (one invalid, one taken back), a deficit with its amendment, duplicates."""
    kept, voided, deficit = uuid4(), uuid4(), uuid4()
    bad = {"valid": False, "flags": ["too_short"]}
    sent = [
        station.trial(kept),
        station.trial(quality=bad),
        station.trial(voided),
        station.result("deficit", deficit),
        station.trial(voided, 2, status="entered-in-error"),
        station.result("deficit", deficit, 2, status="amended"),
        station.result("session"),
    ]
    station.wait_receipts()
    station.send(*sent[:4])  # duplicates, two of them older than what is there by now
    station.wait("second receipts", lambda: len(station.receipts) == 11)
    shown = rows.query("SELECT revision, status, counts FROM current_result ORDER BY sequence")
    assert shown == [
        (1, "final", 1),
        (1, "final", 0),
        (2, "entered-in-error", 0),
        (2, "amended", 1),
        (1, "final", 1),
    ]
    assert rows.one("SELECT count(*) FROM message") == 7
    stored = dict(rows.query("SELECT sequence, payload FROM message"))
    assert stored == {row.sequence: row.payload.decode() for row in sent}
    assert len(subscriber.events("duplicate")) == 4
    assert subscriber.stop() == 0
    assert subscriber.events("stopped")


def test_a_late_lower_revision_never_shows(
    station: FakeStation, subscriber: SubscriberProcess, rows: Rows
) -> None:
    result_id = uuid4()
    first = station.trial(result_id, sent=False)
    second = station.trial(result_id, 2, status="amended")
    station.wait_receipts([second])
    station.send(first)
    station.wait_receipts([first])
    assert rows.query("SELECT revision, status FROM current_result") == [(2, "amended")]
    assert len(subscriber.wait("older")) == 1


def test_a_gap_is_asked_for_and_filled(
    station: FakeStation, subscriber: SubscriberProcess, rows: Rows
) -> None:
    station.trial()
    lost = [station.trial(sent=False) for _ in range(3)]
    station.trial()
    last = station.trial(sent=False)  # only the retained status can tell of this one
    request = station.request()
    asked = {(request.body["from_sequence"], request.body["to_sequence"])}
    assert request.response_topic == f"{station.root}/replies/record-system"
    assert request.body["stream"] == str(station.stream)
    while (6, 6) not in asked:
        body = station.request().body
        asked.add((body["from_sequence"], body["to_sequence"]))
    assert (2, 4) in asked
    station.wait_receipts([*lost, last])
    wait_until("completeness", lambda: rows.one("SELECT complete_to FROM stream") == 6)
    assert rows.one("SELECT next_ask_at FROM stream") is None


def test_purged_numbers_are_remembered(
    station: FakeStation, subscriber: SubscriberProcess, rows: Rows
) -> None:
    station.policy.purged = {1, 2}
    station.trial(sent=False)
    station.trial(sent=False)
    station.trial()
    station.request()
    subscriber.wait("purged")
    wait_until("completeness", lambda: rows.one("SELECT complete_to FROM stream") == 3)
    assert rows.one("SELECT sum(to_sequence - from_sequence + 1) FROM purged") == 2


def test_a_station_with_another_database_is_not_asked_again(
    station: FakeStation, subscriber: SubscriberProcess, rows: Rows
) -> None:
    station.policy.refuse = "not_found"
    station.trial(sent=False)
    station.trial()
    station.request()
    assert subscriber.wait("resend_refused")[0]["code"] == "not_found"
    assert wait_until("closing", lambda: rows.query("SELECT closed FROM stream")) == [
        ("not_found",)
    ]


def test_a_station_that_cannot_resend_is_asked_more_and_more_rarely(
    station: FakeStation, subscriber: SubscriberProcess, rows: Rows
) -> None:
    """Waits of 0.5, 1 and 2 s, by the config of the test."""
    station.policy.refuse = "unknown_command"
    station.trial(sent=False)
    station.trial()
    for _ in range(3):
        station.request()
    assert rows.one("SELECT asks FROM stream") == 3
    assert rows.one("SELECT closed FROM stream") is None


def test_nobody_is_asked_while_offline(
    station: FakeStation, subscriber: SubscriberProcess, rows: Rows
) -> None:
    station.go("offline")
    station.publish(
        f"{station.root}/results/trial",
        station.trial(sent=False).payload.replace(b'"sequence": 1', b'"sequence": 4'),
    )
    station.go("offline")
    wait_until("missing", lambda: rows.query("SELECT missing FROM stream") == [(3,)])
    subscriber.wait("stored")
    assert station.requests.empty()
    station.go("online")
    station.request()


def test_what_a_newer_station_sends_is_kept_and_receipted(
    station: FakeStation, subscriber: SubscriberProcess, rows: Rows
) -> None:
    station.trial(colour="blue")
    station.trial(schema="dynod.trial/2", metrics="in another form")
    row = station.result("session", schema="dynod.posture/1")
    station.wait_receipts()
    found = rows.query("SELECT schema, kind, counts FROM current_result ORDER BY sequence")
    assert found == [
        ("dynod.trial/1", "trial", 1),
        ("dynod.trial/2", "trial", None),
        ("dynod.posture/1", "posture", None),
    ]
    assert "blue" in rows.one("SELECT payload FROM message WHERE sequence = 1")
    assert row.receipted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda payload: b"\xff" + payload, "JSON"),
        (lambda payload: payload[:-1], "JSON"),
        (lambda payload: payload.replace(b'"revision": 1', b'"revision": "1"'), "revision"),
        (lambda payload: payload.replace(b'"sequence": 1', b'"sequence": 0'), "sequence"),
        (lambda payload: payload.replace(b'"room"', b'"ward"'), "station"),
        (lambda payload: payload.replace(b"dynod.trial/1", b"trial"), "schema"),
        (lambda payload: b"[%s]" % payload, "object"),
    ],
)
def test_what_cannot_be_read_is_set_aside_without_a_receipt(
    station: FakeStation,
    subscriber: SubscriberProcess,
    rows: Rows,
    change: Callable[[bytes], bytes],
    reason: str,
) -> None:
    row = station.trial(sent=False)
    payload = change(row.payload)
    station.publish(row.topic, payload)
    station.publish(row.topic, payload)
    assert reason in subscriber.wait("set_aside", 2)[0]["reason"]
    assert rows.query("SELECT payload, times FROM set_aside") == [(payload, 2)]
    assert not station.receipts


def test_other_content_under_the_same_revision_is_set_aside(
    station: FakeStation, subscriber: SubscriberProcess, rows: Rows
) -> None:
    row = station.trial()
    station.wait_receipts()
    station.publish(row.topic, row.payload.replace(b"118.0", b"119.0"))
    subscriber.wait("differs")
    assert rows.one("SELECT payload FROM message") == row.payload.decode()
    assert rows.one("SELECT count(*) FROM set_aside") == 1
    assert len(station.receipts) == 1


def test_the_broker_keeps_messages_for_a_subscriber_that_is_away(
    station: FakeStation, subscriber: SubscriberProcess, rows: Rows
) -> None:
    station.trial()
    station.wait_receipts()
    assert subscriber.stop() == 0
    for _ in range(30):
        station.trial()
    subscriber.start()
    station.wait_receipts()
    assert rows.one("SELECT count(*) FROM result") == 31
    assert station.requests.empty()  # nothing was missing, so nobody was asked


def test_after_a_day_away_the_gap_is_filled_by_asking(
    mosquitto: Mosquitto, station: FakeStation, subscriber: SubscriberProcess, rows: Rows
) -> None:
    """The broker dies too, with all that it had kept; only the station has the results."""
    station.trial()
    station.wait_receipts()
    subscriber.kill()
    lost = [station.trial(sent=False) for _ in range(1200)]
    mosquitto.kill()
    mosquitto.start()
    subscriber.start()
    station.wait_receipts(lost)
    assert rows.one("SELECT count(*) FROM result") == 1201


def test_what_a_crowded_broker_drops_is_asked_for(tmp_path: Path) -> None:
    """Results are dropped, and with the last one the status that told of it."""
    with (
        Mosquitto(tmp_path, ("max_queued_messages 10",)) as broker,
        FakeStation(broker.port) as station,
        SubscriberProcess(tmp_path, broker.port) as subscriber,
    ):
        subscriber.freeze()
        for _ in range(300):
            station.trial()
        station.drained()
        subscriber.thaw()
        station.wait_receipts()
        assert subscriber.events("gap")


def test_nothing_about_a_patient_is_printed_or_logged(
    tmp_path: Path, station: FakeStation, subscriber: SubscriberProcess
) -> None:
    station.trial(note="fell on the stairs")
    station.publish(f"{station.root}/results/trial", b'{"patient": "P-1042"')
    station.trial(sent=False)
    station.result("session")
    station.request()
    station.wait_receipts()
    assert subscriber.stop() == 0
    said = subscriber.out.read_text() + subscriber.log.read_text()
    assert PATIENT not in said
    assert "stairs" not in said
    assert not re.search(r"118\.0|42\.48", said)
    assert all(json.loads(line)["event"] for line in subscriber.out.read_text().splitlines())
    assert all(PATIENT not in path.name for path in tmp_path.iterdir())
    assert (tmp_path / "subscriber.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "exit_code", "line"),
    [
        (("-c", "nowhere.toml"), 3, "dynod: nowhere.toml: no such file"),
        (("-c", "FILE", "--client-id", "a/b"), 2, "dynod: --client-id: only lowercase letters"),
    ],
)
def test_what_cannot_begin_says_so_in_a_line(
    tmp_path: Path, words: tuple[str, ...], exit_code: int, line: str
) -> None:
    process = SubscriberProcess(tmp_path, 1883)
    given = [str(process.config) if word == "FILE" else word for word in words]
    done = subprocess.run(
        [sys.executable, "-m", "dynod", "subscribe", *given],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert done.stderr.startswith(line)
    assert len(done.stderr.splitlines()) == 1


def test_people_read_lines_without_json(
    tmp_path: Path, mosquitto: Mosquitto, station: FakeStation
) -> None:
    row = station.trial()
    process = SubscriberProcess(tmp_path, mosquitto.port)
    with subprocess.Popen(
        [sys.executable, "-m", "dynod", "subscribe", "-c", str(process.config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        station.wait_receipts()
        running.terminate()
        said, _ = running.communicate(timeout=30)
    assert running.returncode == 0
    assert (
        f"stored     clinic/room sequence=1 kind=trial result_id={row.result_id} revision=1"
        " status=final counts=True"
    ) in said.splitlines()
