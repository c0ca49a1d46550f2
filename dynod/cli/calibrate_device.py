"""A device for calibration: leased from a running daemon, its samples and the keyboard in turn.

A guided command asks, waits for Enter, and takes a reading; meanwhile the device goes on streaming.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console

from dynod.cli.output import console
from dynod.cli.port_session import (
    Unit,
    Wanted,
    borrowed,
    converse,
    find_unit,
    line_of,
    open_link,
    until_told,
)
from dynod.config.problems import unknown
from dynod.config.settings import DeviceConfig
from dynod.config.site import Site, load_site
from dynod.daemon.link import Link
from dynod.model.errors import DynodError, UsageError
from dynod.model.samples import Decoded, SampleBlock
from dynod.session.steady_reading import Steady, SteadyReading, SteadyRules
from dynod.wire.profile import Profile

T = TypeVar("T")
_Item = SampleBlock | str | Exception | None  # None: the input ended

_UNSETTLED_S = 15.0  # until it is said that a reading does not come to rest


class StoppedError(DynodError):
    """The user ended a guided command before it was through; exits as after Ctrl-C."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class CalibrationUnit:
    """A device of the config that can be calibrated, since it is known which unit it is."""

    site: Site
    device: DeviceConfig
    profile: Profile
    serial_number: str

    @property
    def axis(self) -> str:
        """The channel that it is read by."""
        return self.site.axis_of(self.device)


def find_calibration_unit(config_path: Path, device_id: str) -> CalibrationUnit:
    """Return a device of the config; opens no port.

    Raises UsageError for one that is not there or has no serial number.
    """
    site = load_site(config_path, os.environ)
    devices = {device.id: device for device in site.config.devices}
    if device_id not in devices:
        what = unknown(device_id, devices, "device")
        raise UsageError(f"{site.path}: no device {device_id}: {what}")
    device = devices[device_id]
    if device.serial_number is None:
        raise UsageError(
            f"{site.path}: {device_id} has no serial_number, and a calibration belongs to one unit:"
            " add the number on its label"
        )
    return CalibrationUnit(site, device, site.profile_of(device), device.serial_number)


def run_live(
    unit: CalibrationUnit, guided: Callable[["LiveDevice"], Awaitable[T]], *, aside: bool = False
) -> T:
    """Run a guided command on the unit's port, which a running daemon lends for that time.

    ``aside``: its words go to stderr, as stdout is for a script. Raises DeviceError when the device
    fails or is unplugged, StoppedError when the user ends it.
    """
    place = find_unit(unit.site.path, Wanted(device=unit.device.id))
    with borrowed(unit.site.path, place):
        return asyncio.run(_run(unit, place, guided, aside=aside))


async def _run(
    unit: CalibrationUnit,
    place: Unit,
    guided: Callable[["LiveDevice"], Awaitable[T]],
    *,
    aside: bool,
) -> T:
    async with open_link(place.path, line_of(unit.profile)) as link:
        with until_told(link) as stopping:
            live = LiveDevice(unit, aside=aside)
            speaking = asyncio.create_task(live.listen(link, stopping))
            try:
                with live.keyboard():
                    await live.ready()
                    return await guided(live)
            finally:
                stopping.set()
                link.wake()
                await asyncio.gather(speaking, return_exceptions=True)


