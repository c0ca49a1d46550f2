"""Topics, as the table of docs/contract.md, section 4 has them."""

import pytest

from dynod.model.errors import ConfigError
from dynod.publish.topics import Topics

TOPICS = Topics("clinic-7", "room-2")
ROOT = "dynod/v1/clinic-7/room-2"


def test_every_topic() -> None:
    assert TOPICS.status == f"{ROOT}/status"
    assert TOPICS.device_status("hhd-1") == f"{ROOT}/devices/hhd-1/status"
    assert TOPICS.session_state == f"{ROOT}/session/state"
    assert TOPICS.live("hhd-1") == f"{ROOT}/live/hhd-1"
    assert TOPICS.trial == f"{ROOT}/results/trial"
    assert TOPICS.deficit == f"{ROOT}/results/deficit"
    assert TOPICS.session == f"{ROOT}/results/session"
    assert TOPICS.results == f"{ROOT}/results/+"
    assert TOPICS.receipts == f"{ROOT}/receipts"
    assert TOPICS.command("session.start") == f"{ROOT}/commands/session.start"
    assert TOPICS.commands == f"{ROOT}/commands/+"
    assert TOPICS.reply("ehr") == f"{ROOT}/replies/ehr"


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        (f"{ROOT}/commands/session.start", "session.start"),
        (f"{ROOT}/commands/", ""),
        (f"{ROOT}/commands/session/start", None),
        (f"{ROOT}/receipts", None),
        ("dynod/v1/other/room-2/commands/tare", None),
    ],
)
def test_command_name(topic: str, name: str | None) -> None:
    assert TOPICS.command_name(topic) == name


@pytest.mark.parametrize("topic", [f"{ROOT}/replies/ehr", f"{ROOT}/replies/ehr/42"])
def test_a_response_topic_under_replies(topic: str) -> None:
    assert TOPICS.is_reply(topic)


@pytest.mark.parametrize(
    "topic",
    [
        None,
        "",
        f"{ROOT}/replies",
        f"{ROOT}/replies/",
        f"{ROOT}/replies/+",
        f"{ROOT}/replies/#",
        f"{ROOT}/replies/a\0",
        f"{ROOT}/results/trial",
        "dynod/v1/clinic-7/room-20/replies/ehr",
        "elsewhere",
    ],
)
def test_a_response_topic_elsewhere(topic: str | None) -> None:
    assert not TOPICS.is_reply(topic)


@pytest.mark.parametrize("bad", ["", "a/b", "+", "#", "clinic 7", "-a", "é", "a" * 65, "a\n"])
def test_a_name_that_is_no_topic_level(bad: str) -> None:
    with pytest.raises(ConfigError, match=r"\[station\] site"):
        Topics(bad, "room-2")
    with pytest.raises(ConfigError, match=r"\[station\] name"):
        Topics("clinic-7", bad)
