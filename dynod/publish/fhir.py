"""A session as a FHIR R4 transaction Bundle (docs/fhir.md).

Every resource is written by a conditional PUT on its identifier, so that a Bundle posted twice, or
a later revision of it, changes the same resources and makes no second ones.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from dynod.model.calibration import Certificate
from dynod.model.clinical import Side
from dynod.model.curve import EvenCurve
from dynod.model.deficit import Deficit
from dynod.model.session import SessionSummary
from dynod.model.trial import ResultStatus, Trial
from dynod.publish.code_map import CodeMap, test_name
from dynod.publish.fhir_device import device_id, device_resource, metric_id, metric_resource
from dynod.publish.fhir_observation import Frame, deficit_observation, side_observation
from dynod.publish.fhir_parts import (
    UUIDS,
    PatientReference,
    Resource,
    absent,
    by_uuid,
    effective,
    urn,
)
from dynod.publish.fields import rfc3339
from dynod.publish.sides import SideOfTest, begun_tests, counting, side_id, sides_of

_EIE = ResultStatus.ENTERED_IN_ERROR.value
_ASSEMBLER = {
    "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
    "code": "assembler",
    "display": "Assembler",
}
# What a resource may differ in and still say the same.
_ABOUT_ITSELF = {"status", "issued"}


@dataclass(frozen=True, slots=True)
class FhirSettings:
    """What a site decides about its Bundles.

    ``patient_reference``: ``conditional`` refuses the Bundle where the patient is not known,
    ``logical`` names the identifier alone. ``provenance`` adds one Provenance.
    """

    patient_reference: PatientReference = "conditional"
    provenance: bool = False


@dataclass(frozen=True, slots=True)
class FhirSource:
    """What a Bundle needs besides the session and its results.

    ``stream`` is the id of the station's database; ``certificates`` are by id, for the time of a
    calibration. ``curves`` are by ``result_id`` of the trial, for those whose curve is wanted.
    ``previous`` is the Bundle of the last revision, byte for byte, None for the first.
    """

    stream: str
    codes: CodeMap
    certificates: Mapping[str, Certificate] = field(default_factory=dict)
    curves: Mapping[UUID, EvenCurve] = field(default_factory=dict)
    previous: bytes | None = None


def render_fhir(
    summary: SessionSummary,
    trials: Sequence[Trial],
    deficits: Sequence[Deficit],
    source: FhirSource,
    settings: FhirSettings = FhirSettings(),
) -> bytes:
    """Return the Bundle of an ended session.

    ``summary`` is the FHIR result itself: its id, its revision, its status and when it was made.
    ``trials`` and ``deficits`` are the latest of each of the session; invalid, familiarisation and
    voided trials are left out here. Raises ValueError when the session has no patient.
    """
    bundle = fhir_bundle(summary, trials, deficits, source, settings)
    text = json.dumps(bundle, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def fhir_bundle(
    summary: SessionSummary,
    trials: Sequence[Trial],
    deficits: Sequence[Deficit],
    source: FhirSource,
    settings: FhirSettings = FhirSettings(),
) -> Resource:
    """Return what `render_fhir` renders, as plain dicts."""
    frame = Frame(summary, source.stream, source.codes, settings.patient_reference, source.curves)
    sides = sides_of(summary.session, trials, deficits)
    made = {
        **_devices(sides, source),
        **_observations(frame, sides, deficits),
    }
    if source.previous is not None:
        made = _continued(made, _resources(json.loads(source.previous)))
    elif summary.revision > 1:
        made = {**_amended(made), **_emptied(frame, trials, sides)}
    if summary.status is ResultStatus.ENTERED_IN_ERROR:
        made = {place: _voided(resource) for place, resource in made.items()}
    entries = [_entry(place, resource) for place, resource in made.items()]
    if settings.provenance:
        entries.append(_provenance(summary, made, list(counting(trials))))
    return {
        "resourceType": "Bundle",
        "meta": {"versionId": str(summary.revision)},
        "identifier": {"system": UUIDS, "value": urn(summary.result_id)},
        "type": "transaction",
        "timestamp": rfc3339(summary.recorded_at),
        "entry": entries,
    }


def _devices(sides: Iterable[SideOfTest], source: FhirSource) -> dict[str, Resource]:
    """Return every unit that measured, and its channels; by their place in the Bundle."""
    devices, channels = {}, {}
    for trial in (trial for side in sides for trial in side.trials):
        unit = urn(device_id(trial.device, source.stream))
        devices[unit] = device_resource(trial.device, source.stream, source.codes)
        channels[urn(metric_id(trial, source.stream))] = metric_resource(
            trial, source.stream, source.codes, source.certificates
        )
    return devices | channels


def _observations(
    frame: Frame, sides: Sequence[SideOfTest], deficits: Iterable[Deficit]
) -> dict[str, Resource]:
    made = {urn(side.result_id): side_observation(side, frame) for side in sides}
    for deficit in deficits:
        own = [side for side in sides if side.test == deficit.test]
        made[urn(deficit.result_id)] = deficit_observation(deficit, frame, own)
    return made


def _continued(
    made: Mapping[str, Resource], previous: Mapping[str, Resource]
) -> dict[str, Resource]:
    """Return the resources of a later revision.

    What says the same as before stays as it was, to the byte; what says something else is amended;
    an Observation that is there no more was entered in error.
    """
    kept = {place: _following(resource, previous.get(place)) for place, resource in made.items()}
    gone = {place: _voided(resource) for place, resource in previous.items() if place not in made}
    devices = {p: r for p, r in gone.items() if r["resourceType"] != "Observation"}
    return {**devices, **kept, **{p: r for p, r in gone.items() if p not in devices}}


def _following(resource: Resource, before: Resource | None) -> Resource:
    if before is None or resource["resourceType"] != "Observation":
        return resource
    if resource["status"] == _EIE:
        return before if before["status"] == _EIE else resource
    if before["status"] != _EIE and _content(resource) == _content(before):
        return before
    return {**resource, "status": ResultStatus.AMENDED.value}


def _content(resource: Resource) -> Resource:
    return {key: value for key, value in resource.items() if key not in _ABOUT_ITSELF}


def _amended(made: Mapping[str, Resource]) -> dict[str, Resource]:
    """Return a later revision whose earlier one is lost: all of it may have changed."""
    return {
        place: {**resource, "status": ResultStatus.AMENDED.value}
        if resource["resourceType"] == "Observation" and resource["status"] != _EIE
        else resource
        for place, resource in made.items()
    }


def _emptied(
    frame: Frame, trials: Sequence[Trial], sides: Sequence[SideOfTest]
) -> dict[str, Resource]:
    """Return the sides that an earlier revision, which is lost, may have had and this one has not.

    They may stand in the record with a value that is no longer anybody's.
    """
    session, codes = frame.summary.session, frame.codes
    there = {side.result_id for side in sides}
    made = {}
    for test in begun_tests(session, trials):
        when = min(trial.recorded_at for trial in trials if trial.slot.test == test)
        code = codes.codeable("test", test_name(test.movement, test.kind))
        for side in Side:
            result_id = side_id(session, test, side)
            if result_id not in there:
                empty = frame.observation(result_id, code, codes.body_site(side))
                empty |= effective(when, when)
                empty |= {"status": _EIE, "dataAbsentReason": absent("unknown")}
                made[urn(result_id)] = empty
    return made


def _voided(resource: Resource) -> Resource:
    if resource["resourceType"] != "Observation":
        return resource
    return {**resource, "status": _EIE}


def _resources(bundle: Mapping[str, Any]) -> dict[str, Resource]:
    """Return the resources of a Bundle of ours by their place; the Provenance is made anew."""
    return {
        entry["fullUrl"]: entry["resource"]
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] != "Provenance"
    }


def _entry(place: str, resource: Resource) -> dict[str, Any]:
    kind = resource["resourceType"]
    return {
        "fullUrl": place,
        "resource": resource,
        "request": {"method": "PUT", "url": by_uuid(kind, UUID(place.removeprefix("urn:uuid:")))},
    }


def _provenance(
    summary: SessionSummary, made: Mapping[str, Resource], trials: Iterable[Trial]
) -> dict[str, Any]:
    """Return who assembled the Observations, from which trials.

    A Provenance has no identifier to search for: its id is fixed instead.
    """
    fixed = uuid5(summary.result_id, "provenance")
    resource = {
        "resourceType": "Provenance",
        "id": str(fixed),
        "target": [
            {"reference": place, "type": "Observation"}
            for place, resource in made.items()
            if resource["resourceType"] == "Observation"
        ],
        "recorded": rfc3339(summary.recorded_at),
        "agent": [
            {
                "type": {"coding": [_ASSEMBLER]},
                "who": {"type": "Device", "display": summary.software},
            }
        ],
        "entity": list(_entities(trials)),
    }
    return {
        "fullUrl": urn(fixed),
        "resource": {key: value for key, value in resource.items() if value},
        "request": {"method": "PUT", "url": f"Provenance/{fixed}"},
    }


def _entities(trials: Iterable[Trial]) -> Iterator[dict[str, Any]]:
    for trial in trials:
        what = {"identifier": {"system": UUIDS, "value": urn(trial.result_id)}}
        yield {"role": "source", "what": {**what, "display": f"trial, revision {trial.revision}"}}
