"""Reliability from retest data: intraclass correlation, standard error, minimal detectable change.

The data are n targets (a leg of a person) × k sessions, one value in each cell. The two-way
analysis of variance without replication is what everything comes from: its mean squares between
targets (MSR), between sessions (MSC) and of the residual (MSE).
"""

import math
from dataclasses import dataclass

import numpy as np

from dynod.core.measurement_error import Z95
from dynod.core.quantiles import f_quantile, t_quantile
from dynod.model.samples import FloatArray


@dataclass(frozen=True, slots=True)
class TwoWay:
    """Mean squares of n targets × k sessions, with the mean and the SD (n·k − 1) of all values."""

    n: int
    k: int
    ms_targets: float
    ms_sessions: float
    ms_residual: float
    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Icc:
    """An intraclass correlation with its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Sem:
    """The standard error of measurement by three definitions, in the unit of the data.

    ``from_icc`` is SD·√(1 − ICC(2,1)) with the SD of all values (Weir and Vincent), in which
    targets and sessions count; ``from_differences`` SD(difference)/√2 over consecutive sessions
    (Hopkins 2000); ``from_residual`` √MSE (Weir 2005). The last two are the same for two sessions.
    """

    from_icc: float | None
    from_differences: float
    from_residual: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of agreement of two sessions, later minus earlier, each with its 95 % interval."""

    bias: float
    bias_ci95: tuple[float, float]
    low: float
    low_ci95: tuple[float, float]
    high: float
    high_ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reliability:
    """What a retest study of one test says, in the unit of its data where nothing else is said.

    ``icc_2_1`` is absolute agreement and ``icc_3_1`` consistency, both of a single measure; None
    where all targets and sessions are equal. ``sem_percent`` is √MSE in percent of the mean,
    ``sem_log_percent`` that of the logarithms, taken back to percent; None where the mean, or a
    value, is not above zero. ``mdc95`` is 1.96·√2·√MSE. ``limits`` are those of the first two
    sessions.
    """

    targets: int
    sessions: int
    mean: float
    icc_2_1: Icc | None
    icc_3_1: Icc | None
    sem: Sem
    sem_percent: float | None
    sem_log_percent: float | None
    mdc95: float
    limits: Limits


def reliability(values: FloatArray) -> Reliability:
    """Return the reliability of ``values`` (n, k): n targets, k sessions in the order of time.

    Raises ValueError for fewer than two of either, or for a value that is not finite.
    """
    table = two_way(values)
    residual = math.sqrt(table.ms_residual)
    agreement = icc_agreement(table)
    return Reliability(
        targets=table.n,
        sessions=table.k,
        mean=table.mean,
        icc_2_1=agreement,
        icc_3_1=icc_consistency(table),
        sem=Sem(
            from_icc=None if agreement is None else sem_from_icc(table.sd, agreement.value),
            from_differences=sem_from_differences(values),
            from_residual=residual,
        ),
        sem_percent=100.0 * residual / table.mean if table.mean > 0.0 else None,
        sem_log_percent=log_sem_percent(values),
        mdc95=mdc95(residual),
        limits=limits_of_agreement(values[:, 0], values[:, 1]),
    )


def two_way(values: FloatArray) -> TwoWay:
    """Return the two-way analysis of variance of ``values`` (n, k), n >= 2 and k >= 2.

    Raises ValueError for another shape, or for a value that is not finite.
    """
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError("needs at least two targets and two sessions")
    if not np.all(np.isfinite(values)):
        raise ValueError("needs finite values")
    n, k = values.shape
    mean = float(values.mean())
    of_targets = values.mean(axis=1, keepdims=True)
    of_sessions = values.mean(axis=0, keepdims=True)
    residual = values - of_targets - of_sessions + mean
    # what is left of numbers that cancel is no scatter: below, it would pass for an ICC
    floor = 16.0 * n * k * float(np.spacing(np.abs(values).max())) ** 2
    squares = [
        k * float(np.sum((of_targets - mean) ** 2)) / (n - 1),
        n * float(np.sum((of_sessions - mean) ** 2)) / (k - 1),
        float(np.sum(residual**2)) / ((n - 1) * (k - 1)),
    ]
    targets, sessions, rest = (0.0 if square <= floor else square for square in squares)
    return TwoWay(n, k, targets, sessions, rest, mean, float(values.std(ddof=1)))


