"""The HL7 v2 message, read by hl7apy with its strict validation against the standard's tables."""

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import given
from hypothesis import strategies as st

from dynod.model.clinical import Side
from dynod.model.flags import Flag
from dynod.model.session import Identifier, Patient
from dynod.model.trial import ResultStatus
from dynod.publish.hl7 import Hl7Settings, Hl7Source, control_id, render_hl7
from dynod.publish.hl7_text import escaped, moment, number
from tests.publish.whole_session import CODES, EHR, SESSION, Whole, all_trials, whole

SOURCE = Hl7Source(CODES, "clinic-7", "room-2")
AGREED = Hl7Settings("EHR", "CLINIC", authorities={f"{EHR}/patients": "CLINIC7"})
Segment = list[str]

# HL7 v2.5.1, chapter 2.7
_ESCAPE = re.compile(r"\\(F|S|T|R|E|X[0-9A-F]+)\\")
_CHARACTERS = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}


def unescaped(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        name = found[1]
        return _CHARACTERS.get(name) or bytes.fromhex(name[1:]).decode("utf-8", "surrogatepass")

    return _ESCAPE.sub(character, text)


def text_of(session: Whole, settings: Hl7Settings = AGREED) -> str:
    """Return a message that hl7apy takes."""
    text = render_hl7(*session.rest, SOURCE, settings).decode()
    message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert message.validate()
    return text


def segments(text: str, name: str) -> list[Segment]:
    """Return the fields of segments, by their number in the standard."""
    assert text.endswith("\r")
    found = [line.split("|") for line in text.split("\r") if line.startswith(name)]
    padded = [[*fields, *[""] * 30] for fields in found]
    return [["MSH", *fields] for fields in padded] if name == "MSH" else padded


def observations(text: str) -> dict[str, Segment]:
    """Return the OBX by their code."""
    found = {fields[3].split("^")[0]: fields for fields in segments(text, "OBX")}
    assert len(found) == len(segments(text, "OBX"))
    return found


FIRST = whole()
TEXT = text_of(FIRST)
OBX = observations(TEXT)


def test_the_header() -> None:
    (msh,) = segments(TEXT, "MSH")
    assert (msh[2], msh[3], msh[4]) == ("^~\\&", "DYNOD", "^clinic-7/room-2^L")
    assert (msh[5], msh[6]) == ("EHR", "CLINIC")
    assert msh[7] == "20260302093000+0000"
    assert (msh[9], msh[11], msh[12]) == ("ORU^R01^ORU_R01", "P", "2.5.1")
    assert msh[18] == "UNICODE UTF-8"


def test_the_control_id_is_of_result_and_revision() -> None:
    """At most 20 characters; another one for another revision, the same one for a resend."""
    (msh,) = segments(TEXT, "MSH")
    assert msh[10] == f"{str(FIRST.summary.result_id).replace('-', '')[:16]}-1"
    later = FIRST.later(FIRST.trials)
    assert control_id(later.summary) == f"{msh[10][:-2]}-2"
    assert render_hl7(*FIRST.rest, SOURCE, AGREED).decode() == TEXT
    assert len(control_id(replace(FIRST.summary, revision=999))) == 20


def test_the_patient_with_the_assigning_authority() -> None:
    (pid,) = segments(TEXT, "PID")
    assert pid[3] == f"P-1042^^^CLINIC7&{EHR}/patients&URI^PI"
    assert (pid[7], pid[8]) == ("1961", "F")


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("urn:oid:1.2.826.0.1", "&1.2.826.0.1&ISO"),
        (
            "urn:uuid:0b9f2a38-5f0b-4f53-9d42-3f4d9f1f6c11",
            "&0b9f2a38-5f0b-4f53-9d42-3f4d9f1f6c11&UUID",
        ),
        ("https://ehr.example/a&b", "&https://ehr.example/a\\T\\b&URI"),
    ],
)
def test_who_gives_out_an_identifier(system: str, expected: str) -> None:
    session = replace(SESSION, patient=Patient(Identifier(system, "7")))
    (pid,) = segments(text_of(whole(session=session)), "PID")
    assert pid[3] == f"7^^^{expected}^PI"


