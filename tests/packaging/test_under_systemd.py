"""The installed service under a real systemd, in a Debian root that is booted for it.

Takes minutes and a network to fetch Debian from, and so runs only where CI=true is set. What
happens inside the root has no network.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.booted_root import BootedRoot
from tests.support.clean_root import CleanRoot, base, needs_root
from tests.support.debs import build
from tests.support.mosquitto import MISSING, find_program

SUPPORT = Path(__file__).resolve().parents[1] / "support"
PYTHON = "/opt/dynod/bin/python3"
SECRET = "/etc/dynod/secrets/broker.password"  # noqa: S105 - where it is
PASSWORD = "right horse"  # noqa: S105 - of the test's own broker
LINK = "/run/gauges/hhd-1"
CONFIG = f"""\
[station]
site = "clinic"
name = "room-1"

[broker]
url = "mqtt://127.0.0.1:1883"
username = "clinic/room-1"
password_file = "{SECRET}"

[[device]]
id = "hhd-1"
profile = "chronojump_force_sensor"
port = "{LINK}"

[session]
trigger = "onset"
battery = "hip"

[calibration]
allow_nominal = true
"""
# The same watchdog as shipped, only sooner.
SOONER = "[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n"
GOODBYE_US = 5_000_000


@pytest.mark.timeout(600)
@pytest.mark.parametrize("release", ["12", "13"])
def test_the_service_from_its_installation_to_its_removal(
    release: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    needs_root()
    root = CleanRoot(base(tmp_path_factory, release), tmp_path / "pi")
    package = root.bring(build(tmp_path_factory, release))
    root.run("apt-get", "install", "-y", package)
    with BootedRoot(root) as pi:
        waits_for_a_config(pi)
        configure(pi)
        pi.run("systemctl", "start", "dynod")
        with broker(pi, tmp_path):
            is_ready_with_its_secret(pi)
            trial = measures(pi)
            doctor_finds_it_running(pi)
            comes_back_after_a_kill(pi)
            comes_back_when_it_hangs(pi)
            assert [item["result_id"] for item in listed(pi)] == [trial]
            is_updated_while_it_runs(pi, package)
            says_goodbye_in_time(pi)
        stays_down_with_a_wrong_config(pi)
        is_removed_and_leaves_the_data(pi)


def waits_for_a_config(pi: BootedRoot) -> None:
    assert show(pi, "ConditionResult", "ActiveState") == ["no", "inactive"]
    assert pi.run("systemctl", "--failed", "--plain", "--no-legend") == ""


def configure(pi: BootedRoot) -> None:
    """As the technician's page has it: a config for the group, a secret for root alone."""
    config, secret = pi.path / "etc/dynod/dynod.toml", pi.path / SECRET.lstrip("/")
    config.write_text(CONFIG, "utf-8")
    config.chmod(0o640)
    secret.write_text(f"{PASSWORD}\n", "utf-8")
    secret.chmod(0o600)
    pi.run("chown", "root:dynod", "/etc/dynod/dynod.toml")
    pi.run("install", "-d", "-o", "dynod", "-g", "dynod", str(Path(LINK).parent))


@contextmanager
def broker(pi: BootedRoot, folder: Path) -> Iterator[None]:
    """Run mosquitto in the root's network; it lets in the station with its password alone."""
    program = find_program("mosquitto", MISSING)
    passwords = folder / "passwords"
    tool = find_program("mosquitto_passwd", MISSING)
    passwords.write_text("")
    words = ("-b", "-c", str(passwords), "clinic/room-1", PASSWORD)
    with pi.beside(tool, *words) as making:
        assert making.wait(30) == 0
    config = folder / "mosquitto.conf"
    config.write_text(
        "user root\npersistence false\nlistener 1883 127.0.0.1\nallow_anonymous false\n"
        f"password_file {passwords}\n"
    )
    with pi.beside(program, "-c", str(config)):
        yield


def is_ready_with_its_secret(pi: BootedRoot) -> None:
    """`start` came back because the daemon said so; the password came from a credential."""
    assert show(pi, "Type", "ActiveState", "StatusText") == [
        "notify",
        "active",
        "looking for 1 devices",
    ]
    reading = ("setpriv", "--reuid=dynod", "--regid=dynod", "--clear-groups", "cat", SECRET)
    assert "Permission denied" in pi.run(*reading, expected=1)
    pi.wait("the broker", lambda: "broker 127.0.0.1:1883: connected" in journal(pi))


