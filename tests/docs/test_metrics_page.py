"""docs/metrics.md and the registries say the same, and neither has what the other lacks."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dynod.config.quality import load_quality
from dynod.config.settings import SessionConfig
from dynod.core.gates import gates
from dynod.core.indices import INDICES
from dynod.core.metrics import METRICS
from dynod.core.ratios import RATIOS
from dynod.core.settings import AnalysisSettings
from dynod.model.flags import CONFIGURABLE, Flag

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "metrics.md").read_text(encoding="utf-8")
SETTINGS = AnalysisSettings()
RULES = load_quality(None)
# The chapter of each registry. A new registry gets a chapter and a row here.
CHAPTERS: Mapping[str, Mapping[str, Any]] = {
    "Metrics of a trial": METRICS,
    "Indices of a side difference": INDICES,
    "Ratios of opposing muscles": RATIOS,
    "Flags": {flag.value: RULES[flag] for flag in Flag},
}


def parts_of(text: str, heading: str) -> dict[str, str]:
    """Return the text under each heading of a level, the next one of the same or a higher ended."""
    found = [*re.finditer(rf"^{heading} (.+)$", text, re.MULTILINE)]
    ends = [match.start() for match in found[1:]] + [len(text)]
    titles = [match[1] for match in found]
    assert len(set(titles)) == len(titles), f"a heading stands twice: {titles}"
    return {match[1]: text[match.end() : end] for match, end in zip(found, ends, strict=True)}


def flat(text: str) -> str:
    return " ".join(text.split())


PARTS = parts_of(PAGE, "##")
SECTIONS = {
    chapter: {
        title.strip("`"): flat(text) for title, text in parts_of(PARTS[chapter], "###").items()
    }
    for chapter in CHAPTERS
}


def line_of(section: str, key: str) -> str:
    """Return what stands behind ``- key:`` in a section."""
    match = re.search(rf"- {key}: (.+?)(?= - [a-z]+: |$)", section)
    assert match is not None, f'the line "- {key}: …" is missing'
    return match[1]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_name_has_its_section_and_no_section_is_left_over(chapter: str) -> None:
    assert SECTIONS[chapter].keys() == CHAPTERS[chapter].keys()


def test_every_chapter_with_sections_belongs_to_a_registry() -> None:
    assert {title for title, text in PARTS.items() if "\n### " in text} == CHAPTERS.keys()


@pytest.mark.parametrize("name", [*METRICS, *INDICES])
def test_units_and_sources_agree(name: str) -> None:
    metric = METRICS.get(name) or INDICES[name]
    chapter = "Metrics of a trial" if name in METRICS else "Indices of a side difference"
    section = SECTIONS[chapter][name]
    assert line_of(section, "unit") == f"`{metric.unit}`"
    assert line_of(section, "source").startswith(metric.source)
    assert section.startswith((f"**{metric.title}**", f"**{metric.title}.**"))


@pytest.mark.parametrize("name", METRICS)
def test_the_rate_that_a_metric_needs_is_told(name: str) -> None:
    rate = line_of(SECTIONS["Metrics of a trial"][name], "rate")
    least = gates(SETTINGS).get(name)
    if least is None:
        assert rate.partition(";")[0] == "any"
        return
    found = re.fullmatch(r"from (\d+) Hz \(`(\w+)`\), with stamps of the device", rate)
    assert found is not None
    assert float(found[1]) == least == getattr(SETTINGS, found[2])


@pytest.mark.parametrize("name", METRICS)
def test_what_is_applied_to_a_metric_is_told(name: str) -> None:
    assert line_of(SECTIONS["Metrics of a trial"][name], "applied")


@pytest.mark.parametrize("name", INDICES)
def test_the_example_of_an_index_is_what_the_index_gives(name: str) -> None:
    """L = 20 and R = 25, left involved; the values are those of the docstrings' sources."""
    section = SECTIONS["Indices of a side difference"][name]
    index = INDICES[name]
    pair = {"left/right": (20.0, 25.0), "involved/uninvolved": (20.0, 25.0)}
    assert line_of(section, "takes") == index.needs.value
    value = index.compute(*pair.get(index.needs.value, (25.0, 20.0)))
    told = float(line_of(section, "example").replace("−", "-"))
    assert value == pytest.approx(told, abs=0.005)


@pytest.mark.parametrize("name", RATIOS)
def test_a_ratio_names_its_movements(name: str) -> None:
    ratio = RATIOS[name]
    section = SECTIONS["Ratios of opposing muscles"][name]
    assert f"`{ratio.numerator.value}` / `{ratio.denominator.value}`" in section
    assert line_of(section, "unit") == "`1`"


@pytest.mark.parametrize("flag", Flag)
def test_a_flag_says_what_quality_toml_says(flag: Flag) -> None:
    section, rule = SECTIONS["Flags"][flag.value], RULES[flag]
    verdict, _, site = line_of(section, "verdict").partition("; ")
    assert verdict == f"`{rule.verdict}`"
    assert (site == "a site may change it") == (flag in CONFIGURABLE)
    assert section.startswith(flat(rule.definition))
    assert line_of(section, "do") == flat(rule.advice)


def test_the_limits_on_the_page_are_those_of_the_core() -> None:
    """Wherever "`plateau_s` (1 s)" stands, also in the text above the sections."""
    told = re.findall(r"`(\w+)` \(([0-9.]+)", flat(PAGE))
    session = SessionConfig()
    for name, value in told:
        limit = getattr(SETTINGS, name, None)
        assert float(value) == (getattr(session, name) if limit is None else limit), name
    assert len({name for name, _ in told}) > 30


def test_every_note_of_the_core_is_explained() -> None:
    rates = {f"`rate_below_{least:g}_hz`" for least in gates(SETTINGS).values()}
    notes = parts_of(PAGE, "##")["In which order"]
    assert all(note in notes for note in (*rates, "`times_from_arrival`", "`poor_fit`"))


def test_every_link_of_the_page_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        file, _, anchor = target.partition("#")
        text = (DOCS / file).read_text(encoding="utf-8")
        assert not anchor or anchor in {anchor_of(title) for title in headings(text)}, target


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def anchor_of(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
