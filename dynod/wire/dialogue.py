"""Dialogues: named state machines that are told the time and say what to send.

None of them ever sends a tare, zero or calibration command (docs/design.md, section 3, rule 10).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dynod.wire.profile import FreeRunning, Profile, StartStop

QUIET_S = 0.5  # no data for this long: the device does not stream


class DialoguePhase(StrEnum):
    """How far the dialogue is."""

    WAITING = "waiting"
    IDENTIFYING = "identifying"
    STARTING = "starting"
    STREAMING = "streaming"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now: bytes to send, and when (monotonic) to ``tick`` at the latest."""

    phase: DialoguePhase
    send: bytes = b""
    wake_s: float | None = None
    problem: str | None = None


class Dialogue(Protocol):
    """What the owner of a port drives. ``identified`` is the device's own answer."""

    identified: str | None

    def start(self, now_s: float) -> Step:
        """Begin, the port having just been opened."""

    def receive(self, replies: Sequence[bytes], now_s: float, *, data_seen: bool) -> Step:
        """Take what one chunk held."""

    def tick(self, now_s: float) -> Step:
        """Take note of the time."""

    def stop(self, now_s: float) -> Step:
        """Begin to stop the device."""


def make_dialogue(profile: Profile) -> Dialogue:
    """Return the dialogue that a profile names."""
    if isinstance(profile.dialogue, FreeRunning):
        return FreeRunningDialogue(profile.dialogue, profile.title)
    return StartStopDialogue(profile.dialogue, profile.title)


def printable(text: bytes) -> str:
    """Return bytes of a device as text that is safe for a log or a terminal, at most 60 long."""
    return ascii(text[:60].decode("ascii", errors="backslashreplace"))[1:-1]


class FreeRunningDialogue:
    """Nothing is sent; a first valid sample identifies the device."""

    def __init__(self, settings: FreeRunning, title: str) -> None:
        self.identified: str | None = None
        self._settings = settings
        self._title = title
        self._step = Step(DialoguePhase.WAITING)
        self._deadline_s = 0.0

    def start(self, now_s: float) -> Step:
        """Begin to wait for the first sample."""
        self._deadline_s = now_s + self._settings.first_frame_s
        self._step = Step(DialoguePhase.IDENTIFYING, wake_s=self._deadline_s)
        return self._step

    def receive(self, replies: Sequence[bytes], now_s: float, *, data_seen: bool) -> Step:  # noqa: ARG002
        """Stream from the first sample on."""
        if data_seen and self._step.phase is DialoguePhase.IDENTIFYING:
            self.identified = self._title
            self._step = Step(DialoguePhase.STREAMING)
        return self._step

    def tick(self, now_s: float) -> Step:
        """Give up when nothing valid came in time."""
        if self._step.phase is DialoguePhase.IDENTIFYING and now_s >= self._deadline_s:
            seconds = self._settings.first_frame_s
            self._step = Step(
                DialoguePhase.FAILED,
                problem=f"no valid frame of a {self._title} within {seconds:g} s; "
                "check device, profile and baud rate",
            )
        return self._step

    def stop(self, now_s: float) -> Step:  # noqa: ARG002
        """End; the device goes on streaming to nobody."""
        self._step = Step(DialoguePhase.STOPPED)
        return self._step