def measures(pi: BootedRoot) -> str:
    """Record a trial with everything that the unit forbids; return its id, found by the journal."""
    driver = pi.path / "root" / "root_station.py"
    driver.write_bytes((SUPPORT / "root_station.py").read_bytes())
    (trial,) = json.loads(pi.run(PYTHON, "-I", f"/root/{driver.name}", LINK).splitlines()[-1])
    of_trial = journal(pi, f"DYNOD_TRIAL={trial['result_id']}", "DYNOD_DEVICE=hhd-1")
    assert ": recorded, " in of_trial
    result_id: str = trial["result_id"]
    return result_id


def doctor_finds_it_running(pi: BootedRoot) -> None:
    found = json.loads(pi.ask("dynod", "doctor", "--json"))["findings"]
    told = {(row["item"], row["state"]): row["text"] for row in found}
    assert told["service", "ok"] == "active, enabled"
    assert "lets clinic/room-1 in" in told["broker", "ok"]
    assert told["outbox", "ok"].startswith("0 wait, ")
    assert ("rights", "ok") in told
    assert ("database", "ok") in told


def comes_back_after_a_kill(pi: BootedRoot) -> None:
    before = main_pid(pi)
    pi.run("systemctl", "kill", "--signal=KILL", "dynod")
    pi.wait("a new daemon", lambda: is_another(pi, before))


def comes_back_when_it_hangs(pi: BootedRoot) -> None:
    """A process that is stopped feeds no watchdog."""
    place = "/run/systemd/system/dynod.service.d"
    pi.run("mkdir", "-p", place)
    pi.run("sh", "-c", f"printf '{SOONER}' >{place}/sooner.conf".replace("\n", "\\n"))
    pi.run("systemctl", "daemon-reload")
    pi.run("systemctl", "restart", "dynod")
    before = main_pid(pi)
    pi.run("systemctl", "kill", "--signal=STOP", "dynod")
    pi.wait("a new daemon", lambda: is_another(pi, before))
    assert "Watchdog timeout" in journal(pi, "_PID=1")
    pi.run("rm", "-r", place)
    pi.run("systemctl", "daemon-reload")


def is_updated_while_it_runs(pi: BootedRoot, package: str) -> None:
    before = main_pid(pi)
    pi.run("apt-get", "install", "--reinstall", "-y", package)
    pi.wait("the updated daemon", lambda: is_another(pi, before))
    assert len(listed(pi)) == 1


def says_goodbye_in_time(pi: BootedRoot) -> None:
    pi.run("systemctl", "stop", "dynod")
    result, left_us, gone_us = show(
        pi, "Result", "ActiveExitTimestampMonotonic", "InactiveEnterTimestampMonotonic"
    )
    assert result == "success"
    assert int(gone_us) - int(left_us) < GOODBYE_US


def stays_down_with_a_wrong_config(pi: BootedRoot) -> None:
    """What no restart can mend is not tried again and again."""
    config = pi.path / "etc/dynod/dynod.toml"
    config.write_text(CONFIG.replace("site =", "sight ="), "utf-8")
    pi.run("systemctl", "start", "dynod", expected=1)
    state, result, status, restarts = show(
        pi, "ActiveState", "Result", "ExecMainStatus", "NRestarts"
    )
    assert (state, result, status, restarts) == ("failed", "exit-code", "3", "0")
    assert "sight" in journal(pi)
    config.write_text(CONFIG, "utf-8")
    pi.run("systemctl", "start", "dynod")


def is_removed_and_leaves_the_data(pi: BootedRoot) -> None:
    pi.run("apt-get", "remove", "-y", "dynod")
    assert pi.ask("systemctl", "is-active", "dynod") == "inactive"
    assert (pi.path / "var/lib/dynod/dynod.db").stat().st_size > 0
    assert (pi.path / "etc/dynod/dynod.toml").read_text("utf-8") == CONFIG


def show(pi: BootedRoot, *properties: str) -> list[str]:
    """Return properties of the unit, in this order."""
    said = pi.run("systemctl", "show", "dynod", f"--property={','.join(properties)}")
    found = dict(line.split("=", 1) for line in said.splitlines())
    return [found[name] for name in properties]


def main_pid(pi: BootedRoot) -> int:
    return int(show(pi, "MainPID")[0])


def is_another(pi: BootedRoot, before: int) -> bool:
    state, pid = show(pi, "ActiveState", "MainPID")
    return state == "active" and int(pid) not in {0, before}


def journal(pi: BootedRoot, *matches: str) -> str:
    words = matches or ("--unit=dynod",)
    return pi.ask("journalctl", "--no-pager", "--output=cat", *words)


def listed(pi: BootedRoot) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(pi.run("dynod", "results", "list", "--json"))
    return found
