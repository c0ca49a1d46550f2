"""docs/technician.md has each limit of [analysis] with its default, and each flag of a trial."""

import re
from pathlib import Path

from dynod.config.analysis import AnalysisConfig
from dynod.config.quality import Verdict, load_quality
from dynod.model.flags import Flag

PAGE = (Path(__file__).parents[2] / "docs" / "technician.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return the text under a heading, up to the next one of any level."""
    match = re.search(rf"^### {re.escape(title)}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match is not None
    return match[1]


def test_the_table_of_the_analysis_has_every_key_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| .+ \|$", section("The analysis"), re.MULTILINE)
    told = {name: value.strip('"') for name, value in rows}
    assert [name for name, _ in rows] == [*AnalysisConfig.model_fields]
    for name, field in AnalysisConfig.model_fields.items():
        default = field.default
        assert told[name] == (default if isinstance(default, str) else f"{default:g}")


def test_every_flag_of_a_trial_stands_where_its_verdict_puts_it() -> None:
    invalid, _, warnings = section("Flags of a trial").partition("\nWarnings:")
    told = {
        Verdict.REJECT: flags_in(invalid),
        Verdict.WARN: flags_in(warnings),
    }
    for verdict, found in told.items():
        rules = load_quality(None).items()
        assert sorted(found) == sorted(flag for flag, rule in rules if rule.verdict is verdict)


def flags_in(text: str) -> list[Flag]:
    """Return the flags in the first column of a table."""
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return [Flag(name) for cell in cells for name in re.findall(r"`(\w+)`", cell)]
