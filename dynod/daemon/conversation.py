"""One open port and one dialogue: drives it, decodes what comes, notices silence."""

import time
from typing import Protocol

from dynod.daemon.link import Link
from dynod.model.errors import DeviceError
from dynod.model.samples import Chunk, Decoded
from dynod.wire.decoder import NOTHING, Decoder
from dynod.wire.dialogue import DialoguePhase, Step, make_dialogue
from dynod.wire.profile import Profile

STOP_WAIT_S = 3.0
_FEWEST_MISSED = 5  # a slow device is not stale before it missed that many samples


class StaleError(DeviceError):
    """The stream stalled without an error."""


class Tape(Protocol):
    """Keeps the raw bytes of a port, and when polls went out; times are monotonic seconds."""

    def chunk(self, data: bytes, arrival_s: float) -> None:
        """Keep what one read returned."""

    def asked(self, at_s: float) -> None:
        """Keep that a poll was sent."""


class Conversation:
    """Speaks with the device behind a link; needs ``begin`` first and ``farewell`` last.

    All times are monotonic seconds. ``heard_s`` is when the last sample came.
    """

    def __init__(
        self, link: Link, profile: Profile, decoder: Decoder, tape: Tape | None = None
    ) -> None:
        self.link = link
        self.decoder = decoder
        self.heard_s = time.monotonic()
        self._profile = profile
        self._dialogue = make_dialogue(profile)
        self._tape = tape
        self._step = Step(DialoguePhase.WAITING)
        self._stale_s = max(profile.stale_s, _FEWEST_MISSED / (profile.rate_hz or _FEWEST_MISSED))

    @property
    def phase(self) -> DialoguePhase:
        """How far the dialogue is."""
        return self._step.phase

    @property
    def silent_s(self) -> float:
        """How long no sample has come."""
        return time.monotonic() - self.heard_s

    @property
    def identified(self) -> str | None:
        """The device's own answer to who it is."""
        return self._dialogue.identified

    def begin(self) -> None:
        """Begin, the port having just been opened."""
        self._take(self._dialogue.start(time.monotonic()))

    async def next(self) -> tuple[Decoded, float]:
        """Wait for the next thing to happen; return what was decoded, and when it arrived.

        Nothing may have been decoded: time passed, or somebody woke the link. Raises PortGoneError,
        StaleError, or DeviceError when the dialogue failed.
        """
        chunk = await self.link.next(self._until_s())
        if chunk is not None:
            self._record(chunk)
            return self._decoded(self.decoder.feed(chunk), chunk.arrival_s)
        now_s = time.monotonic()
        deadline_s = self.decoder.deadline_s
        if deadline_s is not None and now_s >= deadline_s:
            return self._decoded(self.decoder.idle(now_s), now_s)
        if self._step.wake_s is not None and now_s >= self._step.wake_s:
            self._take(self._dialogue.tick(now_s))
        if self._may_stall and now_s >= self.heard_s + self._stale_s:
            raise StaleError(
                f"{self.link.port.path}: no data for {self._stale_s:g} s; "
                "check cable and power, the port is opened again"
            )
        return NOTHING, now_s

    async def farewell(self) -> None:
        """Stop the device politely, within ``STOP_WAIT_S``."""
        limit_s = time.monotonic() + STOP_WAIT_S
        self._step = self._dialogue.stop(time.monotonic())
        while self.phase is DialoguePhase.STOPPING and time.monotonic() < limit_s:
            if self._step.send:
                self.link.write(self._step.send)
            chunk = await self.link.next(min(limit_s, self._step.wake_s or limit_s))
            if chunk is None:
                self._step = self._dialogue.tick(time.monotonic())
            else:
                self._record(chunk)
                decoded = self.decoder.feed(chunk)
                self._step = self._dialogue.receive(
                    decoded.replies, chunk.arrival_s, data_seen=bool(decoded.blocks)
                )

    def _record(self, chunk: Chunk) -> None:
        if self._tape is not None:
            self._tape.chunk(chunk.data, chunk.arrival_s)

    @property
    def _may_stall(self) -> bool:
        return self.phase is DialoguePhase.STREAMING and not self._profile.single_reading

    def _until_s(self) -> float | None:
        stale_s = self.heard_s + self._stale_s if self._may_stall else None
        times = (self._step.wake_s, self.decoder.deadline_s, stale_s)
        return min((at_s for at_s in times if at_s is not None), default=None)

    def _decoded(self, decoded: Decoded, arrival_s: float) -> tuple[Decoded, float]:
        if decoded.blocks:
            self.heard_s = arrival_s
        plain = self.phase is DialoguePhase.STREAMING and self._step.wake_s is None
        if decoded.replies or not plain:
            self._take(
                self._dialogue.receive(decoded.replies, arrival_s, data_seen=bool(decoded.blocks))
            )
        return decoded, arrival_s

    def _take(self, step: Step) -> None:
        """Send what the dialogue wants sent."""
        streams = step.phase is DialoguePhase.STREAMING and self.phase is not step.phase
        if streams:
            self.heard_s = time.monotonic()
        self._step = step
        if step.unit is not None:
            self.decoder.use_unit(step.unit)
        if step.phase is DialoguePhase.FAILED:
            raise DeviceError(f"{self.link.port.path}: {step.problem}")
        if step.send or (streams and self._profile.single_reading):
            self.decoder.settle()
        if step.polls:
            asked_s = time.monotonic()
            self.decoder.asked(asked_s)
            if self._tape is not None:
                self._tape.asked(asked_s)
        if step.send:
            self.link.write(step.send)
