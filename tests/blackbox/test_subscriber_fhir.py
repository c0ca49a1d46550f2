"""Bundles on their way from a station to a FHIR server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.fake_station import FakeStation, wait_until
from tests.support.fhir_double import FhirDouble, Scripted, outcome
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
def fhir() -> Iterator[FhirDouble]:
    with FhirDouble() as double:
        yield double


@pytest.fixture
def subscriber(
    tmp_path: Path, mosquitto: Mosquitto, fhir: FhirDouble
) -> Iterator[SubscriberProcess]:
    token = tmp_path / "token"
    token.write_text("first-token\n")
    token.chmod(0o600)
    more = f'[fhir]\nurl = "{fhir.url}"\ntoken_file = "token"\nfirst_s = 0.1\ntimeout_s = 0.5\n'
    with SubscriberProcess(tmp_path, mosquitto.port, more=more) as process:
        yield process


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    with Rows(f"sqlite:///{tmp_path / 'subscriber.db'}") as found:
        yield found


def bundle(number: int) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "id": f"b{number}", "entry": []}


def states(rows: Rows) -> list[tuple[Any, ...]]:
    return rows.query("SELECT sequence, state FROM bundle ORDER BY sequence")


def test_bundles_are_posted_in_order_as_they_are(
    station: FakeStation, subscriber: SubscriberProcess, fhir: FhirDouble, rows: Rows
) -> None:
    one, other = uuid4(), uuid4()
    station.trial()
    station.bundle(bundle(1), one)
    station.bundle(bundle(2), other)
    station.bundle(bundle(3), one, 2)
    posted = fhir.wait(3)
    assert [item.body for item in posted] == [bundle(1), bundle(2), bundle(3)]
    assert {item.path for item in posted} == {"/fhir"}
    assert posted[0].headers["Content-Type"] == "application/fhir+json"
    assert posted[0].headers["Authorization"] == "Bearer first-token"
    station.wait_receipts()
    subscriber.wait("fhir_delivered", 3)
    assert states(rows) == [(2, "delivered"), (3, "delivered"), (4, "delivered")]
    assert rows.one("SELECT count(*) FROM result WHERE kind = 'fhir'") == 2


def test_a_duplicate_is_posted_once_and_a_late_revision_never(
    station: FakeStation, subscriber: SubscriberProcess, fhir: FhirDouble, rows: Rows
) -> None:
    result_id = uuid4()
    late = station.bundle(bundle(1), result_id, sent=False)
    newest = station.bundle(bundle(2), result_id, 2)
    station.wait_receipts([newest])
    station.send(newest, late)
    station.bundle(bundle(3), uuid4())
    assert [item.body["id"] for item in fhir.wait(2)] == ["b2", "b3"]
    station.wait_receipts()
    wait_until("delivery", lambda: states(rows) == [(2, "delivered"), (3, "delivered")])


def test_a_refused_bundle_is_set_aside_with_the_reason_and_the_next_one_goes(
    station: FakeStation, subscriber: SubscriberProcess, fhir: FhirDouble, rows: Rows
) -> None:
    fhir.script = [Scripted(422, outcome("patient P-1042 is unknown here"))]
    station.bundle(bundle(1), uuid4())
    station.bundle(bundle(2), uuid4())
    fhir.wait(2)
    (event,) = subscriber.wait("fhir_refused")
    assert event["cause"] == "HTTP 422"
    subscriber.wait("fhir_delivered")
    assert states(rows) == [(1, "refused"), (2, "delivered")]
    error = rows.one("SELECT last_error FROM bundle WHERE sequence = 1")
    assert error == "HTTP 422: error: invalid: patient P-1042 is unknown here"
    station.wait_receipts()
    # What the server says of a patient is for the database, not for the log.
    assert subscriber.stop() == 0
    assert "P-1042" not in subscriber.out.read_text() + subscriber.log.read_text()
    subscriber.start("--requeue")
    assert subscriber.wait("requeued")[0]["bundles"] == 1
    assert fhir.wait(3)[2].body == bundle(1)
    wait_until("delivery", lambda: states(rows) == [(1, "delivered"), (2, "delivered")])


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [
        (Scripted(503), "HTTP 503"),
        (Scripted(500, outcome("database is down")), "HTTP 500"),
        (Scripted(429), "HTTP 429"),
        (Scripted(401), "HTTP 401"),
        (Scripted(302, headers={"Location": "/elsewhere"}), "HTTP 302"),
        (Scripted(hold_s=10.0), "no answer in time"),
    ],
)
def test_what_passes_is_tried_again_and_holds_the_order(
    station: FakeStation,
    subscriber: SubscriberProcess,
    fhir: FhirDouble,
    trouble: Scripted,
    cause: str,
) -> None:
    fhir.script = [trouble, trouble]
    station.bundle(bundle(1), uuid4())
    station.bundle(bundle(2), uuid4())
    assert [item.body["id"] for item in fhir.wait(4)] == ["b1", "b1", "b1", "b2"]
    events = subscriber.wait("fhir_retry", 2)
    assert [event["cause"] for event in events] == [cause, cause]
    assert [event["attempts"] for event in events] == [1, 2]
    assert {item.path for item in fhir.posted} == {"/fhir"}


def test_a_new_token_needs_no_restart(
    tmp_path: Path, station: FakeStation, subscriber: SubscriberProcess, fhir: FhirDouble
) -> None:
    fhir.script = [Scripted(401)] * 1000
    station.bundle(bundle(1), uuid4())
    fhir.wait(1)
    (tmp_path / "token").write_text("second-token\n")
    fhir.script = []
    wait_until(
        "the new token",
        lambda: fhir.posted[-1].headers["Authorization"] == "Bearer second-token",
    )
    subscriber.wait("fhir_delivered")


def test_what_was_queued_is_posted_after_a_power_cut(
    station: FakeStation, subscriber: SubscriberProcess, fhir: FhirDouble, rows: Rows
) -> None:
    """A Bundle that was under way may go twice, which its conditional updates make harmless."""
    fhir.script = [Scripted(503)] * 1000
    for number in range(1, 6):
        station.bundle(bundle(number), uuid4())
    station.wait_receipts()
    fhir.wait(1)
    subscriber.kill()
    # A lease would end by itself after a minute and a half; the test does not wait for that.
    wait_until("five in the queue", lambda: len(states(rows)) == 5)
    with rows.begin() as connection:
        connection.exec_driver_sql("UPDATE bundle SET next_attempt_at = '2026-01-01 00:00:00'")
    fhir.script = []
    before = len(fhir.posted)
    subscriber.start()
    subscriber.wait("fhir_delivered", 5)
    assert [item.body["id"] for item in fhir.posted[before:]] == ["b1", "b2", "b3", "b4", "b5"]


def test_a_bundle_without_its_envelope_is_set_aside(
    station: FakeStation, subscriber: SubscriberProcess, fhir: FhirDouble, rows: Rows
) -> None:
    station.publish(f"{station.root}/results/fhir", b"{}")
    many = (("schema", "dynod.fhir/1"), ("revision", "9" * 5000))
    station.publish(f"{station.root}/results/fhir", b"{}", user=many)
    reasons = {event["reason"] for event in subscriber.wait("set_aside", 2)}
    assert len(reasons) == 2
    assert not station.receipts
    assert not fhir.posted
