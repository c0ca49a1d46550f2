"""``[analysis]``: one key for each limit of the analysis, and no limit that would be nonsense."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from dynod.config.analysis import NOT_OFFERED, AnalysisConfig
from dynod.core.deficit import DeficitSettings
from dynod.core.onset import OnsetMethod
from dynod.core.settings import AnalysisSettings
from dynod.daemon.plan import make_plan
from dynod.model.flags import REJECTING
from tests.config.files import INCLINOMETER, WHOLE, problems_of, site_of

FIELDS: dict[str, Any] = {
    field.name: field.default for field in dataclasses.fields(AnalysisSettings)
}
NUMBERS = sorted(FIELDS.keys() - NOT_OFFERED - {"onset_method"})


def analysis_of(folder: Path, text: str) -> AnalysisSettings:
    return make_plan(site_of(folder, WHOLE + text)).analysis


def test_every_limit_is_a_key_with_its_default() -> None:
    keys = {name: field.default for name, field in AnalysisConfig.model_fields.items()}
    assert keys.keys() == FIELDS.keys() - NOT_OFFERED
    assert all(FIELDS[name] == default for name, default in keys.items())


def test_without_the_table_the_limits_are_those_of_the_core(tmp_path: Path) -> None:
    assert analysis_of(tmp_path, "") == AnalysisSettings()
    assert analysis_of(tmp_path, "[analysis]\n") == AnalysisSettings()


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_reaches_the_analysis(tmp_path: Path, name: str) -> None:
    changed: Any = FIELDS[name] * 1.01
    found = analysis_of(tmp_path, f"[analysis]\n{name} = {changed!r}\n")
    assert found == dataclasses.replace(AnalysisSettings(), **{name: changed})


@pytest.mark.parametrize("method", OnsetMethod)
def test_every_method_of_onset_can_be_chosen(tmp_path: Path, method: OnsetMethod) -> None:
    found = analysis_of(tmp_path, f'[analysis]\nonset_method = "{method}"\n')
    assert OnsetMethod(found.onset_method) is method


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    assert analysis_of(tmp_path, "[analysis]\nedge_n = 15\n").edge_n == 15.0


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["0", "-1.0", "nan", "inf", "1e9", '"1"', "true"])
def test_no_limit_may_be_nonsense(tmp_path: Path, name: str, value: str) -> None:
    (line,) = problems_of(tmp_path, WHOLE + f"[analysis]\n{name} = {value}\n")
    assert line.startswith(f"dynod.toml: analysis.{name}: should be ")


@pytest.mark.parametrize("name", [name for name in NUMBERS if name.endswith("_fraction")])
def test_a_fraction_is_below_one(tmp_path: Path, name: str) -> None:
    (line,) = problems_of(tmp_path, WHOLE + f"[analysis]\n{name} = 1.0\n")
    assert line == f"dynod.toml: analysis.{name}: should be less than 1"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("edge = 10", 'analysis.edge: unknown key; did you mean "edge_n"?'),
        ('onset_method = "visual"', "analysis.onset_method: should be 'fixed', 'baseline_sd', "),
        ("gap_factor = 1.0", "analysis.gap_factor: should be greater than 1"),
        ("quiet_s = 2.0", "analysis: quiet_s should not exceed preroll_s"),
        ("onset_ready_s = 1.5", "analysis: onset_ready_s should not exceed onset_window_s"),
        ("offset_n = 21", "analysis: offset_n should not exceed onset_n"),
        ("max_recording_s = 0.5", "analysis: plateau_s should not exceed max_recording_s"),
        ("dip_fraction = 0.95", "analysis: dip_fraction should not exceed plateau_fraction"),
        ("rfd_min_rate_hz = 300", "analysis: rfd_min_rate_hz should not exceed rfd_early_min_rate"),
        ("rfd_finest_min_rate_hz = 99", "analysis: rfd_early_min_rate_hz should not exceed rfd_fi"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, line: str) -> None:
    (found,) = problems_of(tmp_path, WHOLE + f"[analysis]\n{text}\n")
    assert found.startswith(f"dynod.toml: {line}")


def test_one_limit_of_the_tester_serves_analysis_and_deficits(tmp_path: Path) -> None:
    plan = make_plan(site_of(tmp_path, WHOLE + "[session]\ntester_limit_n = 250\n"))
    assert plan.analysis.tester_limit_n == 250.0
    assert plan.rules.judge.settings.tester_limit_n == 250.0
    (line,) = problems_of(tmp_path, WHOLE + "[analysis]\ntester_limit_n = 250\n")
    assert line.startswith("dynod.toml: analysis.tester_limit_n: unknown key")


def test_the_noise_of_a_deficit_is_no_contraction_of_the_analysis(tmp_path: Path) -> None:
    """docs/contract.md, section 6: below the noise is a reference of 20 N or less."""
    assert DeficitSettings().noise_floor_n == AnalysisSettings().no_contraction_n
    plan = make_plan(site_of(tmp_path, WHOLE + "[analysis]\nno_contraction_n = 30\n"))
    assert plan.rules.judge.settings.noise_floor_n == 30.0


def test_a_value_can_come_from_the_environment(tmp_path: Path) -> None:
    site = site_of(tmp_path, WHOLE, DYNOD_ANALYSIS__EDGE_N="12.5")
    assert site.analysis.edge_n == 12.5
    assert site.analysis.rejecting == REJECTING


def test_only_stamps_of_a_device_are_its_own_times(tmp_path: Path) -> None:
    """Chronojump stamps its samples; a WT901 sends at a rate, a Mark-10 when it is asked."""
    polled = """
    [[device]]
    id = "hhd-2"
    profile = "mark10_series_5"
    port = "/dev/ttyUSB2"
    baudrate = 115200
    """
    plan = make_plan(site_of(tmp_path, WHOLE + INCLINOMETER + polled))
    clocks = [(device.profile.clock.kind, device.source.stamped) for device in plan.devices]
    assert clocks == [("stamp", True), ("nominal", False), ("poll", False)]
