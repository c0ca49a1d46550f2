"""``dynod contract-test``: passed by right subscribers, failed in the right case by wrong ones."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import paho.mqtt.publish
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from dynod.model.errors import UsageError
from dynod.publish.broker import BrokerSettings
from dynod.simulate import contract_station
from dynod.simulate.contract_kit import ContractReport, Outcome, play_contract
from dynod.simulate.contract_script import CASES
from tests.support.clinic import Clinic, Fault, validator
from tests.support.mosquitto import MISSING, Mosquitto, find_program
from tests.support.subscribing import SubscriberProcess

pytestmark = pytest.mark.mosquitto

DOCUMENT = Path(__file__).parents[2] / "docs" / "integration.md"
WORD = "open-sesame"
LIMIT_S = 1.0  # what is late in these tests never comes
STATUS = "dynod/v1/dynod-contract-test/dynod-contract-test/status"


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


def play(mosquitto: Mosquitto, limit_s: float = LIMIT_S, quiet_s: float = 0.1) -> ContractReport:
    settings = BrokerSettings("127.0.0.1", mosquitto.port, "dynod-contract-test")
    return asyncio.run(play_contract(settings, "1", limit_s, quiet_s))


def outcomes(report: ContractReport) -> dict[Outcome, set[str]]:
    found: dict[Outcome, set[str]] = {outcome: set() for outcome in Outcome}
    for verdict in report.verdicts:
        found[verdict.outcome].add(verdict.case.name)
    return found


def retain(mosquitto: Mosquitto, payload: str) -> None:
    paho.mqtt.publish.single(STATUS, payload, 1, True, "127.0.0.1", mosquitto.port)


def retained(mosquitto: Mosquitto) -> list[str]:
    """Return the topics that have retained messages; a message to ourselves ends the list."""
    found: list[str] = []

    def message(client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == "t/end":
            client.disconnect()
        elif message.retain:
            found.append(message.topic)

    def subscribed(client: mqtt.Client, *_details: object) -> None:
        client.publish("t/end", b"", 1)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_message = message
    client.on_subscribe = subscribed
    client.connect("127.0.0.1", mosquitto.port)
    client.subscribe("#", 1)
    client.loop_forever()
    return found


def contract_test(port: int, *words: object) -> subprocess.CompletedProcess[str]:
    command = ["contract-test", "--broker", f"mqtt://127.0.0.1:{port}", *map(str, words)]
    return subprocess.run(
        [sys.executable, "-m", "dynod", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_subscriber_of_dynod_passes(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with SubscriberProcess(tmp_path, mosquitto.port):
        done = contract_test(mosquitto.port, "--quiet", "1", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr, report["passed"]) == (0, "", True), report
    assert [case["outcome"] for case in report["cases"]] == ["pass"] * len(CASES)
    assert {line["patient_id"] for line in report["chart"]} == {"TEST-1", "TEST-2"}


def test_a_right_subscriber_passes_and_nothing_stays_at_the_broker(mosquitto: Mosquitto) -> None:
    leftover = {"software": "dynod-contract-test 1", "state": "offline"}
    retain(mosquitto, json.dumps(leftover))  # of a test that was killed
    with Clinic(mosquitto.port):
        report = play(mosquitto, limit_s=20)
    assert report.passed, report.verdicts
    assert retained(mosquitto) == []


def test_a_line_for_each_case_says_what_was_wrong_and_where_to_read(mosquitto: Mosquitto) -> None:
    with Clinic(mosquitto.port, Fault.INVALID_TRIALS_IGNORED):
        done = contract_test(mosquitto.port, "--limit", 1, "--quiet", 0)
    assert (done.returncode, done.stderr) == (1, "")
    *lines, last = done.stdout.splitlines()
    assert [line.split()[1].rstrip(":") for line in lines] == [case.name for case in CASES]
    (failed,) = [line for line in lines if not line.startswith("pass ")]
    assert failed.startswith("fail invalid: receipts for an invalid and a practice trial. Found: ")
    assert "no receipt within 1 s: trial " in failed
    assert failed.endswith("Read docs/integration.md#invalid-trials")
    assert "made-up patients" in last


def test_what_is_sent_is_what_a_station_sends(mosquitto: Mosquitto) -> None:
    """By the published schemas; only the last case has keys of a later version."""
    sent: dict[str, list[dict[str, object]]] = {}

    def message(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        body = json.loads(message.payload or "{}")
        sent.setdefault(body.get("schema", ""), []).append(body)

    listener = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    listener.on_message = message
    listener.connect("127.0.0.1", mosquitto.port)
    listener.subscribe("dynod/v1/+/+/#", 1)
    listener.loop_start()
    with Clinic(mosquitto.port):
        assert play(mosquitto, limit_s=20).passed
    listener.disconnect()
    listener.loop_stop()
    *trials, newer = sent["dynod.trial/1"]
    assert "a_later_key" in newer
    results = [*trials, *sent["dynod.deficit/1"], *sent["dynod.session/1"]]
    for body in (*results, *sent["dynod.status/1"], *sent["dynod.reply/1"]):
        validator(str(body["schema"])).validate(body)
    assert len(results) > 20
    assert {body["patient"]["system"] for body in results} == {"urn:dynod:contract-test"}  # type: ignore[index]


def test_it_runs_with_the_shipped_rights_and_those_of_the_page(tmp_path: Path) -> None:
    (own,) = re.findall(r"^```acl\n(.+?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    shipped = (DOCUMENT.parent / "mosquitto" / "dynod.acl").read_text()
    (tmp_path / "dynod.acl").write_text(f"{shipped}\n{own}")
    passwords = tmp_path / "passwords"
    passwords.touch(0o600)
    program = find_program("mosquitto_passwd", MISSING)
    for user in ("dynod-contract-test/dynod-contract-test", "record-system", "room/1"):
        subprocess.run([program, "-b", str(passwords), user, WORD], check=True)
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text(f"{WORD}\n")
    files = (f"acl_file {tmp_path / 'dynod.acl'}", f"password_file {passwords}")
    words = ("--password-file", secret, "--limit", 10, "--quiet", 0)
    as_station = ("--username", "dynod-contract-test/dynod-contract-test")
    with Mosquitto(tmp_path, ("allow_anonymous false", *files)) as broker:
        with Clinic(broker.port, password=WORD):
            done = contract_test(broker.port, *as_station, *words)
            assert (done.returncode, done.stderr) == (0, ""), done.stdout
        refused = contract_test(broker.port, "--username", "room/1", *words)
    assert refused.returncode == 4
    assert "access list" in refused.stderr


@pytest.mark.parametrize(
    ("broker", "says"),
    [
        ("http://127.0.0.1", "should be mqtts://host"),
        ("mqtt://broker.clinic.example", "unencrypted"),
        ("mqtt://user:secret@127.0.0.1", "takes no user or password"),
    ],
)
def test_a_wrong_address_is_one_line(broker: str, says: str) -> None:
    words = [sys.executable, "-m", "dynod", "contract-test", "--broker", broker]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("dynod: --broker: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


# The case in which each fault must show, and what then cannot be judged.
RESENDING = {"last", "purged"}
FAULTS = {
    Fault.NO_RECEIPTS: ({"session"}, {case.name for case in CASES[1:]}),
    Fault.NO_RECEIPT_FOR_DUPLICATES: ({"duplicate"}, set()),
    Fault.RECEIPTS_FOR_LOWER_REVISIONS: ({"late_revision"}, set()),
    Fault.RECEIPTS_FOR_OTHER_RESULTS: ({"session", "reassignment"}, set()),
    Fault.RECEIPTS_WITH_WRONG_KEYS: ({"session"}, {case.name for case in CASES[1:]}),
    Fault.ONE_RECEIPT_PER_RESULT: (
        {"late_revision", "amendment", "void", "reassignment"},
        set(),
    ),
    Fault.INVALID_TRIALS_IGNORED: ({"invalid"}, set()),
    Fault.NO_RESEND: ({"gap"}, RESENDING),
    Fault.RESEND_OF_ANOTHER_STREAM: ({"gap"}, RESENDING),
    Fault.RESEND_WITHOUT_REPLY: ({"gap"}, RESENDING),
    Fault.STATUS_IGNORED: ({"last"}, set()),
    Fault.PURGED_IGNORED: ({"purged"}, set()),
    Fault.STRICT: ({"unknown_key"}, set()),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
def test_each_fault_fails_its_case(
    fault: Fault, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_station, "GRACE_S", 0.5)
    monkeypatch.setattr(contract_station, "LOOK_S", 0.1)
    failed, skipped = FAULTS[fault]
    with Clinic(mosquitto.port, fault):
        quiet_s = 2.0 if fault is Fault.PURGED_IGNORED else 0.1
        found = outcomes(play(mosquitto, quiet_s=quiet_s))
    assert (found[Outcome.FAIL], found[Outcome.SKIP]) == (failed, skipped)


def test_every_fault_is_tried() -> None:
    assert set(FAULTS) == set(Fault) - {Fault.NONE}


@pytest.mark.parametrize(
    "status",
    [
        '{"software": "dynod 0.1.0", "state": "offline"}',  # a station of this name
        '{"software": "dynod-contract-test 1", "state": "online"}',  # a test that runs now
        "no JSON",
    ],
)
def test_a_station_of_that_name_is_left_alone(status: str, mosquitto: Mosquitto) -> None:
    retain(mosquitto, status)
    try:
        with pytest.raises(UsageError, match="retained status"):
            play(mosquitto)
    finally:
        retain(mosquitto, "")


def test_every_case_leads_to_a_section_of_the_document() -> None:
    headings = re.findall(r"^#+ (.+)$", DOCUMENT.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in headings}
    assert {case.read for case in CASES} <= anchors
