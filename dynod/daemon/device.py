"""A device's life-cycle: found, opened, identified, streaming, lost, and found again."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from dynod.daemon.conversation import Conversation, StaleError
from dynod.daemon.flight import FlightRing
from dynod.daemon.link import Link
from dynod.daemon.ports import LineSettings, PortGoneError, SerialPort, find_ports
from dynod.daemon.stream import Stream
from dynod.daemon.whereabouts import Place, locate, signature
from dynod.model.device import DeviceIdentity, DeviceState
from dynod.model.errors import DeviceError
from dynod.model.flags import Flag
from dynod.model.samples import Decoded
from dynod.model.trial import StartedBy
from dynod.wire.decoder import NOTHING, Decoder
from dynod.wire.dialogue import DialoguePhase
from dynod.wire.profile import Profile

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.5  # a device that is plugged in is noticed within a second
LONGEST_WAIT_S = 30.0

_STATES = {
    DialoguePhase.WAITING: DeviceState.OPENING,
    DialoguePhase.IDENTIFYING: DeviceState.IDENTIFYING,
    DialoguePhase.STARTING: DeviceState.IDENTIFYING,
    DialoguePhase.STREAMING: DeviceState.STREAMING,
}


@dataclass(frozen=True, slots=True)
class Where:
    """Where a unit is looked for, and how its line is set. ``others`` are the other devices'."""

    place: Place
    line: LineSettings
    others: tuple[Place, ...] = ()


@dataclass(slots=True)
class DeviceStatus:
    """What ``devices/{id}/status`` says of the life-cycle."""

    state: DeviceState = DeviceState.ABSENT
    fault: str | None = None


