"""Bundles posted to a server with conditional updates: one set, whatever is posted how often."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from dynod.model.clinical import Side
from dynod.model.trial import ResultStatus
from dynod.publish.fhir import FhirSettings, render_fhir
from tests.publish.whole_session import EHR, Whole, source, whole
from tests.support.fhir_server import FhirServer, Refused

FIRST = whole()
ONE = render_fhir(*FIRST.rest, source())


def after(session: Whole, previous: bytes) -> bytes:
    return render_fhir(*session.rest, source(previous=previous))


VOIDED = FIRST.later(FIRST.changed(1, status=ResultStatus.ENTERED_IN_ERROR))
TWO = after(VOIDED, ONE)


@dataclass
class Reader:
    """Posts as docs/fhir.md tells it to: of each result, no revision below the last."""

    server: FhirServer
    newest: dict[str, int] = field(default_factory=dict)

    def receive(self, payload: bytes) -> None:
        bundle = json.loads(payload)
        result, revision = bundle["identifier"]["value"], int(bundle["meta"]["versionId"])
        if revision >= self.newest.get(result, 1):
            self.server.post(bundle)
            self.newest[result] = revision


def server_with_patient(*values: str) -> FhirServer:
    server = FhirServer()
    for number, value in enumerate(values):
        server.resources[f"Patient/{number}"] = {
            "resourceType": "Patient",
            "identifier": [{"system": f"{EHR}/patients", "value": value}],
        }
    return server


@pytest.fixture
def server() -> FhirServer:
    return server_with_patient("P-1042", "P-2")


def counts(server: FhirServer) -> dict[str, int]:
    kinds = ("Observation", "Device", "DeviceMetric", "Provenance")
    return {kind: len(server.of(kind)) for kind in kinds}


def right_abduction(server: FhirServer) -> dict[str, Any]:
    (found,) = (
        one
        for one in server.of("Observation")
        if one["code"]["text"] == "Hip abduction strength, right side"
    )
    return found


ONE_SET = {"Observation": 9, "Device": 2, "DeviceMetric": 2, "Provenance": 0}


def test_a_bundle_posted_twice_makes_one_set(server: FhirServer) -> None:
    server.post(json.loads(ONE))
    before = dict(server.resources)
    assert counts(server) == ONE_SET
    server.post(json.loads(ONE))
    assert server.resources == before
    assert set(server.versions.values()) == {1}


def test_twice_then_an_amendment_then_the_old_one_again(server: FhirServer) -> None:
    reader = Reader(server)
    for payload in (ONE, ONE, TWO, ONE):
        reader.receive(payload)
    assert counts(server) == ONE_SET
    found = right_abduction(server)
    assert (found["status"], found["valueQuantity"]["value"]) == ("amended", 151.5)


def test_an_amendment_changes_only_what_it_amends(server: FhirServer) -> None:
    server.post(json.loads(ONE))
    server.post(json.loads(TWO))
    assert sorted(server.versions.values()) == [1] * 11 + [2, 2]


def test_an_amendment_that_comes_alone_is_whole(server: FhirServer) -> None:
    server.post(json.loads(TWO))
    assert counts(server) == ONE_SET
    assert right_abduction(server)["valueQuantity"]["value"] == 151.5


def test_a_lost_side_leaves_no_stale_value(server: FhirServer) -> None:
    right = [trial for trial in FIRST.trials if trial.slot.side is Side.RIGHT]
    for payload in (ONE, after(FIRST.later(right), ONE)):
        server.post(json.loads(payload))
    assert counts(server) == ONE_SET
    stale = [one for one in server.of("Observation") if one["bodySite"]["text"] == "Left hip"]
    assert {one["status"] for one in stale} == {"entered-in-error"}
    assert len(stale) == 3


def test_references_become_the_servers_own(server: FhirServer) -> None:
    server.post(json.loads(ONE))
    for one in server.of("Observation"):
        assert one["subject"]["reference"] == "Patient/0"
        for derived in one.get("derivedFrom", ()):
            assert derived["reference"] in server.resources
    for channel in server.of("DeviceMetric"):
        assert channel["source"]["reference"] in server.resources


@pytest.mark.parametrize("known", [(), ("P-1042", "P-1042")])
def test_nothing_is_written_for_a_patient_who_is_not_one(known: tuple[str, ...]) -> None:
    server = server_with_patient(*known)
    with pytest.raises(Refused, match="not exactly one"):
        server.post(json.loads(ONE))
    assert counts(server) == dict.fromkeys(ONE_SET, 0)


def test_a_server_without_patients_takes_the_logical_reference() -> None:
    server = FhirServer()
    settings = FhirSettings(patient_reference="logical", provenance=True)
    for _ in range(2):
        server.post(json.loads(render_fhir(*FIRST.rest, source(), settings)))
    assert counts(server) == {**ONE_SET, "Provenance": 1}
