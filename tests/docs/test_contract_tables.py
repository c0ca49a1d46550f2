"""The tables of docs/contract.md name the flags and metrics that there are."""

import re
from pathlib import Path

from dynod.config.quality import Verdict, load_quality
from dynod.core.metrics import METRICS
from dynod.model.flags import Flag

CONTRACT = (Path(__file__).parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (.+?) \| (.+) \|$", CONTRACT, re.MULTILINE))


def names(row: str) -> list[str]:
    return re.findall(r"`([a-z0-9_]+)`", ROWS[row])


def test_the_table_of_flags() -> None:
    told = {Verdict.WARN: names("warn"), Verdict.REJECT: names("reject")}
    told[Verdict.DEFICIT] = [name for name in names("on deficits") if name != "tester_limited"]
    for verdict, flags in told.items():
        rules = load_quality(None).items()
        assert sorted(flags) == sorted(flag for flag, rule in rules if rule.verdict is verdict)
    assert Flag.TESTER_LIMITED in names("on deficits")  # a trial's warning, and a deficit's


def test_the_table_of_metrics() -> None:
    force = names("`metrics` of a force trial")
    angle = names("`metrics` of a range-of-motion trial")
    assert [*force, *angle] == [*METRICS]
