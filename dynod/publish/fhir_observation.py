"""Observations in FHIR: one per side and test, and one per deficit."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dynod.model.clinical import Kind, Side
from dynod.model.curve import EvenCurve
from dynod.model.deficit import Classification, Deficit, Reason, SideComparison
from dynod.model.flags import Flag
from dynod.model.session import SessionSummary
from dynod.model.trial import Trial
from dynod.publish.code_map import CodeMap, test_name
from dynod.publish.fhir_device import metric_id
from dynod.publish.fhir_parts import (
    OBSERVATION_CATEGORY,
    PatientReference,
    Resource,
    absent,
    effective,
    identifiers,
    logical,
    patient_reference,
    quantity,
    urn,
    value_range,
)
from dynod.publish.fields import rfc3339
from dynod.publish.sides import METRIC_UNITS, SideOfTest, rounded

_EXAM = {"coding": [{"system": OBSERVATION_CATEGORY, "code": "exam", "display": "Exam"}]}
_UNSYNCED = "The station's clock had not been set from the network when this was recorded."
# Why there is no number, in FHIR's words; the local code beside it says it exactly.
_ABSENT = {
    Reason.SIDE_MISSING: "not-performed",
    Reason.SIDE_INCOMPLETE: "not-performed",
}
_NO_PROPER_VALUE = "not-applicable"

Component = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """What all Observations of a session have in common."""

    summary: SessionSummary
    stream: str
    codes: CodeMap
    patient: PatientReference
    curves: Mapping[UUID, EvenCurve]

    def observation(self, result_id: UUID, code: Component, body_site: Component) -> Resource:
        """Return an Observation without its value; ValueError when there is no patient."""
        session = self.summary.session
        if session.patient is None:
            raise ValueError("a session without a patient cannot be published")
        made: Resource = {"resourceType": "Observation", "identifier": identifiers(result_id)}
        if session.order is not None:
            made["basedOn"] = [logical("ServiceRequest", session.order)]
        made |= {
            "status": "final",
            "category": [_EXAM],
            "code": code,
            "subject": patient_reference(session.patient.identifier, self.patient),
        }
        if session.encounter is not None:
            made["encounter"] = logical("Encounter", session.encounter)
        made |= {"issued": rfc3339(self.summary.recorded_at), "bodySite": body_site}
        if session.operator is not None:
            made["performer"] = [logical("Practitioner", session.operator)]
        return made

    def component(self, name: str, text: str | None = None, **value: Any) -> Component:
        """Return a component of the group ``metric`` with its value."""
        return {"code": self.codes.codeable("metric", name, text), **value}

    def coded(self, name: str, group: str, value: str) -> Component:
        """Return a component whose value is a concept."""
        return self.component(name, valueCodeableConcept=self.codes.codeable(group, value))


def side_observation(side: SideOfTest, frame: Frame) -> Resource:
    """Return what one side reached, over its trials that count."""
    codes, test = frame.codes, side.test
    concept = codes.concept("test", test_name(test.movement, test.kind))
    text = f"{concept.display}, {side.side.value} side"
    made = frame.observation(
        side.result_id,
        codes.codeable("test", test_name(test.movement, test.kind), text),
        codes.body_site(side.side),
    )
    name, value = next(iter(side.values.items()))
    made |= effective(side.begin, side.end)
    made |= _note((trial.clock_synced for trial in side.trials), _remarks(side))
    made["valueQuantity"] = quantity(value, METRIC_UNITS[name])
    made["method"] = codes.codeable("contraction", test.contraction)
    channels = {metric_id(trial, frame.stream) for trial in side.trials}
    if len(channels) == 1:  # R4 has room for one
        made["device"] = {"reference": urn(channels.pop()), "type": "DeviceMetric"}
    made["component"] = list(_side_components(side, value, frame))
    return made


def _side_components(side: SideOfTest, value: float, frame: Frame) -> Iterator[Component]:
    for name, number in list(side.values.items())[1:]:
        yield frame.component(name, valueQuantity=quantity(number, METRIC_UNITS[name]))
    yield frame.component("trials", valueInteger=len(side.trials))
    yield frame.coded("summary", "summary", side.summary)
    if side.compared is not None and _finite(side.compared.cv_percent):
        yield _percent("cv_percent", side.compared.cv_percent, frame)
    yield frame.coded("position", "position", side.test.position)
    yield from (
        frame.coded("fixation", "fixation", fixation)
        for fixation in dict.fromkeys(trial.slot.test.fixation for trial in side.trials)
    )
    yield from _calibration_components(side, value, frame)
    yield from _flags((flag for trial in side.trials for flag in trial.analysis.flags), frame)
    for trial in side.trials:
        curve = frame.curves.get(trial.result_id)
        if curve is not None:
            yield from _curve(trial, curve, frame)


def _calibration_components(side: SideOfTest, value: float, frame: Frame) -> Iterator[Component]:
    """Yield the calibrations that the trials rest on, and the uncertainty where it is one."""
    found = list(dict.fromkeys(_Calibrated.of(trial) for trial in side.trials))
    for one in found:
        yield frame.coded("calibration", "calibration", one.status)
        if one.certificate_id is not None:
            yield frame.component("certificate", valueString=one.certificate_id)
        if one.valid_until is not None:
            yield frame.component("calibration_valid_until", valueDateTime=one.valid_until)
    uncertainty = side.trials[0].calibration.uncertainty
    if len(found) == 1 and uncertainty is not None:
        unit = "deg" if side.test.kind is Kind.ANGLE else "N"
        expanded = quantity(uncertainty.at(value), unit)
        yield frame.component("expanded_uncertainty", valueQuantity=expanded)


@dataclass(frozen=True, slots=True)
class _Calibrated:
    status: str
    certificate_id: str | None
    valid_until: str | None

    @classmethod
    def of(cls, trial: Trial) -> "_Calibrated":
        calibration = trial.calibration
        until = None if calibration.valid_until is None else rfc3339(calibration.valid_until)
        return cls(calibration.status, calibration.certificate_id, until)


def _curve(trial: Trial, curve: EvenCurve, frame: Frame) -> Iterator[Component]:
    """Yield a trial's curve from the start of its recording on, as SampledData."""
    first = max(0, math.ceil(-curve.first_s * curve.rate_hz - 1e-6))
    values = curve.values[first:]
    if not len(values):
        return
    name, unit = ("angle_curve", "deg") if curve.kind is Kind.ANGLE else ("force_curve", "N")
    display = frame.codes.concept("metric", name).display
    zero = quantity(0.0, unit)
    yield frame.component(
        name,
        f"{display}, trial {trial.slot.trial_number}",
        valueSampledData={
            "origin": zero,
            "period": round(1000.0 / curve.rate_hz, 6),
            "dimensions": 1,
            "data": " ".join(_sample(float(value)) for value in values),
        },
    )


