"""``dynod devices replay``: a capture through decoder, recorder and core."""

import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dynod.cli.output import print_json, say
from dynod.cli.port_session import NO_FACTS, choose_profile, merged, show
from dynod.cli.recording import Capture, read_capture, replayed, write_expectation
from dynod.config.load import load_config
from dynod.config.profiles import load_profiles
from dynod.config.site import facts_of
from dynod.config.site_facts import SiteFacts
from dynod.core.analysis import analyse
from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.clinical import Fixation, Movement, Side
from dynod.model.device import Trigger
from dynod.model.errors import ConfigError, UsageError
from dynod.model.samples import Decoded, SampleBlock
from dynod.model.trial import Analysis, Recording
from dynod.model.units import Unit
from dynod.session.recorder import Source
from dynod.session.solo import SoloTrials
from dynod.wire.decoder import Decoder
from dynod.wire.profile import Polled, Profile


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What shall be replayed, how its trials are labelled, and what else is wanted of it.

    ``samples`` prints them instead of a report. ``source`` is what an expectation is written with.
    """

    capture: Path
    profile: str
    trigger: Trigger | None
    movement: Movement
    side: Side
    axis: str | None
    at_wire_speed: bool
    fixation: Fixation = Fixation.HAND
    facts: SiteFacts = NO_FACTS
    samples: bool = False
    write_expect: bool = False
    source: str | None = None
    force: bool = False


def run_replay(request: ReplayRequest, config_path: Path, *, as_json: bool) -> None:
    """Replay a capture and print what it holds."""
    if request.write_expect and not request.source:
        raise UsageError('--write-expect needs --source "which unit, and who recorded it"')
    if request.samples and as_json:
        raise UsageError("--samples prints lines of CSV: leave out --json")
    facts = merged(configured_facts(config_path, request.profile), request.facts)
    profile = choose_profile(load_profiles(config_path.parent), request.profile, facts)
    capture = read_capture(request.capture, profile)
    decoded = list(_paced(capture, profile, at_wire_speed=request.at_wire_speed))
    if request.write_expect:
        path = write_expectation(
            capture, profile, decoded, request.source or "", force=request.force
        )
        if not (as_json or request.samples):
            show(f"{path}: written; look through it before you call it proof")
    if request.samples:
        _print_samples(profile, decoded)
        return
    report = _report(request, profile, capture, decoded)
    if as_json:
        print_json(report)
    else:
        _print(report)


def configured_facts(config_path: Path, profile: str) -> SiteFacts:
    """Return what the config says of its device with a profile, if it has exactly one."""
    try:
        devices = load_config(config_path, os.environ).devices
    except ConfigError:
        return NO_FACTS
    fitting = [device for device in devices if device.profile == profile]
    return facts_of(fitting[0]) if len(fitting) == 1 else NO_FACTS


def _paced(capture: Capture, profile: Profile, *, at_wire_speed: bool) -> Iterator[Decoded]:
    """Yield what the capture becomes, as fast as it goes or as fast as it came."""
    begun_s = time.monotonic()
    first_s = capture.chunks[0].arrival_s if capture.chunks else 0.0
    for decoded, at_s in replayed(capture, Decoder(profile, aligned=capture.aligned)):
        if at_wire_speed:
            time.sleep(max(0.0, begun_s + at_s - first_s - time.monotonic()))
        yield decoded


def _report(
    request: ReplayRequest, profile: Profile, capture: Capture, decoded: Sequence[Decoded]
) -> dict[str, object]:
    """Return counts and trials of a capture."""
    axis = request.axis or profile.channels[0]
    if axis not in profile.channels:
        raise UsageError(f"--axis must be one of {', '.join(profile.channels)}")
    rejects = Counter(reject.reason.value for item in decoded for reject in item.rejects)
    why_none = _why_no_trials(profile, capture)
    return {
        "samples": sum(len(block) for item in decoded for block in item.blocks),
        "events": sum(len(item.events) for item in decoded),
        "rejects": dict(rejects),
        "trials": [] if why_none else _trials(request, profile, axis, decoded),
        "no_trials_because": why_none,
    }


def _why_no_trials(profile: Profile, capture: Capture) -> str | None:
    """Return why no trial of this capture would be one in newtons or degrees."""
    if isinstance(profile.dialogue, Polled) and capture.timing is None:
        return "there is no .chunks.json, which says when the device was asked"
    if profile.unit is Unit.COUNT:
        return "bare counts are no newtons without a certificate"
    missing = [key for key in ("unit", "push_sign") if key in profile.open_questions]
    if missing:
        options = " and ".join(f"--{key.replace('_', '-')}" for key in missing)
        return f"no public source says what the numbers mean; give {options}"
    return None


def _trials(
    request: ReplayRequest, profile: Profile, axis: str, decoded: Sequence[Decoded]
) -> list[dict[str, object]]:
    default = Trigger.BUTTON if profile.has_button else Trigger.ONSET
    calibration = Calibration(CalibrationStatus.NOMINAL, profile.nominal_coefficients)
    solo = SoloTrials(
        Source(
            profile.kind,
            profile.channels,
            axis,
            profile.rate_hz or 0.0,
            stamped=profile.clock.kind == "stamp",
        ),
        request.trigger or default,
        calibration,
        AnalysisSettings(),
        reports_release=profile.reports_release,
        single_reading=profile.single_reading,
    )
    recordings = [recording for item in decoded for recording in solo.feed(item)]
    recordings += solo.finish()
    return [
        _trial(
            request,
            recording,
            analyse(
                recording,
                profile.kind,
                calibration,
                hand_held=request.fixation is Fixation.HAND,
            ),
        )
        for recording in recordings
    ]


def _trial(request: ReplayRequest, recording: Recording, analysis: Analysis) -> dict[str, object]:
    return {
        "movement": request.movement.value,
        "side": request.side.value,
        "start_s": recording.start_s,
        "end_s": recording.end_s,
        "valid": analysis.valid,
        "flags": [flag.value for flag in analysis.flags],
        "metrics": dict(analysis.metrics),
        "metric_notes": dict(analysis.notes),
        "tare_n": analysis.tare_n,
        "sample_rate_hz": analysis.sample_rate_hz,
    }


def _print(report: dict[str, object]) -> None:
    say(f"{report['samples']} samples, {report['events']} events, rejects {report['rejects']}")
    for trial in report["trials"]:  # type: ignore[attr-defined]
        word = "[green]valid[/]" if trial["valid"] else "[red]invalid[/]"
        say(f"\n{trial['movement']}, {trial['side']}: {word} {', '.join(trial['flags'])}")
        for name, value in trial["metrics"].items():
            say(f"  {name:<22} {'not computable' if value is None else f'{value:.6g}'}")
    if report["no_trials_because"] is not None:
        show(f"no trial computed: {report['no_trials_because']}")
    elif not report["trials"]:
        show("no trial in it: try another --trigger")


def _print_samples(profile: Profile, decoded: Sequence[Decoded]) -> None:
    """Print samples as CSV: stream time in s, the device's own numbers, empty where none."""
    lines = [",".join(("t_s", *profile.channels))]
    lines += [line for item in decoded for block in item.blocks for line in _csv(block)]
    sys.stdout.write("\n".join(lines) + "\n")


def _csv(block: SampleBlock) -> Iterator[str]:
    for t_s, row in zip(block.t_s.tolist(), block.values.tolist(), strict=True):
        values = ("" if math.isnan(value) else repr(value) for value in row)
        yield ",".join((f"{t_s:.6f}", *values))
