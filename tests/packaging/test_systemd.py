"""The units that ship: systemd's own tools find nothing wrong, and little exposed."""

import re
import shutil
import subprocess
from pathlib import Path

from tests.support.mosquitto import find_program

REPOSITORY = Path(__file__).resolve().parents[2]
UNITS = REPOSITORY / "systemd"
MOST_EXPOSED = 2.0


def run(program: str, *words: str) -> str:
    command = [find_program(program, f"{program} is missing; try: sudo apt-get install systemd")]
    command += words
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """The program is not installed here, so another one stands in for it."""
    unit = tmp_path / "dynod.service"
    text = (UNITS / "dynod.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/dynod/bin/dynod", shutil.which("true") or ""), "utf-8")
    assert run("systemd-analyze", "verify", "--man=no", str(unit)) == ""


def test_little_is_exposed() -> None:
    """The scale is systemd's: 0 is closed, 10 is open; without any setting it is 9.6."""
    said = run(
        "systemd-analyze", "security", "--offline=true", "--no-pager", str(UNITS / "dynod.service")
    )
    level = re.search(r"Overall exposure level for dynod.service: ([\d.]+)", said)
    assert level is not None
    assert float(level[1]) <= MOST_EXPOSED


def test_the_unit_waits_for_a_config_and_says_when_it_is_ready() -> None:
    text = (UNITS / "dynod.service").read_text(encoding="utf-8")
    for line in (
        "ConditionPathExists=/etc/dynod/dynod.toml",
        "Type=notify",
        "WatchdogSec=30",
        "LoadCredential=secrets:/etc/dynod/secrets",
        "StateDirectory=dynod",
    ):
        assert line in text.splitlines()
    assert "dialout" not in text


def test_user_and_folders_can_be_made(tmp_path: Path) -> None:
    """In a root of the test's own; folders only, since their owners are made there too."""
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}", str(UNITS / "dynod.sysusers.conf"))
    users = (tmp_path / "etc" / "passwd").read_text(encoding="utf-8")
    assert re.search(r"^dynod:x:\d+:\d+:.*:/var/lib/dynod:/usr/sbin/nologin$", users, re.MULTILINE)


def test_modem_manager_is_kept_off_serial_adapters() -> None:
    rules = (UNITS / "60-dynod-serial.rules").read_text(encoding="utf-8")
    (rule,) = (line for line in rules.splitlines() if "ID_MM_PORT_IGNORE" in line)
    assert "ftdi_sio|cp210x" in rule
    assert 'GROUP="dynod"' in rules
