"""What ``dynod doctor`` says of a real small disk, and of a systemctl that answers or does not."""

import os
import time
from pathlib import Path

import pytest

from dynod.cli.doctor import machine, service
from dynod.cli.doctor.findings import State, looked
from tests.support.small_disk import small_disk


def test_a_disk_with_little_room_and_one_below_the_floor(tmp_path: Path) -> None:
    """Of 40 MB a warning below 8 (20 %), and with a floor of 3 MB no session below that."""
    with small_disk(tmp_path, 40) as disk:
        (found,) = machine.disk(disk.folder, 3)
        assert found.state is State.OK
        disk.leave(6_000_000)
        (found,) = machine.disk(disk.folder, 3)
        assert found.state is State.PROBLEM
        assert "make room" in found.text
        disk.leave(1_000_000)
        (found,) = machine.disk(disk.folder, 3)
        assert found.state is State.PROBLEM
        assert "no session begins" in found.text
        disk.break_down()
        (found,) = machine.disk(disk.folder, 3)
        assert found.state is State.PROBLEM
        assert "read-only; nothing can be stored" in found.text


def test_a_disk_with_room_for_bytes_and_not_for_files(tmp_path: Path) -> None:
    with small_disk(tmp_path, 40, inodes=128) as disk:
        assert [found.state for found in machine.disk(disk.folder, 3)] == [State.OK]
        for number in range(100):
            (disk.folder / f"small-{number}").touch()
        room, files = machine.disk(disk.folder, 3)
        assert room.state is State.OK
        assert files.state is State.PROBLEM
        assert "inodes are free" in files.text
        assert "df -i" in files.text


def systemctl(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a systemctl of the test's own first; return a folder as sd_booted(3) looks for it."""
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.mark.parametrize(
    ("active", "enabled", "state", "told"),
    [
        ("active", "enabled", State.OK, "active, enabled"),
        ("active", "disabled", State.PROBLEM, "sudo systemctl enable dynod"),
        ("failed", "enabled", State.PROBLEM, "journalctl -u dynod"),
    ],
)
def test_what_systemctl_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    active: str,
    enabled: str,
    state: State,
    told: str,
) -> None:
    """It prints a word for the state and exits 3 for a unit that does not run (systemctl(1))."""
    script = f'[ "$1" = is-active ] && {{ echo {active}; exit 3; }}; echo {enabled}'
    (found,) = service.unit(systemctl(tmp_path, script, monkeypatch))
    assert found.state is state
    assert told in found.text


def test_a_systemctl_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when its bus hangs: told in a line, and the other lines come."""
    monkeypatch.setattr(service, "ANSWER_S", 0.2)
    runs = systemctl(tmp_path, "exec sleep 60", monkeypatch)
    begun_s = time.monotonic()
    (found,) = looked("service", lambda: service.unit(runs))
    assert time.monotonic() - begun_s < 30.0
    assert found.state is State.PROBLEM
    assert "does not answer; run it by hand" in found.text
