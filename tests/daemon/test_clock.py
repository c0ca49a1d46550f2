"""Whether the wall clock is right is asked once a second, not at every press."""

from pathlib import Path

import pytest

from dynod.daemon.clock import SyncCheck, instant


def test_the_kernel_is_asked_at_most_once_a_second(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers = [False, True]
    monkeypatch.setattr("dynod.daemon.clock._TIMESYNCD_MARK", tmp_path / "no such mark")
    check = SyncCheck()
    monkeypatch.setattr(check, "_kernel_says_so", lambda: answers.pop(0))
    assert [check(now_s) for now_s in (10.0, 10.5, 10.99, 11.0, 11.5)] == [
        False,
        False,
        False,
        True,
        True,
    ]
    assert answers == []


def test_an_instant_has_a_zone_and_rises() -> None:
    first, second = instant(), instant()
    assert first.wall.utcoffset() is not None
    assert second.mono_s >= first.mono_s
