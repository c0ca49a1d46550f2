"""quality.toml: every flag has its rule, and a site may change what is a matter of taste."""

import re
from pathlib import Path

import pytest

from dynod.config.quality import (
    FlagRule,
    Verdict,
    load_quality,
    quality_file,
    read_quality,
    rejecting_flags,
)
from dynod.config.settings import SessionConfig
from dynod.core.settings import AnalysisSettings
from dynod.daemon.plan import make_plan
from dynod.model.errors import ConfigError
from dynod.model.flags import CONFIGURABLE, REJECTING, Flag
from tests.config.files import WHOLE, problems_of, site_of, write

SHIPPED = load_quality(None)
# What compare_sides and interpret alone put onto their answers.
ON_DEFICITS = {
    Flag.LEVER_ARM_MISSING,
    Flag.PAIN_LIMITED,
    Flag.DIFFERENT_DEVICES,
    Flag.NOMINAL_CALIBRATION,
    Flag.SYMMETRIC_BUT_WEAK,
}
# "`plateau_s` (1 s)": a limit and its default.
LIMIT = re.compile(r"`(\w+)` \(([0-9.]+)")


def test_every_flag_has_one_rule() -> None:
    assert SHIPPED.keys() == set(Flag)
    assert all(rule.flag is flag for flag, rule in SHIPPED.items())


def test_the_verdicts_are_those_of_the_core() -> None:
    assert rejecting_flags(SHIPPED) == REJECTING
    deficit = {flag for flag, rule in SHIPPED.items() if rule.verdict is Verdict.DEFICIT}
    assert deficit == ON_DEFICITS
    assert CONFIGURABLE.isdisjoint(ON_DEFICITS)


@pytest.mark.parametrize("rule", SHIPPED.values(), ids=str)
def test_a_definition_is_a_sentence_with_the_limits_of_the_core(rule: FlagRule) -> None:
    for text in (rule.definition, rule.advice):
        assert re.fullmatch(r"[A-Z].*[^ ]\.", text)
        assert "  " not in text
    settings, session = AnalysisSettings(), SessionConfig()
    for name, value in LIMIT.findall(rule.definition):
        limit = getattr(settings, name, None)
        assert float(value) == (getattr(session, name) if limit is None else limit), name


def test_every_limit_of_quality_is_named_by_a_definition() -> None:
    """Those that dynod/core/settings.py lists under quality, and those of the contract's flags."""
    named = {name for rule in SHIPPED.values() for name, _ in LIMIT.findall(rule.definition)}
    assert named >= {
        *("countermovement_s", "countermovement_n", "early_peak_s", "dip_fraction"),
        *("drop_off_percent", "yield_s", "yield_fraction", "yield_gain_fraction"),
        *("noise_sd_n", "baseline_shift_n", "tester_limit_n", "quiet_s", "quiet_sd_n"),
        *("tare_limit_n", "preroll_s", "max_recording_s", "lowpass_hz", "plateau_fraction"),
        *("plateau_s", "no_contraction_n", "edge_n", "pre_tension_n", "spike_n"),
        *("spike_fraction", "spike_reach_s", "gap_factor", "uneven_fraction", "hold_sd_deg"),
        *("hold_s", "zero_s", "moving_g", "pain_limit_nrs"),
    }


def test_a_site_decides_what_is_a_matter_of_taste(tmp_path: Path) -> None:
    write(
        tmp_path / "quality.toml",
        'drop_off.verdict = "reject"\n[too_short]\nverdict = "warn"\n[spike]\nverdict = "warn"\n',
    )
    plan = make_plan(site_of(tmp_path, WHOLE))
    assert plan.analysis.rejecting == REJECTING - {Flag.TOO_SHORT} | {Flag.DROP_OFF}
    rules = load_quality(tmp_path)
    assert rules[Flag.DROP_OFF].definition == SHIPPED[Flag.DROP_OFF].definition


@pytest.mark.parametrize("flag", sorted(CONFIGURABLE))
@pytest.mark.parametrize("verdict", ["warn", "reject"])
def test_each_of_these_can_be_set_either_way(tmp_path: Path, flag: Flag, verdict: str) -> None:
    write(tmp_path / "quality.toml", f'[{flag}]\nverdict = "{verdict}"\n')
    assert load_quality(tmp_path)[flag].verdict == verdict


@pytest.mark.parametrize("flag", sorted(set(Flag) - CONFIGURABLE))
def test_nobody_decides_about_the_others(tmp_path: Path, flag: Flag) -> None:
    write(tmp_path / "quality.toml", f'[{flag}]\nverdict = "warn"\n')
    assert problems_of(tmp_path, WHOLE) == [
        f"quality.toml: {flag}: what this flag does is the same at every site"
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('[drop_of]\nverdict = "warn"\n', ['drop_of: unknown flag; did you mean "drop_off"?']),
        ("drop_off = 'reject'\n", ["drop_off: should be a table"]),
        ("[drop_off]\n", ["drop_off.verdict: missing"]),
        ('[drop_off]\nverdict = "deficit"\n', ["drop_off.verdict: should be 'warn' or 'reject'"]),
        (
            '[drop_off]\nverdict = "warn"\nadvice = "Rest."\n',
            ["drop_off.advice: unknown key; known here: verdict"],
        ),
        (
            '[gap]\nverdict = "warn"\n[spike]\nverdict = 1\n',
            [
                "gap: what this flag does is the same at every site",
                "spike.verdict: should be 'warn' or 'reject'",
            ],
        ),
    ],
)
def test_mistakes_of_a_site_are_named(tmp_path: Path, text: str, lines: list[str]) -> None:
    write(tmp_path / "quality.toml", text)
    assert problems_of(tmp_path, WHOLE) == [f"quality.toml: {line}" for line in lines]


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    write(tmp_path / "quality.toml", "[drop_off\n")
    (line,) = problems_of(tmp_path, WHOLE)
    assert line.startswith("quality.toml: no valid TOML: ")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("[timeout]", "[time_out]", 'time_out: unknown flag; did you mean "timeout"?'),
        ('verdict = "warn"\n', "", "timeout.verdict: missing"),
        ('verdict = "warn"', 'verdict = "ignore"', "timeout.verdict: should be 'warn', 'reject'"),
        ("advice =", "advise =", "timeout.advise: unknown key; did you mean"),
    ],
)
def test_the_shipped_table_is_held_to_the_same(
    tmp_path: Path, old: str, new: str, line: str
) -> None:
    text = quality_file().read_text(encoding="utf-8")
    path = write(tmp_path / "table.toml", text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_quality(path)
    assert f"{path}: {line}" in str(caught.value)


def test_a_table_without_a_flag_is_incomplete(tmp_path: Path) -> None:
    text = quality_file().read_text(encoding="utf-8")
    cut = text.replace(text[text.index("[moving]") : text.index("# -- on deficits")], "")
    path = write(tmp_path / "table.toml", cut)
    with pytest.raises(ConfigError) as caught:
        read_quality(path)
    assert str(caught.value) == f"{path}: moving: missing"
