"""Exports of stored sessions: which, as what, written down; the whole path of the command line.

Sessions are recorded by the real workflow and analysis and kept in a real store. What each format
says of a session has tests of its own (tests/publish).
"""

import csv
import io
import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pyarrow.parquet as pq
import pytest
from fhir.resources.R4B.bundle import Bundle
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from dynod.config.site import load_site
from dynod.daemon.bundles import Bundles
from dynod.daemon.exporter import Exporter, exporter, parse_export
from dynod.daemon.plan import Plan, make_plan
from dynod.daemon.reanalysis import DirectAccess, reanalyse
from dynod.daemon.reanalysis_request import parse_request
from dynod.model.errors import UsageError
from dynod.session.inputs import Instant
from dynod.store.audit import AuditEntry
from dynod.store.store import Store
from tests.support.builders import START
from tests.support.station import Daemon, battery, force_test
from tests.support.stored_sessions import Past, certificate_text, shelve

NOW = Instant(0.0, START + timedelta(days=400), clock_synced=True)
PULLS = (154.0, 124.0)
HL7 = """
[hl7]
receiving_application = "EHR"
processing = "T"
authorities = { "urn:clinic:mrn" = "CLINIC7" }
"""


@dataclass
class Scene:
    folder: Path
    plan: Plan
    store: Store
    past: Past

    @property
    def exporter(self) -> Exporter:
        return exporter(self.plan, self.store)

    def export(self, session_id: UUID, what: str, *, since: bool = False) -> Any:
        place = {"since": "2020-01-01"} if since else {"session": str(session_id)}
        asked = parse_export({**place, "format": what, "by": "Ada"})
        return self.exporter.export(self.store, session_id, asked, NOW)

    def audit(self) -> list[AuditEntry]:
        entries = self.store.audit_entries()
        return [entry for entry in entries if entry.action == "results.export"]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    station = Daemon(
        tmp_path,
        1883,
        battery=battery(force_test()),
        session="confirm_change = false",
        more=f'serial_number = "SN-1"\n{HL7}',
        fhir="later",
    )
    shelve(tmp_path, certificate_text("A", 1.0))
    plan = make_plan(load_site(station.config, {}))
    with Store.open(plan.config.storage.path, now=START) as store:
        store.add_certificates(plan.certificates, START)
        yield Scene(tmp_path, plan, store, Past(store, plan.rules, plan.certificates[0]))


def test_a_table(scene: Scene) -> None:
    session = scene.past.session(*PULLS)
    rows = list(csv.DictReader(io.StringIO("".join(scene.export(session.session_id, "csv")))))
    assert [row["record"] for row in rows] == ["trial", "trial", "deficit"]
    assert {row["patient_id"] for row in rows} == {"patient-1"}
    (entry,) = scene.audit()
    assert (entry.subject, entry.who, entry.at) == (str(session.session_id), "Ada", NOW.wall)
    assert dict(entry.detail) == {"format": "csv"}


def test_messages_are_the_newest_as_they_were_published(scene: Scene) -> None:
    session = scene.past.session(*PULLS)
    sent = [row.payload for row in scene.store.due(START, 100, resend_unreceipted=False)]
    assert [text.encode() for text in scene.export(session.session_id, "json")] == sent
    assert len(sent) == 4  # two trials, a deficit, the session


def test_a_bundle_before_it_was_published(scene: Scene) -> None:
    session = scene.past.session(*PULLS)
    (text,) = scene.export(session.session_id, "fhir")
    bundle = json.loads(text)
    Bundle.model_validate(bundle)
    # docs/contract.md, section 3: UUID5 of session, kind, four parts that a session has not.
    of = uuid5(session.session_id, "fhir/////0")
    assert bundle["identifier"]["value"] == f"urn:uuid:{of}"
    assert bundle["meta"]["versionId"] == "1"


class Nobody:
    def sealed(self, _rows: object) -> None:
        """Hear of a message and do nothing."""


