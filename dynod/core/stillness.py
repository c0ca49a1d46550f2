"""Stretches in which a signal is still: the ground under a tare, a zero and a hold."""

import numpy as np

from dynod.model.samples import FloatArray


def still_windows(
    t_s: FloatArray, values: FloatArray, seconds: float, sd_limit: float
) -> list[tuple[int, int]]:
    """Return (first, stop) of every shortest window that lasts ``seconds`` and is still.

    Still: the population standard deviation is at most ``sd_limit``. Half a sample interval is
    forgiven on the length, since a second at 10 Hz may hold 10 or 11 samples. Every window has at
    least two samples.
    """
    if len(t_s) < 2:
        return []
    # Capped, so that on a slow stream one sample alone is never a stretch.
    slack = 0.5 * min(float(np.median(np.diff(t_s))), seconds)
    stop = np.searchsorted(t_s, t_s + seconds - slack, side="left") + 1
    first = np.arange(len(t_s))
    inside = stop <= len(t_s)
    first, stop = first[inside], stop[inside]
    count = stop - first
    centred = values - np.mean(values)
    total = np.concatenate(([0.0], np.cumsum(centred)))
    squares = np.concatenate(([0.0], np.cumsum(centred * centred)))
    mean = (total[stop] - total[first]) / count
    variance = (squares[stop] - squares[first]) / count - mean * mean
    still = variance <= sd_limit * sd_limit + 1e-12
    return [(int(a), int(b)) for a, b in zip(first[still], stop[still], strict=True)]
