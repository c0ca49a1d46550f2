"""docs/hazards.md: each hazard is complete, and every test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "hazards.md").read_text(encoding="utf-8")
HAZARDS = re.findall(r"^### \d+\. (.+)\n((?:(?!^#).*\n?)*)", PAGE, re.MULTILINE)
PARTS = ("Cause", "What dynod does", "What remains", "Proof")


def functions_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


@pytest.mark.parametrize(("title", "text"), HAZARDS, ids=[title for title, _ in HAZARDS])
def test_a_hazard_is_whole_and_its_tests_exist(title: str, text: str) -> None:
    for part in PARTS:
        assert f"- **{part}**:" in text, (title, part)
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)
    assert named, title
    for path, name in named:
        assert (ROOT / path).is_file(), path
        assert name in functions_in(ROOT / path), f"{path}::{name}"


def test_every_heading_is_read_and_every_path_names_a_test() -> None:
    assert len(HAZARDS) == PAGE.count("\n### ") >= 20
    paths = re.findall(r"`(tests/[^`]*)`", PAGE)
    assert all(re.fullmatch(r"tests/[\w/]+\.py::test_\w+", path) for path in paths)
