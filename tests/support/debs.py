"""Debian packages for tests: of this tree, each built once in a run, and of an older one."""

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.mosquitto import find_program
from tests.support.once import once

REPOSITORY = Path(__file__).resolve().parents[2]
BUILDER = "packaging/build_deb.py"
MIGRATIONS = "dynod/store/migrations/versions"


def build(factory: pytest.TempPathFactory, release: str, arch: str = "amd64") -> Path:
    """Return the package of this tree; workers of one run share it."""
    find_program("dpkg-deb", "dpkg-deb is missing: the package is built on Debian alone")
    return once(factory, f"deb{release}-{arch}", lambda out: _run(REPOSITORY, release, arch, out))


def build_older(folder: Path, release: str) -> Path:
    """Return a package of version 0.0.9, as it was before the newest migration.

    A clone without history gives this tree under that version.
    """
    tree = folder / "tree"
    tree.mkdir()
    added = _git("log", "-1", "--diff-filter=A", "--format=%H", "--", MIGRATIONS).decode().strip()
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{added}^:{BUILDER}"],
        check=False,
        cwd=REPOSITORY,
        capture_output=True,
    )
    archive = _git("archive", f"{added}^" if known.returncode == 0 else "HEAD")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(tree, filter="data")
    for name, line in (
        ("pyproject.toml", r'^version = "(.*)"'),
        ("dynod/__init__.py", r'^__version__ = "(.*)"'),
        (BUILDER, r"-Z(xz)"),  # quicker
    ):
        text = (tree / name).read_text("utf-8")
        found = re.search(line, text, re.MULTILINE)
        assert found is not None, name
        new = "gzip" if name == BUILDER else "0.0.9"
        (tree / name).write_text(text[: found.start(1)] + new + text[found.end(1) :], "utf-8")
    return _run(tree, release, "amd64", folder)


def _git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], check=True, cwd=REPOSITORY, stdout=subprocess.PIPE)
    return done.stdout


def _run(tree: Path, release: str, arch: str, out: Path) -> Path:
    words = ("--release", release, "--arch", arch, "--out", str(out))
    done = subprocess.run(
        [sys.executable, str(tree / BUILDER), *words], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.strip())
