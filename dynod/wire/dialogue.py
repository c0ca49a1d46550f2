"""Dialogues: named state machines that are told the time and say what to send.

None of them ever sends a tare, zero or calibration command (docs/design.md, section 3, rule 10).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from dynod.model.units import Unit
from dynod.wire.framing import LengthPrefixed
from dynod.wire.phrases import compile_pattern, phrase_bytes, phrase_shown, printable
from dynod.wire.prefixed import request
from dynod.wire.profile import FreeRunning, Polled, PressToSend, Profile, StartStop

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
    """What to do now: bytes to send, and when (monotonic) to ``tick`` at the latest.

    ``polls`` says that the bytes ask for a sample; ``unit`` is what the device calls its own.
    """

    phase: DialoguePhase
    send: bytes = b""
    wake_s: float | None = None
    problem: str | None = None
    polls: bool = False
    unit: Unit | None = None


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
    match profile.dialogue:
        case FreeRunning():
            return FreeRunningDialogue(profile.dialogue, profile.title)
        case StartStop():
            return StartStopDialogue(profile.dialogue, profile)
        case Polled():
            return PolledDialogue(profile.dialogue, profile)
        case PressToSend():
            return PressToSendDialogue(profile.dialogue, profile)


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


class _Answer(StrEnum):
    """What answers a command that no words answer."""

    SAMPLE = "sample"
    SILENCE = "silence"
    NOTHING = "nothing"


# How long to wait for what no words answer, before looking again.
_WAITS_S: dict[re.Pattern[bytes] | _Answer, float] = {
    _Answer.NOTHING: 0.0,
    _Answer.SILENCE: QUIET_S,
}


@dataclass(frozen=True, slots=True)
class _Question:
    """A command, and what its answer must contain or be."""

    phase: DialoguePhase
    command: str
    answer: re.Pattern[bytes] | _Answer


class _AskingDialogue:
    """Wait, stop what still runs, ask what the profile asks, then go to work.

    A next command is never sent before the answer to the last or before ``spacing_s`` have
    passed: some firmware collects a command for a second, and two would merge into one.
    """

    def __init__(self, settings: StartStop | Polled | PressToSend, profile: Profile) -> None:
        self.identified: str | None = None
        self._asking = settings
        self._profile = profile
        self._questions = _questions(settings)
        self._refused_by = _compiled(settings.refused_by)
        self._phase = DialoguePhase.WAITING
        self._asked: _Question | None = None
        self._deadline_s = 0.0
        self._sent_s = float("-inf")
        self._data_s = float("-inf")
        self._attempts = 0
        self._problem: str | None = None
        self._unit: Unit | None = None
        self._units = {text.lower(): unit for text, unit in profile.units.items()}

    def start(self, now_s: float) -> Step:
        """Wait: opening the port resets many boards."""
        self._deadline_s = now_s + self._asking.open_wait_s
        return self._now()

    def receive(self, replies: Sequence[bytes], now_s: float, *, data_seen: bool) -> Step:
        """Go on when the expected answer came; send again when the command was refused."""
        if data_seen:
            self._data_s = now_s
        for reply in replies:
            if self._refused_by is not None and self._refused_by.search(reply):
                if self._asked is not None:
                    self._deadline_s = min(
                        self._deadline_s, max(now_s, self._sent_s + self._asking.spacing_s)
                    )
                continue
            step = self._answered(reply, now_s)
            if step is not None:
                return step
        return self._now()

    def tick(self, now_s: float) -> Step:
        """Send what is due, or give up on an answer that never came."""
        if self._is_silent(now_s):
            return self._silent(now_s)
        if self._phase not in _TIMED or now_s < self._deadline_s:
            return self._now()
        if self._phase is DialoguePhase.WAITING:
            return self._opened(now_s, streaming=now_s - self._data_s < QUIET_S)
        if self._asked is None:
            return self._work(now_s)
        if self._attempts and self._asked.answer is _Answer.NOTHING:
            return self._next_question(now_s)
        if self._attempts < self._asking.attempts:
            return self._send(now_s)
        return self._unanswered(self._asked, now_s)

    def stop(self, now_s: float) -> Step:  # noqa: ARG002
        """End; nothing must be told to a device that only answers."""
        self._phase, self._asked = DialoguePhase.STOPPED, None
        return self._now()

    def _opened(self, now_s: float, *, streaming: bool) -> Step:  # noqa: ARG002
        """Begin to ask; a device that streams already may have to be stopped first."""
        return self._next_question(now_s)

    def _work(self, now_s: float) -> Step:  # noqa: ARG002
        """Do what is due when everything was asked."""
        return self._now()

    def _is_silent(self, now_s: float) -> bool:
        """Tell whether silence has answered what was asked."""
        waiting = self._asked is not None and self._asked.answer is _Answer.SILENCE
        since_s = max(self._data_s, self._sent_s)
        return waiting and self._attempts > 0 and now_s - since_s >= QUIET_S

    def _silent(self, now_s: float) -> Step:
        """Go on after the silence that was asked for."""
        return self._next_question(now_s)

    def _unanswered(self, question: _Question, now_s: float) -> Step:  # noqa: ARG002
        return self._fail(
            f"no answer to {phrase_shown(question.command)} after {self._attempts} attempts; "
            "check device, profile and baud rate"
        )

    def _answered(self, reply: bytes, now_s: float) -> Step | None:
        """Take a line or frame; return the step that it leads to, if any."""
        question = self._asked
        if question is None or isinstance(question.answer, _Answer):
            return None
        match = question.answer.search(reply)
        if match is None:
            if question.command == self._asking.identify and not self._is_late(reply):
                return self._fail(
                    f"answers as '{printable(reply)}', not as {self._profile.title}; "
                    "correct `profile`"
                )
            return None
        return self._right_answer(question, match, now_s)

    def _right_answer(self, question: _Question, match: re.Match[bytes], now_s: float) -> Step:
        if question.command == self._asking.identify:
            self.identified = printable(match.string)
            for refusal in self._asking.refuse:
                if compile_pattern(refusal.answer).search(match.string):
                    return self._fail(refusal.because)
        if question.command == self._asking.units and "unit" in match.groupdict():
            text = match["unit"].decode("latin-1").strip()
            self._unit = self._units.get(text.lower())
            if self._unit is None:
                return self._fail(
                    f"measures in '{printable(match['unit'])}', which its profile does not know; "
                    f"set it to one of {', '.join(self._profile.units)}"
                )
        return replace(self._next_question(now_s), unit=self._unit)

    def _is_late(self, reply: bytes) -> bool:  # noqa: ARG002
        """Tell whether a line is the answer to an earlier command."""
        return False

    def _next_question(self, now_s: float) -> Step:
        """Ask what comes next, or go to work when all was asked."""
        if self._questions:
            return self._ask(self._questions.pop(0), now_s)
        self._asked = None
        return self._begin_work(now_s)

    def _begin_work(self, now_s: float) -> Step:
        """Do what follows the last question."""
        raise NotImplementedError

    def _ask(self, question: _Question, now_s: float) -> Step:
        """Begin to ask for something, now or when the last command is long enough ago."""
        self._phase, self._asked = question.phase, question
        self._attempts = 0
        earliest_s = self._sent_s + self._asking.spacing_s
        if now_s < earliest_s:
            self._deadline_s = earliest_s
            return self._now()
        return self._send(now_s)

    def _send(self, now_s: float) -> Step:
        if self._asked is None:
            raise RuntimeError("nothing to ask")
        self._attempts += 1
        self._sent_s = now_s
        wait_s = _WAITS_S.get(self._asked.answer, self._asking.reply_s)
        self._deadline_s = now_s + wait_s
        return Step(self._phase, self._bytes(self._asked.command), self._deadline_s)

    def _bytes(self, command: str) -> bytes:
        """Return a command as it goes on the wire; some framings wrap it."""
        framing = self._profile.framing
        sent = phrase_bytes(command)
        return request(framing, sent) if isinstance(framing, LengthPrefixed) else sent

    def _fail(self, problem: str) -> Step:
        self._phase, self._problem = DialoguePhase.FAILED, problem
        return self._now()

    def _now(self) -> Step:
        wake_s = self._deadline_s if self._phase in _TIMED else None
        problem = self._problem if self._phase is DialoguePhase.FAILED else None
        return Step(self._phase, wake_s=wake_s, problem=problem)


class StartStopDialogue(_AskingDialogue):
    """Stop what still runs, ask who it is, start; stop in the end, with retry."""

    def __init__(self, settings: StartStop, profile: Profile) -> None:
        super().__init__(settings, profile)
        self._settings = settings
        self._leaving = False
        self._stop = _Question(
            DialoguePhase.STOPPING,
            settings.stop,
            _compiled(settings.stopped_by) or _Answer.SILENCE,
        )
        self._start = _Question(
            DialoguePhase.STARTING,
            settings.start,
            _compiled(settings.started_by) or _Answer.SAMPLE,
        )

    def receive(self, replies: Sequence[bytes], now_s: float, *, data_seen: bool) -> Step:
        """Go on as the answers say; the first sample is as good as the answer to start."""
        step = super().receive(replies, now_s, data_seen=data_seen)
        if self._phase is DialoguePhase.STARTING and data_seen and self._asked is self._start:
            if self._attempts == 0:
                return step  # samples from before the command
            return self._streaming()
        return step

    def stop(self, now_s: float) -> Step:
        """Stop a streaming device; one that does not stream is left alone."""
        self._leaving = True
        if self._phase in {DialoguePhase.STREAMING, DialoguePhase.STARTING}:
            return self._ask(self._stop, now_s)
        if self._phase is not DialoguePhase.STOPPING:
            self._phase = DialoguePhase.STOPPED
        return self._now()

    def _silent(self, now_s: float) -> Step:
        if self._asked is self._stop:
            return self._stopped(now_s)
        return super()._silent(now_s)

    def _opened(self, now_s: float, *, streaming: bool) -> Step:
        return self._ask(self._stop, now_s) if streaming else self._next_question(now_s)

    def _begin_work(self, now_s: float) -> Step:
        return self._ask(self._start, now_s)

    def _right_answer(self, question: _Question, match: re.Match[bytes], now_s: float) -> Step:
        if question is self._stop:
            return self._stopped(now_s)
        if question is self._start:
            return self._streaming()
        return super()._right_answer(question, match, now_s)

    def _unanswered(self, question: _Question, now_s: float) -> Step:
        if question is self._stop and self._leaving:
            self._phase = DialoguePhase.STOPPED
            return self._now()
        return super()._unanswered(question, now_s)

    def _is_late(self, reply: bytes) -> bool:
        answers = (self._stop.answer, self._start.answer)
        return any(
            isinstance(answer, re.Pattern) and answer.search(reply) is not None
            for answer in answers
        )

    def _stopped(self, now_s: float) -> Step:
        if self._leaving:
            self._phase = DialoguePhase.STOPPED
            return self._now()
        return self._next_question(now_s)

    def _streaming(self) -> Step:
        self.identified = self.identified or self._profile.title
        self._phase, self._asked = DialoguePhase.STREAMING, None
        return replace(self._now(), unit=self._unit)


class PolledDialogue(_AskingDialogue):
    """Ask for every sample, on a schedule that does not drift.

    Polls are due at whole multiples of the interval after the first one. A poll waits for the
    answer to the last one, or until ``reply_s`` have passed; what was due meanwhile is left out,
    so that a slow device is never asked twice at once.
    """

    def __init__(self, settings: Polled, profile: Profile) -> None:
        super().__init__(settings, profile)
        if profile.rate_hz is None:
            raise ValueError("a polled device needs a rate")
        self._settings = settings
        self._interval_s = 1.0 / profile.rate_hz
        self._begun_s = 0.0
        self._waiting = False
        self._first = _Question(DialoguePhase.STARTING, settings.poll, _Answer.SAMPLE)

    def receive(self, replies: Sequence[bytes], now_s: float, *, data_seen: bool) -> Step:
        """Take a sample as the answer to the poll that waits for one."""
        step = super().receive(replies, now_s, data_seen=data_seen)
        working = self._phase in {DialoguePhase.STARTING, DialoguePhase.STREAMING}
        if not (working and data_seen and self._waiting):
            return step
        self._phase, self._asked, self._waiting = DialoguePhase.STREAMING, None, False
        self.identified = self.identified or self._profile.title
        self._deadline_s = self._due_s(now_s)
        closing = self._settings.acknowledge
        return replace(
            self._now(), send=b"" if closing is None else self._bytes(closing), unit=self._unit
        )

    def tick(self, now_s: float) -> Step:
        """Poll when it is time."""
        if self._phase is not DialoguePhase.STREAMING:
            return super().tick(now_s)
        return self._now() if now_s < self._deadline_s else self._work(now_s)

    def _begin_work(self, now_s: float) -> Step:
        self._begun_s = max(now_s, self._sent_s + self._asking.spacing_s)
        return self._ask(self._first, now_s)

    def _work(self, now_s: float) -> Step:
        if self._waiting:
            since_s = now_s - self._sent_s
            if since_s < self._asking.reply_s:
                self._deadline_s = self._due_s(now_s)
                return self._now()
        return self._poll(now_s)

    def _send(self, now_s: float) -> Step:
        step = super()._send(now_s)
        if self._asked is not self._first:
            return step
        if self._attempts == 1:
            self._begun_s = now_s
        self._waiting = True
        return replace(step, polls=True)

    def _poll(self, now_s: float) -> Step:
        self._waiting, self._sent_s = True, now_s
        self._deadline_s = self._due_s(now_s)
        return replace(self._now(), send=self._bytes(self._settings.poll), polls=True)

    def _due_s(self, now_s: float) -> float:
        """Return the first time of the schedule after now."""
        passed = int((now_s - self._begun_s) / self._interval_s)
        due_s = self._begun_s + (passed + 1) * self._interval_s
        rounded = due_s - now_s <= 0.01 * self._interval_s  # it is the one that was just done
        return due_s + self._interval_s if rounded else due_s

    def _now(self) -> Step:
        step = super()._now()
        return replace(step, wake_s=self._deadline_s) if step.phase in _POLLING else step


class PressToSendDialogue(_AskingDialogue):
    """Ask what can be asked; then only listen, since the device speaks when its key is pressed."""

    def _begin_work(self, now_s: float) -> Step:  # noqa: ARG002
        self.identified = self.identified or self._profile.title
        self._phase, self._asked = DialoguePhase.STREAMING, None
        return replace(self._now(), unit=self._unit)


def _questions(settings: StartStop | Polled | PressToSend) -> list[_Question]:
    asking = DialoguePhase.IDENTIFYING
    pairs = (
        (settings.greet, settings.greeted_by),
        (settings.identify, settings.identified_by),
        (settings.units, settings.unit_in),
    )
    hush = [settings.hush] if settings.hush else []
    return [
        *(_Question(asking, command, _Answer.SILENCE) for command in hush),
        *(
            _Question(asking, command, compile_pattern(answer))
            for command, answer in pairs
            if command is not None and answer is not None
        ),
        *(_Question(asking, command, _Answer.NOTHING) for command in settings.settings),
    ]


def _compiled(text: str | None) -> re.Pattern[bytes] | None:
    return None if text is None else compile_pattern(text)


_ASKING = {DialoguePhase.IDENTIFYING, DialoguePhase.STARTING, DialoguePhase.STOPPING}
_TIMED = {DialoguePhase.WAITING, *_ASKING}
_POLLING = {DialoguePhase.STREAMING}
