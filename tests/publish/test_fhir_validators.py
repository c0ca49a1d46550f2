"""Bundles before two validators: fhir.resources (R4B classes) and npm's fhir (R4) with UCUM.

Neither sees all: the first takes any status code, the second two values in one Observation.
Of what dynod sends (Observation, Device, DeviceMetric, Provenance, Bundle) R4B is R4.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fhir.resources.R4B.bundle import Bundle

from dynod.model.clinical import Kind, Side
from dynod.model.curve import EvenCurve
from dynod.model.trial import ResultStatus
from dynod.publish.fhir import FhirSettings, render_fhir
from tests.publish.whole_session import SESSION, all_trials, source, whole
from tests.support.node import run_node

EVERYTHING = FhirSettings(patient_reference="logical", provenance=True)


def cases() -> Iterator[tuple[str, bytes]]:
    first = whole()
    plain = render_fhir(*first.rest, source())
    yield "plain", plain
    curves = {
        trial.result_id: EvenCurve(trial.slot.test.kind, -0.5, 82.25, np.linspace(0.0, 99.0, 400))
        for trial in first.trials
    }
    yield "everything", render_fhir(*first.rest, source(curves=curves), EVERYTHING)
    lonely = [trial for trial in first.trials if trial.slot.side is Side.RIGHT]
    yield "not computable", render_fhir(*whole(lonely).rest, source())
    yield "a lost side", render_fhir(*first.later(lonely).rest, source(previous=plain))
    yield "a lost revision", render_fhir(*first.later(lonely).rest, source())
    amended = first.later(first.changed(1, status=ResultStatus.ENTERED_IN_ERROR))
    yield "amended", render_fhir(*amended.rest, source(previous=plain), EVERYTHING)
    wrong = first.later(first.trials, status=ResultStatus.ENTERED_IN_ERROR)
    yield "entered in error", render_fhir(*wrong.rest, source(previous=plain))
    bare = replace(SESSION, encounter=None, order=None, operator=None)
    yield "bare", render_fhir(*whole(session=bare).rest, source())
    practice = [trial for trial in first.trials if trial.slot.familiarisation]
    yield "nothing that counts", render_fhir(*whole(practice).rest, source())


CASES = dict(cases())


@pytest.mark.parametrize("name", CASES)
def test_fhir_resources_takes_it(name: str) -> None:
    read = Bundle.model_validate_json(CASES[name])
    assert len(read.entry or ()) == len(json.loads(CASES[name])["entry"])


def everything_in(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [bundle, *(entry["resource"] for entry in bundle["entry"])]


def test_the_fhir_package_of_npm_takes_all_of_them_and_every_unit_is_ucum() -> None:
    bundles = [json.loads(bundle) for bundle in CASES.values()]
    given = [resource for bundle in bundles for resource in everything_in(bundle)]
    told = json.loads(run_node("validate_fhir.js", json.dumps(given).encode()))
    assert [found for found in told["messages"] if found] == []
    assert told["units"] == dict.fromkeys(("N", "N.m", "N/kg", "deg", "%"), True)


def test_the_fhir_package_of_npm_sees_a_wrong_status_and_unit() -> None:
    """It must be able to say no."""
    bundle = json.loads(CASES["plain"])
    wrong = bundle["entry"][4]["resource"]
    wrong["status"] = "done"
    wrong["valueQuantity"]["code"] = "Nm"
    told = json.loads(run_node("validate_fhir.js", json.dumps([wrong]).encode()))
    assert "Observation.status" in told["messages"][0][0]
    assert told["units"]["Nm"] is False


def test_no_observation_has_two_values_or_a_value_and_a_reason_for_none() -> None:
    """What neither validator sees: invariants obs-6 and obs-7 of FHIR R4."""
    for case in CASES.values():
        for resource in everything_in(json.loads(case)):
            if resource["resourceType"] != "Observation":
                continue
            for part in (resource, *resource.get("component", ())):
                values = [key for key in part if key.startswith("value")]
                assert len(values) + ("dataAbsentReason" in part) == 1
            codes = {json.dumps(one["code"]["coding"]) for one in resource.get("component", ())}
            assert json.dumps(resource["code"]["coding"]) not in codes


def test_the_curves_are_those_of_the_trials_that_count() -> None:
    assert CASES["everything"].count(b"valueSampledData") == 14
    assert {trial.slot.test.kind for trial in all_trials()} == set(Kind)  # of both kinds
