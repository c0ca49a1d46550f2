"""A fault of the serial line in the middle of a trial is flagged, or does the trial no harm.

Each fault is tried on a device of each framing, in virtual time through the product's own
conversation, decoder, recorder and analysis; the same bytes over a real pty to `dynod run` give
the same trial. Held against the trial without the fault: forces, means, impulse and angles within
the larger of 1 N (1 N s, 1 degree) and 1 %.

In the suite only a part of the bytes, bits and digits, at one moment. `make soak` tries all of them
at four moments, and holds the outcome against the table in docs/reliability.md; with
DYNOD_WRITE_PAGE=1 it writes that table.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial

import pytest

from dynod.config.profiles import load_profiles
from dynod.config.site_facts import SiteFacts, with_site_facts
from dynod.model.clinical import Kind
from dynod.model.trial import Analysis
from dynod.model.units import Unit
from dynod.wire.framing import DelimitedLine, IdleGap, PatternLine
from dynod.wire.profile import Profile
from tests.support import fault_table
from tests.support.fault_table import Verdict, counted
from tests.support.line_faults import Fault, faults_of
from tests.support.virtual_line import QUIET_S, run_trial, whole

SOAK = bool(os.environ.get("DYNOD_SOAK_S"))
PART = "serial faults"

# One of each way to frame a sample, with and without a checksum, with and without stamps.
UNCHECKED = {
    "chronojump_force_sensor": "lines with stamps",
    "generic_line_force": "lines",
    "generic_line_angle": "lines, angle",
    "mark10_series_5/stream": "lines with a unit",
    "mark10_series_5": "lines, asked for",
    "sauter_fh_fl": "seven characters, asked for",
    "chronojump_force_platform": "frames with stamps",
}
CHECKED = {
    "vectornav_vn100": "lines",
    "witmotion_wt901": "frames",
    "rion_68": "frames with lengths, asked for",
    "seika_ng360": "characters, asked for",
}
ALL = UNCHECKED | CHECKED
KEYS = tuple(ALL)
# Seconds after the press: at rest before it, in the rise, at the peak, in the hold.
MOMENTS_S = {Kind.FORCE: (-0.6, 0.8, 1.1, 2.9), Kind.ANGLE: (-0.6, 1.0, 2.5, 3.2)}
# What a metric may differ by, whatever its size.
LIMIT = 1.0
COMPARED = ("force_n", "force_500ms_n", "force_3s_n", "impulse_n_s", "angle_deg")
# A newton at either end of 200 ms; these rest on single samples.
RATE_LIMIT = 5.0


@cache
def answered(key: str) -> Profile:
    """A profile with made-up answers to what no source says."""
    profile = load_profiles(None)[key]
    force = profile.kind is Kind.FORCE
    facts = {
        "baudrate": 9600,
        "unit": Unit.NEWTON if force else Unit.DEGREE,
        "push_sign": 1,
        "rate_hz": 80.0 if force else 50.0,
    }
    given = {question: facts[question] for question in profile.open_questions}
    return with_site_facts(profile, SiteFacts(**given))  # type: ignore[arg-type]


def is_text(profile: Profile) -> bool:
    framing = profile.framing
    return isinstance(framing, DelimitedLine | PatternLine) or (
        isinstance(framing, IdleGap) and framing.text is not None
    )


def frames_and_metrics(profile: Profile) -> tuple[bytes, Analysis]:
    """A frame of the hold, and the trial without a fault."""
    sent: list[bytes] = []

    def heard(frame: bytes, since_s: float) -> list[bytes]:
        if frame:
            sent.append(frame)
        return whole(frame, since_s)

    outcome = run_trial(profile, heard)
    assert outcome is not None
    return sent[len(sent) // 2], outcome


def judged(profile: Profile, plain: Analysis, fault: Fault, at_s: float) -> Verdict:
    hurt = run_trial(profile, fault.make(), fault_s=at_s, rate=fault.rate)
    detail = f"{fault.detail} at {at_s:g} s".strip()
    if hurt is None:
        return Verdict(fault.kind, "invalid", ("not streaming",), detail)
    flags = tuple(str(flag) for flag in hurt.flags if flag not in plain.flags)
    if not hurt.valid:
        return Verdict(fault.kind, "invalid", flags, detail)
    if flags:
        return Verdict(fault.kind, "flagged", flags, detail)
    for outcome, ends, limit in (("changed", COMPARED, LIMIT), ("rates", ("_per_s",), RATE_LIMIT)):
        share, name = max(_off(plain, hurt, ends, limit), default=(0.0, ""))
        if name:
            return Verdict(fault.kind, outcome, (), detail, f"{name} {share:.1%}", share)
    return Verdict(fault.kind, "within", (), detail)


def _off(
    plain: Analysis, hurt: Analysis, ends: tuple[str, ...], limit: float
) -> Iterator[tuple[float, str]]:
    """Yield what is further off than it may be: by which share, and its name."""
    for name, wanted in plain.metrics.items():
        found = hurt.metrics.get(name)
        if not name.endswith(ends) or name.startswith("raw_") or wanted is None or found is None:
            continue  # a number that is not there is no wrong one
        if abs(found - wanted) > max(limit, 0.01 * abs(wanted)):
            yield abs(found / wanted - 1.0), name


def tried(key: str, *, every: bool) -> list[Verdict]:
    """Try the faults on a device: all of them at every moment, or a part of them at the peak."""
    profile = answered(key)
    frame, plain = frames_and_metrics(profile)
    assert plain.valid, plain.flags
    moments_s = MOMENTS_S[profile.kind] if every else MOMENTS_S[profile.kind][2:3]
    verdicts = []
    for fault in faults_of(frame, text=is_text(profile)):
        if every or fault.small:
            times_s = (-QUIET_S,) if fault.whole_trial else moments_s
            verdicts += [judged(profile, plain, fault, at_s) for at_s in times_s]
    return verdicts


def page_lines(columns: dict[str, list[Verdict]]) -> list[str]:
    lines: list[str] = []
    for keys, title in ((UNCHECKED, "without a checksum"), (CHECKED, "with a checksum")):
        cells = {f"{key}: {keys[key]}": counted(columns[key]) for key in keys}
        lines += ["", *fault_table.table(title, cells)]
    lines += ["", "What came out changed, or with another rate, and was not told:", ""]
    for key, verdicts in columns.items():
        for kind in dict.fromkeys(verdict.kind for verdict in verdicts):
            lines += _worst(key, [v for v in verdicts if v.kind == kind])
    return lines[1:]


def _worst(key: str, verdicts: list[Verdict]) -> Iterator[str]:
    for outcome in ("changed", "rates"):
        found = [verdict for verdict in verdicts if verdict.outcome == outcome]
        if found:
            worst = max(found, key=lambda verdict: verdict.share)
            yield (
                f"- {key}, {worst.kind}: {len(found)} of {len(verdicts)} {outcome}; "
                f"the worst {worst.detail}: {worst.by}"
            )


@pytest.mark.parametrize("key", KEYS)
def test_a_fault_is_flagged_or_does_no_harm(key: str) -> None:
    listed = fault_table.cells_of(fault_table.part_of_page(PART))[f"{key}: {ALL[key]}"]
    for verdict in tried(key, every=False):
        assert verdict.outcome in listed[verdict.kind], verdict


def test_only_slow_devices_without_a_checksum_have_changes_that_nobody_tells() -> None:
    """From 50 readings a second on a lone reading that is off is no muscle."""
    page = fault_table.cells_of(fault_table.part_of_page(PART))
    assert set(page) == {f"{key}: {words}" for key, words in ALL.items()}
    changed = {
        column.partition(":")[0]
        for column, cells in page.items()
        if any("changed" in outcomes for outcomes in cells.values())
    }
    slow = {key for key in UNCHECKED if (answered(key).rate_hz or 0.0) < 50.0}
    assert changed <= slow


if SOAK:  # it takes minutes

    @pytest.mark.timeout(3600)
    def test_every_fault_at_every_place() -> None:
        with ProcessPoolExecutor() as pool:
            found = dict(zip(KEYS, pool.map(partial(tried, every=True), KEYS), strict=True))
        lines = page_lines(found)
        if fault_table.WRITE:
            fault_table.put_into_page(PART, lines)
        assert fault_table.part_of_page(PART) == lines
