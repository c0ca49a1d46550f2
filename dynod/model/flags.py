"""Flags on trials and deficits, and which of them make a trial invalid."""

from collections.abc import Iterable
from enum import StrEnum


class Flag(StrEnum):
    """A named reason to doubt a result, published by name (docs/contract.md, section 2)."""

    # warn
    TIMEOUT = "timeout"
    SHORT_PREROLL = "short_preroll"
    UNCALIBRATED = "uncalibrated"
    PRE_TENSION = "pre_tension"
    SPIKE = "spike"
    SINGLE_READING = "single_reading"
    LOW_RATE = "low_rate"
    BEYOND_CALIBRATION = "beyond_calibration"
    RESAMPLED = "resampled"
    DUPLICATE_TIMES = "duplicate_times"
    BURST = "burst"
    COUNTERMOVEMENT = "countermovement"
    EARLY_PEAK = "early_peak"
    DOUBLE_PEAK = "double_peak"
    DROP_OFF = "drop_off"
    NOISY_BASELINE = "noisy_baseline"
    BASELINE_SHIFT = "baseline_shift"
    MOVING = "moving"
    # reject
    YIELD = "yield"
    NO_BASELINE = "no_baseline"
    TARE_LIMIT = "tare_limit"
    OVERLOAD = "overload"
    UNDER_RANGE = "under_range"
    SATURATED = "saturated"
    GAP = "gap"
    CHECKSUM = "checksum"
    BYTES_LOST = "bytes_lost"
    QUEUE_OVERFLOW = "queue_overflow"
    DISCONNECT = "disconnect"
    NO_CONTRACTION = "no_contraction"
    TOO_SHORT = "too_short"
    PEAK_ON_SPIKE = "peak_on_spike"
    NO_STABLE_HOLD = "no_stable_hold"
    CALIBRATION_EXPIRED = "calibration_expired"
    CALIBRATION_REVOKED = "calibration_revoked"
    NO_CALIBRATION = "no_calibration"
    VERIFICATION_FAILED = "verification_failed"
    DISCARDED = "discarded"
    # on deficits
    LEVER_ARM_MISSING = "lever_arm_missing"
    PAIN_LIMITED = "pain_limited"
    TESTER_LIMITED = "tester_limited"
    DIFFERENT_DEVICES = "different_devices"
    NOMINAL_CALIBRATION = "nominal_calibration"
    SYMMETRIC_BUT_WEAK = "symmetric_but_weak"


# What rejects where a site's quality.toml says nothing else.
REJECTING: frozenset[Flag] = frozenset(
    {
        Flag.NO_BASELINE,
        Flag.TARE_LIMIT,
        Flag.OVERLOAD,
        Flag.UNDER_RANGE,
        Flag.SATURATED,
        Flag.GAP,
        Flag.CHECKSUM,
        Flag.BYTES_LOST,
        Flag.QUEUE_OVERFLOW,
        Flag.DISCONNECT,
        Flag.NO_CONTRACTION,
        Flag.TOO_SHORT,
        Flag.PEAK_ON_SPIKE,
        Flag.YIELD,
        Flag.NO_STABLE_HOLD,
        Flag.CALIBRATION_EXPIRED,
        Flag.CALIBRATION_REVOKED,
        Flag.NO_CALIBRATION,
        Flag.VERIFICATION_FAILED,
        Flag.DISCARDED,
    }
)


# What a site may let warn or reject. All others are not a matter of taste.
CONFIGURABLE: frozenset[Flag] = frozenset(
    {
        Flag.SHORT_PREROLL,
        Flag.PRE_TENSION,
        Flag.COUNTERMOVEMENT,
        Flag.EARLY_PEAK,
        Flag.DOUBLE_PEAK,
        Flag.DROP_OFF,
        Flag.TOO_SHORT,
        Flag.SPIKE,
        Flag.PEAK_ON_SPIKE,
        Flag.YIELD,
        Flag.NOISY_BASELINE,
        Flag.BASELINE_SHIFT,
        Flag.TESTER_LIMITED,
        Flag.LOW_RATE,
        Flag.RESAMPLED,
        Flag.DUPLICATE_TIMES,
        Flag.BURST,
        Flag.MOVING,
        Flag.TIMEOUT,
    }
)


def is_valid(flags: Iterable[Flag], rejecting: frozenset[Flag] = REJECTING) -> bool:
    """Tell whether a trial with these flags counts."""
    return rejecting.isdisjoint(flags)