def _sample(value: float) -> str:
    """Return a sample as SampledData has it: plain decimals, E where nothing was measured."""
    return f"{rounded(value):.2f}" if math.isfinite(value) else "E"


def deficit_observation(deficit: Deficit, frame: Frame, sides: Sequence[SideOfTest]) -> Resource:
    """Return a side-to-side answer that is derived from the sides given."""
    codes, comparison, test = frame.codes, deficit.comparison, deficit.test
    name = test_name(test.movement, test.kind)
    made = frame.observation(
        deficit.result_id,
        codes.codeable("deficit", name, _deficit_text(name, comparison, codes)),
        codes.body_site(None),
    )
    made["status"] = deficit.status.value
    if sides:
        made |= effective(min(side.begin for side in sides), max(side.end for side in sides))
    else:
        made |= effective(deficit.recorded_at, deficit.recorded_at)
    made |= _note((deficit.clock_synced,))
    made |= _deficit_value(comparison, codes)
    made["interpretation"] = [codes.codeable("classification", comparison.classification)]
    made["method"] = codes.codeable("contraction", test.contraction)
    if sides:
        made["derivedFrom"] = [
            {"reference": urn(side.result_id), "type": "Observation"} for side in sides
        ]
    made["component"] = list(_deficit_components(deficit, frame))
    return made


