"""A Debian root of its own, made by debootstrap and entered without a network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mosquitto import find_program
from tests.support.once import once

NEEDED = ("python3", "systemd", "systemd-timesyncd", "udev")  # what the package asks for, no more
SUITES = {"12": "bookworm", "13": "trixie"}
ENTER = Path(__file__).with_name("enter_root.py")
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
_LIMIT_S = 300
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND": "noninteractive",
    "LC_ALL": "C.UTF-8",
    "COLUMNS": "200",
}
# In memory: a package manager waits for the disk after every file.
_MAKE = """
set -e
mount -t tmpfs tmpfs "$1"
debootstrap --variant=minbase --include="$4" "$2" "$1" "$3" >&2
rm -f "$1"/var/cache/apt/archives/*.deb
echo force-unsafe-io >"$1"/etc/dpkg/dpkg.cfg.d/trial
tar --create --directory="$1" .
"""


def needs_root() -> None:
    """Skip where a root cannot be made, or where nobody asked for the minutes that it takes."""
    find_program("debootstrap", "debootstrap is missing; try: sudo apt-get install debootstrap")
    if os.geteuid() != 0:
        pytest.skip("makes a Debian root: needs root")
    if os.environ.get("CI") != "true":
        pytest.skip("takes minutes; to run it: CI=true")


def base(factory: pytest.TempPathFactory, release: str) -> Path:
    """Return a tar file of the smallest Debian that the package can be installed into."""
    return once(factory, f"base{release}", lambda folder: _make_base(release, folder))


def _make_base(release: str, folder: Path) -> Path:
    base = folder / f"debian-{release}.tar"
    mount = folder / f"debian-{release}"
    mount.mkdir()
    words = (str(mount), SUITES[release], _mirror(), ",".join(NEEDED))
    with base.open("wb") as file:
        done = subprocess.run(
            [*_NAMESPACES, "sh", "-c", _MAKE, "sh", *words],
            check=False,
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **_proxy()},
        )
    assert done.returncode == 0, done.stderr[-4000:]
    mount.rmdir()
    return base


def _mirror() -> str:
    """Return where this machine's own Debian comes from."""
    wanted = ("Created-By: Packages", "Origin: Debian", "Component: main")
    said = _ask("apt-get", "indextargets", "--format", "$(RELEASE) $(SITE)", *wanted)
    sites = [line.split()[1] for line in said.splitlines() if "-" not in line.split()[0]]
    if not sites:
        pytest.fail("apt knows of no Debian mirror; try: sudo apt-get update")
    return sites[0]


def _proxy() -> dict[str, str]:
    """Return apt's proxy as the environment that debootstrap's own downloads listen to."""
    said = _ask("apt-config", "dump", "--format", "%v", "Acquire::http::Proxy").strip()
    return {"http_proxy": said} if said and said != "DIRECT" else {}


def _ask(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class CleanRoot:
    """A root in a folder; commands in it see neither this machine nor a network."""

    def __init__(self, base: Path, folder: Path) -> None:
        self.path = folder
        folder.mkdir()
        subprocess.run(["tar", "--extract", f"--file={base}", f"--directory={folder}"], check=True)

    def run(self, *command: str, text: str = "", expected: int = 0) -> str:
        """Return what a command in the root said, errors included; its exit code is checked."""
        enter = (*_NAMESPACES, "--net", "--", sys.executable, str(ENTER), str(self.path))
        done = subprocess.run(
            [*enter, *command],
            check=False,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=ENVIRONMENT,
            timeout=_LIMIT_S,
        )
        assert done.returncode == expected, f"{' '.join(command)}\n{done.stdout}"
        return done.stdout

    def bring(self, file: Path) -> str:
        """Copy a file into the root; return its place there."""
        place = self.path / "root" / file.name
        place.write_bytes(file.read_bytes())
        return f"/root/{file.name}"