def test_a_bundle_after_it_was_published_is_the_same_to_the_byte(scene: Scene) -> None:
    session = scene.past.session(*PULLS)
    bundles = Bundles(
        None,  # type: ignore[arg-type]
        Nobody(),  # type: ignore[arg-type]
        "dynod/v1/clinic/room/results/fhir",
        lambda: scene.exporter.bundles,
        lambda: Instant(0.0, START, clock_synced=True),
    )
    made = bundles._make(scene.store)
    assert made is not None
    (row,) = made
    (text,) = scene.export(session.session_id, "fhir")
    assert text.encode() == row.payload + b"\n"


def test_a_message_of_hl7(scene: Scene) -> None:
    session = scene.past.session(*PULLS)
    (text,) = scene.export(session.session_id, "hl7v2")
    message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT)
    assert message.msh.msh_5.value == "EHR"
    assert message.msh.msh_11.value == "T"
    fields = {line.split("|")[0]: line.split("|") for line in text.split("\r")}
    assert fields["PID"][3] == "patient-1^^^CLINIC7&urn:clinic:mrn&URI^PI"
    assert fields["OBR"][3].startswith(str(session.session_id))


def test_curves(scene: Scene) -> None:
    session = scene.past.session(*PULLS)
    first, second = json.loads(json.dumps(scene.export(session.session_id, "parquet")))
    # a certificate of one newton a unit; at rest the gauge says 4, the tops of tests.support
    assert max(first["values"]) == pytest.approx(150.0, abs=0.1)
    assert max(second["values"]) == pytest.approx(120.0, abs=0.1)
    assert "patient-1" not in json.dumps(first)


@pytest.mark.parametrize("what", ["csv", "json", "fhir", "hl7v2", "parquet"])
def test_a_session_that_runs_is_left_out(scene: Scene, what: str) -> None:
    session = scene.past.session(*PULLS, ended=False)
    assert scene.export(session.session_id, what, since=True) is None
    with pytest.raises(UsageError, match="has not ended yet"):
        scene.export(session.session_id, what)
    assert scene.audit() == []


def test_only_tables_and_curves_do_without_a_patient(scene: Scene) -> None:
    session = scene.past.session(*PULLS, patient=False)
    for what in ("json", "fhir", "hl7v2"):
        assert scene.export(session.session_id, what, since=True) is None
        with pytest.raises(UsageError, match=f"has no patient, and {what} needs one"):
            scene.export(session.session_id, what)
    assert scene.export(session.session_id, "csv") is not None


def test_sessions_since_a_day(scene: Scene) -> None:
    first, second = scene.past.session(*PULLS), scene.past.session(*PULLS)
    assert first.started_at < second.started_at
    day = second.started_at.astimezone(UTC).isoformat()
    asked = parse_export({"since": day, "format": "csv"})
    assert scene.exporter.choose(scene.store, asked) == (second.session_id,)
    everything = parse_export({"since": "2020-01-01", "format": "csv"})
    assert scene.exporter.choose(scene.store, everything) == (first.session_id, second.session_id)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"format": "csv"}, "either --session or --since"),
        ({"format": "csv", "session": "a", "since": "2026-01-01"}, "either --session or --since"),
        ({"format": "xml", "session": "a"}, "there are: csv, json, fhir, hl7v2, parquet"),
        ({"format": "csv", "since": "soon"}, "should be a day"),
        ({"format": "csv", "sesion": "a"}, "unknown key 'sesion'; do you mean 'session'?"),
        ({"format": "csv", "session": 7}, "session should be text"),
    ],
)
def test_a_request_that_makes_no_sense(given: dict[str, object], line: str) -> None:
    with pytest.raises(UsageError, match=line.replace("?", r"\?")):
        parse_export(given)


