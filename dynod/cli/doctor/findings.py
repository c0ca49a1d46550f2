"""What a look at one thing found."""

import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from dynod.model.errors import DynodError


class State(StrEnum):
    """How a thing is: ``note`` is no fault, but somebody should know."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """A line: what was looked at, what was found; for a problem also what to do."""

    item: str
    state: State
    text: str


def ok(item: str, text: str) -> Finding:
    """Return that a thing is as it should be."""
    return Finding(item, State.OK, text)


def note(item: str, text: str) -> Finding:
    """Return something that is no fault."""
    return Finding(item, State.NOTE, text)


def problem(item: str, text: str) -> Finding:
    """Return a fault, whose text ends with what to do."""
    return Finding(item, State.PROBLEM, text)


def calibrated(item: str, warnings: Iterable[str], status: str, until: str) -> Iterator[Finding]:
    """Yield how the calibration of a device stands; ``until``: its last day, or nothing."""
    told = [problem(item, f"calibration: {line}") for line in warnings]
    yield from told
    if not told:
        end = f", valid until {until}" if until else ""
        yield ok(item, f"calibration: {status}{end}")


def looked(item: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield what a look finds; what it cannot look at is a finding too, and hides no other."""
    try:
        yield from look()
    except DynodError as error:
        for line in str(error).splitlines():
            yield problem(item, line)
    except subprocess.TimeoutExpired as error:
        yield problem(item, f"{error.cmd[0]} does not answer; run it by hand")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        yield problem(item, f"cannot be looked at: {where}{error.strerror}; run it with sudo")
