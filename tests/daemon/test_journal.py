"""Entries of the journal by its documented protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynod.daemon.journal import JournalHandler, writes_to_journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "socket"))
        receiver.settimeout(5)
        yield receiver


@pytest.fixture
def log(tmp_path: Path) -> Iterator[logging.Logger]:
    handler = JournalHandler(tmp_path / "socket")
    logger = logging.getLogger("tests.journal")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)
    handler.close()


def test_an_entry_has_its_ids_as_fields(journal: socket.socket, log: logging.Logger) -> None:
    log.warning("%s: gone", "hhd-1", extra={"device": "hhd-1", "session": "s", "trial": "t"})
    assert journal.recv(4096).decode().splitlines() == [
        "MESSAGE=hhd-1: gone",
        "PRIORITY=4",
        "SYSLOG_IDENTIFIER=dynod",
        "LOGGER=tests.journal",
        "DYNOD_DEVICE=hhd-1",
        "DYNOD_SESSION=s",
        "DYNOD_TRIAL=t",
    ]


def test_a_message_of_two_lines_has_its_length(journal: socket.socket, log: logging.Logger) -> None:
    log.error("one\nPRIORITY=7")
    text = b"one\nPRIORITY=7"
    sent = journal.recv(4096)
    assert sent.startswith(b"MESSAGE\n\x0e\0\0\0\0\0\0\0" + text + b"\nPRIORITY=3\n")


@pytest.mark.parametrize(("level", "priority"), [(10, 7), (20, 6), (30, 4), (40, 3), (50, 2)])
def test_levels_are_those_of_syslog(
    journal: socket.socket, log: logging.Logger, level: int, priority: int
) -> None:
    log.log(level, "x")
    assert f"\nPRIORITY={priority}\n" in journal.recv(4096).decode()


def test_without_a_journal_the_line_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str], log: logging.Logger
) -> None:
    log.warning("said all the same")
    assert capsys.readouterr().err == "said all the same\n"


def test_the_variable_must_name_the_stream_itself(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        status = os.fstat(out.fileno())
        named = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert writes_to_journal(named, out.fileno())
        assert not writes_to_journal({"JOURNAL_STREAM": "1:2"}, out.fileno())
        assert not writes_to_journal({}, out.fileno())
