"""How much weaker one side is; whether that is more than error (docs/contract.md, section 6)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dynod.core.consistency import ConsistencySettings, consistency
from dynod.core.indices import all_indices
from dynod.core.intervals import fieller, log_delta, mirrored_percent
from dynod.core.measurement_error import Z95, lookup
from dynod.core.norms import WEAK_Z, Norm, NormScore, Person, norm_scores
from dynod.core.quantiles import t_quantile
from dynod.model.calibration import CalibrationStatus
from dynod.model.clinical import Contraction, Fixation, InvolvedSide, Kind, Side, TestSpec
from dynod.model.deficit import (
    Classification,
    Interpretation,
    Interval,
    MeasurementError,
    Reason,
    SideComparison,
    SideInterpretation,
    SideResult,
    Summary,
)
from dynod.model.flags import Flag
from dynod.model.trial import Trial


@dataclass(frozen=True, slots=True)
class DeficitSettings:
    """What a site decides about its answers.

    ``threshold_percent`` 15 and ``pain_limit_nrs`` 5 are the contract's defaults;
    ``tester_limit_n`` 300 is a default and not a finding. ``noise_floor_n`` is what the
    reference's force must exceed: the no-contraction limit of the analysis.
    """

    summary: Summary = Summary.MEAN
    threshold_percent: float = 15.0
    threshold_deg: float | None = None
    pain_limit_nrs: int = 5
    tester_limit_n: float = 300.0
    noise_floor_n: float = 20.0


@dataclass(frozen=True, slots=True)
class _SideData:
    trials: tuple[Trial, ...]
    values: tuple[float, ...]
    value: float
    sd: float | None


def compare_sides(
    test: TestSpec,
    trials: Sequence[Trial],
    involved: InvolvedSide | None,
    *,
    table: Sequence[MeasurementError],
    settings: DeficitSettings,
    incomplete: bool = False,
) -> SideComparison:
    """Return the side-to-side comparison over the valid, non-familiarisation trials given.

    ``incomplete``: a side still has open slots, so the answer is ``side_incomplete``.
    """
    counted = _counted(trials)
    quantity, quantity_flags = _quantity(test, counted)
    sides = {side: _side(counted, side, quantity, settings.summary) for side in Side}
    flags = (*quantity_flags, *_limit_flags(counted, settings))
    row = lookup(table, test, settings.summary)
    results = {side: _result(data, test, row) for side, data in sides.items()}
    blank = SideComparison(
        quantity=quantity,
        summary=settings.summary,
        classification=Classification.NOT_COMPUTABLE,
        left=results[Side.LEFT],
        right=results[Side.RIGHT],
        flags=flags,
    )
    reason = _reason(counted, sides, incomplete=incomplete)
    if reason is not None:
        return replace(blank, reason=reason)
    left, right = sides[Side.LEFT], sides[Side.RIGHT]
    if left is None or right is None or row is None:
        return replace(blank, reason=Reason.SIDE_MISSING)
    shared_device = _same_unit(left.trials + right.trials)
    if not shared_device:
        blank = replace(blank, flags=(*blank.flags, Flag.DIFFERENT_DEVICES))
    if test.kind is Kind.ANGLE:
        return _angles(blank, left, right, involved, row, settings)
    return _strengths(blank, left, right, involved, row, settings, shared_device=shared_device)


def _counted(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.valid and not trial.slot.familiarisation]


def _quantity(test: TestSpec, trials: Sequence[Trial]) -> tuple[str, tuple[Flag, ...]]:
    """Return torque when every trial of both sides has it, else force."""
    if test.kind is Kind.ANGLE:
        return "angle_deg", ()
    sides_with_torque = {
        trial.slot.side
        for trial in trials
        if trial.analysis.metrics.get("peak_torque_nm") is not None
    }
    if len(sides_with_torque) == len(Side) and all(
        trial.analysis.metrics.get("peak_torque_nm") is not None for trial in trials
    ):
        return "peak_torque_nm", ()
    return "peak_force_n", (Flag.LEVER_ARM_MISSING,) if len(sides_with_torque) == 1 else ()


def _side(trials: Sequence[Trial], side: Side, quantity: str, summary: Summary) -> _SideData | None:
    own = tuple(trial for trial in trials if trial.slot.side is side)
    found = [trial.analysis.metrics.get(quantity) for trial in own]
    values = tuple(value for value in found if value is not None and math.isfinite(value))
    if not values:
        return None
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    sd = math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else None
    return _SideData(own, values, summarised(values, summary), sd)


def summarised(values: Sequence[float], summary: Summary) -> float:
    """Return a side's value from its trials' values (at least one)."""
    ordered = sorted(values, reverse=True)
    if summary is Summary.BEST:
        return ordered[0]
    chosen = ordered[:2] if summary is Summary.MEAN_BEST_TWO else ordered
    return math.fsum(chosen) / len(chosen)


def _result(
    data: _SideData | None, test: TestSpec, row: MeasurementError | None
) -> SideResult | None:
    if data is None:
        return None
    mean = math.fsum(data.values) / len(data.values)
    cv = 100.0 * data.sd / mean if data.sd is not None and mean > 0.0 else None
    sem = row.sem_percent if row is not None and test.kind is Kind.FORCE else None
    return SideResult(data.value, len(data.values), cv, sem)


def _reason(
    trials: Sequence[Trial],
    sides: dict[Side, _SideData | None],
    *,
    incomplete: bool,
) -> Reason | None:
    if incomplete:
        return Reason.SIDE_INCOMPLETE
    if any(data is None for data in sides.values()):
        return Reason.SIDE_MISSING
    for reason, kinds in (
        (Reason.DIFFERENT_POSITIONS, {trial.slot.test.position for trial in trials}),
        (Reason.DIFFERENT_CONTRACTIONS, {str(trial.slot.test.contraction) for trial in trials}),
        (Reason.DIFFERENT_FIXATIONS, {str(trial.slot.test.fixation) for trial in trials}),
    ):
        if len(kinds) > 1:
            return reason
    return None


def _limit_flags(trials: Sequence[Trial], settings: DeficitSettings) -> tuple[Flag, ...]:
    flags = []
    if any((trial.pain_nrs or 0) >= settings.pain_limit_nrs for trial in trials):
        flags.append(Flag.PAIN_LIMITED)
    if any(
        trial.slot.test.fixation is Fixation.HAND
        and (trial.analysis.metrics.get("peak_force_n") or 0.0) > settings.tester_limit_n
        for trial in trials
    ):
        flags.append(Flag.TESTER_LIMITED)
    if any(trial.calibration.status is CalibrationStatus.NOMINAL for trial in trials):
        flags.append(Flag.NOMINAL_CALIBRATION)
    return tuple(flags)


def _same_unit(trials: Sequence[Trial]) -> bool:
    units = {(trial.device.device_id, trial.calibration.certificate_id) for trial in trials}
    return len(units) == 1


def reference_side(left: float, right: float, involved: InvolvedSide | None) -> Side:
    """Return the side that the other is compared to: uninvolved, else stronger, else right."""
    side = involved.side if involved is not None else None
    if side is not None:
        return side.other
    return Side.LEFT if left > right else Side.RIGHT


def weaker_side(left: float, right: float) -> Side | None:
    """Return the side with the lower value, or None when both are equal."""
    if left == right:
        return None
    return Side.LEFT if left < right else Side.RIGHT


def _strengths(
    blank: SideComparison,
    left: _SideData,
    right: _SideData,
    involved: InvolvedSide | None,
    row: MeasurementError,
    settings: DeficitSettings,
    *,
    shared_device: bool,
) -> SideComparison:
    reference = reference_side(left.value, right.value, involved)
    base, other = (left, right) if reference is Side.LEFT else (right, left)
    force_n = _force_n(base, settings.summary)
    sound = all(_above_zero(data, settings.summary) for data in (base, other))
    if not sound or force_n <= settings.noise_floor_n:
        return replace(blank, reason=Reason.REFERENCE_BELOW_NOISE, mdc_source=row.source)
    ratio = other.value / base.value
    h_both = math.hypot(
        half_width_percent(left, row, settings.summary, shared_device=shared_device),
        half_width_percent(right, row, settings.summary, shared_device=shared_device),
    )
    deficit = 100.0 * (1.0 - ratio)
    ratio_low, ratio_high = log_delta(ratio, h_both)
    return replace(
        blank,
        classification=_classified(
            abs(100.0 * math.log(ratio)), h_both, abs(deficit), settings.threshold_percent
        ),
        reference_side=reference,
        weaker_side=weaker_side(left.value, right.value),
        deficit_percent=deficit,
        lsi_percent=100.0 * ratio,
        log_ratio_percent=100.0 * math.log(left.value / right.value),
        ci95_percent=(100.0 * (1.0 - ratio_high), 100.0 * (1.0 - ratio_low)),
        mdc95_percent=h_both,
        threshold_percent=settings.threshold_percent,
        mdc_source=row.source,
    )


def _above_zero(data: _SideData, summary: Summary) -> bool:
    """Tell whether value, mean and force of a side are above zero, so that each may divide."""
    return min(data.value, math.fsum(data.values), _force_n(data, summary)) > 0.0


def half_width_percent(
    data: _SideData, row: MeasurementError, summary: Summary, *, shared_device: bool
) -> float:
    """Return h of one side, percent of its own value.

    h² = max(1.96·SEM%, 100·t(0.975, n−1)·SD/(√n·mean))² + (100·U/value)²; with one trial the
    table's SEM alone in the first term.
    """
    spread = Z95 * (row.sem_percent or 0.0)
    count = len(data.values)
    if data.sd is not None:
        mean = math.fsum(data.values) / count
        scatter = 100.0 * t_quantile(0.975, count - 1) * data.sd / (math.sqrt(count) * mean)
        spread = max(spread, scatter)
    return math.hypot(spread, _calibration_percent(data, summary, shared_device=shared_device))


def _force_n(data: _SideData, summary: Summary) -> float:
    """Return a side's value as a force, also where its quantity is a torque."""
    found = [trial.analysis.metrics.get("peak_force_n") for trial in data.trials]
    peaks_n = [peak_n for peak_n in found if peak_n is not None and math.isfinite(peak_n)]
    return summarised(peaks_n, summary) if peaks_n else 0.0


