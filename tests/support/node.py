"""Programs of tests/node, run with the packages that its package.json pins."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.mosquitto import find_program

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


def run_node(name: str, given: bytes) -> bytes:
    """Return what a script of tests/node prints when it is given something on its input."""
    done = subprocess.run(
        node_program(name), input=given, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
