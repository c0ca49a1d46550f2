"""Ears at a port: which profiles' devices can be heard in what comes."""

import time
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from dynod.cli.health import measured_rate
from dynod.cli.questions import identify_of
from dynod.daemon.link import Link
from dynod.daemon.ports import LineSettings
from dynod.model.samples import Chunk, Decoded
from dynod.wire.decoder import Decoder
from dynod.wire.framing import FixedFrame, IdleGap, LengthPrefixed, TextFields
from dynod.wire.phrases import compile_pattern, printable
from dynod.wire.profile import FreeRunning, NominalClock, Polled, Profile

FEWEST_SAMPLES = 3  # of a stream without checksums
_KEPT = 240  # bytes to show
_TOGETHER_S = 0.1  # what belongs to one answer
_ROUNDS, _ROUNDS_BY_HAND = 4, 10
_A_FEW = 64  # bytes that may be all that a board says


@dataclass(frozen=True, slots=True)
class Fit:
    """A profile whose device this can be.

    ``answer`` is the device's own (None: it sends by itself), ``rate_hz`` as measured, ``because``
    why its numbers are unusable as it is set now.
    """

    profile: Profile
    line: LineSettings
    answer: str | None
    rate_hz: float | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What came without asking: who fits, the first bytes, and whether the line fell silent."""

    fits: list[Fit]
    data: bytes
    silent: bool


class Ear:
    """Hears one profile's device in what comes without being asked for."""

    def __init__(self, profile: Profile, *, aligned: bool) -> None:
        self.profile = profile
        self.samples = 0
        self.rejects = 0
        self._decoder = Decoder(profile, aligned=aligned)
        self._times: list[float] = []

    def hear(self, chunk: Chunk) -> None:
        """Take what came."""
        self._take(self._decoder.feed(chunk), chunk.arrival_s)

    def fit(self, line: LineSettings, fewest: int) -> Fit | None:
        """Return what was heard, if it is this device: samples enough, and fewer rejects."""
        self._take(self._decoder.idle(time.monotonic()), time.monotonic())
        wanted = 1 if has_checksum(self.profile) else fewest
        if self.samples < wanted or self.rejects >= self.samples:
            return None
        single = self.profile.single_reading
        rate_hz = None if single else measured_rate(np.array(self._times))
        return Fit(self.profile, line, None, rate_hz)

    def _take(self, decoded: Decoded, at_s: float) -> None:
        self.rejects += len(decoded.rejects)
        for block in decoded.blocks:
            good = int(np.count_nonzero(block.status == 0))
            self.samples += good
            arrival = isinstance(self.profile.clock, NominalClock)
            self._times += [at_s] * len(block) if arrival else block.t_s.tolist()


class Answer:
    """Hears whether what follows a question is the answer of one profile's device."""

    def __init__(self, profile: Profile, asked_s: float) -> None:
        self.profile = profile
        self.decoder = Decoder(profile, aligned=True)
        self._samples = 0
        self._rejects = 0
        self._value: str | None = None
        self._name: str | None = None
        self._because: str | None = None
        identify = identify_of(profile)
        dialogue = profile.dialogue
        by = None if isinstance(dialogue, FreeRunning) else dialogue.identified_by
        self._by = None if identify is None or by is None else compile_pattern(by)
        if self._by is None and isinstance(dialogue, Polled):
            self.decoder.asked(asked_s)

    @property
    def fits(self) -> bool:
        """Whether the device answered as the profile says."""
        if self._by is not None:
            return self._name is not None
        return self._samples > self._rejects

    def hear(self, chunk: Chunk) -> None:
        """Take what came."""
        self._take(self.decoder.feed(chunk))

    def silence(self, now_s: float) -> None:
        """Take note that nothing came until now."""
        self._take(self.decoder.idle(now_s))

    def fit(self, line: LineSettings) -> Fit:
        """Return what was answered."""
        return Fit(self.profile, line, self._name or self._value, because=self._because)

    def _take(self, decoded: Decoded) -> None:
        self._rejects += len(decoded.rejects)
        for reply in decoded.replies:
            if self._by is not None and self._by.search(reply):
                self._name = printable(reply)
                self._because = _refusal(self.profile, reply)
        for block in decoded.blocks:
            self._samples += len(block)
            row = ", ".join(f"{value:g}" for value in block.values[-1])
            self._value = f"a reading: {row}"


