"""``dynod devices configure``: set rate and baud rate of a unit, and see what it really does."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dynod.cli.configuring import Change, Configuring, Outcome
from dynod.cli.output import console, print_json
from dynod.cli.port_session import Unit, Wanted, borrowed, find_unit, line_of, show
from dynod.model.errors import DeviceError, UsageError
from dynod.wire.profile import Profile


@dataclass(frozen=True, slots=True)
class ConfigureRequest:
    """What shall be set on which unit: rate in Hz, baud rate; None leaves it as it is."""

    wanted: Wanted
    rate_hz: float | None
    baudrate: int | None
    save: bool


def run_configure(request: ConfigureRequest, config_path: Path, *, as_json: bool) -> None:
    """Set what was asked, measure, and save when asked; raises DeviceError when it did not take."""
    unit = find_unit(config_path, request.wanted)
    profile = unit.profile
    if profile is None or profile.setup is None:
        key = "no profile" if profile is None else profile.key
        raise UsageError(f"{key}: has no settings that dynod could change; name another --profile")
    if request.save and profile.setup.save is None:
        raise UsageError(f"--save: {profile.key} knows no command for it")
    change = Change(
        _word(profile.setup.rates, request.rate_hz, "--set-rate"),
        _word(profile.setup.baudrates, request.baudrate, "--set-baudrate"),
        request.save,
    )
    with borrowed(config_path, unit), console.status("measuring"):
        outcome = asyncio.run(Configuring(unit, profile, profile.setup).run(change))
    if as_json:
        print_json(_as_data(unit, profile, change, outcome))
    else:
        for line in _in_words(profile, change, outcome):
            show(line)
    if outcome.problem is not None:
        raise DeviceError(f"{unit.path}: {outcome.problem}")


def _word(table: Mapping[str, str], value: float | None, option: str) -> str | None:
    """Return the word of a table for a number; raises UsageError that names those there are."""
    if value is None:
        return None
    for word in table:
        if float(word) == value:
            return word
    raise UsageError(f"{option} {value:g}: the profile knows {', '.join(table) or 'none'}")


def _in_words(profile: Profile, change: Change, outcome: Outcome) -> Iterator[str]:
    setup = profile.setup
    before, after = outcome.before.rate_hz, outcome.after.rate_hz
    changed = change.rate is not None or change.baudrate is not None
    yield f"{profile.title}, {line_of(profile)}: it sends {_hz(before)}"
    if changed and after is not None:
        yield f"now {outcome.baudrate} baud: it sends {_hz(after)}"
    if outcome.registers:
        units = {"rate": "Hz", "baudrate": "baud"}
        said = (f"{word} {units[name]}" for name, word in outcome.registers.items())
        yield f"it says that it is set to {', '.join(said)}"
    if not changed and setup is not None:
        yield f"--set-rate can be {', '.join(setup.rates) or 'nothing'} Hz"
        yield f"--set-baudrate can be {', '.join(setup.baudrates) or 'nothing'}"
    if outcome.saved:
        yield "saved: it stays so when it is switched off"
    elif changed or change.save:
        kept = "since it does not do what was asked" if change.save else "--save keeps it"
        yield f"not saved ({kept}): it lasts until the unit is switched off"
    if changed and outcome.problem is None:
        yield "for its [[device]] in dynod.toml:"
        yield from _toml(profile, change)


def _toml(profile: Profile, change: Change) -> Iterator[str]:
    if change.baudrate is not None:
        yield f"baudrate = {change.baudrate}"
    if change.rate is not None and profile.rate_hz != float(change.rate):
        yield f"rate_hz = {change.rate}"


def _hz(rate_hz: float | None) -> str:
    return "too little to measure a rate" if rate_hz is None else f"{rate_hz:.1f} Hz"


def _as_data(unit: Unit, profile: Profile, change: Change, outcome: Outcome) -> dict[str, object]:
    return {
        "port": unit.path,
        "profile": profile.key,
        "asked_rate_hz": None if change.rate is None else float(change.rate),
        "asked_baudrate": None if change.baudrate is None else int(change.baudrate),
        "rate_before_hz": outcome.before.rate_hz,
        "rate_hz": outcome.after.rate_hz,
        "baudrate": outcome.baudrate,
        "registers": outcome.registers,
        "saved": outcome.saved,
        "problem": outcome.problem,
    }