def _deficit_text(name: str, comparison: SideComparison, codes: CodeMap) -> str:
    """Return the name of a deficit with what it is a part of."""
    display = codes.concept("deficit", name).display
    reference = comparison.reference_side
    if reference is None:
        return display
    if comparison.quantity == "angle_deg":
        return f"{display}: {reference.value} less {reference.other.value} side"
    return f"{display}: of the {reference.other.value} side, percent of the {reference.value} side"


def _deficit_value(comparison: SideComparison, codes: CodeMap) -> dict[str, Any]:
    value, unit = comparison.deficit_percent, "%"
    if comparison.quantity == "angle_deg":
        value, unit = comparison.deficit_deg, "deg"
    computable = comparison.classification is not Classification.NOT_COMPUTABLE
    if computable and value is not None and math.isfinite(value):
        return {"valueQuantity": quantity(value, unit)}
    reason = comparison.reason
    if reason is None:
        return {"dataAbsentReason": absent("unknown")}
    why = absent(_ABSENT.get(reason, _NO_PROPER_VALUE))
    local = codes.codeable("reason", reason)
    return {"dataAbsentReason": {"coding": why["coding"] + local["coding"], "text": local["text"]}}


def _deficit_components(deficit: Deficit, frame: Frame) -> Iterator[Component]:
    comparison = deficit.comparison
    unit = METRIC_UNITS[comparison.quantity]
    yield frame.coded("quantity", "metric", comparison.quantity)
    yield frame.coded("summary", "summary", comparison.summary)
    for side, result in ((Side.LEFT, comparison.left), (Side.RIGHT, comparison.right)):
        if result is not None:
            yield frame.component(side.value, valueQuantity=quantity(result.value, unit))
    for name, which in (
        ("involved_side", deficit.involved_side),
        ("reference_side", comparison.reference_side),
        ("weaker_side", comparison.weaker_side),
    ):
        if which is not None:
            yield frame.coded(name, "side", which)
    yield from _error_components(comparison, frame)
    yield from _flags(comparison.flags, frame)


def _error_components(comparison: SideComparison, frame: Frame) -> Iterator[Component]:
    """Yield what the deficit is held against: interval, change, threshold, and their source."""
    angle = comparison.quantity == "angle_deg"
    unit = "deg" if angle else "%"
    interval = comparison.ci95_deg if angle else comparison.ci95_percent
    if not angle:
        for name, value in (
            ("lsi_percent", comparison.lsi_percent),
            ("log_ratio_percent", comparison.log_ratio_percent),
        ):
            if _finite(value):
                yield _percent(name, value, frame)
    if interval is not None and all(math.isfinite(end) for end in interval):
        yield frame.component("ci95", valueRange=value_range(*interval, unit))
    for name, value in (
        ("mdc95", comparison.mdc95_deg if angle else comparison.mdc95_percent),
        ("threshold", comparison.threshold_deg if angle else comparison.threshold_percent),
    ):
        if value is not None and math.isfinite(value):
            yield frame.component(name, valueQuantity=quantity(value, unit))
    if comparison.mdc_source is not None:
        yield frame.component("mdc_source", valueString=comparison.mdc_source)


def _percent(name: str, value: float | None, frame: Frame) -> Component:
    return frame.component(name, valueQuantity=quantity(value or 0.0, "%"))


def _flags(flags: Iterable[Flag], frame: Frame) -> Iterator[Component]:
    return (frame.coded("flag", "flag", flag) for flag in dict.fromkeys(flags))


def _remarks(side: SideOfTest) -> Iterator[str]:
    """Yield what the therapist noted on the trials that count."""
    for trial in side.trials:
        if trial.note is not None:
            yield f"Trial {trial.slot.trial_number}: {trial.note}"


def _note(synced: Iterable[bool], remarks: Iterable[str] = ()) -> dict[str, Any]:
    texts = [*remarks, *([] if all(synced) else [_UNSYNCED])]
    return {"note": [{"text": text} for text in texts]} if texts else {}


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
