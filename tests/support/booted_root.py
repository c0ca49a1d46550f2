"""A Debian root under a systemd of its own: booted, given commands, and shut down in good order.

systemd-nspawn boots it, with the loopback address for a network. The mounts that this needs, and
the groups of processes, are its own, so that several may run side by side and none is left.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tests.support.clean_root import ENVIRONMENT, CleanRoot
from tests.support.mosquitto import find_program

LIMIT_S = 60.0
_AGAIN_S = 0.1
# Ends with whoever started it. The first process of the root gets a group that none shares.
_BOOT = """
root=$1; shift
for group; do echo $$ >"$group/cgroup.procs"; done
mount -t tmpfs tmpfs /run
exec systemd-nspawn --quiet --boot --register=no --keep-unit --private-network --console=pipe \
    --machine="dynod-$$" --directory="$root"
"""
_ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", _BOOT, "sh")
_INTO = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd")


class BootedRoot:
    """Runs commands in a root under its systemd. Use as a context manager."""

    def __init__(self, root: CleanRoot) -> None:
        find_program(
            "systemd-nspawn", "nspawn is missing; try: sudo apt-get install systemd-container"
        )
        self.path = root.path
        self._groups = [place / f"dynod-test-{os.getpid()}" for place in _own_groups()]
        self._process: subprocess.Popen[bytes] | None = None
        self._first = 0  # the number of the root's first process

    def __enter__(self) -> Self:
        for group in self._groups:
            group.mkdir()
        with self.path.with_suffix(".log").open("wb") as log:
            self._process = subprocess.Popen(
                [*_ALONE, str(self.path), *map(str, self._groups)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        try:
            self._first = self.wait("the first process", self._find_first)
            self.wait("systemd", lambda: self.ask("systemctl", "is-system-running") == "running")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()

    def run(self, *command: str, expected: int = 0) -> str:
        """Return what a command said, errors included; its exit code is checked."""
        done = self._run(command)
        assert done.returncode == expected, f"{' '.join(command)}\n{done.stdout}"
        return done.stdout

    def ask(self, *command: str) -> str:
        """Return what a command said, however it ended."""
        return self._run(command).stdout.strip()

    def wait(self, what: str, condition: Callable[[], object]) -> int:
        """Wait for the condition; return its first true value as a number."""
        until_s = time.monotonic() + LIMIT_S
        while not (found := condition()):
            if time.monotonic() > until_s:
                log = self.path.with_suffix(".log").read_text(errors="replace")
                raise AssertionError(f"{what} did not come\n{log}\n{self._journal()}")
            time.sleep(_AGAIN_S)
        return int(found)  # type: ignore[call-overload, no-any-return]

    @contextmanager
    def beside(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program of this machine in the root's network, for as long as the context lasts."""
        process = subprocess.Popen(
            ["nsenter", f"--target={self._first}", "--net", "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(LIMIT_S)

    def _run(self, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["nsenter", f"--target={self._first}", *_INTO, "--", *command],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=ENVIRONMENT,
            timeout=5 * LIMIT_S,
        )

    def _find_first(self) -> int:
        assert self._process is not None
        assert self._process.poll() is None, self.path.with_suffix(".log").read_text()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _parent(entry) == self._process.pid:
                return int(entry.name)
        return 0

    def _journal(self) -> str:
        return self.ask("journalctl", "--no-pager", "--lines=40") if self._first else ""

    def _end(self) -> None:
        """Shut it down as a computer is, or end it when it does not listen."""
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for group in self._groups:
            for folder in sorted(group.rglob("*/"), reverse=True):
                folder.rmdir()
            group.rmdir()


def _own_groups() -> Iterator[Path]:
    """Yield our control group in the hierarchies that systemd uses (cgroups(7))."""
    ours = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _number, kind, path = line.split(":", 2)
        ours[kind] = path.lstrip("/")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _source, options = after.split(" ", 2)
        if kind == "cgroup2":
            yield Path(before.split()[4]) / ours[""]
        elif kind == "cgroup" and "name=systemd" in options.split(","):
            yield Path(before.split()[4]) / ours["name=systemd"]


def _parent(process: Path) -> int:
    with suppress(OSError):  # it ended meanwhile
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return 0