def _calibration_percent(data: _SideData, summary: Summary, *, shared_device: bool) -> float:
    """Return the expanded calibration uncertainty of a side's force, percent of that force.

    Taken at the force, so that a lever arm cancels; of several certificates the largest counts.
    A nominal scale has no known uncertainty: it counts as 0 here, and the deficit carries the
    flag ``nominal_calibration``.
    """
    force_n = _force_n(data, summary)
    stated = [
        trial.calibration.unshared if shared_device else trial.calibration.uncertainty
        for trial in data.trials
    ]
    return max(
        (100.0 * item.at(force_n) / force_n for item in stated if item is not None), default=0.0
    )


def _angles(
    blank: SideComparison,
    left: _SideData,
    right: _SideData,
    involved: InvolvedSide | None,
    row: MeasurementError,
    settings: DeficitSettings,
) -> SideComparison:
    reference = reference_side(left.value, right.value, involved)
    difference = right.value - left.value
    deficit = difference if reference is Side.RIGHT else -difference
    mdc = row.mdc95_deg or 0.0
    threshold = math.inf if settings.threshold_deg is None else settings.threshold_deg
    return replace(
        blank,
        classification=_classified(abs(deficit), mdc, abs(deficit), threshold),
        reference_side=reference,
        weaker_side=weaker_side(left.value, right.value),
        deficit_deg=deficit,
        ci95_deg=(deficit - mdc, deficit + mdc),
        mdc95_deg=mdc,
        threshold_deg=settings.threshold_deg,
        mdc_source=row.source,
    )


