"""Quantiles of Student's t and of F for any real degrees of freedom, without scipy.

Both are the incomplete beta function turned round. With T² = df·B/(1 − B), B is beta distributed
with parameters ½ and df/2; with F = (df2/df1)·B/(1 − B), with df1/2 and df2/2
(Abramowitz and Stegun 1964, 26.7.1 and 26.6.2). The function itself is a continued fraction (the
same, 26.5.8). It is solved for the log odds u = ln(B/(1 − B)), in which neither tail loses digits.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

_TINY = 1e-300
_EPSILON = 1e-16
_MAX_TERMS = 100_000
_STIRLING_FROM = 50.0
_NORMAL_FROM = 1e7


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), for 0 <= x <= 1, a > 0, b > 0.

    Raises ValueError outside these limits.
    """
    _check_positive(a, b)
    if not 0.0 <= x <= 1.0:
        raise ValueError("needs 0 <= x <= 1")
    if x in {0.0, 1.0}:
        return x
    lower, upper = _tails(math.log(x) - math.log1p(-x), a, b)
    return lower if lower < upper else 1.0 - upper


@lru_cache(maxsize=1024)
def t_quantile(probability: float, df: float) -> float:
    """Return t with P(T <= t) = ``probability``, for df > 0 degrees of freedom, whole or not.

    With infinitely many it is the normal quantile. Raises ValueError unless 0 < probability < 1
    and df is above 0, OverflowError where t is no finite number.
    """
    _check_probability(probability)
    if df >= _NORMAL_FROM:
        return _nearly_normal(probability, df)
    _check_positive(df)
    central = abs(2.0 * probability - 1.0)
    if central == 0.0:
        return 0.0
    outside = 2.0 * min(probability, 1.0 - probability)
    size = math.exp(0.5 * (math.log(df) + _log_odds(central, outside, 0.5, 0.5 * df)))
    return math.copysign(size, probability - 0.5)


@lru_cache(maxsize=1024)
def f_quantile(probability: float, df1: float, df2: float) -> float:
    """Return f with P(F <= f) = ``probability``; ``df1`` belongs to the numerator.

    Raises ValueError unless 0 < probability < 1 and both df are finite and above 0, OverflowError
    where f is no finite number.
    """
    _check_probability(probability)
    _check_positive(df1, df2)
    log_odds = _log_odds(probability, 1.0 - probability, 0.5 * df1, 0.5 * df2)
    return math.exp(log_odds + math.log(df2) - math.log(df1))


def _nearly_normal(probability: float, df: float) -> float:
    """Return t from the normal quantile by the first two terms of 26.7.5; the rest is below 1e-14.

    The fraction would lose digits here: its first terms differ from 1 by 1/df.
    """
    z = NormalDist().inv_cdf(probability)
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    return z + (first + second / df) / df


def _check_positive(*numbers: float) -> None:
    if not all(0.0 < number < math.inf for number in numbers):
        raise ValueError("needs finite parameters above 0")


def _check_probability(probability: float) -> None:
    if not 0.0 < probability < 1.0:
        raise ValueError("needs 0 < probability < 1")


def _log_odds(lower: float, upper: float, a: float, b: float) -> float:
    """Return u = ln(x/(1 − x)) with I_x(a, b) = ``lower`` and 1 − I_x(a, b) = ``upper``.

    The smaller of the two is what is solved for, on a log scale: there it is monotone in u and all
    but straight far out, so that Newton's steps hold; a step that leaves the bracket halves it.
    """
    rising = lower <= upper
    wanted = math.log(min(lower, upper))

    def miss(u: float) -> tuple[float, float]:
        tails = _tails(u, a, b)
        tail = tails[0] if rising else tails[1]
        slope = math.exp(_log_density(u, a, b) - math.log(tail)) if tail > 0.0 else math.inf
        value = math.log(tail) - wanted if tail > 0.0 else -math.inf
        return (value, slope) if rising else (-value, slope)

    low, high = _bracket(miss, math.log(a) - math.log(b))
    u = 0.5 * (low + high)
    for _ in range(200):
        value, slope = miss(u)
        if value == 0.0:
            return u
        low, high = (low, u) if value > 0.0 else (u, high)
        step = u - value / slope if slope > 0.0 and math.isfinite(value) else math.nan
        following = step if low < step < high else 0.5 * (low + high)
        if abs(following - u) <= 1e-15 * max(1.0, abs(u)) or following in {low, high}:
            return following
        u = following
    return u


def _bracket(miss: Callable[[float], tuple[float, float]], centre: float) -> tuple[float, float]:
    """Return two places between which ``miss`` changes its sign, found by doubling."""
    reach = 1.0
    low, high = centre - reach, centre + reach
    while miss(low)[0] > 0.0:
        reach *= 2.0
        low, high = low - reach, low
    while miss(high)[0] < 0.0:
        reach *= 2.0
        low, high = high, high + reach
    return low, high


def _tails(u: float, a: float, b: float) -> tuple[float, float]:
    """Return I_x(a, b) and 1 − I_x(a, b) at the log odds u of x, the smaller one without loss."""
    x, y = _logistic(u), _logistic(-u)
    front = math.exp(_log_density(u, a, b))
    if x < (a + 1.0) / (a + b + 2.0):
        lower = front * _continued_fraction(x, a, b) / a
        return lower, 1.0 - lower
    upper = front * _continued_fraction(y, b, a) / b
    return 1.0 - upper, upper


def _log_density(u: float, a: float, b: float) -> float:
    """Return ln(x^a·(1 − x)^b/B(a, b)), the log of the density in u."""
    return -a * _softplus(-u) - b * _softplus(u) - _log_beta(a, b)


def _softplus(u: float) -> float:
    return max(u, 0.0) + math.log1p(math.exp(-abs(u)))


def _logistic(u: float) -> float:
    return math.exp(-_softplus(-u))


def _log_beta(a: float, b: float) -> float:
    """Return ln B(a, b).

    For large a the difference of its log gammas is taken term by term from Stirling's series
    (Abramowitz and Stegun 1964, 6.1.41): taken as numbers they would cancel most digits.
    """
    small, large = min(a, b), max(a, b)
    if large < _STIRLING_FROM:
        return math.lgamma(small) + math.lgamma(large) - math.lgamma(a + b)
    gain = (
        (large + small - 0.5) * math.log1p(small / large)
        + small * (math.log(large) - 1.0)
        + _stirling_rest(large + small)
        - _stirling_rest(large)
    )
    return math.lgamma(small) - gain


def _stirling_rest(z: float) -> float:
    return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * z * z)) / z**2) / z**2) / z


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Return the fraction of 26.5.8, by Lentz's method as modified by Thompson and Barnett 1986."""
    c = 1.0
    d = 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0))
    total = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        before = total
        for term in (even, odd):
            d = 1.0 / _not_zero(1.0 + term * d)
            c = _not_zero(1.0 + term / c)
            total *= c * d
        if abs(total - before) <= _EPSILON * abs(total):
            return total
    raise ArithmeticError("the continued fraction does not settle")


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
