"""What a probe found: in words, as data, and as lines for dynod.toml."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dynod.cli.findings import as_expected
from dynod.cli.listening import Fit
from dynod.cli.questions import NotAsked, Question
from dynod.daemon.ports import LineSettings, PortInfo
from dynod.model.clinical import Kind
from dynod.wire.phrases import phrase_shown
from dynod.wire.profile import FreeRunning, Profile

_SHOWN = 60  # characters of what nobody knows
_IDS = {Kind.FORCE: "hhd-1", Kind.ANGLE: "tilt-1"}


@dataclass(slots=True)
class Report:
    """What a probe found; ``heard`` and ``answered`` are bytes that no profile knows.

    ``impossible`` are settings that the port refuses. ``flowing``: something sends all the time.
    """

    path: str
    fits: list[Fit] = field(default_factory=list)
    listened: list[LineSettings] = field(default_factory=list)
    impossible: list[LineSettings] = field(default_factory=list)
    heard: list[tuple[LineSettings, bytes]] = field(default_factory=list)
    flowing: bool = False
    asked: list[Question] = field(default_factory=list)
    answered: list[tuple[Question, bytes]] = field(default_factory=list)
    not_asked: list[NotAsked] = field(default_factory=list)


# -- in words ------------------------------------------------------------------------------


def in_words(
    report: Report, profiles: Mapping[str, Profile], ports: Sequence[PortInfo]
) -> Iterator[str]:
    """Yield the lines to print."""
    if report.fits:
        yield from _found(report.fits)
        yield from _relatives(report.fits, profiles)
        yield ""
        yield "for dynod.toml:"
        yield ""
        yield from config_lines(report.fits, stable_name(report.path, ports))
        return
    for line, data in report.heard:
        yield f"heard at {line}: {_shown(data)}"
    for question, data in report.answered:
        yield f"{question.shown} at {question.line} was answered: {_shown(data)}"
    if report.flowing:
        yield "something sends that no profile knows, so nothing was asked"
    else:
        listened = ", ".join(str(line) for line in report.listened)
        yield f"listened at {listened}; asked {len(report.asked)} questions"
        yield from _left_out(report.not_asked)
        yield from _by_hand(profiles)
    for line in report.impossible:
        yield f"this port cannot be set to {line}"


def no_fit(report: Report) -> str:
    """Return why nothing was found, and what to do, as one line."""
    if report.flowing:
        return "no profile reads what comes; try other rates with --baudrate, or add a profile"
    if report.answered:
        return "what answers is no device that dynod knows"
    advice = "check cable, power and the gauge's menu, or give its rate with --baudrate"
    if report.asked:
        advice += "; switch a gauge that heard the questions off and on before measuring"
    return f"no device answered; {advice}"


def _found(fits: Sequence[Fit]) -> Iterator[str]:
    width = max(len(fit.profile.key) for fit in fits)
    if len(fits) > 1:
        yield "it is one of these, which speak alike:"
    for fit in fits:
        yield f"{fit.profile.key:<{width}}  {fit.profile.title}"
    first = fits[0]
    yield f"{first.line}; {_how(first)}"
    for because in dict.fromkeys(fit.because for fit in fits if fit.because is not None):
        yield f"but as it is set now, it cannot be used: {because}"


def _relatives(fits: Sequence[Fit], profiles: Mapping[str, Profile]) -> Iterator[str]:
    keys = {fit.profile.key for fit in fits}
    names = {fit.profile.name for fit in fits}
    others = [key for key, p in profiles.items() if p.name in names and key not in keys]
    if others:
        yield f"set otherwise, it is: {', '.join(others)}"


def _by_hand(profiles: Mapping[str, Profile]) -> Iterator[str]:
    keys = ", ".join(key for key, profile in profiles.items() if profile.single_reading)
    if keys:
        yield f"cannot be asked, and speak when their key is pressed: {keys}"
        yield "name one with --profile, and press its key while that listens"


def _how(fit: Fit) -> str:
    if fit.answer is not None:
        return f"it answers: {fit.answer}"
    if fit.rate_hz is None:
        return "it sent a reading"
    return f"it sends by itself, {fit.rate_hz:.1f} samples a second"


def _left_out(not_asked: Sequence[NotAsked]) -> Iterator[str]:
    by_danger: dict[tuple[str, str], list[NotAsked]] = {}
    for item in not_asked:
        by_danger.setdefault((item.profile.name, item.danger.profile.name), []).append(item)
    for (name, _), items in by_danger.items():
        other = items[0].danger.profile.title
        yield (
            f"not asked: {items[0].profile.title}, because it could stop, zero or set a {other}; "
            f"name it with --profile {name}"
        )


def _shown(data: bytes) -> str:
    text = _escaped(data)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _escaped(data: bytes) -> str:
    """Return bytes as text that is safe for a terminal."""
    return ascii(data.decode("latin-1"))[1:-1]


# -- for dynod.toml ------------------------------------------------------------------------


def stable_name(path: str, ports: Sequence[PortInfo]) -> str:
    """Return the name of a port that stays: udev's name of the unit, or of its socket."""
    real = os.path.realpath(path)
    for port in ports:
        if os.path.realpath(port.path) == real:
            return port.by_id or port.by_path or path
    return path