class DeviceRunner:
    """Owns one configured device for as long as the daemon runs."""

    def __init__(
        self,
        identity: DeviceIdentity,
        profile: Profile,
        where: Where,
        stream: Stream,
        changed: Callable[["DeviceRunner"], None],
        fed: Callable[["DeviceRunner"], None],
        ring: FlightRing | None = None,
    ) -> None:
        self.identity = identity
        self.profile = profile
        self.stream = stream
        self.status = DeviceStatus()
        self._where = where
        self._changed = changed
        self._fed = fed
        self._ring = ring
        self._decoder = Decoder(profile)
        self._stopping = asyncio.Event()
        self._stirred = asyncio.Event()  # somebody wants something of a runner that waits
        self._given = asyncio.Event()
        self._leased = False
        self._wait_s = LOOK_AGAIN_S
        self._warned: str | None = None
        self._link: Link | None = None
        self._conversation: Conversation | None = None
        self._resting_n: float | None = None

    @property
    def resting_n(self) -> float | None:
        """What the live value is held against: the baseline, as it was when recording began."""
        recorder = self.stream.recorder
        if not recorder.recording:
            self._resting_n = recorder.baseline
        return self._resting_n

    @property
    def streaming(self) -> bool:
        """Whether presses and trials count."""
        return self.status.state is DeviceState.STREAMING

    async def run(self) -> None:
        """Look for the device, serve it, and look again, until ``stop``."""
        while not self._stopping.is_set():
            if self._leased:
                await self._be_leased()
                continue
            try:
                await self._open_and_serve()
            except StaleError as error:
                await self._lost(DeviceState.STALE, str(error), longer=True)
            except PortGoneError as error:
                await self._lost(DeviceState.ABSENT, f"{error}; plug the device in again")
            except DeviceError as error:
                longer = self.status.state is not DeviceState.ABSENT
                await self._lost(DeviceState.ABSENT, str(error), longer=longer)
            self._link, self._conversation = None, None
            if not self._wanted_elsewhere:
                await self._pause()
        self._set(DeviceState.ABSENT, None)

    @property
    def progress(self) -> tuple[int, int]:
        """How many chunks were taken from the open port, and how many wait; for the watchdog."""
        return (0, 0) if self._link is None else (self._link.taken, self._link.waiting)

    @property
    def overdue(self) -> bool:
        """Whether samples are missing by now: none came for longer than any clump of them takes."""
        if self._conversation is None:
            return False
        return self._conversation.silent_s > self.stream.recorder.overdue_s

    def begin(self, at_s: float | None, started_by: StartedBy) -> None:
        """Begin the recording of the running trial."""
        self._resting_n = self.stream.recorder.baseline
        self.stream.recorder.begin(at_s, started_by)

    def stop(self) -> None:
        """Have the device stopped and its port closed; ``run`` then returns."""
        self._stopping.set()
        self._wake()

    def is_on(self, port: str) -> bool:
        """Tell whether the device is on a port now, or is looked for there."""
        paths = [self._where.place.port, None if self._link is None else self._link.port.path]
        real = os.path.realpath(port)
        return any(path is not None and os.path.realpath(path) == real for path in paths)

    async def lease(self) -> None:
        """Let go of the port, so that another process may open it; no trials until ``release``.

        Raises DeviceError when the device is leased already.
        """
        if self._leased:
            raise DeviceError(f"{self.identity.device_id}: is leased to another command")
        self._leased = True
        self._given.clear()
        self._wake()
        await self._given.wait()

    def release(self) -> None:
        """Take the port back."""
        self._leased = False
        self._wake()

    def _wake(self) -> None:
        self._stirred.set()
        if self._link is not None:
            self._link.wake()

    async def _be_leased(self) -> None:
        self._set(DeviceState.LEASED, None)
        await self.stream.broken()
        self._given.set()
        while self._leased and not self._stopping.is_set():
            self._stirred.clear()
            await self._stirred.wait()
        self._wait_s, self._warned = LOOK_AGAIN_S, None

    async def _pause(self) -> None:
        """Wait before looking again; plugging something in or out cuts the wait short."""
        until_s = time.monotonic() + self._wait_s
        before = signature(self._where.place)
        while (left_s := until_s - time.monotonic()) > 0 and not self._wanted_elsewhere:
            self._stirred.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, LOOK_AGAIN_S)):
                    await self._stirred.wait()
            if signature(self._where.place) != before:
                self._wait_s = LOOK_AGAIN_S
                return

    async def _open_and_serve(self) -> None:
        path = locate(self._where.place, find_ports(), self._where.others)
        port = SerialPort(path, self._where.line)
        self._decoder.new_segment()
        if self._ring is not None:
            self._ring.opened(time.monotonic())
        async with Link(port) as link:
            self._link = link
            conversation = Conversation(link, self.profile, self._decoder, self._ring)
            self._conversation = conversation
            self._set(DeviceState.OPENING, None)
            conversation.begin()
            while not self._wanted_elsewhere:
                decoded, arrival_s = await conversation.next()
                self._show_phase(conversation)
                if conversation.phase is DialoguePhase.STREAMING:
                    await self._stream(link, decoded, arrival_s)
            await conversation.farewell()

    async def _stream(self, link: Link, decoded: Decoded, arrival_s: float) -> None:
        if link.overflowed:
            link.overflowed = False
            self.stream.recorder.mark(Flag.QUEUE_OVERFLOW)
        if decoded is NOTHING:
            return
        if decoded.blocks:  # samples, not answers, prove that the device is well again
            self._wait_s, self._warned = LOOK_AGAIN_S, None
        await self.stream.feed(decoded, arrival_s)
        self._fed(self)

    def _show_phase(self, conversation: Conversation) -> None:
        """Show how far the dialogue is as the device's state."""
        state = _STATES.get(conversation.phase)
        if state is not None and state is not self.status.state:
            if state is DeviceState.STREAMING:
                path = conversation.link.port.path
                device_id = self.identity.device_id
                log.info("%s: streaming from %s", device_id, path, extra={"device": device_id})
            self._set(state, None)

    @property
    def _wanted_elsewhere(self) -> bool:
        return self._stopping.is_set() or self._leased

    async def _lost(self, state: DeviceState, fault: str, *, longer: bool = False) -> None:
        """Note why the device is gone: a warning once, then only for those who debug."""
        level = logging.DEBUG if fault == self._warned else logging.WARNING
        self._warned = fault
        device_id = self.identity.device_id
        log.log(level, "%s: %s", device_id, fault, extra={"device": device_id})
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S) if longer else LOOK_AGAIN_S
        if self._ring is not None:
            self._ring.lost(time.monotonic(), fault)
        self._set(state, fault)
        await self.stream.broken()

    def _set(self, state: DeviceState, fault: str | None) -> None:
        # A fault stays on display until the device streams again.
        keep = fault is None and state is not DeviceState.STREAMING
        fault = self.status.fault if keep else fault
        if (state, fault) != (self.status.state, self.status.fault):
            self.status.state, self.status.fault = state, fault
            self._changed(self)
