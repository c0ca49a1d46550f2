"""How well a device's stream is: figures from blocks, rejects and events.

No input, no output and no clock: `dynod devices diagnose` brings what came.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dynod.core.settings import AnalysisSettings
from dynod.model.clinical import Kind
from dynod.model.samples import (
    DeviceEvent,
    FloatArray,
    Reject,
    SampleBlock,
    SampleStatus,
    concatenate,
)
from dynod.model.units import Unit
from dynod.wire.profile import NominalClock, Profile

_LATE_S = 0.02  # an adapter may hold bytes back for 16 ms, and the system is no metronome


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a device. ``arrivals_s``: when each block came, in monotonic s."""

    blocks: Sequence[SampleBlock]
    arrivals_s: Sequence[float]
    rejects: Sequence[Reject] = ()
    events: Sequence[DeviceEvent] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """Rate in Hz, intervals in ms; None where there are too few samples.

    ``basis``: whose clock the times are of. ``gaps``: intervals in which something is missing.
    """

    basis: Literal["stamps", "arrival", "polls", "none"]
    rate_hz: float | None = None
    jitter_sd_ms: float | None = None
    worst_interval_ms: float | None = None
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class Rest:
    """A channel while nobody touches the device, in ``unit``.

    ``sd`` is about a straight line, whose rise over ``seconds`` is ``drift``. ``distinct`` counts
    the different values on the wire.
    """

    distinct: int
    unit: str
    mean: float | None = None
    sd: float | None = None
    drift: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Health:
    """All figures of a look at a device."""

    samples: int
    nominal_rate_hz: float | None
    timing: Timing
    rejects: dict[str, int]
    events: dict[str, int]
    statuses: dict[str, int]
    rest: dict[str, Rest]
    segments: int


def examine(profile: Profile, heard: Heard) -> Health:
    """Return the figures. Times and units are those of the profile."""
    segments = _segments(heard)
    statuses: Counter[str] = Counter()
    for block, _ in segments:
        for status in SampleStatus:
            count = int(np.count_nonzero(block.status & status.value))
            if status is not SampleStatus.OK and count:
                statuses[str(status.name).lower()] += count
    return Health(
        samples=sum(len(block) for block, _ in segments),
        nominal_rate_hz=profile.rate_hz,
        timing=_timing(profile, segments),
        rejects=dict(Counter(reject.reason.value for reject in heard.rejects)),
        events=dict(Counter(event.kind.value for event in heard.events)),
        statuses=dict(statuses),
        rest={name: _rest(profile, name, segments) for name in profile.channels},
        segments=len(segments),
    )


def measured_rate(times: FloatArray) -> float | None:
    """Return the rate of samples at rising times (n,), in Hz; None of too few.

    Samples that came with the first one are not counted: nobody knows since when they waited.
    """
    if len(times) < 2 or times[-1] <= times[0]:
        return None
    first = int(np.searchsorted(times, times[0], side="right"))
    return float((len(times) - first) / (times[-1] - times[0]))


def _segments(heard: Heard) -> list[tuple[SampleBlock, FloatArray]]:
    """Return the samples of each segment, and when each of them arrived."""
    found: dict[int, tuple[list[SampleBlock], list[FloatArray]]] = {}
    for block, arrival_s in zip(heard.blocks, heard.arrivals_s, strict=True):
        if len(block):
            blocks, arrivals = found.setdefault(block.segment, ([], []))
            blocks.append(block)
            arrivals.append(np.full(len(block), arrival_s))
    return [(concatenate(blocks), np.concatenate(came)) for blocks, came in found.values()]


def _timing(profile: Profile, segments: Sequence[tuple[SampleBlock, FloatArray]]) -> Timing:
    if profile.single_reading:
        return Timing("none")
    arrival = isinstance(profile.clock, NominalClock)
    basis: Literal["stamps", "arrival", "polls"] = (
        "arrival" if arrival else "polls" if profile.clock.kind == "poll" else "stamps"
    )
    times = [came if arrival else block.t_s for block, came in segments]
    longest = max(times, key=len, default=np.empty(0))
    intervals = np.concatenate([np.diff(part) for part in times]) if times else np.empty(0)
    if not len(intervals):
        return Timing(basis)
    between = intervals[intervals > 0.0] if arrival else intervals
    usual_s = float(np.median(between)) if len(between) else 0.0
    limit_s = AnalysisSettings().gap_factor * usual_s + (_LATE_S if arrival else 0.0)
    return Timing(
        basis,
        rate_hz=measured_rate(longest),
        jitter_sd_ms=1e3 * float(np.std(intervals)),
        worst_interval_ms=1e3 * float(np.max(intervals)),
        gaps=int(np.count_nonzero(between > limit_s)),
    )


def _rest(profile: Profile, name: str, segments: Sequence[tuple[SampleBlock, FloatArray]]) -> Rest:
    unit = _unit(profile)
    good = [(b.t_s[b.status == 0], b.channel(name)[b.status == 0]) for b, _ in segments]
    if not any(len(times) for times, _ in good):
        return Rest(0, unit)
    distinct = len(np.unique(np.concatenate([values for _, values in good])))
    times, raw = max(good, key=lambda pair: len(pair[0]))
    offset, factor = profile.nominal_coefficients
    values = offset + factor * raw
    if profile.kind is Kind.ANGLE:
        values = np.unwrap(values, period=360.0)
    if len(times) < 3 or times[-1] <= times[0]:
        return Rest(distinct, unit, mean=float(np.mean(values)))
    seconds = float(times[-1] - times[0])
    design = np.stack([np.ones(len(times)), (times - times[0]) / seconds], axis=1)
    line, *_ = np.linalg.lstsq(design, values, rcond=None)
    apart = values - design @ line
    return Rest(
        distinct,
        unit,
        mean=float(np.mean(values)),
        sd=float(np.sqrt(np.sum(apart * apart) / (len(values) - 2))),
        drift=float(line[1]),
        seconds=seconds,
    )


def _unit(profile: Profile) -> str:
    if profile.kind is Kind.ANGLE:
        return "deg" if profile.unit is not None else "of its own numbers"
    if profile.unit is Unit.COUNT:
        return "counts"
    return "N" if profile.unit is not None else "of its own numbers"
