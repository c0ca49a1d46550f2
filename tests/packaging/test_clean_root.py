"""The package in a Debian that has nothing of ours: installed, used, updated, removed.

It takes minutes and a network to fetch Debian from, and so runs only where CI=true is set. What
happens inside the root has no network.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dynod.store.schema import HEAD
from tests.support.clean_root import CleanRoot, base, needs_root
from tests.support.debs import build, build_older

SUPPORT = Path(__file__).resolve().parents[1] / "support"
PYTHON = "/opt/dynod/bin/python3"
DATABASE = "var/lib/dynod/dynod.db"
UNIT = "usr/lib/systemd/system/dynod.service"
WANTED = "etc/systemd/system/multi-user.target.wants/dynod.service"
CALLS = "root/systemctl.calls"
CONFIG = """\
# as the clinic wrote it
[station]
site = "clinic"
name = "room-1"

[broker]
url = "mqtt://127.0.0.1:1883"

[[device]]
id = "hhd-1"
profile = "chronojump_force_sensor"
port = "/run/dynod/gauge"

[session]
trigger = "onset"
battery = "hip"

[calibration]
allow_nominal = true
"""
# Stands where systemctl was: writes down what it is asked to start and stop, since no systemd runs.
SYSTEMCTL = f"""\
#!/bin/sh
for word; do
    case $word in start | stop | restart | daemon-reload) echo "$*" >>/{CALLS}; exit ;; esac
