"""``dynod devices probe``: which model is on a port, found out without harming any."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from dynod.cli.listening import Answer, Fit, Heard, hear_answer, listen
from dynod.cli.output import console, print_json
from dynod.cli.port_session import (
    Unit,
    borrowed,
    check_config_named,
    no_such_profile,
    open_link,
    show,
)
from dynod.cli.probe_report import Report, as_data, in_words, no_fit
from dynod.cli.questions import Danger, NotAsked, Question, danger_of, lines_of, make_questions
from dynod.config.profiles import load_profiles
from dynod.daemon.link import Link
from dynod.daemon.ports import LineSettings, find_ports
from dynod.model.errors import DeviceError, UsageError
from dynod.wire.profile import Profile

LISTEN_S = 1.2
QUIET_S = 0.3  # before a question
BETWEEN_S = 0.3  # a greeting and the question
_LONGEST_NOISE_S = 5.0
_MORE = 2  # times that an answer is asked for again
_TAIL = 256  # bytes: the longest phrase
_PLAIN = LineSettings(9600)

Tell = Callable[[str], None]


def run_probe(
    config_path: Path, port: str, named: Sequence[str], baudrates: Sequence[int], *, as_json: bool
) -> None:
    """Name the model on a port; raises DeviceError when none is known."""
    check_config_named(config_path)
    profiles = load_profiles(config_path.parent)
    keys = _with_variants(named, profiles)
    unit = Unit(os.path.abspath(port), None)  # noqa: PTH100 - a link must stay one
    probe = Probe(unit.path, profiles, keys, baudrates)
    with borrowed(config_path, unit) as leased, console.status("…") as status:
        if leased and not as_json:
            show("the daemon lends the port: this device takes no trial meanwhile")
        report = asyncio.run(probe.run(status.update))
    if as_json:
        print_json(as_data(report))
    else:
        for line in in_words(report, profiles, find_ports()):
            show(line)
    if not report.fits:
        raise DeviceError(f"{unit.path}: {no_fit(report)}")


class Probe:
    """Listens, and asks where nobody speaks. ``named`` are keys; none: all are looked for."""

    def __init__(
        self,
        path: str,
        profiles: Mapping[str, Profile],
        named: Collection[str] = (),
        baudrates: Sequence[int] = (),
    ) -> None:
        self._report = Report(path)
        self._known = list(profiles.values())
        self._named = named
        self._candidates = [p for p in self._known if not named or p.key in named]
        self._baudrates = baudrates

    async def run(self, tell: Tell) -> Report:
        """Return what was found; ``tell`` hears what is being done. Raises DeviceError."""
        report = self._report
        questions, not_asked = make_questions(
            self._candidates, self._known, self._named, self._baudrates
        )
        silent = await self._listen(tell)
        if report.fits or report.flowing:
            return report
        report.not_asked = not_asked
        ask = [question for question in questions if question.line in silent]
        for line in dict.fromkeys(question.line for question in ask):
            here = [question for question in ask if question.line == line]
            if not report.fits:
                await self._ask_all(line, here, lambda text: tell(f"{text} ({self._done(ask)})"))
        return report

    def _done(self, questions: Sequence[Question]) -> str:
        return f"{len(self._report.asked) + 1} of {len(questions)}"

    async def _listen(self, tell: Tell) -> set[LineSettings]:
        """Listen at every setting; return those at which nobody spoke."""
        silent = set()
        settings = self._settings()
        for number, line in enumerate(settings, 1):
            by_hand = self._is_by_hand(line)
            hint = ": press the key of the device, several times" if by_hand else ""
            tell(f"listening at {line} ({number} of {len(settings)}){hint}")
            heard = await self._hear(line, by_hand=by_hand)
            if heard is None:
                continue
            if heard.fits:
                self._report.fits = heard.fits
                return set()
            if heard.data:
                self._report.heard.append((line, heard.data))
            if heard.silent:
                silent.add(line)
            self._report.flowing |= not heard.silent
        return silent

    def _settings(self) -> list[LineSettings]:
        """Return the settings to listen at: the user's first, then those of the most profiles."""
        lines = [
            line
            for profile in self._candidates
            for line in lines_of(profile, self._known, self._baudrates)
        ]
        counts = Counter(lines)
        wanted = {*self._baudrates}
        return sorted(counts, key=lambda x: (x.baudrate not in wanted, -counts[x], x.baudrate))

    async def _hear(self, line: LineSettings, *, by_hand: bool) -> Heard | None:
        """Listen at one setting; None when the port cannot be set so."""
        link = self._open(line)
        if link is None:
            return None
        self._report.listened.append(line)
        ears = [profile for profile in self._known if _has_form(profile, line)]
        async with link:
            return await listen(
                link, ears, line, seconds=LISTEN_S, named=self._named, by_hand=by_hand
            )

    def _is_by_hand(self, line: LineSettings) -> bool:
        """Tell whether the user looks for a device that speaks only when its key is pressed."""
        return any(
            profile.single_reading and line in lines_of(profile, self._known, self._baudrates)
            for profile in self._candidates
            if profile.key in self._named
        )

    def _open(self, line: LineSettings) -> Link | None:
        """Open the port; None when only this setting is refused. Raises DeviceError."""
        try:
            return open_link(self._report.path, line)
        except DeviceError:
            if line == _PLAIN:
                raise
            open_link(self._report.path, _PLAIN).port.close()
            self._report.impossible.append(line)
            return None

    async def _ask_all(self, line: LineSettings, questions: Sequence[Question], tell: Tell) -> None:
        """Ask at one setting, until somebody answers or something begins to send."""
        link = self._open(line)
        if link is None:
            return
        report = self._report
        async with link:
            asker = Asker(link, self._known, self._named)
            for question in questions:
                danger = asker.danger(question)
                if danger is not None:
                    report.not_asked += [NotAsked(p, danger) for p in question.profiles]
                    continue
                tell(f"asking at {line}: {question.shown}")
                if not await asker.quiet(question.open_wait_s):
                    report.heard.append((line, asker.noise))
                    report.flowing = True
                    return
                report.asked.append(question)
                report.fits, heard = await asker.ask(question)
                if report.fits:
                    return
                if heard:
                    report.answered.append((question, heard))


