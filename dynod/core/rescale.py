"""A value of one calibration said in another: back to the device's number, and forth again."""

import numpy as np

from dynod.model.calibration import Calibration


def rescaled(
    value: float, before: Calibration, after: Calibration, *, mount_sign: int, near: float
) -> float | None:
    """Return what a reading of ``value`` N (or deg) under ``before`` is under ``after``.

    ``near`` is a device number of the same recording: where a curved calibration gives the value
    for more than one number, the nearest to it is meant. None where no number gives the value. The
    same coefficients return the value itself, bit for bit.
    """
    if before.coefficients == after.coefficients:
        return value
    number = device_number(value * mount_sign, before.coefficients, near)
    if number is None:
        return None
    return float(after.apply(np.array([number]))[0]) * mount_sign


def device_number(value: float, coefficients: tuple[float, ...], near: float) -> float | None:
    """Return the device number x, nearest to ``near``, for which Σ c_k·x^k is ``value``."""
    offset, *rest = coefficients
    roots = np.polynomial.Polynomial((offset - value, *rest)).roots()
    real = roots.real[np.abs(roots.imag) <= 1e-9 * (1.0 + np.abs(roots.real))]
    return float(real[np.argmin(np.abs(real - near))]) if len(real) else None