def _classified(
    difference: float, error: float, deficit: float, threshold: float
) -> Classification:
    if difference <= error:
        return Classification.WITHIN_ERROR
    if deficit <= threshold:
        return Classification.EXCEEDS_ERROR
    return Classification.EXCEEDS_ERROR_AND_THRESHOLD


# -- how to read it ------------------------------------------------------------------------


def interpret(
    comparison: SideComparison,
    test: TestSpec,
    trials: Sequence[Trial],
    *,
    table: Sequence[MeasurementError],
    person: Person | None = None,
    norms: Sequence[Norm] = (),
    consistency_settings: ConsistencySettings | None = None,
) -> Interpretation:
    """Return what helps to read a comparison that `compare_sides` made of the same trials.

    It is a record of its own because it is no part of the contract's arithmetic and rests on more:
    on who the patient is and on norms. Break tests have no z, the norms being of make tests.
    """
    counted = _counted(trials)
    sides = {side: _side(counted, side, comparison.quantity, comparison.summary) for side in Side}
    scores = {
        side: _scores(data, test, comparison.summary, person, norms) for side, data in sides.items()
    }
    chosen = _shared(scores)
    limits = consistency_settings or ConsistencySettings()
    left, right = (
        _read(sides[side], test, chosen.get(side), limits) for side in (Side.LEFT, Side.RIGHT)
    )
    weak = (
        test.kind is Kind.FORCE
        and comparison.classification is Classification.WITHIN_ERROR
        and len(chosen) == len(Side)
        and all(score.z < WEAK_Z for score in chosen.values())
    )
    data_left, data_right = sides[Side.LEFT], sides[Side.RIGHT]
    flags = (Flag.SYMMETRIC_BUT_WEAK,) if weak else ()
    reference = comparison.reference_side
    row = lookup(table, test, comparison.summary)
    if (
        comparison.deficit_percent is None
        or (data_left is None or data_right is None)
        or (reference is None or row is None)
    ):
        return Interpretation(left, right, flags=flags)
    return Interpretation(
        left,
        right,
        fieller95_percent=_fieller(data_left, data_right, reference, row, comparison.summary),
        indices=all_indices(data_left.value, data_right.value, reference),
        flags=flags,
    )


