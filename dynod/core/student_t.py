"""Quantiles of Student's t distribution for whole degrees of freedom, without scipy.

The distribution function has a closed form there (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4);
the quantile is found by bisection and one polish by Newton's method.
"""

import math
from functools import lru_cache


def central_probability(t: float, df: int) -> float:
    """Return P(|T| <= t) for ``df`` >= 1 degrees of freedom and t >= 0."""
    theta = math.atan2(t, math.sqrt(df))
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = df % 2 == 1
    term = cosine if odd else 1.0
    total = term if df > 1 else 0.0
    for k in range(2 if odd else 1, df - 1, 2):
        term *= cosine * cosine * k / (k + 1)
        total += term
    return 2.0 / math.pi * (theta + sine * total) if odd else sine * total


def density(t: float, df: int) -> float:
    """Return the probability density at t."""
    log_scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
    return math.exp(log_scale - (df + 1) / 2 * math.log1p(t * t / df))


@lru_cache(maxsize=256)
def t_quantile(probability: float, df: int) -> float:
    """Return t with P(T <= t) = ``probability``, for 0.5 <= probability < 1 and df >= 1."""
    if df < 1 or not 0.5 <= probability < 1.0:
        raise ValueError("needs df >= 1 and 0.5 <= probability < 1")
    wanted = 2.0 * probability - 1.0
    low, high = 0.0, 1.0
    while central_probability(high, df) < wanted:
        high *= 2.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        if central_probability(middle, df) < wanted:
            low = middle
        else:
            high = middle
    guess = 0.5 * (low + high)
    return guess - (central_probability(guess, df) - wanted) / (2.0 * density(guess, df))
