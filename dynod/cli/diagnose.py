"""``dynod devices diagnose``: how well a device's stream is, in words for a lay person."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.table import Table
from rich.text import Text

from dynod.cli.findings import Finding, findings
from dynod.cli.health import Health, Heard, examine
from dynod.cli.output import console, print_json
from dynod.cli.port_session import (
    Unit,
    Wanted,
    borrowed,
    choose_profile,
    converse,
    find_unit,
    line_of,
    merged,
    open_link,
    show,
    until_told,
)
from dynod.cli.recording import read_capture, replayed
from dynod.cli.replay import configured_facts
from dynod.config.profiles import load_profiles
from dynod.model.errors import DeviceError, UsageError
from dynod.model.samples import Decoded, DeviceEvent, Reject, SampleBlock
from dynod.wire.decoder import Decoder
from dynod.wire.profile import Profile

_STYLES = {"ok": "green", "look": "yellow", "bad": "bold red"}


@dataclass(slots=True)
class Notes:
    """Collects what is decoded."""

    blocks: list[SampleBlock] = field(default_factory=list)
    arrivals_s: list[float] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    events: list[DeviceEvent] = field(default_factory=list)

    def take(self, decoded: Decoded, at_s: float) -> None:
        """Note what was decoded, and when it arrived."""
        self.blocks += decoded.blocks
        self.arrivals_s += [at_s] * len(decoded.blocks)
        self.rejects += decoded.rejects
        self.events += decoded.events

    @property
    def heard(self) -> Heard:
        """All of it."""
        return Heard(self.blocks, self.arrivals_s, self.rejects, self.events)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was looked at and found. ``problem`` is what broke it off, if anything."""

    where: str
    profile: Profile
    health: Health
    findings: Sequence[Finding]
    problem: DeviceError | None = None


def run_diagnose(config_path: Path, wanted: Wanted, seconds: float, *, as_json: bool) -> None:
    """Look at a device or at a capture; raises DeviceError when nothing came of a device."""
    if wanted.port is not None and Path(wanted.port).suffix == ".bin":
        diagnosis = _of_capture(config_path, wanted, Path(wanted.port))
    else:
        unit = find_unit(config_path, wanted)
        if unit.profile is None:
            raise UsageError(
                f"{unit.path}: name what is there with --profile (`dynod devices probe` finds out)"
            )
        with borrowed(config_path, unit), console.status(_advice(unit.profile, seconds)):
            diagnosis = asyncio.run(_of_device(unit, unit.profile, seconds))
    if as_json:
        print_json(_as_data(diagnosis))
    else:
        _print(diagnosis)
    if diagnosis.problem is not None:
        raise diagnosis.problem


def _advice(profile: Profile, seconds: float) -> str:
    if profile.single_reading:
        return f"press the key of the device some times ({seconds:g} s)"
    return f"leave the device alone ({seconds:g} s)"


async def _of_device(unit: Unit, profile: Profile, seconds: float) -> Diagnosis:
    notes = Notes()
    problem: DeviceError | None = None
    line = line_of(profile)
    async with open_link(unit.path, line) as link:
        with until_told(link) as stopping:
            try:
                await converse(link, profile, notes.take, seconds=seconds, stopping=stopping)
            except DeviceError as error:
                problem = error
        latency_ms = link.port.latency_timer_ms
    health = examine(profile, notes.heard)
    where = f"{unit.path}, {line}"
    words = findings(profile, health, latency_ms)
    if problem is not None and not health.samples:
        words = []  # the problem says it better
    return Diagnosis(where, profile, health, words, problem)


def _of_capture(config_path: Path, wanted: Wanted, path: Path) -> Diagnosis:
    if wanted.profile is None:
        raise UsageError(f"{path}: name the profile of the capture with --profile")
    facts = merged(configured_facts(config_path, wanted.profile), wanted.facts)
    profile = choose_profile(load_profiles(config_path.parent), wanted.profile, facts)
    capture = read_capture(path, profile)
    notes = Notes()
    for decoded, at_s in replayed(capture, Decoder(profile, aligned=capture.aligned)):
        notes.take(decoded, at_s)
    health = examine(profile, notes.heard)
    words = findings(profile, health)
    if capture.timing is None:
        words.append(Finding("timing", "look", "there is no .chunks.json: times are guessed"))
    return Diagnosis(str(path), profile, health, words)


def _print(diagnosis: Diagnosis) -> None:
    show(f"{diagnosis.profile.title} at {diagnosis.where}")
    table = Table.grid(padding=(0, 2))
    for finding in diagnosis.findings:
        mark = Text(finding.state, style=_STYLES[finding.state])
        table.add_row(mark, Text(finding.item, no_wrap=True), Text(finding.text))
    console.print(table)


def _as_data(diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "where": diagnosis.where,
        "profile": diagnosis.profile.key,
        **asdict(diagnosis.health),
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "problem": None if diagnosis.problem is None else str(diagnosis.problem),
    }
