"""``dynod devices capture``: the raw bytes of a port and when they came, into a capture."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn

from dynod.cli.capture_file import CaptureFile
from dynod.cli.output import console, print_json
from dynod.cli.port_session import (
    Unit,
    Wanted,
    borrowed,
    converse,
    find_unit,
    line_of,
    open_link,
    show,
    until_told,
)
from dynod.daemon.link import Link
from dynod.daemon.ports import LineSettings
from dynod.model.errors import DeviceError, UsageError
from dynod.model.samples import Decoded
from dynod.wire.profile import FreeRunning

_SHOW_EVERY_S = 0.2
_FOREVER_S = float("inf")


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """What to record, into which case, and for how many seconds (None: until told to stop)."""

    wanted: Wanted
    out: Path | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a capture ended: what the device called itself, and what broke it off, if anything."""

    identified: str | None
    problem: DeviceError | None


@dataclass(slots=True)
class Counts:
    """What came, for the progress bar and the report."""

    samples: int = 0
    rejects: int = 0
    events: int = 0

    def take(self, decoded: Decoded, _at_s: float) -> None:
        """Count what was decoded."""
        self.samples += sum(len(block) for block in decoded.blocks)
        self.rejects += len(decoded.rejects)
        self.events += len(decoded.events)


def run_capture(request: CaptureRequest, config_path: Path, *, as_json: bool) -> None:
    """Record a capture; what came is kept, however it ends."""
    unit = find_unit(config_path, request.wanted)
    line = _line(unit, request.wanted)
    counts = Counts()
    by_itself = unit.profile is None or isinstance(unit.profile.dialogue, FreeRunning)
    file = CaptureFile(_case(request, unit), by_itself=by_itself)
    with file, borrowed(config_path, unit):
        hidden = as_json or not console.is_terminal
        with _no_picture() if hidden else _bar(request.seconds, waits=_waits(unit)) as update:
            recorder = _record(unit, line, request.seconds, file, counts, update)
            recorded = asyncio.run(recorder)
    if as_json:
        print_json(_as_data(file, unit, counts, recorded))
    else:
        for text in _in_words(file, unit, counts, recorded):
            show(text)
    if recorded.problem is not None:
        raise recorded.problem


async def _record(
    unit: Unit,
    line: LineSettings,
    seconds: float | None,
    file: CaptureFile,
    counts: Counts,
    update: Callable[[Counts], None],
) -> Recorded:
    async with open_link(unit.path, line) as link:
        with until_told(link) as stopping:
            ticking = asyncio.create_task(_tick(counts, update))
            try:
                if unit.profile is None:
                    await _only_listen(link, file, seconds, stopping)
                    return Recorded(None, None)
                speaking = converse(
                    link, unit.profile, counts.take, seconds=seconds, stopping=stopping, tape=file
                )
                return Recorded(await speaking, None)
            except DeviceError as error:
                return Recorded(None, error)
            finally:
                ticking.cancel()


async def _only_listen(
    link: Link, file: CaptureFile, seconds: float | None, stopping: asyncio.Event
) -> None:
    until_s = None if seconds is None else time.monotonic() + seconds
    while not stopping.is_set() and time.monotonic() < (until_s or _FOREVER_S):
        chunk = await link.next(until_s)
        if chunk is not None:
            file.chunk(chunk.data, chunk.arrival_s)


async def _tick(counts: Counts, update: Callable[[Counts], None]) -> None:
    while True:
        update(counts)
        await asyncio.sleep(_SHOW_EVERY_S)


@contextmanager
def _no_picture() -> Iterator[Callable[[Counts], None]]:
    yield lambda _counts: None


@contextmanager
def _bar(seconds: float | None, *, waits: bool) -> Iterator[Callable[[Counts], None]]:
    """Show a bar on the terminal; the callable moves it. ``waits``: until the first sample."""
    columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[came]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=seconds, came="")
        begun_s = None if waits else time.monotonic()

        def update(counts: Counts) -> None:
            nonlocal begun_s
            if begun_s is None and counts.samples:
                begun_s = time.monotonic()
            words = "waiting for the device" if begun_s is None else "recording, Ctrl-C ends"
            since_s = 0.0 if begun_s is None else time.monotonic() - begun_s
            came = f"{since_s:.0f} s, {counts.samples} samples, {counts.rejects} rejects"
            progress.update(task, description=words, completed=since_s, came=came)

        yield update


def _waits(unit: Unit) -> bool:
    """Tell whether the time counts from the first sample on."""
    return unit.profile is not None and not unit.profile.single_reading


def _line(unit: Unit, wanted: Wanted) -> LineSettings:
    if unit.profile is not None:
        return line_of(unit.profile)
    if wanted.facts.baudrate is None:
        raise UsageError(
            f"{unit.path}: name what is there with --profile (`dynod devices probe` finds out), "
            "or give --baudrate to listen only"
        )
    return LineSettings(wanted.facts.baudrate)


def _case(request: CaptureRequest, unit: Unit) -> Path:
    if request.out is not None:
        return request.out.with_suffix("") if request.out.suffix == ".bin" else request.out
    key = "capture" if unit.profile is None else unit.profile.key.replace("/", "_")
    return Path(unit.device_id or key)


def _in_words(file: CaptureFile, unit: Unit, counts: Counts, recorded: Recorded) -> Iterator[str]:
    if not file.bytes:
        yield "nothing came, so there is no capture"
        return
    chunks = file.timing.chunks
    seconds = chunks[-1][0] - chunks[0][0]
    yield f"{file.path}: {file.bytes} bytes in {len(chunks)} chunks over {seconds:.1f} s"
    if recorded.identified is not None:
        yield f"the device calls itself: {recorded.identified}"
    if unit.profile is not None:
        yield f"{counts.samples} samples, {counts.rejects} rejects, {counts.events} events"
        yield f"look at it: dynod devices replay {file.path} --profile {unit.profile.key}"


def _as_data(
    file: CaptureFile, unit: Unit, counts: Counts, recorded: Recorded
) -> dict[str, object]:
    return {
        "path": str(file.path) if file.bytes else None,
        "timing": str(file.timing_path) if file.bytes else None,
        "port": unit.path,
        "profile": None if unit.profile is None else unit.profile.key,
        "identified": recorded.identified,
        "bytes": file.bytes,
        "chunks": len(file.timing.chunks),
        "polls": len(file.timing.asked),
        "samples": counts.samples,
        "rejects": counts.rejects,
        "events": counts.events,
        "problem": None if recorded.problem is None else str(recorded.problem),
    }
