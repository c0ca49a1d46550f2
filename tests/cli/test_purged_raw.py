"""Trials whose raw samples were purged: everything that reads them says so, and nothing fails."""

import json
from pathlib import Path
from typing import Any

import pytest

from dynod.config.site import load_site
from dynod.daemon.plan import make_plan
from dynod.store.store import Store
from tests.cli.program import Program, is_one_line
from tests.support.builders import START
from tests.support.station import Daemon, battery, force_test
from tests.support.stored_sessions import Past, certificate_text, shelve


@pytest.fixture
def config(dynod: Program, tmp_path: Path) -> Path:
    """A station that does not run, with a sent session whose raw samples are gone."""
    daemon = Daemon(
        tmp_path,
        1,
        battery=battery(force_test()),
        session="confirm_change = false",
        more='serial_number = "SN-1"',
    )
    shelve(tmp_path, certificate_text("A", 1.0))
    plan = make_plan(load_site(daemon.config, {}))
    with Store.open(plan.config.storage.path, now=START) as store:
        store.add_certificates(plan.certificates, START)
        Past(store, plan.rules, plan.certificates[0]).session(154.0, 124.0)
        store.mark_sent(range(1, store.last_sequence + 1), START)
    ran = said(
        dynod,
        daemon.config,
        "results",
        "purge",
        "--older-than",
        "1",
        "--raw-only",
        "--yes",
        "--json",
    )
    assert ran["counts"]["kept"] == 0, ran
    assert (ran["counts"]["sessions"], ran["counts"]["trials"]) == (1, 2)
    return daemon.config


def said(dynod: Program, config: Path, *words: object) -> Any:
    done = dynod(*words, "-c", config)
    assert (done.code, done.err) == (0, ""), done.err
    return json.loads(done.out)


def test_what_reads_raw_samples_goes_on_without(dynod: Program, config: Path) -> None:
    trials = said(dynod, config, "results", "list", "--json")
    assert [row["valid"] for row in trials] == [True, True]
    show = ("results", "show", trials[0]["result_id"])
    assert "curve" not in said(dynod, config, *show, "--json")
    shown = dynod(*show, "-c", config)
    assert (shown.code, shown.err) == (0, "")
    drawn = dynod(*show, "--svg", config.with_name("trial.svg"), "-c", config)
    assert (drawn.code, is_one_line(drawn.err)) == (2, True)
    again = said(dynod, config, "reanalyse", "--json")
    assert again["counts"]["trials_changed"] == 0


@pytest.mark.parametrize("kind", ["json", "csv", "fhir", "hl7v2", "parquet"])
def test_exports_go_on_without(dynod: Program, config: Path, kind: str) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    out = config.with_name(f"out.{kind}")
    done = dynod(
        *("results", "export", "--format", kind, "--since", "2026-01-01"),
        *("--out", out, "-c", config),
    )
    assert (done.code, out.exists()) == (0, True), done.err
    assert out.stat().st_mode & 0o077 == 0
    actions = [row["action"] for row in said(dynod, config, "results", "audit", "--json")]
    assert sorted(actions) == ["certificate.add", "results.export", "results.purge"]
