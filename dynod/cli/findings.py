"""A plain word on each figure of a device's health, for a lay person."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dynod.cli.health import Health, Rest
from dynod.core.settings import AnalysisSettings
from dynod.wire.framing import FixedFrame, IdleGap, LengthPrefixed
from dynod.wire.profile import Polled, Profile

RATE_TOLERANCE = 0.1  # two real units of one model differ by 6 percent

_ENOUGH = 20  # samples that say something about a reading that does not move
_UNSTEADY = 0.25  # of an interval
_DRIFT_N, _DRIFT_DEG = 5.0, 2.0  # per look; defaults
_BEYOND = {
    "overload": "above what the device can measure: take the load off",
    "under_range": "below what the device can measure: let it go",
    "saturated": "at the end of the converter: is the cell connected, and the load off?",
}

State = Literal["ok", "look", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A plain word on one item."""

    item: str
    state: State
    text: str


def as_expected(rate_hz: float, wanted_hz: float) -> bool:
    """Tell whether a measured rate is the wanted one."""
    return abs(rate_hz - wanted_hz) <= RATE_TOLERANCE * wanted_hz


def findings(
    profile: Profile, health: Health, latency_timer_ms: int | None = None
) -> list[Finding]:
    """Return a plain word on every item that there is something to say about.

    ``latency_timer_ms``: how long the adapter holds bytes back, in ms, where it says so.
    """
    if not health.samples:
        return [*_nothing(profile, health), *_button(profile, health)]
    return [
        *_rate(profile, health),
        *_steadiness(health),
        *_adapter(latency_timer_ms),
        _damage(profile, health),
        *_limits(health),
        *_readings(health),
        *_button(profile, health),
    ]


def _nothing(profile: Profile, health: Health) -> Iterator[Finding]:
    if profile.single_reading and not health.rejects:
        yield Finding(
            "samples", "look", "nothing came: press the key of the device while this runs"
        )
    elif not health.rejects:
        yield Finding("samples", "bad", "nothing came: check cable, power and port")
    else:
        count = sum(health.rejects.values())
        text = f"nothing of what came could be read ({count} {_noun(profile, count)})"
        yield Finding("samples", "bad", f"{text}: check baud rate and profile")


def _rate(profile: Profile, health: Health) -> Iterator[Finding]:
    rate_hz, nominal_hz = health.timing.rate_hz, health.nominal_rate_hz
    if profile.single_reading:
        text = f"the key was pressed {_times(health.samples)}, and a reading came each time"
        yield Finding("readings", "ok", text)
        return
    if rate_hz is None:
        yield Finding("rate", "bad", f"only {health.samples} samples came: too few to tell")
        return
    is_hz = f"{rate_hz:.1f} Hz"
    if nominal_hz is None:
        yield Finding("rate", "look", f"{is_hz}; put rate_hz = {rate_hz:.3g} into dynod.toml")
    elif abs(rate_hz - nominal_hz) <= RATE_TOLERANCE * nominal_hz:
        yield Finding("rate", "ok", f"{is_hz}, as expected")
    elif isinstance(profile.dialogue, Polled):
        why = "the device answers too slowly; a lower rate_hz in dynod.toml suits it"
        yield Finding("rate", "look", f"{is_hz}, though asked {nominal_hz:g} times a second: {why}")
    else:
        why = f"if the unit is set so, put rate_hz = {rate_hz:.3g} into dynod.toml"
        yield Finding("rate", "look", f"{is_hz}, and not {nominal_hz:g} Hz: {why}")


def _steadiness(health: Health) -> Iterator[Finding]:
    timing = health.timing
    sd_ms, worst_ms = timing.jitter_sd_ms, timing.worst_interval_ms
    if sd_ms is None or worst_ms is None or timing.rate_hz is None:
        return
    whose = {"stamps": "by the device's clock", "polls": "from question to question"}
    basis = whose.get(timing.basis, "as they arrive here")
    text = f"intervals vary by {sd_ms:.1f} ms (SD), the longest is {worst_ms:.0f} ms, {basis}"
    unsteady = sd_ms > _UNSTEADY * 1e3 / timing.rate_hz
    yield Finding("jitter", "look" if unsteady else "ok", text)
    if timing.gaps:
        why = "a trial in which that happens is invalid; check cable, hub and other programs"
        yield Finding("gaps", "bad", f"samples were missing {_times(timing.gaps)}: {why}")
    else:
        yield Finding("gaps", "ok", "no sample is missing")
    if health.segments > 1:
        text = f"the device began anew {_times(health.segments - 1)}"
        yield Finding("restarts", "bad", f"{text}: it loses power, or the plug is loose")


