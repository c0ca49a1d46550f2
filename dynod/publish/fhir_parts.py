"""The small parts that FHIR resources are made of, as plain dicts."""

from datetime import datetime
from typing import Any, Literal, TypeAlias
from urllib.parse import quote
from uuid import UUID

from dynod.model.session import Identifier
from dynod.publish.fields import rfc3339
from dynod.publish.sides import rounded

Resource: TypeAlias = dict[str, Any]
PatientReference: TypeAlias = Literal["conditional", "logical"]

UUIDS = "urn:ietf:rfc:3986"
"""The system of identifiers that are URIs, here ``urn:uuid:…`` (FHIR R4, Identifier.system)."""
UCUM = "http://unitsofmeasure.org"
DATA_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"

# For people, beside the UCUM code.
_UNITS = {
    "N": "N",
    "N.m": "N·m",
    "N/kg": "N/kg",
    "deg": "°",
    "%": "%",
}


def urn(identifier: UUID) -> str:
    """Return a UUID as the URI that is its identifier, and its place within a Bundle."""
    return f"urn:uuid:{identifier}"


def identifiers(identifier: UUID) -> list[dict[str, str]]:
    """Return the business identifier of a resource."""
    return [{"system": UUIDS, "value": urn(identifier)}]


def quantity(value: float, unit: str) -> dict[str, Any]:
    """Return a Quantity in a UCUM unit."""
    return {"value": rounded(value), "unit": _UNITS[unit], "system": UCUM, "code": unit}


def value_range(low: float, high: float, unit: str) -> dict[str, Any]:
    """Return a Range in a UCUM unit."""
    return {"low": quantity(low, unit), "high": quantity(high, unit)}


def absent(code: str, text: str | None = None) -> dict[str, Any]:
    """Return why a datum is absent, as CodeableConcept."""
    coding = [{"system": DATA_ABSENT, "code": code}]
    return {"coding": coding, **({"text": text} if text else {})}


def logical(kind: str, identifier: Identifier) -> dict[str, Any]:
    """Return a reference to a resource by its business identifier alone."""
    return {
        "type": kind,
        "identifier": {"system": identifier.system, "value": identifier.value},
    }


def conditional(kind: str, identifier: Identifier) -> str:
    """Return the search that finds one resource by its business identifier.

    Characters that a search takes for its own are escaped (FHIR R4, 3.1.1.4.0.1), and then those
    that a URL does.
    """
    system, value = (_escaped(part) for part in (identifier.system, identifier.value))
    return f"{kind}?identifier={system}|{value}"


def by_uuid(kind: str, identifier: UUID) -> str:
    """Return the search that finds one of our resources."""
    return conditional(kind, Identifier(UUIDS, urn(identifier)))


def patient_reference(identifier: Identifier, how: PatientReference) -> dict[str, Any]:
    """Return the reference to the patient.

    A conditional one lets the whole Bundle fail unless the server knows exactly one such patient;
    a logical one is accepted by a server that does not hold patients.
    """
    if how == "conditional":
        return {"reference": conditional("Patient", identifier), "type": "Patient"}
    return logical("Patient", identifier)


def effective(begin: datetime, end: datetime) -> dict[str, Any]:
    """Return when something was observed: a moment, or a period."""
    if begin == end:
        return {"effectiveDateTime": rfc3339(begin)}
    return {"effectivePeriod": {"start": rfc3339(begin), "end": rfc3339(end)}}


def _escaped(text: str) -> str:
    for character in "\\,$|":
        text = text.replace(character, f"\\{character}")
    return quote(text, safe="/:.-_~")
