"""``dynod devices replay``: a capture through decoder, recorder and core."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dynod.cli.output import print_json, say
from dynod.config.profiles import load_profiles
from dynod.core.analysis import analyse
from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.clinical import Movement, Side
from dynod.model.device import Trigger
from dynod.model.errors import DeviceError, UsageError
from dynod.model.samples import Chunk
from dynod.model.trial import Analysis, Recording
from dynod.session.recorder import Source
from dynod.session.solo import SoloTrials
from dynod.wire.capture import chunks_of, parse_timing
from dynod.wire.decoder import Decoder
from dynod.wire.profile import Profile

_PORTION = 512
_BITS_PER_BYTE = 10  # start, eight data bits, stop


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What shall be replayed, and how its trials are labelled."""

    capture: Path
    profile: str
    trigger: Trigger | None
    movement: Movement
    side: Side
    axis: str | None
    at_wire_speed: bool


def run_replay(request: ReplayRequest, config_path: Path, *, as_json: bool) -> None:
    """Replay a capture and print what it holds."""
    profiles = load_profiles(config_path.parent)
    profile = profiles.get(request.profile)
    if profile is None:
        raise UsageError(f"no profile {request.profile}; there are {', '.join(sorted(profiles))}")
    report = replay(request, profile)
    if as_json:
        print_json(report)
        return
    say(f"{report['samples']} samples, {report['events']} events, rejects {report['rejects']}")
    for trial in report["trials"]:  # type: ignore[attr-defined]
        word = "[green]valid[/]" if trial["valid"] else "[red]invalid[/]"
        say(f"\n{trial['movement']}, {trial['side']}: {word} {', '.join(trial['flags'])}")
        for name, value in trial["metrics"].items():
            say(f"  {name:<22} {'not computable' if value is None else f'{value:.6g}'}")
    if not report["trials"]:
        say("no trial in it: try another --trigger")


def replay(request: ReplayRequest, profile: Profile) -> dict[str, object]:
    """Return counts and trials of a capture."""
    axis = request.axis or profile.channels[0]
    if axis not in profile.channels:
        raise UsageError(f"--axis must be one of {', '.join(profile.channels)}")
    default = Trigger.BUTTON if profile.has_button else Trigger.ONSET
    settings = AnalysisSettings()
    calibration = Calibration(CalibrationStatus.NOMINAL, profile.nominal_coefficients)
    solo = SoloTrials(
        Source(profile.kind, profile.channels, axis, profile.rate_hz or 0.0),
        request.trigger or default,
        calibration,
        settings,
        reports_release=profile.reports_release,
    )
    decoder = Decoder(profile, aligned=True)
    counts: Counter[str] = Counter(samples=0, events=0)
    recordings: list[Recording] = []
    for chunk in _chunks(request, profile):
        decoded = decoder.feed(chunk)
        counts["samples"] += sum(len(block) for block in decoded.blocks)
        counts["events"] += len(decoded.events)
        recordings += solo.feed(decoded)
    recordings += solo.finish()
    return {
        **counts,
        "rejects": {reason.value: count for reason, count in decoder.rejects.items()},
        "trials": [
            _trial(request, recording, analyse(recording, profile.kind, calibration))
            for recording in recordings
        ],
    }


def _trial(request: ReplayRequest, recording: Recording, analysis: Analysis) -> dict[str, object]:
    return {
        "movement": request.movement.value,
        "side": request.side.value,
        "start_s": recording.start_s,
        "end_s": recording.end_s,
        "valid": analysis.valid,
        "flags": [flag.value for flag in analysis.flags],
        "metrics": dict(analysis.metrics),
        "tare_n": analysis.tare_n,
        "sample_rate_hz": analysis.sample_rate_hz,
    }


def _chunks(request: ReplayRequest, profile: Profile) -> Iterator[Chunk]:
    """Yield the capture in portions, paced as on the wire when that is asked for."""
    begun_s = time.monotonic()
    for chunk in _portions(request.capture, profile):
        if request.at_wire_speed:
            time.sleep(max(0.0, begun_s + chunk.arrival_s - time.monotonic()))
        yield chunk


def _portions(path: Path, profile: Profile) -> Iterator[Chunk]:
    try:
        data = path.read_bytes()
        timing = path.with_suffix(".chunks.json")
        if timing.exists():
            yield from chunks_of(data, parse_timing(timing.read_text(encoding="utf-8")))
            return
    except OSError as error:
        raise DeviceError(f"{path}: {error.strerror}") from error
    bytes_per_s = (profile.serial.baudrate or 9600) / _BITS_PER_BYTE
    for start in range(0, len(data), _PORTION):
        end = min(start + _PORTION, len(data))
        yield Chunk(data[start:end], end / bytes_per_s)
