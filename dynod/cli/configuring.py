"""Setting a unit: what is sent, what the unit then does, and what it says of itself."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from dynod.cli.diagnose import Notes
from dynod.cli.findings import as_expected
from dynod.cli.health import examine
from dynod.cli.listening import chunks_until
from dynod.cli.port_session import Unit, converse, line_of, open_link, until_told
from dynod.cli.questions import danger_of
from dynod.config.site_facts import SiteFacts, with_site_facts
from dynod.model.errors import DeviceError
from dynod.wire.decoder import Decoder
from dynod.wire.phrases import compile_pattern, phrase_bytes, phrase_shown
from dynod.wire.profile import FreeRunning, Profile, Setup

MEASURE_S = 2.0
_APART_S = 0.1
_READ_S = 1.0
_GLANCE_S = 0.5
_FEW = 5  # samples to measure a rate by
_BITS_PER_BYTE = 10  # start, eight data bits, stop


@dataclass(frozen=True, slots=True)
class Change:
    """What shall be set: the words of the profile's tables; None: left as it is."""

    rate: str | None
    baudrate: str | None
    save: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """What a unit does: rate in Hz, and bytes on the wire for each sample."""

    rate_hz: float | None
    bytes_per_sample: float


@dataclass(slots=True)
class Outcome:
    """What was done and seen. ``registers`` are what the unit says of itself."""

    before: Measured
    after: Measured
    baudrate: int
    registers: dict[str, str] = field(default_factory=dict)
    saved: bool = False
    problem: str | None = None


class Configuring:
    """Speaks with one unit; its profile follows what was set."""

    def __init__(self, unit: Unit, profile: Profile, setup: Setup) -> None:
        self._path = unit.path
        self._profile = profile
        self._setup = setup

    async def run(self, change: Change) -> Outcome:
        """Make the change; nothing is sent unless the unit is what its profile says.

        The baud rate comes first: a line may be too slow for the rate. Raises DeviceError.
        """
        before = await self._measure()
        baudrate = line_of(self._profile).baudrate
        if change.baudrate is not None:
            await self._set(self._setup.baudrates[change.baudrate])
            problem = await self._move_to(int(change.baudrate))
            if problem is not None:
                return Outcome(before, Measured(None, 0.0), baudrate, problem=problem)
        if change.rate is not None:
            await self._set(self._setup.rates[change.rate])
            self._expect_rate(float(change.rate))
        after = await self._measure() if change.rate or change.baudrate else before
        outcome = Outcome(before, after, line_of(self._profile).baudrate)
        outcome.registers = await self._read()
        outcome.problem = _problem(change, outcome)
        if change.save and outcome.problem is None and self._setup.save is not None:
            await self._set(self._setup.save)
            outcome.saved = True
        return outcome

    async def _move_to(self, baudrate: int) -> str | None:
        """Follow the unit to its new baud rate; return what is wrong, if it is not there."""
        old = self._profile
        self._profile = with_site_facts(old, SiteFacts(baudrate=baudrate))
        with suppress(DeviceError):
            await self._measure(seconds=_GLANCE_S)
            return None
        self._profile = old
        try:
            await self._measure(seconds=_GLANCE_S)
        except DeviceError:
            return (
                f"it is heard neither at {baudrate} baud nor at its old rate; nothing was saved: "
                "switch it off and on"
            )
        return f"it did not take {baudrate} baud, and is still where it was"

    def _expect_rate(self, rate_hz: float) -> None:
        """Wait as long for a sample as such a rate needs."""
        dialogue = self._profile.dialogue
        profile = with_site_facts(self._profile, SiteFacts(rate_hz=rate_hz))
        if isinstance(dialogue, FreeRunning):
            wait_s = max(dialogue.first_frame_s, _FEW / rate_hz)
            patient = dialogue.model_copy(update={"first_frame_s": wait_s})
            profile = profile.model_copy(update={"dialogue": patient})
        self._profile = profile

    async def _measure(self, seconds: float | None = None) -> Measured:
        """Return what the unit does; raises DeviceError when it is not there."""
        slow_s = _FEW / (self._profile.rate_hz or _FEW)
        notes, tape = Notes(), Speed()
        async with open_link(self._path, line_of(self._profile)) as link:
            with until_told(link) as stopping:
                await converse(
                    link,
                    self._profile,
                    notes.take,
                    seconds=seconds or max(MEASURE_S, slow_s),
                    stopping=stopping,
                    tape=tape,
                )
            if stopping.is_set():
                raise DeviceError(f"{self._path}: stopped before it was done")
        rate_hz = examine(self._profile, notes.heard).timing.rate_hz
        per_second = tape.bytes_per_s
        if rate_hz is None or per_second is None:
            return Measured(rate_hz, 0.0)
        return Measured(rate_hz, per_second / rate_hz)

    async def _set(self, phrase: str) -> None:
        """Send a setting, unlocked before; raises DeviceError for one that is forbidden."""
        unlock = () if self._setup.unlock is None else (self._setup.unlock,)
        async with open_link(self._path, line_of(self._profile)) as link:
            await asyncio.sleep(_open_wait_s(self._profile))
            for part in (*unlock, phrase):
                sent = phrase_bytes(part)
                if danger_of(self._profile, sent, [self._profile]) is not None:
                    raise DeviceError(
                        f"{self._path}: {self._profile.key} both sets and forbids "
                        f"{phrase_shown(part)}; correct the profile"
                    )
                link.write(sent)
                await asyncio.sleep(_APART_S)

    async def _read(self) -> dict[str, str]:
        """Return what the unit says of its settings, in the words of the profile's tables."""
        setup = self._setup
        if setup.read is None or setup.read_by is None:
            return {}
        wanted, decoder = compile_pattern(setup.read_by), Decoder(self._profile)
        async with open_link(self._path, line_of(self._profile)) as link:
            await asyncio.sleep(_open_wait_s(self._profile))
            link.write(phrase_bytes(setup.read))
            async for chunk in chunks_until(link, time.monotonic() + _READ_S):
                for reply in decoder.feed(chunk).replies:
                    found = wanted.search(reply)
                    if found is not None:
                        return _in_table_words(found.groupdict(), setup)
        return {}


