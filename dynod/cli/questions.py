"""What may be asked of an unknown device, and the rule that keeps a question from harming one.

The same bytes mean different things to different devices: a question of one may zero another.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from dynod.daemon.ports import LineSettings
from dynod.wire.framing import LengthPrefixed
from dynod.wire.phrases import phrase_bytes, phrase_shown
from dynod.wire.prefixed import request
from dynod.wire.profile import FreeRunning, Polled, PressToSend, Profile, StartStop

REPLY_CAP_S = 1.5
_LINE_ENDS = (b"\r", b"\n")

Parts = tuple[bytes, ...]
Asking = StartStop | Polled | PressToSend


@dataclass(frozen=True, slots=True)
class Danger:
    """A device that could take a question for something that its profile forbids to send."""

    profile: Profile
    phrase: str


@dataclass(frozen=True, slots=True)
class Question:
    """Bytes that are sent one part after the other at one setting of the line.

    ``profiles`` are those whose device would answer.
    """

    line: LineSettings
    parts: Parts
    profiles: tuple[Profile, ...]

    @property
    def reply_s(self) -> float:
        """How long to wait for an answer, in s."""
        return min(max(asking.reply_s for asking in self._askings), REPLY_CAP_S)

    @property
    def spacing_s(self) -> float:
        """How long the line must have been left alone before each part, in s."""
        return max(asking.spacing_s for asking in self._askings)

    @property
    def open_wait_s(self) -> float:
        """How long such a device may be deaf after the port was opened, in s."""
        return max(asking.open_wait_s for asking in self._askings)

    @property
    def shown(self) -> str:
        """What is asked, for people."""
        return phrase_shown(_phrases(self.profiles[0])[-1])

    @property
    def _askings(self) -> list[Asking]:
        dialogues = [profile.dialogue for profile in self.profiles]
        return [dialogue for dialogue in dialogues if not isinstance(dialogue, FreeRunning)]


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A profile whose question is left out, for the sake of another device."""

    profile: Profile
    danger: Danger


def danger_of(
    asked: Profile,
    sent: bytes,
    known: Iterable[Profile],
    named: Collection[str] = (),
    before: bytes = b"",
) -> Danger | None:
    """Return whom bytes could harm that are a question of the profile ``asked``; None: nobody.

    They harm where they contain what a known profile forbids; words are compared without regard to
    case and kind of line end, since many devices mind neither. ``before`` is what was sent last: a
    device that collects a line reads both as one. When ``asked`` is in ``named`` (keys), the user
    says what the device is, and only the other named ones are at risk. What a device's own profile
    forbids is never sent, named or not.
    """
    for profile in known:
        own = profile.name == asked.name
        if not own and asked.key in named and profile.key not in named:
            continue
        for phrase in profile.forbidden:
            if _contains(before, sent, phrase, as_words=not own):
                return Danger(profile, phrase)
    return None


def _contains(before: bytes, sent: bytes, phrase: str, *, as_words: bool) -> bool:
    """Tell whether a phrase ends in ``sent``, having begun there or before."""
    forbidden = phrase_bytes(phrase)
    stream = before[max(len(before) - len(forbidden) + 1, 0) :] + sent
    if forbidden in stream:
        return True
    return as_words and not phrase.startswith("hex:") and _plain(forbidden) in _plain(stream)


def _plain(words: bytes) -> bytes:
    return words.lower().replace(b"\r\n", b"\r").replace(b"\n", b"\r")


def make_questions(
    candidates: Sequence[Profile],
    known: Collection[Profile],
    named: Collection[str],
    baudrates: Sequence[int],
) -> tuple[list[Question], list[NotAsked]]:
    """Return what to ask, in order, and what is left out.

    Each is asked at the lines of its profile, see ``lines_of``.
    """
    at: dict[tuple[LineSettings, Parts], list[Profile]] = {}
    refused: list[NotAsked] = []
    for profile in candidates:
        parts, danger = _parts(profile, known, named)
        if danger is not None:
            refused.append(NotAsked(profile, danger))
        elif parts:
            for line in lines_of(profile, known, baudrates):
                at.setdefault((line, parts), []).append(profile)
    left_out = []
    for item in refused:  # the same bytes may be allowed as the question of a named profile
        parts = tuple(bytes_of(item.profile, phrase) for phrase in _phrases(item.profile))
        lines = lines_of(item.profile, known, baudrates)
        shared = [at[line, parts] for line in lines if (line, parts) in at]
        for profiles in shared:
            profiles.append(item.profile)
        if not shared:
            left_out.append(item)
    questions = [Question(line, parts, tuple(found)) for (line, parts), found in at.items()]
    return sorted(questions, key=_rank), left_out


def _rank(question: Question) -> tuple[int, str, bool, bool, bool]:
    """Order questions: slow lines first, whole lines first, words first, names before polls.

    A device that collects a line reads what has no end and the next question as one.
    """
    last = question.parts[-1]
    polls = all(identify_of(profile) is None for profile in question.profiles)
    line = question.line
    return line.baudrate, str(line), not last.endswith(_LINE_ENDS), not last.isascii(), polls


def lines_of(
    profile: Profile, known: Iterable[Profile], baudrates: Sequence[int]
) -> list[LineSettings]:
    """Return how the line of a device may be set: its profile's own baud rate, and ``baudrates``.

    Where the profile names none and the user neither, at every rate that another profile names.
    """
    serial = profile.serial
    rates = [*baudrates] if serial.baudrate is None else [serial.baudrate, *baudrates]
    if not rates:
        rates = sorted({other.serial.baudrate for other in known if other.serial.baudrate})
    return [
        LineSettings(baudrate, serial.bytesize, serial.parity, serial.stopbits)
        for baudrate in dict.fromkeys(rates)
    ]


def _parts(
    profile: Profile, known: Collection[Profile], named: Collection[str]
) -> tuple[Parts, Danger | None]:
    """Return what to send for a profile; a greeting that could harm is left out alone."""
    phrases = _phrases(profile)
    parts: list[bytes] = []
    for phrase in phrases:
        sent = bytes_of(profile, phrase)
        danger = danger_of(profile, sent, known, named, b"".join(parts))
        if danger is None:
            parts.append(sent)
        elif phrase is phrases[-1]:
            return (), danger
    return tuple(parts), None


def _phrases(profile: Profile) -> list[str]:
    """Return greeting and question. There is nothing to hush: who is asked was silent."""
    dialogue = profile.dialogue
    if isinstance(dialogue, FreeRunning):
        return []
    if dialogue.identify is not None:
        return [phrase for phrase in (dialogue.greet, dialogue.identify) if phrase is not None]
    return [dialogue.poll] if isinstance(dialogue, Polled) else []


def identify_of(profile: Profile) -> str | None:
    """Return the question for its name that a device answers, if it has one."""
    dialogue = profile.dialogue
    return None if isinstance(dialogue, FreeRunning) else dialogue.identify


def bytes_of(profile: Profile, phrase: str) -> bytes:
    """Return a phrase as it goes on the wire; some framings wrap it."""
    framing, sent = profile.framing, phrase_bytes(phrase)
    return request(framing, sent) if isinstance(framing, LengthPrefixed) else sent