def test_order_session_and_visit() -> None:
    (orc,), (obr,) = segments(TEXT, "ORC"), segments(TEXT, "OBR")
    order, session = f"O-3^^{EHR}/orders^URI", f"{SESSION.session_id}^DYNOD"
    assert (orc[1], orc[2], orc[3]) == ("RE", order, session)
    assert (obr[2], obr[3]) == (order, session)
    assert obr[4].startswith("service-hip_examination^")
    assert (obr[7], obr[8]) == ("20260302090000+0000", "20260302093000+0000")
    assert (obr[22], obr[25]) == ("20260302093000+0000", "F")
    (pv1,) = segments(TEXT, "PV1")
    assert pv1[19] == f"E-7^^^&{EHR}/encounters&URI^VN"


def test_what_a_session_does_not_have_is_left_out() -> None:
    bare = replace(SESSION, encounter=None, order=None, operator=None)
    text = text_of(whole(session=bare), Hl7Settings())
    assert segments(text, "PV1") == []
    assert (segments(text, "OBR")[0][2], segments(text, "OBX")[0][16]) == ("", "")


def test_a_side() -> None:
    """Right extension: 160, 159, 164 N at 0.4 m, 70 kg."""
    force = OBX["test-hip_extension_force-right"]
    assert force[2] == "NM"
    assert force[3] == (
        "test-hip_extension_force-right^Hip extension strength, right side^99DYNOD"
        "^80322-1^Muscle strength^LN"
    )
    assert (force[4], force[5], force[6]) == ("2.2", "161", "N^N^UCUM")
    assert (force[11], force[14]) == ("F", "20260302091100+0000")
    assert force[16] == f"T-12^^^^^^^^&{EHR}/staff&URI"
    assert force[17] == "contraction-make^Isometric make test^99DYNOD"
    assert force[18] == "chronojump_force_sensor/SN-7^DYNOD"
    torque = OBX["test-hip_extension_force-right-peak_torque_nm"]
    assert (torque[4], torque[5], torque[6]) == ("2.2", "64.4", "N.m^N.m^UCUM")
    per_kg = OBX["test-hip_extension_force-right-peak_force_n_per_kg"]
    assert (per_kg[5], per_kg[6]) == ("2.3", "N/kg^N/kg^UCUM")
    assert OBX["test-hip_extension_force-right-trials"][5] == "3"


def test_each_side_has_its_own_code_and_value() -> None:
    assert OBX["test-hip_abduction_force-left"][5] == "120.6667"
    assert OBX["test-hip_abduction_force-right"][5] == "151"
    assert OBX["test-hip_flexion_angle-left"][5:7] == ["98", "deg^deg^UCUM"]


def test_a_deficit() -> None:
    """The worked example of docs/contract.md, section 6."""
    deficit = OBX["deficit-hip_abduction_force"]
    assert float(deficit[5]) == pytest.approx(20.09, abs=0.005)
    assert (deficit[4], deficit[6], deficit[8], deficit[11]) == ("1", "%^%^UCUM", "A", "F")
    found = OBX["deficit-hip_abduction_force-ci95"]
    empty, low, dash, high = found[5].split("^")
    assert (found[2], empty, dash) == ("SN", "", "-")
    assert float(low) == pytest.approx(5.10, abs=0.006)
    assert float(high) == pytest.approx(32.71, abs=0.006)
    assert float(OBX["deficit-hip_abduction_force-mdc95"][5]) == pytest.approx(17.19, abs=0.006)
    assert OBX["deficit-hip_abduction_force-threshold"][5] == "15"
    assert OBX["deficit-hip_abduction_force-classification"][5].split("^")[0] == (
        "classification-exceeds_error_and_threshold"
    )
    assert OBX["deficit-hip_abduction_force-weaker_side"][5].split("^")[0] == "side-left"


def test_only_what_is_beyond_error_and_threshold_is_abnormal() -> None:
    """Extension lies within error: 18.84 % against 22.17 %."""
    flagged = [code for code, fields in OBX.items() if fields[8]]
    assert flagged == ["deficit-hip_abduction_force"]


def test_a_deficit_that_is_not_computable() -> None:
    lonely = [trial for trial in all_trials() if trial.slot.side is Side.RIGHT]
    found = observations(text_of(whole(lonely)))
    deficit = found["deficit-hip_abduction_force"]
    assert (deficit[5], deficit[11]) == ("", "X")  # table 0085: results cannot be obtained
    assert found["deficit-hip_abduction_force-reason"][5].startswith("reason-side_missing^")
    assert "test-hip_abduction_force-left" not in found


def test_invalid_and_familiarisation_trials_are_left_out() -> None:
    """They stand at 998 and 999 N in the session."""
    assert "998" not in TEXT
    assert "999" not in TEXT