class StartStopDialogue:
    """Wait, stop what still runs, ask who it is, start; stop in the end, with retry.

    The firmware collects a command for up to a second, so the next one is never sent before the
    answer to the last or before ``spacing_s`` have passed: two would merge into one.
    """

    def __init__(self, settings: StartStop, title: str) -> None:
        self.identified: str | None = None
        self._settings = settings
        self._title = title
        self._phase = DialoguePhase.WAITING
        self._leaving = False
        self._deadline_s = 0.0
        self._sent_s = float("-inf")
        self._data_s = float("-inf")
        self._attempts = 0
        self._problem: str | None = None

    def start(self, now_s: float) -> Step:
        """Wait: opening the port resets many boards."""
        self._deadline_s = now_s + self._settings.open_wait_s
        return self._now()

    def receive(self, replies: Sequence[bytes], now_s: float, *, data_seen: bool) -> Step:
        """Go on when the expected answer came; send again when the command was refused."""
        if data_seen:
            self._data_s = now_s
        for reply in replies:
            if reply.startswith(self._settings.refused_by.encode()):
                if self._phase in _ASKING:
                    self._deadline_s = min(
                        self._deadline_s, max(now_s, self._sent_s + self._settings.spacing_s)
                    )
                continue
            step = self._answered(reply, now_s)
            if step is not None:
                return step
        if data_seen and self._phase is DialoguePhase.STARTING:
            self._phase = DialoguePhase.STREAMING
        return self._now()

    def tick(self, now_s: float) -> Step:
        """Send what is due, or give up on an answer that never came."""
        if self._phase not in _TIMED or now_s < self._deadline_s:
            return self._now()
        if self._phase is DialoguePhase.WAITING:
            streaming = now_s - self._data_s < QUIET_S
            return self._ask(
                DialoguePhase.STOPPING if streaming else DialoguePhase.IDENTIFYING, now_s
            )
        if self._attempts < self._settings.attempts:
            return self._send(now_s)
        if self._phase is DialoguePhase.STOPPING and self._leaving:
            self._phase = DialoguePhase.STOPPED
            return self._now()
        return self._fail(
            f"no answer to {self._command()} after {self._attempts} attempts; "
            "check device, profile and baud rate"
        )

    def stop(self, now_s: float) -> Step:
        """Stop a streaming device; one that does not stream is left alone."""
        self._leaving = True
        if self._phase in {DialoguePhase.STREAMING, DialoguePhase.STARTING}:
            return self._ask(DialoguePhase.STOPPING, now_s)
        if self._phase is not DialoguePhase.STOPPING:
            self._phase = DialoguePhase.STOPPED
        return self._now()

    def _answered(self, reply: bytes, now_s: float) -> Step | None:
        settings = self._settings
        if self._phase is DialoguePhase.STOPPING and reply.startswith(settings.stopped_by.encode()):
            if self._leaving:
                self._phase = DialoguePhase.STOPPED
                return self._now()
            return self._ask(DialoguePhase.IDENTIFYING, now_s)
        late = (settings.stopped_by.encode(), settings.started_by.encode())
        if self._phase is DialoguePhase.IDENTIFYING and not reply.startswith(late):
            if not reply.startswith(settings.identified_by.encode()):
                return self._fail(
                    f"answers as '{printable(reply)}', not as {self._title}; correct `profile`"
                )
            self.identified = printable(reply)
            return self._ask(DialoguePhase.STARTING, now_s)
        if self._phase is DialoguePhase.STARTING and reply.startswith(settings.started_by.encode()):
            self._phase = DialoguePhase.STREAMING
        return None

    def _ask(self, phase: DialoguePhase, now_s: float) -> Step:
        """Begin to ask for something, now or when the last command is long enough ago."""
        self._phase = phase
        self._attempts = 0
        earliest_s = self._sent_s + self._settings.spacing_s
        if now_s < earliest_s:
            self._deadline_s = earliest_s
            return self._now()
        return self._send(now_s)

    def _send(self, now_s: float) -> Step:
        self._attempts += 1
        self._sent_s = now_s
        self._deadline_s = now_s + self._settings.reply_s
        return Step(self._phase, self._command().encode("ascii"), self._deadline_s)

    def _fail(self, problem: str) -> Step:
        self._phase, self._problem = DialoguePhase.FAILED, problem
        return self._now()

    def _command(self) -> str:
        return {
            DialoguePhase.IDENTIFYING: self._settings.identify,
            DialoguePhase.STARTING: self._settings.start,
            DialoguePhase.STOPPING: self._settings.stop,
        }[self._phase]

    def _now(self) -> Step:
        wake_s = self._deadline_s if self._phase in _TIMED else None
        problem = self._problem if self._phase is DialoguePhase.FAILED else None
        return Step(self._phase, wake_s=wake_s, problem=problem)


_ASKING = {DialoguePhase.IDENTIFYING, DialoguePhase.STARTING, DialoguePhase.STOPPING}
_TIMED = {DialoguePhase.WAITING, *_ASKING}
