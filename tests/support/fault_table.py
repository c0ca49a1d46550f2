"""What became of many trials with faults: counted by kind, as a table for docs/reliability.md."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
WRITE = os.environ.get("DYNOD_WRITE_PAGE") == "1"
# As cells show them, from the loudest to the one that must not be.
ORDER = ("invalid", "flagged", "within", "rates", "changed")


@dataclass(frozen=True)
class Verdict:
    """What became of one trial; ``by`` is the metric furthest off, ``share`` how far."""

    kind: str
    outcome: str
    flags: tuple[str, ...] = ()
    detail: str = ""
    by: str = ""
    share: float = 0.0


Cells = dict[str, Counter[str]]


def counted(verdicts: Iterable[Verdict]) -> Cells:
    cells: Cells = defaultdict(Counter)
    for verdict in verdicts:
        cells[verdict.kind][verdict.outcome] += 1
    return dict(cells)


def cell_text(cell: Counter[str] | None) -> str:
    if not cell:
        return "–"
    return " ".join(f"{cell[name]}{name[0]}" for name in ORDER if cell[name])


def table(title: str, columns: Mapping[str, Cells]) -> list[str]:
    kinds = list(dict.fromkeys(kind for cells in columns.values() for kind in cells))
    lines = [f"| {title} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for kind in kinds:
        texts = (cell_text(cells.get(kind)) for cells in columns.values())
        lines.append(f"| {kind} | {' | '.join(texts)} |")
    return lines


def part_of_page(name: str) -> list[str]:
    """Return the lines between the marks of a generated part."""
    found = re.search(_part(name), PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None, f"{PAGE.name} has no part {name!r}"
    return found[2].strip("\n").splitlines()


def put_into_page(name: str, lines: Sequence[str]) -> None:
    """Write a generated part anew; all else stays."""
    text = "\n".join(lines)
    page = re.sub(
        _part(name),
        lambda found: f"{found[1]}\n{text}\n{found[3]}",
        PAGE.read_text("utf-8"),
        flags=re.DOTALL,
    )
    PAGE.write_text(page, "utf-8")


def cells_of(lines: Sequence[str]) -> dict[str, dict[str, set[str]]]:
    """Return column → kind → the outcomes that a table of the page has there."""
    found: dict[str, dict[str, set[str]]] = {}
    columns: list[str] = []
    for line in lines:
        if not line.startswith("|"):
            columns = []
            continue
        first, *texts = [text.strip() for text in line.strip("|").split("|")]
        if not columns:
            columns = texts
        elif not first.startswith("---"):
            for column, text in zip(columns, texts, strict=True):
                letters = set(re.findall(r"\d+([a-z])", text))
                found.setdefault(column, {})[first] = {n for n in ORDER if n[0] in letters}
    return found


def _part(name: str) -> str:
    mark = re.escape(name)
    return rf"(<!-- {mark}: generated -->)(.*?)(<!-- {mark}: end -->)"