def config_lines(fits: Sequence[Fit], port: str) -> Iterator[str]:
    """Yield a ``[[device]]`` for the first of the profiles that fit; the others in a comment."""
    fit = fits[0]
    profile = fit.profile
    others = ", ".join(other.profile.key for other in fits[1:])
    yield "[[device]]"
    yield f'id = "{_IDS[profile.kind]}"'
    yield f'profile = "{profile.key}"' + (f"  # or {others}" if others else "")
    yield f'port = "{port}"'
    if len(profile.channels) > 1:
        yield f'axis = "{profile.channels[0]}"  # or {", ".join(profile.channels[1:])}'
    if fit.line.baudrate != profile.serial.baudrate:
        yield f"baudrate = {fit.line.baudrate}"
    yield from _open_lines(profile, fit.rate_hz)


def _open_lines(profile: Profile, rate_hz: float | None) -> Iterator[str]:
    """Yield what the site must say, and the rate where it is another than expected."""
    asked = profile.open_questions
    if "unit" in asked:
        unit = "deg" if profile.kind is Kind.ANGLE else "N"
        yield f'# unit = "{unit}"  # say it: the unit that the device shows'
    if "push_sign" in asked:
        yield "# push_sign = 1  # say it: 1 when pushing reads as positive, else -1"
    streams = isinstance(profile.dialogue, FreeRunning) and rate_hz is not None
    if streams and rate_hz is not None:
        if profile.rate_hz is None:
            yield f"rate_hz = {rate_hz:.3g}  # as measured"
        elif not as_expected(rate_hz, profile.rate_hz):
            yield f"rate_hz = {rate_hz:.3g}  # as measured; the profile says {profile.rate_hz:g}"
    elif "rate_hz" in asked:
        yield "# rate_hz = 10  # say it: `dynod devices diagnose` measures it"


# -- as data -------------------------------------------------------------------------------


def as_data(report: Report) -> dict[str, object]:
    """Return the report for scripts."""
    return {
        "port": report.path,
        "found": [_fit(fit) for fit in report.fits],
        "dynod_toml": list(config_lines(report.fits, report.path)) if report.fits else [],
        "listened": [str(line) for line in report.listened],
        "refused_settings": [str(line) for line in report.impossible],
        "heard": [{"line": str(line), "text": _escaped(data)} for line, data in report.heard],
        "unknown_stream": report.flowing and not report.fits,
        "asked": [{"line": str(q.line), "question": q.shown} for q in report.asked],
        "answered": [
            {"line": str(q.line), "question": q.shown, "text": _escaped(data)}
            for q, data in report.answered
        ],
        "not_asked": [
            {
                "profile": item.profile.key,
                "could_harm": item.danger.profile.key,
                "by": phrase_shown(item.danger.phrase),
            }
            for item in report.not_asked
        ],
    }


def _fit(fit: Fit) -> dict[str, object]:
    return {
        "profile": fit.profile.key,
        "title": fit.profile.title,
        "baudrate": fit.line.baudrate,
        "line": str(fit.line),
        "answer": fit.answer,
        "rate_hz": fit.rate_hz,
        "unusable_because": fit.because,
        "open_questions": list(fit.profile.open_questions),
    }
