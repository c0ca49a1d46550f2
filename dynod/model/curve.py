"""The curve of a trial as it leaves dynod."""

from dataclasses import dataclass

from dynod.model.clinical import Kind
from dynod.model.samples import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class EvenCurve:
    """A trial's calibrated and tared samples, evenly spaced and not filtered.

    ``values`` (n,) are in N for a force, in deg from neutral for an angle, NaN where nothing was
    measured. ``first_s`` is the time of the first one after the start of the recording, negative
    in the pre-roll. ``rate_hz`` is positive.
    """

    kind: Kind
    first_s: float
    rate_hz: float
    values: FloatArray
