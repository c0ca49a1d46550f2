"""Figures of long runs in docs/reliability.md: between marks, so that the page cannot drift."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def write_block(name: str, text: str) -> None:
    """Replace what stands between the marks of a name."""
    begin, end = f"<!-- {name}: written by a test -->\n", f"<!-- end of {name} -->\n"
    page = PAGE.read_text()
    head, _, rest = page.partition(begin)
    _, mark, tail = rest.partition(end)
    assert mark, f"no place for {name} in {PAGE}"
    PAGE.write_text(f"{head}{begin}\n{text}\n{end}{tail}")