def test_curves_in_a_bundle_where_the_site_asks_for_them(scene: Scene) -> None:
    session = scene.past.session(*PULLS)
    made_by = scene.exporter
    with_curves = replace(made_by, bundles=replace(made_by.bundles, curves=True))
    asked = parse_export({"session": str(session.session_id), "format": "fhir"})
    (text,) = with_curves.export(scene.store, session.session_id, asked, NOW) or ()
    bundle = json.loads(str(text))
    Bundle.model_validate(bundle)
    components = [
        part
        for entry in bundle["entry"]
        for part in entry["resource"].get("component", ())
        if "valueSampledData" in part
    ]
    tops = [max(map(float, part["valueSampledData"]["data"].split())) for part in components]
    assert sorted(tops) == pytest.approx([120.0, 150.0], abs=0.1)


def test_a_reanalysis_makes_the_bundle_due_again(scene: Scene) -> None:
    session = scene.past.session(*PULLS)
    assert scene.store.forget_due_bundles() == 1
    shelve(scene.folder, certificate_text("B", 1.02, "2026-02-01"))
    plan = make_plan(load_site(scene.folder / "dynod.toml", {}))
    scene.store.add_certificates(plan.certificates, START)
    asked = parse_request({"apply": True})
    end = list(reanalyse(asked, plan, DirectAccess(scene.store)))[-1]["end"]
    assert isinstance(end, dict)
    assert end["trials_changed"] == 2
    found = scene.store.first_due_bundle()
    assert found is not None
    assert found.mark.session_id == session.session_id


# -- the command line ---------------------------------------------------------------------------


@pytest.fixture
def station(scene: Scene) -> Daemon:
    """Two sessions and one without a patient, in a database that nobody has open."""
    scene.past.session(*PULLS)
    scene.past.session(*PULLS)
    scene.past.session(*PULLS, patient=False)
    scene.store.close()
    return Daemon(
        scene.folder,
        1883,
        battery=battery(force_test()),
        session="confirm_change = false",
        more=f'serial_number = "SN-1"\n{HL7}',
        fhir="later",
    )


def test_a_file_for_each_format(station: Daemon) -> None:
    for what in ("csv", "json", "fhir", "hl7v2", "parquet"):
        path = station.folder / f"out.{what}"
        words = ("results", "export", "--since", "2020-01-01", "--format", what, "--json")
        done = station.command_line(*words, "--out", str(path))
        assert done.returncode == 0, done.stderr
        left_out = 0 if what in {"csv", "parquet"} else 1
        told = {"file": str(path), "sessions": 3 - left_out, "left_out": left_out}
        assert json.loads(done.stdout) == told
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    out = station.folder
    rows = list(csv.DictReader(io.StringIO((out / "out.csv").read_text(encoding="utf-8"))))
    assert [row["record"] for row in rows] == ["trial", "trial", "deficit"] * 3
    assert len(json.loads((out / "out.json").read_bytes())) == 8
    bundles = (out / "out.fhir").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["resourceType"] for line in bundles] == ["Bundle"] * 2
    assert (out / "out.hl7v2").read_bytes().count(b"MSH|") == 2
    assert pq.ParquetFile(out / "out.parquet").num_row_groups == 6


def test_a_file_that_is_there_is_kept_and_none_names_a_patient(station: Daemon) -> None:
    out = station.folder / "mine.csv"
    out.write_text("mine")
    words = ("results", "export", "--since", "2020-01-01", "--format", "csv", "--out", str(out))
    done = station.command_line(*words)
    assert (done.returncode, out.read_text()) == (2, "mine")
    assert "mine.csv is there already; name another file, or say --force" in done.stderr
    assert station.command_line(*words, "--force").returncode == 0
    assert out.read_text().startswith("record,")
    none = station.command_line(*words[:3], "2099-01-01", *words[4:], "--force")
    assert (none.returncode, none.stdout) == (2, "")
    assert "nothing to export" in none.stderr
    assert not [path for path in station.folder.iterdir() if "patient" in path.name]
