"""The Bundle of a session, against docs/contract.md and what was measured; numbers by hand."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from dynod.model.clinical import InvolvedSide, Kind, Side
from dynod.model.curve import EvenCurve
from dynod.model.flags import Flag
from dynod.model.session import Identifier, Patient
from dynod.model.trial import ResultStatus
from dynod.publish.code_map import test_name as name_of
from dynod.publish.fhir import FhirSettings, fhir_bundle, render_fhir
from dynod.publish.fhir_envelope import fhir_properties
from dynod.publish.fhir_parts import conditional
from tests.publish.whole_session import (
    ABDUCTION,
    EHR,
    EXTENSION,
    HHD,
    SESSION,
    START,
    STREAM,
    Whole,
    all_trials,
    force_trial,
    source,
    whole,
)

LOCAL = "urn:uuid:4801fd88-4a4d-426d-aa37-3bc749918672"
SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
DEFAULT = FhirSettings()
Resource = dict[str, Any]


def bundle_of(session: Whole, settings: FhirSettings = DEFAULT, **changes: Any) -> Resource:
    read: Resource = json.loads(render_fhir(*session.rest, source(**changes), settings))
    return read


def resources(bundle: Resource, kind: str) -> list[Resource]:
    found = [entry["resource"] for entry in bundle["entry"]]
    return [resource for resource in found if resource["resourceType"] == kind]


def observation(bundle: Resource, code: str, site: str | None = None) -> Resource:
    """Return the one Observation with a local code, and a body site where one is given."""
    found = [
        resource
        for resource in resources(bundle, "Observation")
        if resource["code"]["coding"][0]["code"] == code
        and site in {None, resource["bodySite"]["coding"][0]["code"]}
    ]
    assert len(found) == 1
    return found[0]


def values(resource: Resource) -> dict[str, Any]:
    """Return the components by local code, each as its only value; flags as a list."""
    made: dict[str, Any] = {}
    for component in resource["component"]:
        name = component["code"]["coding"][0]["code"].removeprefix("metric-")
        (value,) = (component[key] for key in component if key.startswith("value"))
        if isinstance(value, dict) and "coding" in value:
            value = value["coding"][0]["code"]
        made.setdefault(name, []).append(value)
    return {name: value[0] if len(value) == 1 else value for name, value in made.items()}


def amount(value: float, unit: str, shown: str | None = None) -> Resource:
    return {
        "value": value,
        "unit": shown or unit,
        "system": "http://unitsofmeasure.org",
        "code": unit,
    }


BUNDLE = bundle_of(whole())
LEFT, RIGHT = "287679003", "287579007"


# -- what is in it ------------------------------------------------------------------------------


def test_one_observation_per_side_and_test_and_one_per_deficit() -> None:
    assert (BUNDLE["resourceType"], BUNDLE["type"]) == ("Bundle", "transaction")
    found = [
        (one["code"]["coding"][0]["code"], one["bodySite"]["coding"][0]["code"])
        for one in resources(BUNDLE, "Observation")
    ]
    tests = ("hip_abduction_force", "hip_extension_force", "hip_flexion_angle")
    assert sorted(found) == sorted(
        [(f"test-{test}", side) for test in tests for side in (LEFT, RIGHT)]
        + [(f"deficit-{test}", "29836001") for test in tests]
    )
    assert len(resources(BUNDLE, "Device")) == len(resources(BUNDLE, "DeviceMetric")) == 2
    assert not resources(BUNDLE, "Provenance")


def test_each_side_has_its_own_snomed_code() -> None:
    """287679003 is the left hip region and 287579007 the right: published sources swap them."""
    left = observation(BUNDLE, "test-hip_abduction_force", LEFT)
    right = observation(BUNDLE, "test-hip_abduction_force", RIGHT)
    assert left["bodySite"] == {
        "coding": [{"system": SNOMED, "code": "287679003", "display": "Left hip region structure"}],
        "text": "Left hip",
    }
    assert right["bodySite"] == {
        "coding": [
            {"system": SNOMED, "code": "287579007", "display": "Right hip region structure"}
        ],
        "text": "Right hip",
    }
    # left 118, 121, 123 N and right 150, 149, 154 N
    assert left["valueQuantity"] == amount(120.6667, "N")
    assert right["valueQuantity"] == amount(151.0, "N")
    assert (left["code"]["text"], right["code"]["text"]) == (
        "Hip abduction strength, left side",
        "Hip abduction strength, right side",
    )


def test_a_side_of_force() -> None:
    """Right extension: 160, 159, 164 N at 0.4 m, 70 kg."""
    side = observation(BUNDLE, "test-hip_extension_force", RIGHT)
    found = values(side)
    assert side["valueQuantity"] == amount(161.0, "N")
    assert found["peak_torque_nm"] == amount(64.4, "N.m", "N·m")
    assert found["peak_force_n_per_kg"] == amount(2.3, "N/kg")
    assert (found["trials"], found["summary"]) == (3, "summary-mean")
    assert found["cv_percent"] == amount(1.6433, "%")  # SD 2.6458 of 161
    assert (found["position"], found["fixation"]) == ("position-prone_knee_90", "fixation-belt")
    assert (found["calibration"], found["certificate"]) == ("calibration-certified", "2026-014")
    assert found["calibration_valid_until"] == "2027-01-14T23:59:00.000Z"
    assert found["expanded_uncertainty"] == amount(2.11, "N")  # 0.5 N + 1 % of 161 N
    assert side["method"]["coding"][0]["code"] == "contraction-make"
    # minutes 11 to 13 of the session
    assert side["effectivePeriod"] == {
        "start": "2026-03-02T09:11:00.000Z",
        "end": "2026-03-02T09:13:00.000Z",
    }


def test_the_local_code_comes_first_and_others_beside_it() -> None:
    force = observation(BUNDLE, "test-hip_abduction_force", LEFT)["code"]["coding"]
    angle = observation(BUNDLE, "test-hip_flexion_angle", LEFT)["code"]["coding"]
    deficit = observation(BUNDLE, "deficit-hip_abduction_force")["code"]["coding"]
    assert [(coding["system"], coding["code"]) for coding in force] == [
        (LOCAL, "test-hip_abduction_force"),
        (LOINC, "80322-1"),
    ]
    assert [(coding["system"], coding["code"]) for coding in angle] == [
        (LOCAL, "test-hip_flexion_angle"),
        (SNOMED, "364564000"),
    ]
    assert [coding["system"] for coding in deficit] == [LOCAL]


def test_a_deficit_of_force() -> None:
    """The worked example of docs/contract.md, section 6, less the uncertainty of U = 0.

    The unit is the same on both sides and shares all of its uncertainty, so U is 0 here too.
    """
    deficit = observation(BUNDLE, "deficit-hip_abduction_force")
    found = values(deficit)
    assert deficit["valueQuantity"]["value"] == pytest.approx(20.09, abs=0.005)
    assert deficit["valueQuantity"]["code"] == "%"
    assert found["lsi_percent"]["value"] == pytest.approx(79.91, abs=0.005)
    assert found["log_ratio_percent"]["value"] == pytest.approx(-22.42, abs=0.006)
    assert found["mdc95"]["value"] == pytest.approx(17.19, abs=0.006)
    assert found["ci95"]["low"]["value"] == pytest.approx(5.10, abs=0.006)
    assert found["ci95"]["high"]["value"] == pytest.approx(32.71, abs=0.006)
    assert found["threshold"] == amount(15.0, "%")
    assert found["mdc_source"].startswith("Byrne 2020")
    assert (found["left"], found["right"]) == (amount(120.6667, "N"), amount(151.0, "N"))
    assert (found["involved_side"], found["reference_side"]) == ("side-left", "side-right")
    assert found["weaker_side"] == "side-left"
    (reading,) = deficit["interpretation"]
    assert reading["coding"][0]["code"] == "classification-exceeds_error_and_threshold"
    assert deficit["code"]["text"].endswith("of the left side, percent of the right side")


def test_a_deficit_is_derived_from_both_sides() -> None:
    places = {
        entry["fullUrl"]: entry["resource"]["bodySite"]["text"]
        for entry in BUNDLE["entry"]
        if entry["resource"]["resourceType"] == "Observation"
    }
    for name in ("hip_abduction_force", "hip_extension_force", "hip_flexion_angle"):
        sources = observation(BUNDLE, f"deficit-{name}")["derivedFrom"]
        assert [places[one["reference"]] for one in sources] == ["Left hip", "Right hip"]


def test_a_deficit_of_range_of_motion() -> None:
    deficit = observation(BUNDLE, "deficit-hip_flexion_angle")
    found = values(deficit)
    assert deficit["valueQuantity"] == amount(12.0, "deg", "°")  # 110 less 98
    assert found["mdc95"] == amount(15.0, "deg", "°")  # the table's flexion
    assert found["ci95"] == {"low": amount(-3.0, "deg", "°"), "high": amount(27.0, "deg", "°")}
    assert not {"lsi_percent", "log_ratio_percent", "threshold"} & found.keys()
    assert deficit["interpretation"][0]["coding"][0]["code"] == "classification-within_error"
    assert found["flag"] == "flag-nominal_calibration"


def test_a_deficit_that_is_not_computable_says_why() -> None:
    lonely = [trial for trial in all_trials() if trial.slot.side is Side.RIGHT]
    bundle = bundle_of(whole(lonely))
    deficit = observation(bundle, "deficit-hip_abduction_force")
    assert "valueQuantity" not in deficit
    assert [coding["code"] for coding in deficit["dataAbsentReason"]["coding"]] == [
        "not-performed",
        "reason-side_missing",
    ]
    assert deficit["interpretation"][0]["coding"][0]["code"] == "classification-not_computable"
    assert [one["reference"] for one in deficit["derivedFrom"]] == [
        entry["fullUrl"]
        for entry in bundle["entry"]
        if entry["resource"].get("code", {}).get("text") == "Hip abduction strength, right side"
    ]


def test_invalid_and_familiarisation_trials_are_left_out() -> None:
    """They stand at 998 and 999 N in the session."""
    text = json.dumps(BUNDLE)
    assert "998" not in text
    assert "999" not in text
    assert values(observation(BUNDLE, "test-hip_abduction_force", LEFT))["trials"] == 3


def test_flags_of_the_trials_stand_on_their_side_once() -> None:
    flagged = [
        replace(trial, analysis=replace(trial.analysis, flags=(Flag.PRE_TENSION, Flag.TIMEOUT)))
        if trial.slot.side is Side.LEFT
        else trial
        for trial in all_trials()
    ]
    bundle = bundle_of(whole(flagged))
    found = values(observation(bundle, "test-hip_extension_force", LEFT))
    assert found["flag"] == ["flag-pre_tension", "flag-timeout"]
    assert "flag" not in values(observation(bundle, "test-hip_extension_force", RIGHT))


def test_a_clock_that_was_not_set_and_remarks_are_told() -> None:
    trials = [*all_trials()]
    trials[1] = replace(trials[1], clock_synced=False, note="held her breath")
    side = observation(bundle_of(whole(trials)), "test-hip_abduction_force", RIGHT)
    assert [note["text"] for note in side["note"]] == [
        "Trial 1: held her breath",
        "The station's clock had not been set from the network when this was recorded.",
    ]


# -- the curve ------------------------------------------------------------------------------------


def test_a_curve_on_request() -> None:
    first = all_trials()[1]
    # ten samples a second from 0.2 s before the start: 0 0 | 1 2 4, and one that is no measurement
    curve = EvenCurve(Kind.FORCE, -0.2, 10.0, np.array([0.0, 0.0, 1.0, 2.0, 4.125, np.nan]))
    bundle = bundle_of(whole(), curves={first.result_id: curve})
    found = values(observation(bundle, "test-hip_abduction_force", RIGHT))["force_curve"]
    assert found == {
        "origin": amount(0.0, "N"),
        "period": 100.0,
        "dimensions": 1,
        "data": "1.00 2.00 4.12 E",
    }
    assert "SampledData" not in json.dumps(BUNDLE)


# -- to whom it belongs ---------------------------------------------------------------------------


def test_the_patient_by_condition_or_by_identifier() -> None:
    by_condition = observation(BUNDLE, "test-hip_abduction_force", LEFT)["subject"]
    assert by_condition == {
        "reference": f"Patient?identifier={EHR}/patients|P-1042",
        "type": "Patient",
    }
    logical = bundle_of(whole(), FhirSettings(patient_reference="logical"))
    assert observation(logical, "test-hip_abduction_force", LEFT)["subject"] == {
        "type": "Patient",
        "identifier": {"system": f"{EHR}/patients", "value": "P-1042"},
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # FHIR R4, Search, 3.1.1.4.0.1: \ before $ , | and itself; then RFC 3986
        ("a|b", "a%5C%7Cb"),
        ("a,b$c", "a%5C%2Cb%5C%24c"),
        ("a\\b", "a%5C%5Cb"),
        ("a&b=c#d", "a%26b%3Dc%23d"),
        ("Ж 1", "%D0%96%201"),
    ],
)
def test_no_identifier_breaks_out_of_its_search(value: str, expected: str) -> None:
    assert conditional("Patient", Identifier("urn:ehr", value)) == (
        f"Patient?identifier=urn:ehr|{expected}"
    )


def test_encounter_order_and_operator_are_logical_references() -> None:
    for one in resources(BUNDLE, "Observation"):
        assert one["encounter"] == {
            "type": "Encounter",
            "identifier": {"system": f"{EHR}/encounters", "value": "E-7"},
        }
        assert one["basedOn"] == [
            {
                "type": "ServiceRequest",
                "identifier": {"system": f"{EHR}/orders", "value": "O-3"},
            }
        ]
        assert one["performer"] == [
            {"type": "Practitioner", "identifier": {"system": f"{EHR}/staff", "value": "T-12"}}
        ]


def test_what_a_session_does_not_have_is_absent() -> None:
    bare = replace(SESSION, encounter=None, order=None, operator=None)
    one = resources(bundle_of(whole(session=bare)), "Observation")[0]
    assert not {"encounter", "basedOn", "performer"} & one.keys()


def test_nothing_is_rendered_without_a_patient() -> None:
    nobody = replace(SESSION, patient=None)
    with pytest.raises(ValueError, match="without a patient"):
        bundle_of(whole(session=nobody))


def test_another_patient_gets_other_observations() -> None:
    """A session that is bound again keeps its device, and shares no result."""
    other = replace(SESSION, patient=Patient(Identifier("urn:ehr", "P-2")), binding=1)
    ours = {entry["fullUrl"]: entry["resource"] for entry in BUNDLE["entry"]}
    theirs = {entry["fullUrl"] for entry in bundle_of(whole(session=other))["entry"]}
    shared = {ours[place]["resourceType"] for place in ours.keys() & theirs}
    assert shared == {"Device", "DeviceMetric"}


# -- how it is posted -----------------------------------------------------------------------------


def test_every_entry_is_a_conditional_put_by_its_identifier() -> None:
    for entry in BUNDLE["entry"]:
        (identifier,) = entry["resource"]["identifier"]
        assert identifier == {"system": "urn:ietf:rfc:3986", "value": entry["fullUrl"]}
        kind = entry["resource"]["resourceType"]
        assert entry["request"] == {
            "method": "PUT",
            "url": f"{kind}?identifier=urn:ietf:rfc:3986|{entry['fullUrl']}",
        }
        assert "id" not in entry["resource"]


def references(node: object) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(references, node)) if node else set()
    if isinstance(node, dict):
        own = {node["reference"]} if isinstance(node.get("reference"), str) else set()
        return own.union(*map(references, node.values()))
    return set()


def test_every_reference_resolves_within_the_bundle_or_is_to_the_patient() -> None:
    places = {entry["fullUrl"] for entry in BUNDLE["entry"]}
    assert len(places) == len(BUNDLE["entry"])
    found = {one for one in references(BUNDLE) if not one.startswith("Patient?")}
    assert found
    assert found <= places


def test_devices_with_their_calibration() -> None:
    devices = {one["deviceName"][0]["name"]: one for one in resources(BUNDLE, "Device")}
    assert devices["chronojump_force_sensor"]["serialNumber"] == "SN-7"
    assert "serialNumber" not in devices["witmotion_wt901"]
    channels = {one["unit"]["coding"][0]["code"]: one for one in resources(BUNDLE, "DeviceMetric")}
    assert channels["N"]["calibration"] == [
        {"type": "unspecified", "state": "calibrated", "time": "2026-01-15T00:00:00.000Z"}
    ]
    assert channels["deg"]["calibration"] == [{"type": "unspecified", "state": "not-calibrated"}]


def test_two_units_on_one_side_are_not_named_as_one() -> None:
    other = replace(HHD, device_id="hhd-2", serial_number="SN-8")
    trials = [
        replace(trial, device=other) if trial.slot.trial_number == 2 else trial
        for trial in all_trials()
    ]
    bundle = bundle_of(whole(trials))
    assert "device" not in observation(bundle, "test-hip_abduction_force", LEFT)
    assert len(resources(bundle, "Device")) == 3


def test_a_unit_without_a_serial_number_belongs_to_its_station() -> None:
    here = {one["identifier"][0]["value"] for one in resources(BUNDLE, "Device")}
    elsewhere = bundle_of(whole(), stream="00000000-0000-4000-8000-000000000001")
    there = {one["identifier"][0]["value"] for one in resources(elsewhere, "Device")}
    assert len(here & there) == 1  # the dynamometer, by its serial number


def test_provenance_on_request_has_a_fixed_id() -> None:
    first, second = (
        resources(bundle_of(one, FhirSettings(provenance=True)), "Provenance")[0]
        for one in (whole(), whole().later(all_trials()))
    )
    assert first["id"] == second["id"]
    assert len(first["target"]) == 9
    assert len(first["entity"]) == 14  # the trials that count
    assert first["agent"][0]["who"]["display"] == "dynod 0.1.0"


def test_the_envelope_travels_beside_it() -> None:
    assert fhir_properties(whole().summary.result_id, 1, STREAM, 41) == {
        "schema": "dynod.fhir/1",
        "result_id": str(whole().summary.result_id),
        "revision": "1",
        "sequence": "41",
        "stream": STREAM,
    }


# -- later revisions ------------------------------------------------------------------------------


def statuses(bundle: Resource) -> dict[tuple[str, str], str]:
    return {
        (one["code"]["coding"][0]["code"], one["bodySite"]["text"]): one["status"]
        for one in resources(bundle, "Observation")
    }


def test_the_first_revision_is_final() -> None:
    assert set(statuses(BUNDLE).values()) == {"final"}


def test_a_voided_trial_amends_its_side_and_deficit_and_nothing_else() -> None:
    first = whole()
    later = first.later(first.changed(1, status=ResultStatus.ENTERED_IN_ERROR))
    amended = bundle_of(later, previous=render_fhir(*first.rest, source()))
    assert {key for key, status in statuses(amended).items() if status != "final"} == {
        ("test-hip_abduction_force", "Right hip"),
        ("deficit-hip_abduction_force", "Both hips"),
    }
    assert set(statuses(amended).values()) == {"final", "amended"}
    # 149 and 154 are left
    right = observation(amended, "test-hip_abduction_force", RIGHT)
    assert right["valueQuantity"] == amount(151.5, "N")
    assert [e["fullUrl"] for e in amended["entry"]] == [e["fullUrl"] for e in BUNDLE["entry"]]
    # what did not change is the same resource, to when it was issued
    untouched = ("test-hip_abduction_force", LEFT)
    assert observation(amended, *untouched) == observation(BUNDLE, *untouched)


def test_a_side_that_lost_all_its_trials_was_entered_in_error() -> None:
    first = whole()
    later = first.later([trial for trial in first.trials if trial.slot.side is Side.RIGHT])
    amended = bundle_of(later, previous=render_fhir(*first.rest, source()))
    found = statuses(amended)
    for test in ("hip_abduction_force", "hip_extension_force", "hip_flexion_angle"):
        assert found[f"test-{test}", "Left hip"] == "entered-in-error"
        assert found[f"test-{test}", "Right hip"] == "final"
        assert found[f"deficit-{test}", "Both hips"] == "amended"
    assert len(found) == 9


def test_a_side_that_comes_back_is_amended() -> None:
    first = whole()
    second = first.later([trial for trial in first.trials if trial.slot.side is Side.RIGHT])
    gone = render_fhir(*second.rest, source(previous=render_fhir(*first.rest, source())))
    back = bundle_of(second.later(first.trials), previous=gone)
    found = statuses(back)
    assert found["test-hip_abduction_force", "Left hip"] == "amended"
    assert found["test-hip_abduction_force", "Right hip"] == "final"


def test_a_session_of_somebody_else_was_entered_in_error() -> None:
    first = whole()
    later = first.later(first.trials, status=ResultStatus.ENTERED_IN_ERROR)
    wrong = bundle_of(later, previous=render_fhir(*first.rest, source()))
    assert set(statuses(wrong).values()) == {"entered-in-error"}
    assert len(statuses(wrong)) == 9


def test_a_later_revision_without_the_earlier_one_leaves_nothing_stale() -> None:
    """All of it may have changed, and a side without trials may have had some."""
    first = whole()
    later = first.later([trial for trial in first.trials if trial.slot.side is Side.RIGHT])
    found = statuses(bundle_of(later))
    assert found["test-hip_abduction_force", "Left hip"] == "entered-in-error"
    assert found["test-hip_abduction_force", "Right hip"] == "amended"
    assert len(found) == 9
    (left,) = (
        one
        for one in resources(bundle_of(later), "Observation")
        if one["status"] == "entered-in-error" and one["code"]["text"].startswith("Hip abduction")
    )
    assert "valueQuantity" not in left


def test_a_trial_taken_back_before_the_first_bundle_leaves_no_trace() -> None:
    trials = [
        *all_trials(),
        force_trial(ABDUCTION, Side.LEFT, 1, 997.0, status=ResultStatus.ENTERED_IN_ERROR),
    ]
    assert statuses(bundle_of(whole(trials))) == statuses(BUNDLE)
    assert "997" not in json.dumps(bundle_of(whole(trials)))


def test_bytes_are_stable() -> None:
    assert render_fhir(*whole().rest, source()) == render_fhir(*whole().rest, source())
    assert fhir_bundle(*whole().rest, source()) == BUNDLE


def test_the_involved_side_may_be_unknown() -> None:
    unknown = replace(SESSION, involved_side=InvolvedSide.NONE)
    found = values(observation(bundle_of(whole(session=unknown)), "deficit-hip_abduction_force"))
    assert (found["involved_side"], found["reference_side"]) == ("side-none", "side-right")


def test_one_trial_was_observed_at_a_moment() -> None:
    side = observation(BUNDLE, "test-hip_flexion_angle", RIGHT)
    assert side["effectiveDateTime"] == (START + timedelta(minutes=21)).strftime(
        "%Y-%m-%dT%H:%M:%S.000Z"
    )
    assert name_of(EXTENSION.movement, EXTENSION.kind) == "hip_extension_force"