class LiveDevice:
    """What happens at a device and at the keyboard, in the order in which it happened.

    ``step`` is the smallest step of the device's own number during the last steady reading, 0 where
    it did not move.
    """

    def __init__(self, unit: CalibrationUnit, *, aside: bool = False) -> None:
        self.unit = unit
        self._happened: asyncio.Queue[_Item] = asyncio.Queue()
        self._typed: list[str] = []
        self._text = b""
        self._input_ended = False
        self.step = 0.0
        self._console = Console(stderr=True, highlight=False) if aside else console

    # -- what the device and the keyboard do ------------------------------------------------

    async def listen(self, link: Link, stopping: asyncio.Event) -> None:
        """Speak with the device until told to stop; how it ends is among what happened."""
        try:
            profile = self.unit.profile
            await converse(link, profile, self._take, seconds=None, stopping=stopping)
            self._happened.put_nowait(StoppedError("interrupted"))
        except DynodError as error:
            self._happened.put_nowait(error)

    def _take(self, decoded: Decoded, _at_s: float) -> None:
        for block in decoded.blocks:
            self._happened.put_nowait(block)

    @contextmanager
    def keyboard(self) -> Iterator[None]:
        """Hear the lines that are typed while the block runs."""
        loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()
        try:
            loop.add_reader(descriptor, self._readable, descriptor)
        except PermissionError:
            # a file is always readable, and cannot be waited for
            while self._readable(descriptor):
                pass
            yield
            return
        try:
            yield
        finally:
            loop.remove_reader(descriptor)

    def _readable(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, 4096)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(descriptor)
            self._happened.put_nowait(None)
            return False
        *lines, self._text = (self._text + data).split(b"\n")
        for line in lines:
            self._happened.put_nowait(line.decode("utf-8", "replace").strip())
        return True

    # -- what a guided command does ----------------------------------------------------------

    async def ready(self) -> None:
        """Wait for the first samples; a reading that is sent by hand is not waited for."""
        if self.unit.profile.single_reading:
            return
        with self._status("waiting for the device"):
            while await self._next() is None:
                pass

    async def typed(self, prompt: str) -> str:
        """Show a prompt and return the line that is typed."""
        self.say(prompt)
        while not self._typed:
            if self._input_ended:
                raise StoppedError("the input ended before the work was done")
            await self._next()
        return self._typed.pop(0)

    async def pause(self, seconds: float, doing: str, shown: Callable[[float], str]) -> float:
        """Let time pass and show the device's number; return how many seconds Enter cut off.

        ``q`` interrupts.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + seconds
        with self._status(doing) as draw, suppress(TimeoutError):
            async with asyncio.timeout_at(end_s):
                while True:
                    block = await self._next()
                    left_s = max(end_s - loop.time(), 0.0)
                    if self._typed:
                        if self._typed.pop(0).lower() == "q":
                            raise StoppedError("interrupted")
                        return left_s
                    if block is not None and len(block):
                        number = float(block.channel(self.unit.axis)[-1])
                        draw(f"{doing}, {left_s:.0f} s left: {shown(number)}")
        return 0.0

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, markup=False, soft_wrap=True)

    async def steady(
        self, rules: SteadyRules, shown: Callable[[float], str], *, also: str | None = None
    ) -> tuple[Steady, float | None]:
        """Return a steady reading of what comes from now on, and the mean of another channel.

        ``shown`` is what to say of the device's own number while it is waited for, ``also`` the
        other channel. Says so when the reading is disturbed or does not come to rest.
        """
        reading, blocks = SteadyReading(rules), list[SampleBlock]()
        self._forget_samples()
        told, told_s = 0, asyncio.get_running_loop().time()
        with self._status("reading") as draw:
            while True:
                block = await self._next()
                if block is None:
                    continue
                blocks.append(block)
                steady = reading.feed(block.t_s, block.channel(self.unit.axis))
                if steady is not None:
                    self.step = _smallest_step(blocks, self.unit.axis)
                    return steady, None if also is None else _mean(blocks, also, steady)
                now_s = asyncio.get_running_loop().time()
                if reading.disturbed > told:
                    told, told_s = reading.disturbed, now_s
                    self.say("  it moved during the reading, which begins again; leave it alone")
                elif now_s - told_s > _UNSETTLED_S:
                    told_s = now_s
                    self.say("  it does not come to rest; Ctrl-C ends")
                if reading.latest is not None:
                    draw(f"reading: {shown(reading.latest)}, {reading.progress:.0%} steady")

    def _forget_samples(self) -> None:
        """Leave out what came before: it is of the time before the answer."""
        kept: list[_Item] = []
        while not self._happened.empty():
            item = self._happened.get_nowait()
            if not isinstance(item, SampleBlock):
                kept.append(item)
        for item in kept:
            self._happened.put_nowait(item)

    async def _next(self) -> SampleBlock | None:
        """Return the next samples; None when something was typed, or the input ended."""
        item = await self._happened.get()
        if isinstance(item, Exception):
            raise item
        if isinstance(item, SampleBlock):
            return item
        if item is None:
            self._input_ended = True
        else:
            self._typed.append(item)
        return None

    @contextmanager
    def _status(self, words: str) -> Iterator[Callable[[str], None]]:
        """Show a line that changes while the block runs; only a terminal has one."""
        if not self._console.is_terminal:
            yield lambda _words: None
            return
        with self._console.status(words) as status:
            yield status.update


def _mean(blocks: list[SampleBlock], channel: str, steady: Steady) -> float:
    """Return the mean of another channel over the time of a reading."""
    parts = (block.between(steady.begin_s, steady.end_s) for block in blocks)
    return float(np.concatenate([part.channel(channel) for part in parts]).mean())


def _smallest_step(blocks: list[SampleBlock], channel: str) -> float:
    """Return the smallest difference between numbers, beyond rounding; 0 of equal ones."""
    values = np.unique(np.concatenate([block.channel(channel) for block in blocks]))
    steps = np.diff(values[np.isfinite(values)])
    steps = steps[steps > 1e-9 * np.nanmax(np.abs(values), initial=1.0)]
    return float(steps.min()) if len(steps) else 0.0
