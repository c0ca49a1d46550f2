"""Tests that need a program: skipped with advice where it is missing, failed in CI."""

import pytest

from tests.support.mosquitto import find_program

ADVICE = "try: sudo apt-get install it"


def test_skipped_at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=ADVICE):
        find_program("no-such-program", ADVICE)


def test_failed_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=ADVICE):
        find_program("no-such-program", ADVICE)


def test_found() -> None:
    assert find_program("sh", ADVICE).endswith("/sh")
