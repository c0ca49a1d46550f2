"""docs/integration.md: its messages are valid, its subscriber passes the contract test."""

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest

from dynod.publish.broker import BrokerSettings
from dynod.publish.message_schema import json_schemas
from dynod.simulate.contract_kit import play_contract
from dynod.simulate.contract_script import CASES
from tests.support.fake_station import wait_until
from tests.support.mosquitto import Mosquitto

PAGE = (Path(__file__).parents[2] / "docs" / "integration.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)


MESSAGES = [json.loads(block) for block in blocks("json")]


def test_the_page_shows_messages_in_both_directions() -> None:
    shown = {message["schema"] for message in MESSAGES}
    assert {
        "dynod.trial/1",
        "dynod.deficit/1",
        "dynod.session/1",
        "dynod.status/1",
        "dynod.receipts/1",
        "dynod.reply/1",
        "dynod.command.session.start/1",
        "dynod.command.results.resend/1",
    } <= shown


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["schema"])
def test_each_message_of_the_page_is_valid(message: dict[str, object]) -> None:
    jsonschema.validate(message, json_schemas()[str(message["schema"])])


def test_the_page_tells_of_every_case() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|", PAGE.split("### Try it")[1].split("\n## ")[0], re.MULTILINE
    )
    assert rows == [case.name for case in CASES]


@pytest.mark.mosquitto
def test_the_subscriber_of_the_page_passes_and_has_the_right_chart(tmp_path: Path) -> None:
    (code,) = blocks("python")
    program, path = tmp_path / "subscriber.py", tmp_path / "results.db"
    program.write_text(code)
    with Mosquitto(tmp_path) as broker:
        process = subprocess.Popen([sys.executable, str(program), str(broker.port), str(path)])
        try:
            wait_until("a client", lambda: "as record-system" in broker.log.read_text())
            settings = BrokerSettings("127.0.0.1", broker.port, "dynod-contract-test")
            report = asyncio.run(play_contract(settings, "1", limit_s=20, quiet_s=0.5))
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()
    assert report.passed, report.verdicts
    with closing(sqlite3.connect(path)) as database:
        found = set(database.execute("SELECT result_id, revision FROM chart"))
    assert found == {(line.result_id, line.revision) for line in report.chart if line.counts}
    assert len(found) < len(report.chart)
