"""Tables and lists of messages, read back by the csv and json of Python."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dynod.model.clinical import Side
from dynod.model.deficit import Deficit
from dynod.model.flags import Flag
from dynod.model.session import Session
from dynod.model.trial import Trial
from dynod.publish.export import COLUMNS, export_csv, export_json
from dynod.publish.render import Envelope, render_deficit, render_trial
from dynod.store.records import StoredSession
from tests.publish.whole_session import EHR, SESSION, STREAM, all_trials, whole

DOCS = Path(__file__).parents[2] / "docs" / "export.md"
ENVELOPE = Envelope(STREAM, "clinic-7", "room-2", 41)


@dataclass(frozen=True)
class Results:
    session: Session
    trials: tuple[Trial, ...]
    deficits: tuple[Deficit, ...]


def results(**changes: object) -> Results:
    made = whole()
    return replace(Results(SESSION, made.trials, made.deficits), **changes)  # type: ignore[arg-type]


def table(*given: Results) -> list[dict[str, str]]:
    text = "".join(export_csv(given))
    return list(csv.DictReader(io.StringIO(text, newline="")))


ROWS = table(results())


def rows(record: str) -> Iterator[dict[str, str]]:
    return (row for row in ROWS if row["record"] == record)


def test_a_row_for_each_trial_and_each_deficit() -> None:
    assert [row["record"] for row in ROWS] == ["trial"] * 16 + ["deficit"] * 3
    assert set(ROWS[0]) == set(COLUMNS)
    assert len(set(COLUMNS)) == len(COLUMNS)


def test_a_trial() -> None:
    """The first right extension: 160 N at 0.4 m and 70 kg; U is 0.5 N + 1 %."""
    row = next(
        row
        for row in rows("trial")
        if (row["movement"], row["side"], row["trial_number"]) == ("hip_extension", "right", "1")
    )
    assert {name: cell for name, cell in row.items() if cell} == {
        "record": "trial",
        "result_id": row["result_id"],
        "revision": "1",
        "status": "final",
        "session_id": str(SESSION.session_id),
        "patient_system": f"{EHR}/patients",
        "patient_id": "P-1042",
        "recorded_at": "2026-03-02T09:11:00.000Z",
        "clock_synced": "true",
        "software": "dynod 0.1.0",
        "movement": "hip_extension",
        "position": "prone_knee_90",
        "contraction": "make",
        "fixation": "belt",
        "side": "right",
        "familiarisation": "false",
        "trial_number": "1",
        "valid": "true",
        "peak_force_n": "160.0",
        "raw_peak_force_n": "162.0",
        "peak_torque_nm": "64.0",
        "peak_force_n_per_kg": repr(160.0 / 70.0),
        "tare_n": "2.5",
        "sample_rate_hz": "82.25",
        "device_id": "hhd-1",
        "device_profile": "chronojump_force_sensor",
        "serial_number": "SN-7",
        "calibration": "certified",
        "certificate_id": "2026-014",
        "calibration_valid_until": "2027-01-14T23:59:00.000Z",
        "expanded_uncertainty_n": "2.1",
    }


def test_a_deficit() -> None:
    """The worked example of docs/contract.md, section 6."""
    row = next(rows("deficit"))
    assert (row["movement"], row["side"], row["quantity"]) == ("hip_abduction", "", "peak_force_n")
    assert float(row["deficit_percent"]) == pytest.approx(20.09, abs=0.005)
    assert float(row["ci95_low_percent"]) == pytest.approx(5.10, abs=0.006)
    assert float(row["ci95_high_percent"]) == pytest.approx(32.71, abs=0.006)
    assert (row["right_value"], row["right_trials"]) == ("151.0", "3")
    assert row["classification"] == "exceeds_error_and_threshold"
    assert (row["deficit_deg"], row["reason"], row["valid"]) == ("", "", "")


def test_a_deficit_of_range_of_motion() -> None:
    row = list(rows("deficit"))[2]
    assert (row["deficit_deg"], row["ci95_low_deg"], row["ci95_high_deg"]) == (
        "12.0",
        "-3.0",
        "27.0",
    )
    assert (row["deficit_percent"], row["lsi_percent"]) == ("", "")


def test_invalid_trials_are_there_and_say_so() -> None:
    (row,) = (row for row in rows("trial") if row["valid"] == "false")
    assert (row["peak_force_n"], row["flags"]) == ("998.0", "overload")


def test_flags_are_words() -> None:
    trial = all_trials()[1]
    doubtful = replace(trial.analysis, flags=(Flag.SPIKE, Flag.TIMEOUT))
    (row,) = table(results(trials=(replace(trial, analysis=doubtful),), deficits=()))
    assert row["flags"] == "spike timeout"


def test_what_could_not_be_computed_is_empty() -> None:
    trial = all_trials()[1]
    lost = {"peak_force_n": None, "mean_force_n": float("nan")}
    unknown = replace(trial.analysis, metrics=lost, tare_n=None, sample_rate_hz=None)
    (row,) = table(results(trials=(replace(trial, analysis=unknown),), deficits=()))
    assert [row[name] for name in (*lost, "tare_n", "expanded_uncertainty_n")] == [""] * 4


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_text_is_a_formula(begin: str) -> None:
    """OWASP, CSV Injection; quotes, commas and line ends stay inside their cell."""
    note = f'{begin}HYPERLINK("http://x","y")\r\n;a'
    trial = replace(all_trials()[1], note=note)
    (row,) = table(results(trials=(trial,), deficits=()))
    assert row["note"] == f"'{note}"
    assert row["side"] == "right"


def test_a_negative_number_is_no_formula() -> None:
    assert next(rows("deficit"))["log_ratio_percent"].startswith("-22.4")


def test_lines_end_as_rfc_4180_says() -> None:
    lines = list(export_csv([results()]))
    assert all(line.endswith("\r\n") and line.count("\n") == 1 for line in lines)
    assert lines[0].rstrip().split(",") == list(COLUMNS)


def test_a_session_without_a_patient_has_none() -> None:
    nobody = table(results(session=replace(SESSION, patient=None)))
    assert {(row["patient_system"], row["patient_id"]) for row in nobody} == {("", "")}


def test_what_the_store_reads_back_can_be_exported() -> None:
    made = whole()
    stored = StoredSession(SESSION, made.trials, made.deficits)
    assert len(list(export_csv([stored, stored]))) == 1 + 2 * 19


def test_a_metric_without_a_column_is_an_error() -> None:
    trial = all_trials()[1]
    odd = replace(trial.analysis, metrics={"peak_kgf": 1.0})
    with pytest.raises(KeyError, match="no column for peak_kgf"):
        table(results(trials=(replace(trial, analysis=odd),), deficits=()))


def test_every_column_is_described() -> None:
    page = DOCS.read_text(encoding="utf-8")
    metrics = (DOCS.parent / "metrics.md").read_text(encoding="utf-8")
    contract = (DOCS.parent / "contract.md").read_text(encoding="utf-8")
    for column in COLUMNS:
        assert f"`{column}`" in page or f"`{column}`" in metrics + contract, column


def test_messages_byte_for_byte() -> None:
    made = whole()
    payloads = [
        *(render_trial(trial, SESSION, ENVELOPE) for trial in made.trials),
        *(render_deficit(deficit, SESSION, ENVELOPE) for deficit in made.deficits),
    ]
    text = b"".join(export_json(payloads))
    assert json.loads(text) == [json.loads(payload) for payload in payloads]
    assert text.split(b"\n")[1].rstrip(b",") == payloads[0]
    assert json.loads(b"".join(export_json([]))) == []
    assert {json.loads(payload)["schema"] for payload in payloads} == {
        "dynod.trial/1",
        "dynod.deficit/1",
    }


def test_both_sides_are_in_the_table() -> None:
    assert {row["side"] for row in rows("trial")} == set(Side)
