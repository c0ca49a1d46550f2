"""How well the trials of one side agree, and whether another one is wanted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dynod.model.clinical import Kind, TestSpec
from dynod.model.deficit import Consistency


@dataclass(frozen=True, slots=True)
class ConsistencySettings:
    """Limits for the trials of one side, in percent; remembered practice and so defaults.

    A coefficient of variation up to ``accept_cv_percent`` is accepted and up to
    ``warn_cv_percent`` warned about. ``best_two_percent`` is what the best two trials may differ
    by, in percent of the best; a strict site takes 5.
    """

    accept_cv_percent: float = 10.0
    warn_cv_percent: float = 15.0
    best_two_percent: float = 10.0


class FurtherTrial(StrEnum):
    """Why another trial is wanted."""

    BEST_TWO_DIFFER = "best_two_differ"
    LAST_IS_HIGHEST = "last_is_highest"


def cv_percent(values: Sequence[float]) -> float | None:
    """Return 100·SD/mean with n − 1; None for fewer than two values or a mean not above 0."""
    count = len(values)
    mean = math.fsum(values) / count if count else 0.0
    if count < 2 or not 0.0 < mean < math.inf:
        return None
    squares = math.fsum((value - mean) ** 2 for value in values)
    return 100.0 * math.sqrt(squares / (count - 1)) / mean


def consistency(values: Sequence[float], settings: ConsistencySettings) -> Consistency | None:
    """Return what the coefficient of variation of a side's trials says; None without one."""
    cv = cv_percent(values)
    if cv is None:
        return None
    if cv <= settings.accept_cv_percent:
        return Consistency.ACCEPT
    return Consistency.WARN if cv <= settings.warn_cv_percent else Consistency.REPEAT


def further_trials(values: Sequence[float], settings: ConsistencySettings) -> FurtherTrial | None:
    """Return why a side's trials, in the order of recording, do not yet show its best.

    Either the best two differ by more than the limit, or the last is higher than all before it:
    the patient is still learning. None for fewer than two trials. No primary source was found for
    the rule; it is remembered practice.
    """
    if len(values) < 2:
        return None
    best, second = sorted(values, reverse=True)[:2]
    if best > 0.0 and 100.0 * (best - second) > settings.best_two_percent * best:
        return FurtherTrial.BEST_TWO_DIFFER
    return FurtherTrial.LAST_IS_HIGHEST if values[-1] > max(values[:-1]) else None


def wanted_trial(
    values: Sequence[float], test: TestSpec, settings: ConsistencySettings
) -> FurtherTrial | None:
    """Return why a side of a test should have one more trial, or None.

    ``values`` are its valid trials without familiarisation, in the order of recording. Asked only
    of strength, once the planned repetitions are done, and up to ``test.extra_trials`` times.
    """
    extra = len(values) - test.repetitions
    if test.kind is Kind.ANGLE or not 0 <= extra < test.extra_trials:
        return None
    return further_trials(values, settings)
