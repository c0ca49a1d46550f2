"""A device's life-cycle: found, opened, identified, streaming, lost, and found again."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from dynod.daemon.link import Link
from dynod.daemon.ports import LineSettings, PortGoneError, SerialPort, port_of_unit
from dynod.daemon.stream import Stream
from dynod.model.device import DeviceIdentity, DeviceState
from dynod.model.errors import DeviceError
from dynod.model.flags import Flag
from dynod.model.samples import Chunk
from dynod.model.trial import StartedBy
from dynod.wire.decoder import Decoder
from dynod.wire.dialogue import Dialogue, DialoguePhase, Step, make_dialogue
from dynod.wire.profile import Profile

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.5  # a device that is plugged in is noticed within a second
LONGEST_WAIT_S = 30.0
STOP_WAIT_S = 3.0

_STATES = {
    DialoguePhase.WAITING: DeviceState.OPENING,
    DialoguePhase.IDENTIFYING: DeviceState.IDENTIFYING,
    DialoguePhase.STARTING: DeviceState.IDENTIFYING,
    DialoguePhase.STREAMING: DeviceState.STREAMING,
}


class _StaleError(DeviceError):
    """The stream stalled without an error."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which port a unit is on: a path, or the serial number of its USB device."""

    port: str | None
    serial_number: str | None
    line: LineSettings


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
    ) -> None:
        self.identity = identity
        self.profile = profile
        self.stream = stream
        self.status = DeviceStatus()
        self._where = where
        self._changed = changed
        self._fed = fed
        self._decoder = Decoder(profile)
        self._stopping = asyncio.Event()
        self._wait_s = LOOK_AGAIN_S
        self._warned: str | None = None
        self._link: Link | None = None
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
            try:
                await self._open_and_serve()
            except _StaleError as error:
                await self._lost(DeviceState.STALE, str(error), longer=True)
            except PortGoneError as error:
                await self._lost(DeviceState.ABSENT, f"{error}; plug the device in again")
            except DeviceError as error:
                longer = self.status.state is not DeviceState.ABSENT
                await self._lost(DeviceState.ABSENT, str(error), longer=longer)
            self._link = None
            if not self._stopping.is_set():
                await self._pause()
        self._set(DeviceState.ABSENT, None)

    def begin(self, at_s: float | None, started_by: StartedBy) -> None:
        """Begin the recording of the running trial."""
        self._resting_n = self.stream.recorder.baseline
        self.stream.recorder.begin(at_s, started_by)

    def stop(self) -> None:
        """Have the device stopped and its port closed; ``run`` then returns."""
        self._stopping.set()
        if self._link is not None:
            self._link.wake()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _open_and_serve(self) -> None:
        path = self._where.port or port_of_unit(self._where.serial_number or "")
        port = SerialPort(path, self._where.line)
        self._decoder.new_segment()
        async with Link(port) as link:
            self._link = link
            self._set(DeviceState.OPENING, None)
            await self._converse(link, make_dialogue(self.profile))

    async def _converse(self, link: Link, dialogue: Dialogue) -> None:
        """Drive the dialogue and feed the stream until the device is lost or stopped."""
        step = self._take(dialogue.start(time.monotonic()), link)
        heard_s = time.monotonic()
        while not self._stopping.is_set():
            streaming = step.phase is DialoguePhase.STREAMING
            until_s = heard_s + self.profile.stale_s if streaming else step.wake_s
            chunk = await link.next(until_s)
            if chunk is not None:
                heard_s = chunk.arrival_s
                step = await self._chunk(chunk, step, link, dialogue)
            elif not streaming:
                step = self._take(dialogue.tick(time.monotonic()), link)
            elif time.monotonic() >= (until_s or 0.0):
                raise _StaleError(
                    f"{link.port.path}: no data for {self.profile.stale_s:g} s; "
                    "check cable and power, the port is opened again"
                )
        await self._farewell(link, dialogue)

    async def _chunk(self, chunk: Chunk, step: Step, link: Link, dialogue: Dialogue) -> Step:
        decoded = self._decoder.feed(chunk)
        if step.phase is not DialoguePhase.STREAMING or decoded.replies:
            step = dialogue.receive(
                decoded.replies, chunk.arrival_s, data_seen=bool(decoded.blocks)
            )
            self._take(step, link)
        if step.phase is DialoguePhase.STREAMING:
            if link.overflowed:
                link.overflowed = False
                self.stream.recorder.mark(Flag.QUEUE_OVERFLOW)
            if decoded.blocks:  # samples, not answers, prove that the device is well again
                self._wait_s, self._warned = LOOK_AGAIN_S, None
            await self.stream.feed(decoded, chunk.arrival_s)
            self._fed(self)
        return step

    def _take(self, step: Step, link: Link) -> Step:
        """Send what the dialogue wants sent, and show its phase as the device's state."""
        if step.send:
            link.write(step.send)
        if step.phase is DialoguePhase.FAILED:
            raise DeviceError(f"{link.port.path}: {step.problem}")
        state = _STATES.get(step.phase)
        if state is not None and state is not self.status.state:
            if state is DeviceState.STREAMING:
                log.info("%s: streaming from %s", self.identity.device_id, link.port.path)
            self._set(state, None)
        return step

    async def _farewell(self, link: Link, dialogue: Dialogue) -> None:
        """Stop the device politely, within ``STOP_WAIT_S``."""
        limit_s = time.monotonic() + STOP_WAIT_S
        step = dialogue.stop(time.monotonic())
        while step.phase is DialoguePhase.STOPPING and time.monotonic() < limit_s:
            if step.send:
                link.write(step.send)
            chunk = await link.next(min(limit_s, step.wake_s or limit_s))
            if chunk is None:
                step = dialogue.tick(time.monotonic())
            else:
                decoded = self._decoder.feed(chunk)
                step = dialogue.receive(
                    decoded.replies, chunk.arrival_s, data_seen=bool(decoded.blocks)
                )

    async def _lost(self, state: DeviceState, fault: str, *, longer: bool = False) -> None:
        """Note why the device is gone: a warning once, then only for those who debug."""
        level = logging.DEBUG if fault == self._warned else logging.WARNING
        self._warned = fault
        log.log(level, "%s: %s", self.identity.device_id, fault)
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S) if longer else LOOK_AGAIN_S
        self._set(state, fault)
        await self.stream.broken()

    def _set(self, state: DeviceState, fault: str | None) -> None:
        # A fault stays on display until the device streams again.
        keep = fault is None and state is not DeviceState.STREAMING
        fault = self.status.fault if keep else fault
        if (state, fault) != (self.status.state, self.status.fault):
            self.status.state, self.status.fault = state, fault
            self._changed(self)