async def chunks_until(link: Link, until_s: float) -> AsyncIterator[Chunk]:
    """Yield what comes until a monotonic time."""
    while time.monotonic() < until_s:
        chunk = await link.next(until_s)
        if chunk is not None:
            yield chunk


async def listen(
    link: Link,
    profiles: Sequence[Profile],
    line: LineSettings,
    *,
    seconds: float,
    named: Collection[str] = (),
    by_hand: bool = False,
) -> Heard:
    """Listen without sending, until nothing came for ``seconds`` or there is enough to tell.

    Of several that fit, those ``named`` (keys) win. ``by_hand``: somebody presses the key of a
    device, for which there is more time, and one reading is enough.
    """
    heard = bytearray()
    ears = [
        Ear(profile, aligned=by_hand)
        for profile in profiles
        if not isinstance(profile.dialogue, Polled)
    ]
    for _ in range(_ROUNDS_BY_HAND if by_hand else _ROUNDS):
        came = 0
        async for chunk in chunks_until(link, time.monotonic() + seconds):
            came += len(chunk.data)
            heard += chunk.data[: max(_KEPT - len(heard), 0)]
            for ear in ears:
                ear.hear(chunk)
        fits = _best(ears, line, 1 if by_hand else FEWEST_SAMPLES, named)
        # A board says hello when its port is opened, and a slow one has not said enough yet.
        goes_on = came and (came <= _A_FEW or any(ear.samples for ear in ears))
        if fits or not (by_hand or goes_on):
            break
    return Heard(fits, bytes(heard), silent=not came)


async def hear_answer(link: Link, answers: Sequence[Answer], until_s: float) -> bytes:
    """Take what comes until then, or until an answer fits and is complete; return its bytes."""
    heard = bytearray()
    while (now_s := time.monotonic()) < until_s:
        deadlines = [answer.decoder.deadline_s or until_s for answer in answers]
        chunk = await link.next(min([until_s, *deadlines]))
        now_s = time.monotonic()
        for answer in answers:
            if chunk is not None:
                answer.hear(chunk)
            answer.silence(now_s)
        if chunk is not None:
            heard += chunk.data
            if any(answer.fits for answer in answers):
                until_s = min(until_s, now_s + _TOGETHER_S)
    return bytes(heard)


def has_checksum(profile: Profile) -> bool:
    """Tell whether a single sample proves that it is none by chance."""
    framing = profile.framing
    if isinstance(framing, FixedFrame):
        return framing.checksum != "none"
    text = framing.text if isinstance(framing, IdleGap) else framing
    if isinstance(text, TextFields):
        return text.checksum != "none"
    return isinstance(framing, LengthPrefixed)


def _best(
    ears: Sequence[Ear], line: LineSettings, fewest: int, named: Collection[str]
) -> list[Fit]:
    """Return those who fit best: whom the user named, and else streams, which no hand sends.

    Nobody fits who reads less of it than another. Those whose baud rate this is come first.
    """
    found = [(ear, fit) for ear in ears if (fit := ear.fit(line, fewest)) is not None]
    of_named = [pair for pair in found if pair[0].profile.key in named]
    streams = [pair for pair in found if not pair[0].profile.single_reading]
    found = of_named or streams or found
    most = max((ear.samples - ear.rejects for ear, _ in found), default=0)
    best = [fit for ear, fit in found if ear.samples - ear.rejects >= most - 1]
    return sorted(best, key=lambda fit: fit.profile.serial.baudrate != line.baudrate)


def _refusal(profile: Profile, answer: bytes) -> str | None:
    dialogue = profile.dialogue
    refusals = () if isinstance(dialogue, FreeRunning) else dialogue.refuse
    return next((r.because for r in refusals if compile_pattern(r.answer).search(answer)), None)