class Speed:
    """A tape that keeps only how fast bytes come."""

    def __init__(self) -> None:
        self._first_s: float | None = None
        self._last_s = 0.0
        self._bytes = 0

    @property
    def bytes_per_s(self) -> float | None:
        """Bytes a second, or None when nothing came twice."""
        if self._first_s is None or self._last_s <= self._first_s:
            return None
        return self._bytes / (self._last_s - self._first_s)

    def chunk(self, data: bytes, arrival_s: float) -> None:
        """Count what one read returned; since when the first bytes waited, nobody knows."""
        if self._first_s is None:
            self._first_s = arrival_s
        else:
            self._bytes += len(data)
        self._last_s = arrival_s

    def asked(self, at_s: float) -> None:
        """Pass over polls."""


def _open_wait_s(profile: Profile) -> float:
    dialogue = profile.dialogue
    return 0.0 if isinstance(dialogue, FreeRunning) else dialogue.open_wait_s


def _in_table_words(found: Mapping[str, bytes | None], setup: Setup) -> dict[str, str]:
    tables = {"rate": setup.rates, "baudrate": setup.baudrates}
    words = {}
    for name, table in tables.items():
        value = found.get(name)
        if value is not None:
            fitting = (
                word for word, phrase in table.items() if phrase_bytes(phrase).endswith(value)
            )
            words[name] = next(fitting, f"an unknown code, {value.hex(' ')}")
    return words


def _problem(change: Change, outcome: Outcome) -> str | None:
    """Return what the unit does not do as asked, if anything."""
    rate_hz = outcome.after.rate_hz
    if rate_hz is None:
        return "too few samples came to measure its rate"
    if change.rate is None or as_expected(rate_hz, float(change.rate)):
        return None
    asked = f"asked {change.rate} Hz, the unit sends {rate_hz:.1f} Hz"
    if outcome.after.bytes_per_sample * _BITS_PER_BYTE * float(change.rate) > outcome.baudrate:
        return f"{asked}: at {outcome.baudrate} baud it reduces the rate; raise the baud rate too"
    return f"{asked}: it did not take the setting"