def _read(
    data: _SideData | None, test: TestSpec, score: NormScore | None, limits: ConsistencySettings
) -> SideInterpretation:
    strength = data is not None and test.kind is Kind.FORCE
    return SideInterpretation(
        consistency=consistency(data.values, limits) if data is not None and strength else None,
        z=None if score is None else score.z,
        norm_source=None if score is None else score.norm.source,
    )


def _scores(
    data: _SideData | None,
    test: TestSpec,
    summary: Summary,
    person: Person | None,
    norms: Sequence[Norm],
) -> tuple[NormScore, ...]:
    if data is None or person is None or test.contraction is Contraction.BREAK:
        return ()
    if test.kind is Kind.ANGLE:
        values = {"angle_deg": data.value}
    else:
        values = {"peak_force_n": _force_n(data, summary)}
        torques = [trial.analysis.metrics.get("peak_torque_nm") for trial in data.trials]
        known = [torque for torque in torques if torque is not None]
        if len(known) == len(torques):
            values["peak_torque_nm"] = summarised(known, summary)
    return norm_scores(norms, person, test.movement, test.position, values)


def _shared(scores: dict[Side, tuple[NormScore, ...]]) -> dict[Side, NormScore]:
    """Return each side's score against one norm for both, else each side's own best."""
    by_norm = {side: {score.norm: score for score in own} for side, own in scores.items()}
    for norm in by_norm[Side.LEFT]:
        if norm in by_norm[Side.RIGHT]:
            return {side: by_norm[side][norm] for side in Side}
    return {side: own[0] for side, own in scores.items() if own}


def _fieller(
    left: _SideData, right: _SideData, reference: Side, row: MeasurementError, summary: Summary
) -> Interval:
    """Return Fieller's interval of the deficit in percent, with the contract's h of each side.

    h already holds its side's t; where the table's error prevails, its 1.96.
    """
    shared_device = _same_unit(left.trials + right.trials)
    base, other = (left, right) if reference is Side.LEFT else (right, left)
    margins = [
        half_width_percent(data, row, summary, shared_device=shared_device) / 100.0 * data.value
        for data in (other, base)
    ]
    return mirrored_percent(fieller(other.value, margins[0], base.value, margins[1]))
