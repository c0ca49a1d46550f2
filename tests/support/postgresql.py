"""A real PostgreSQL server for tests: its own cluster in a folder, gone with the fixture.

The server refuses to run as root; then it runs as ``nobody``, in a folder that belongs to it.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import pytest

from tests.support.mosquitto import LOOPBACK, free_port

MISSING = "PostgreSQL is not installed; try: sudo apt-get install postgresql"
START_TIMEOUT_S = 30
USER = "dynod"


def find_postgresql(programs: Path = Path("/usr/lib/postgresql")) -> Path:
    """Return the folder of the server's programs; skip the test without it, fail where CI is set.

    Debian keeps them out of the PATH, by version.
    """
    found = sorted(programs.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    if elsewhere is not None:
        return Path(elsewhere).resolve().parent
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING)


class PostgreSQL:
    """A server on a free loopback port, with a database ``dynod`` of the user ``dynod``."""

    def __init__(self) -> None:
        self.port = free_port()
        self._programs = find_postgresql()
        self._user = "nobody" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="dynod-postgresql-"))
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@{LOOPBACK}:{self.port}/dynod"

    @property
    def driver_url(self) -> str:
        return self.url.replace("postgresql:", "postgresql+psycopg:")

    def __enter__(self) -> Self:
        try:
            self._run("initdb", "-D", "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
            self.start()
            self._run("createdb", "-h", LOOPBACK, "-p", str(self.port), "-U", USER, "dynod")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    *("-D", "data", "-p", str(self.port), "-h", LOOPBACK),
                    *("-c", "unix_socket_directories="),
                ],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._user,
            )
        ready = self._programs / "pg_isready"
        words = [str(ready), "-q", "-t", "1", "-h", LOOPBACK, "-p", str(self.port)]
        for _ in range(START_TIMEOUT_S * 20):
            if subprocess.run(words, check=False, timeout=START_TIMEOUT_S).returncode == 0:
                return
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        log_text = (self._folder / "log").read_text()
        self.stop()
        pytest.fail(f"PostgreSQL did not start:\n{log_text}")

    def stop(self) -> None:
        """End it in its fast way: connections are cut, what is committed stays."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_TIMEOUT_S)
            self._process = None

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._programs / program, *words],
            cwd=self._folder,
            user=self._user,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode != 0:
            pytest.fail(f"{program}: {done.stderr}")