def test_flags_repeat_in_one_observation() -> None:
    flagged = [
        replace(trial, analysis=replace(trial.analysis, flags=(Flag.PRE_TENSION, Flag.TIMEOUT)))
        for trial in all_trials()
    ]
    found = observations(text_of(whole(flagged)))["test-hip_abduction_force-left-flag"]
    assert [one.split("^")[0] for one in found[5].split("~")] == [
        "flag-pre_tension",
        "flag-timeout",
    ]


# -- later revisions ------------------------------------------------------------------------------


def statuses(text: str) -> set[str]:
    return {fields[11] for fields in segments(text, "OBX")}


def test_a_correction() -> None:
    later = FIRST.later(FIRST.changed(1, status=ResultStatus.ENTERED_IN_ERROR))
    text = text_of(later)
    assert statuses(text) == {"C"}
    assert segments(text, "OBR")[0][25] == "C"
    assert observations(text)["test-hip_abduction_force-right"][5] == "151.5"  # 149 and 154


def test_a_side_that_lost_all_its_trials_is_deleted() -> None:
    later = FIRST.later([trial for trial in FIRST.trials if trial.slot.side is Side.RIGHT])
    found = observations(text_of(later))["test-hip_abduction_force-left"]
    assert (found[5], found[11]) == ("", "D")


def test_a_session_of_somebody_else_was_wrong() -> None:
    later = FIRST.later(FIRST.trials, status=ResultStatus.ENTERED_IN_ERROR)
    assert statuses(text_of(later)) == {"W"}


def test_nothing_is_rendered_without_a_patient() -> None:
    nobody = whole(session=replace(SESSION, patient=None))
    with pytest.raises(ValueError, match="without a patient"):
        render_hl7(*nobody.rest, SOURCE)


# -- escaping -------------------------------------------------------------------------------------

HOSTILE = "a|b^c~d\\e&f\rOBX|1|NM|x\ng\x00\x1b"


@given(st.text())
def test_no_text_breaks_out_and_every_text_comes_back(text: str) -> None:
    field = escaped(text)
    assert not set(field) & set("|^~&\r\n\x00")
    assert field.isprintable()
    assert unescaped(field) == text


def test_hostile_texts_stay_where_they_are() -> None:
    session = replace(
        SESSION,
        patient=Patient(Identifier(HOSTILE, HOSTILE)),
        order=Identifier(HOSTILE, HOSTILE),
        operator=Identifier(HOSTILE, HOSTILE),
        encounter=Identifier(HOSTILE, HOSTILE),
    )
    trials = [replace(trial, note=HOSTILE) for trial in all_trials()]
    text = render_hl7(*whole(trials, session=session).rest, SOURCE).decode()
    lines = text.split("\r")
    names = [line[:3] for line in lines if line]
    assert set(names) == {"MSH", "PID", "PV1", "ORC", "OBR", "OBX", "NTE"}
    assert names.count("OBX") == len(OBX)
    assert unescaped(segments(text, "PID")[0][3].split("^")[0]) == HOSTILE
    notes = [unescaped(fields[3]) for fields in segments(text, "NTE")]
    assert len(notes) == 14
    assert notes[0] == f"Trial 1: {HOSTILE}"


def test_a_remark_follows_its_side() -> None:
    trials = [*all_trials()]
    trials[1] = replace(trials[1], note="Füße | kalt")
    lines = text_of(whole(trials)).split("\r")
    place = next(number for number, line in enumerate(lines) if line.startswith("NTE"))
    assert lines[place] == "NTE|1||Trial 1: Füße \\F\\ kalt"
    assert "test-hip_abduction_force-right^" in lines[place - 1]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (-0.00001, "0"), (1e-3, "0.001"), (1234567.25, "1234567.25"), (-2.5, "-2.5")],
)
def test_numbers_are_plain_decimals(value: float, expected: str) -> None:
    assert number(value) == expected


def test_times_are_in_utc() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    assert moment(datetime(2026, 3, 2, 14, 30, 59, 999999, tzinfo=zone)) == "20260302090059+0000"


def test_settings_are_written_as_agreed() -> None:
    agreed: dict[str, Any] = {"receiving_application": "A&B", "processing": "T"}
    (msh,) = segments(text_of(FIRST, Hl7Settings(**agreed)), "MSH")
    assert (msh[5], msh[11]) == ("A\\T\\B", "T")
