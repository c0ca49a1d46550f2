"""Tests that need the PostgreSQL server: skipped with advice where it is missing, failed in CI."""

from pathlib import Path

import pytest

from tests.support.postgresql import MISSING, find_postgresql


def test_skipped_at_a_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=MISSING):
        find_postgresql(tmp_path)


def test_failed_in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match=MISSING):
        find_postgresql(tmp_path)


def test_the_newest_version_is_taken(tmp_path: Path) -> None:
    for version in ("9", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    assert find_postgresql(tmp_path) == tmp_path / "17" / "bin"
