"""A session as an HL7 v2.5.1 message, ORU^R01 (docs/hl7.md)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dynod.model.deficit import Deficit
from dynod.model.session import SessionSummary
from dynod.model.trial import ResultStatus, Trial
from dynod.publish.code_map import CodeMap
from dynod.publish.hl7_rows import CORRECTED, FINAL, WRONG, Row, rows_of
from dynod.publish.hl7_text import (
    NAMESPACE,
    entity,
    escaped,
    extended,
    moment,
    parts,
    person,
    segment,
)

CONTENT_TYPE = "x-application/hl7-v2+er7"

_SEX = {"male": "M", "female": "F", "other": "O", "unknown": "U"}  # table 0001
_ID_DIGITS = 16  # of MSH-10's twenty characters


@dataclass(frozen=True, slots=True)
class Hl7Settings:
    """What the two sides agreed on.

    ``authorities`` are the namespaces of identifiers by their system: the assigning authority of
    PID-3 and the others. A system without one goes as universal id alone. ``processing`` is
    production, training or debugging (table 0103).
    """

    receiving_application: str = ""
    receiving_facility: str = ""
    processing: Literal["P", "T", "D"] = "P"
    authorities: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hl7Source:
    """What a message needs besides the session: the codes, and whose station it is."""

    codes: CodeMap
    site: str
    station: str


def control_id(summary: SessionSummary) -> str:
    """Return MSH-10: the same for the same result and revision, at most 20 characters."""
    return f"{summary.result_id.hex[:_ID_DIGITS]}-{summary.revision}"


def render_hl7(
    summary: SessionSummary,
    trials: Sequence[Trial],
    deficits: Sequence[Deficit],
    source: Hl7Source,
    settings: Hl7Settings = Hl7Settings(),
) -> bytes:
    """Return the message in UTF-8; every segment ends with a carriage return.

    Takes what `dynod.publish.fhir.render_fhir` takes, and leaves out what that leaves out. Raises
    ValueError when the session has no patient.
    """
    segments = [_msh(summary, source, settings), *_patient(summary, settings)]
    segments += _order(summary, source.codes, settings)
    for set_id, row in enumerate(rows_of(summary, trials, deficits, source.codes), 1):
        segments += _observation(set_id, row, summary, settings)
    return "".join(f"{text}\r" for text in segments).encode()


def _msh(summary: SessionSummary, source: Hl7Source, settings: Hl7Settings) -> str:
    # MSH-1 is the bar after the name, so that all others stand one lower here
    return segment(
        "MSH",
        {
            1: "^~\\&",
            2: NAMESPACE,
            3: parts("", f"{source.site}/{source.station}", "L"),  # a namespace has 20 characters
            4: escaped(settings.receiving_application),
            5: escaped(settings.receiving_facility),
            6: moment(summary.recorded_at),
            8: "ORU^R01^ORU_R01",
            9: control_id(summary),
            10: settings.processing,
            11: "2.5.1",
            17: "UNICODE UTF-8",
        },
    )


def _patient(summary: SessionSummary, settings: Hl7Settings) -> Iterator[str]:
    session, names = summary.session, settings.authorities
    patient = session.patient
    if patient is None:
        raise ValueError("a session without a patient cannot be published")
    fields = {
        1: "1",
        3: extended(patient.identifier, names, "PI"),
        5: "^^^^^^U",  # required, and not known here: a name of unspecified type
    }
    if patient.birth_year is not None:
        fields[7] = f"{patient.birth_year:04}"
    if patient.sex is not None:
        fields[8] = _SEX.get(patient.sex, "U")
    yield segment("PID", fields)
    if session.encounter is not None:
        # class of the patient: unknown
        yield segment("PV1", {1: "1", 2: "U", 19: extended(session.encounter, names, "VN")})


def _order(summary: SessionSummary, codes: CodeMap, settings: Hl7Settings) -> Iterator[str]:
    session = summary.session
    placer = "" if session.order is None else entity(session.order, settings.authorities)
    filler = parts(str(session.session_id), NAMESPACE)
    service = codes.local_code("service", "hip_examination")
    display = codes.concept("service", "hip_examination").display
    yield segment("ORC", {1: "RE", 2: placer, 3: filler})
    fields = {
        1: "1",
        2: placer,
        3: filler,
        4: parts(service, display, codes.hl7v2_name),
        7: moment(session.started_at),
        22: moment(summary.recorded_at),
        25: FINAL if summary.revision == 1 else CORRECTED,
    }
    if session.ended_at is not None:
        fields[8] = moment(session.ended_at)
    yield segment("OBR", fields)


def _observation(
    set_id: int, row: Row, summary: SessionSummary, settings: Hl7Settings
) -> Iterator[str]:
    """Yield an OBX, and an NTE for each remark on it."""
    wrong = summary.status is ResultStatus.ENTERED_IN_ERROR
    operator = summary.session.operator
    yield segment(
        "OBX",
        {
            1: str(set_id),
            2: row.kind,
            3: row.code,
            4: row.group,
            5: row.value,
            6: row.unit,
            8: row.abnormal,
            11: WRONG if wrong else row.status,
            14: moment(row.when),
            16: "" if operator is None else person(operator, settings.authorities),
            17: row.method,
            18: row.equipment,
        },
    )
    for number, remark in enumerate(row.remarks, 1):
        yield segment("NTE", {1: str(number), 3: parts(remark)})
