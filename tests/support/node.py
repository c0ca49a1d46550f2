"""Programs of tests/node, run with the packages that its package.json pins."""

import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.mosquitto import find_program

TIMEOUT_S = 30.0
NODE_FOLDER = Path(__file__).parents[1] / "node"
MISSING = "Node.js is not installed; try: sudo apt-get install nodejs npm"
NOT_PREPARED = "the packages of tests/node are not installed; try: make node"


def node_program(name: str) -> list[str]:
    """Return the command that runs a script of tests/node.

    Without Node.js or its packages the test is skipped, and fails where CI is set.
    """
    node = find_program("node", MISSING)
    if not (NODE_FOLDER / "node_modules").is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(NOT_PREPARED)
        pytest.skip(NOT_PREPARED)
    return [node, str(NODE_FOLDER / name)]


class NodeProgram:
    """A script of tests/node that runs on: a line of JSON out for each thing it has to say."""

    def __init__(self, name: str, *words: str) -> None:
        self._command = [*node_program(name), *words]
        self.told: list[dict[str, Any]] = []
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(TIMEOUT_S)
        finally:
            self._process.kill()
            self._reader.join()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process.wait()

    def wait(self, what: str, condition: Callable[[list[dict[str, Any]]], Any]) -> Any:
        """Return the condition's first true value of what was told so far."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.told), TIMEOUT_S), (
                f"{what} did not come; told: {self.told[-5:]}"
            )
            return condition(self.told)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.told.append(json.loads(line))
                self._changed.notify_all()


def run_node(name: str, given: bytes) -> bytes:
    """Return what a script of tests/node prints when it is given something on its input."""
    done = subprocess.run(
        node_program(name), input=given, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