class Asker:
    """Asks on an open port. ``noise`` is what came while it waited for quiet."""

    def __init__(self, link: Link, known: Sequence[Profile], named: Collection[str]) -> None:
        self.noise = b""
        self._link = link
        self._known = known
        self._named = named
        self._opened_s = time.monotonic()
        self._sent_s = float("-inf")
        self._sent = b""

    def danger(self, question: Question) -> Danger | None:
        """Return whom a question could harm together with what was sent before it."""
        sent = b"".join(question.parts)
        dangers = [
            danger_of(profile, sent, self._known, self._named, self._sent)
            for profile in question.profiles
        ]
        return None if None in dangers else dangers[0]

    async def quiet(self, open_wait_s: float) -> bool:
        """Wait until a device hears again, and nobody speaks; False when it never gets quiet."""
        self.noise = b""
        ready_s = self._opened_s + open_wait_s
        limit_s = max(ready_s, time.monotonic()) + _LONGEST_NOISE_S
        until_s = max(ready_s, time.monotonic() + QUIET_S)
        while time.monotonic() < until_s:
            chunk = await self._link.next(until_s)
            if chunk is not None:
                self.noise += chunk.data[: max(_TAIL - len(self.noise), 0)]
                until_s = max(ready_s, chunk.arrival_s + QUIET_S)
            if time.monotonic() >= limit_s:
                return False
        return True

    async def ask(self, question: Question) -> tuple[list[Fit], bytes]:
        """Ask; return who answered as the profile says, and what came.

        An answer must come twice alike: what an earlier question left in the device, at another
        baud rate perhaps, may have spoilt the first.
        """
        fits, heard = await self._once(question)
        for _ in range(_MORE):
            if not heard or self.danger(question) or not await self.quiet(0.0):
                break
            before, (fits, heard) = (fits, heard), await self._once(question)
            if not heard or _keys(fits) == _keys(before[0]):
                return (fits, heard) if heard else before
        return fits, heard

    async def _once(self, question: Question) -> tuple[list[Fit], bytes]:
        *greetings, last = question.parts
        await hear_answer(self._link, (), self._sent_s + question.spacing_s)
        for part in greetings:
            self._send(part)
            await hear_answer(self._link, (), self._sent_s + max(BETWEEN_S, question.spacing_s))
        answers = [Answer(profile, time.monotonic()) for profile in question.profiles]
        self._send(last)
        heard = await hear_answer(self._link, answers, self._sent_s + question.reply_s)
        return [answer.fit(question.line) for answer in answers if answer.fits], heard

    def _send(self, data: bytes) -> None:
        self._link.write(data)
        self._sent_s = time.monotonic()
        self._sent = (self._sent + data)[-_TAIL:]


def _keys(fits: Sequence[Fit]) -> list[str]:
    return [fit.profile.key for fit in fits]


def _has_form(profile: Profile, line: LineSettings) -> bool:
    serial = profile.serial
    return (serial.bytesize, serial.parity, serial.stopbits) == (
        line.bytesize,
        line.parity,
        line.stopbits,
    )


def _with_variants(named: Sequence[str], profiles: Mapping[str, Profile]) -> set[str]:
    """Return the keys that the user means: a name alone means its variants too."""
    for name in named:
        if name not in profiles:
            raise UsageError(no_such_profile(name, profiles))
    return {key for key, profile in profiles.items() if {key, profile.name} & {*named}}