def _adapter(latency_timer_ms: int | None) -> Iterator[Finding]:
    if latency_timer_ms is not None and latency_timer_ms > 1:
        text = f"it holds bytes back for up to {latency_timer_ms} ms"
        rule = "systemd/60-dynod-serial.rules"
        yield Finding("adapter", "look", f"{text}: install the udev rule {rule}")


def _damage(profile: Profile, health: Health) -> Finding:
    bad = sum(health.rejects.values())
    total = health.samples + bad
    if not bad:
        return Finding("damage", "ok", f"none of {total} {_noun(profile, total)} was damaged")
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(health.rejects.items()))
    were = "was" if bad == 1 else "were"
    text = f"{bad} of {total} {_noun(profile, total)} {were} damaged ({reasons})"
    if bad > health.samples:
        return Finding("damage", "bad", f"{text}: check baud rate and profile")
    return Finding("damage", "bad", f"{text}: check the cable and its shielding")


def _limits(health: Health) -> Iterator[Finding]:
    for name, count in health.statuses.items():
        text = f"{count} of {health.samples} samples were {_BEYOND[name]}"
        yield Finding(name, "bad", text)


def _readings(health: Health) -> Iterator[Finding]:
    for name, rest in health.rest.items():
        if rest.distinct == 1 and health.samples >= _ENOUGH:
            text = "the reading never changed: is the load cell connected?"
            if rest.unit == "deg":
                text = "the angle never changed: move the sensor, and look again"
            elif rest.unit != "counts":
                text += " Push once while this runs, and look again"
            yield Finding(f"reading {name}", "look", text)
        elif rest.sd is not None and rest.drift is not None:
            yield _at_rest(name, rest)


def _at_rest(name: str, rest: Rest) -> Finding:
    sd, drift = rest.sd or 0.0, rest.drift or 0.0
    settings = AnalysisSettings()
    limits = {"N": (settings.quiet_sd_n, _DRIFT_N), "deg": (settings.hold_sd_deg, _DRIFT_DEG)}
    text = (
        f"it varies by {sd:.3g} {rest.unit} (SD) and drifts by {drift:+.3g} {rest.unit} "
        f"in {rest.seconds:.0f} s, over {rest.distinct} different values"
    )
    most_sd, most_drift = limits.get(rest.unit, (float("inf"), float("inf")))
    if sd > most_sd:
        text += ": was it left alone? At rest this is too much for a trial"
    elif abs(drift) > most_drift:
        text += ": let it warm up for some minutes, and look again"
    good = sd <= most_sd and abs(drift) <= most_drift
    return Finding(f"reading {name}", "ok" if good else "look", text)


def _button(profile: Profile, health: Health) -> Iterator[Finding]:
    if not profile.has_button or profile.single_reading:
        return
    presses, releases = health.events.get("press", 0), health.events.get("release", 0)
    if not presses + releases:
        yield Finding("button", "look", "no press came: press it while this runs, to try it")
    elif profile.reports_release and abs(presses - releases) > 1:
        why = "the level of the input may be undefined, see the wiring in README.md"
        yield Finding("button", "bad", f"{presses} presses and {releases} releases came: {why}")
    else:
        yield Finding("button", "ok", f"it was pressed {_times(presses)}")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _noun(profile: Profile, count: int) -> str:
    framing = profile.framing
    name = "frame" if isinstance(framing, FixedFrame | LengthPrefixed) else "line"
    if isinstance(framing, IdleGap):
        name = "answer"
    return name if count == 1 else f"{name}s"