def icc_agreement(table: TwoWay) -> Icc | None:
    """Return ICC(2,1), absolute agreement of a single measure; None where nothing differs.

    (MSR − MSE)/(MSR + (k − 1)·MSE + k·(MSC − MSE)/n), Shrout and Fleiss 1979; called ICC(A,1) by
    McGraw and Wong 1996, whose table 7 has the interval. In its degrees of freedom a negative
    estimate counts as zero.
    """
    n, k = table.n, table.k
    msr, msc, mse = table.ms_targets, table.ms_sessions, table.ms_residual
    whole = msr + (k - 1) * mse + k * (msc - mse) / n
    if whole == 0.0:
        return None
    value = (msr - mse) / whole
    if value >= 1.0:
        return Icc(value, value, value)
    odds = max(value, 0.0) / (1.0 - max(value, 0.0))
    a, b = k * odds / n, 1.0 + k * odds * (n - 1) / n
    spread = (a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1))
    v = (a * msc + b * mse) ** 2 / spread if spread > 0.0 else float((n - 1) * (k - 1))
    others = k * msc + (k * n - k - n) * mse
    f_low, f_high = f_quantile(0.975, n - 1, v), f_quantile(0.975, v, n - 1)
    return Icc(
        value,
        n * (msr - f_low * mse) / (f_low * others + n * msr),
        n * (f_high * msr - mse) / (others + n * f_high * msr),
    )


def icc_consistency(table: TwoWay) -> Icc | None:
    """Return ICC(3,1), consistency of a single measure; None where nothing but sessions differs.

    (MSR − MSE)/(MSR + (k − 1)·MSE), with the exact interval from F = MSR/MSE (Shrout and Fleiss
    1979).
    """
    n, k = table.n, table.k
    msr, mse = table.ms_targets, table.ms_residual
    whole = msr + (k - 1) * mse
    if whole == 0.0:
        return None
    if mse == 0.0:
        return Icc(1.0, 1.0, 1.0)
    df1, df2 = n - 1, (n - 1) * (k - 1)
    f_low = msr / mse / f_quantile(0.975, df1, df2)
    f_high = msr / mse * f_quantile(0.975, df2, df1)
    return Icc(
        (msr - mse) / whole, (f_low - 1.0) / (f_low + k - 1), (f_high - 1.0) / (f_high + k - 1)
    )


def sem_from_icc(sd: float, icc: float) -> float:
    """Return SD·√(1 − ICC). Raises ValueError for an ICC above 1."""
    return sd * math.sqrt(1.0 - icc)


def sem_from_differences(values: FloatArray) -> float:
    """Return SD(difference)/√2 of ``values`` (n, k), pooled over consecutive sessions."""
    variances = np.var(np.diff(values, axis=1), axis=0, ddof=1)
    return math.sqrt(float(variances.mean()) / 2.0)


def log_sem_percent(values: FloatArray) -> float | None:
    """Return 100·(e^s − 1), s² being the MSE of the logarithms of ``values`` (n, k).

    For an error that grows with the value (Bland and Altman 1996, BMJ 313:106). None unless every
    value is above zero.
    """
    if not np.all(values > 0.0):
        return None
    return 100.0 * math.expm1(math.sqrt(two_way(np.log(values)).ms_residual))


def mdc95(sem: float) -> float:
    """Return the minimal detectable change, 1.96·√2·SEM (Weir 2005), in the unit of the SEM."""
    return Z95 * math.sqrt(2.0) * sem


def limits_of_agreement(earlier: FloatArray, later: FloatArray) -> Limits:
    """Return the limits of agreement of two sessions (n,) each, from their differences."""
    differences = later - earlier
    return limits_from(float(differences.mean()), float(differences.std(ddof=1)), len(differences))


def limits_from(bias: float, sd: float, count: int) -> Limits:
    """Return the limits, bias ± 1.96·SD, from mean and SD of ``count`` differences.

    Intervals with t of n − 1: the bias has SD/√n, a limit SD·√(1/n + 1.96²/(2·(n − 1))) as its
    standard error (Bland and Altman 1999, section 2; their √(3/n) of 1986 is close to it).
    """
    t = t_quantile(0.975, count - 1)
    around_bias = t * sd / math.sqrt(count)
    around_limit = t * sd * math.sqrt(1.0 / count + Z95**2 / (2.0 * (count - 1)))
    low, high = bias - Z95 * sd, bias + Z95 * sd
    return Limits(
        bias,
        (bias - around_bias, bias + around_bias),
        low,
        (low - around_limit, low + around_limit),
        high,
        (high - around_limit, high + around_limit),
    )
