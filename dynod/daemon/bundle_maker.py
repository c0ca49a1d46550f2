"""Makes the FHIR Bundle of a session out of what is stored: for the broker, and for an export."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from dynod.core.even_curve import even_curve
from dynod.core.settings import AnalysisSettings
from dynod.daemon.plan import SOFTWARE, Plan
from dynod.model.curve import EvenCurve
from dynod.model.session import SessionSummary
from dynod.model.trial import ResultStatus
from dynod.publish.code_map import CodeMap
from dynod.publish.fhir import FhirSettings, FhirSource, render_fhir
from dynod.publish.sides import counting
from dynod.session.inputs import Instant
from dynod.store.bundles import BundleMaterial
from dynod.store.store import Store


@dataclass(frozen=True, slots=True)
class BundleMaker:
    """What all Bundles of a station have in common. ``curves``: whether they are in it."""

    stream: str
    codes: CodeMap
    settings: FhirSettings
    analysis: AnalysisSettings
    curves: bool = False

    def render(self, store: Store, found: BundleMaterial, revision: int, now: Instant) -> bytes:
        """Return a revision of a Bundle. Raises StorageError when the database lets us down."""
        summary = SessionSummary(
            found.mark.result_id,
            revision,
            _status(found, revision),
            found.session,
            (),
            (),
            now.wall,
            clock_synced=now.clock_synced,
            software=SOFTWARE,
        )
        source = FhirSource(
            self.stream,
            self.codes,
            {item.certificate_id: item for item in store.certificates()},
            self._curves(store, found) if self.curves else {},
            found.previous,
        )
        return render_fhir(summary, found.trials, found.deficits, source, self.settings)

    def _curves(self, store: Store, found: BundleMaterial) -> Mapping[UUID, EvenCurve]:
        """Return the curves of the trials that count, without those whose samples are gone."""
        curves = {}
        for trial in counting(found.trials):
            whole = replace(trial, recording=store.recording(trial.result_id))
            curve = even_curve(whole, self.analysis)
            if curve is not None:
                curves[trial.result_id] = curve
        return curves


def bundle_maker(plan: Plan, stream: str) -> BundleMaker:
    """Return what makes the Bundles of a station whose database is ``stream``."""
    fhir = plan.config.fhir
    settings = FhirSettings(fhir.patient_reference, fhir.provenance)
    return BundleMaker(stream, plan.codes(), settings, plan.analysis, fhir.curves)


def _status(found: BundleMaterial, revision: int) -> ResultStatus:
    if found.withdrawn:
        return ResultStatus.ENTERED_IN_ERROR
    return ResultStatus.AMENDED if revision > 1 else ResultStatus.FINAL