done
SYSTEMD_OFFLINE=1 exec /usr/bin/systemctl.real "$@"
"""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("release", ["12", "13"])
def test_installed_used_updated_and_removed(
    release: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    needs_root()
    package = build(tmp_path_factory, release)
    debian = base(tmp_path_factory, release)
    fresh = CleanRoot(debian, tmp_path / "fresh")
    installs_without_a_network(fresh, package)
    systemd_finds_nothing_wrong(fresh)
    shows_the_demo(fresh)

    root = CleanRoot(debian, tmp_path / "used")
    installs_without_a_network(root, build_older(tmp_path, release))
    earlier = measures_under(root, "0.0.9")
    updates(root, package)
    later = measures_under(root, version_of(package))
    assert len(later) == len(earlier) + 1 == 2
    assert later[1] == earlier[0]
    assert revision(root) == HEAD
    removes_the_program_and_keeps_the_data(root)


def installs_without_a_network(root: CleanRoot, package: Path) -> None:
    """As the technician does it; nothing starts, and everything has its owner."""
    stand_in_for_systemd(root)
    said = with_systemd(root, f"apt-get install -y {root.bring(package)}")
    assert "copy /usr/share/doc/dynod/examples/dynod.toml to /etc/dynod/" in said
    assert calls(root) == ["daemon-reload"]
    assert (root.path / WANTED).is_symlink()  # enabled, and waits for a config
    assert "ConditionPathExists=/etc/dynod/dynod.toml" in (root.path / UNIT).read_text("utf-8")
    folders = ("/etc/dynod", "/etc/dynod/secrets", "/etc/dynod/calibration.d", "/var/lib/dynod")
    assert root.run("stat", "--format=%n %U:%G %a", *folders).splitlines() == [
        "/etc/dynod root:dynod 750",
        "/etc/dynod/secrets root:root 700",
        "/etc/dynod/calibration.d root:dynod 750",
        "/var/lib/dynod dynod:dynod 750",
    ]
    assert root.run("find", *folders, "-type", "f") == ""
    user = root.run("getent", "passwd", "dynod").strip()
    assert user.endswith(":/var/lib/dynod:/usr/sbin/nologin")
    foreign = root.run(
        "find",
        "/opt/dynod",
        "(",
        "!",
        "-user",
        "root",
        "-o",
        "-perm",
        "/022",
        ")",
        "!",
        "-type",
        "l",
    )
    assert foreign == ""
    assert root.run("dpkg", "--verify", "dynod") == ""


def systemd_finds_nothing_wrong(root: CleanRoot) -> None:
    assert root.run("systemd-analyze", "verify", "--man=no", f"/{UNIT}") == ""
    said = root.run("systemd-analyze", "security", "--offline=true", "--no-pager", f"/{UNIT}")
    level = said.rsplit("Overall exposure level for dynod.service: ", 1)[1].split()[0]
    assert float(level) <= 2.0


def shows_the_demo(root: CleanRoot) -> None:
    """By anybody: it needs neither root nor the user of the daemon."""
    as_nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    said = json.loads(root.run(*as_nobody, "dynod", "demo", "--json"))
    schemas = [result["schema"].partition("/")[0] for result in said["results"]]
    assert schemas.count("dynod.trial") == 15


def measures_under(root: CleanRoot, version: str) -> list[dict[str, object]]:
    """Return the trials that the station knows after one more."""
    assert root.run("dynod", "--version").strip() == f"dynod {version}"
    config = root.path / "etc/dynod/dynod.toml"
    if not config.exists():
        config.write_text(CONFIG, "utf-8")
        config.chmod(0o644)
    driver = root.bring(SUPPORT / "root_station.py")
    said = root.run(PYTHON, "-I", driver)
    last = said.splitlines()[-1]  # after the daemon's log
    listed: list[dict[str, object]] = json.loads(last)
    return listed


def updates(root: CleanRoot, package: Path) -> None:
    before = (root.path / DATABASE).read_bytes(), calls(root)
    assert revision(root) <= HEAD  # less, where the clone has the history to build it from
    with_systemd(root, f"apt-get install -y {root.bring(package)}")
    assert (root.path / "etc/dynod/dynod.toml").read_text("utf-8") == CONFIG
    assert (root.path / DATABASE).read_bytes() == before[0]  # the daemon migrates it, at its start
    asked = calls(root)[len(before[1]) :]
    assert [line.split()[-2:] for line in asked if line.endswith("dynod.service")][-1] == [
        "start",
        "dynod.service",
    ]


def removes_the_program_and_keeps_the_data(root: CleanRoot) -> None:
    before = (root.path / DATABASE).read_bytes()
    with_systemd(root, "dpkg --remove dynod")
    assert [line.split()[-2:] for line in calls(root)[-2:]] == [
        ["stop", "dynod.service"],
        ["daemon-reload"],
    ]
    assert not (root.path / "opt/dynod").exists()
    assert not (root.path / "usr/bin/dynod").is_symlink()
    assert not (root.path / UNIT).exists()
    said = with_systemd(root, "dpkg --purge dynod")
    assert "/var/lib/dynod (results) and /etc/dynod (config) are kept" in said
    assert not (root.path / WANTED).is_symlink()
    assert (root.path / DATABASE).read_bytes() == before
    assert (root.path / "etc/dynod/dynod.toml").read_text("utf-8") == CONFIG
    assert root.run("dpkg", "--list", "dynod", expected=1)
    owners = root.run("stat", "--format=%U:%G %a", f"/{DATABASE}").strip()
    assert owners == "dynod:dynod 600"


def stand_in_for_systemd(root: CleanRoot) -> None:
    real = root.path / "usr/bin/systemctl"
    real.rename(real.with_name("systemctl.real"))
    real.write_text(SYSTEMCTL, "utf-8")
    real.chmod(0o755)


def with_systemd(root: CleanRoot, command: str) -> str:
    """Run a command for which systemd seems to run."""
    return root.run("sh", "-c", f"mkdir -p /run/systemd/system && {command}")


def calls(root: CleanRoot) -> list[str]:
    """Return what systemctl was asked for so far."""
    file = root.path / CALLS
    return file.read_text("utf-8").splitlines() if file.exists() else []


def revision(root: CleanRoot) -> str:
    with closing(sqlite3.connect(f"file:{root.path / DATABASE}?mode=ro", uri=True)) as database:
        (found,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found)


def version_of(package: Path) -> str:
    return package.name.split("_")[1].split("~")[0]
