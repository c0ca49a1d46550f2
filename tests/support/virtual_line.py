"""A trial over a simulated serial line in virtual time: seconds of a pull in milliseconds.

What decides is the product's own: `Conversation` with the real dialogue and decoder, `Stream`,
`Recorder` and `analyse`. Only the clock, the port and the device behind it are made here.
"""

import asyncio
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from dynod.core.analysis import analyse
from dynod.core.settings import AnalysisSettings
from dynod.daemon.conversation import Conversation, StaleError
from dynod.daemon.link import Link
from dynod.daemon.ports import PortGoneError
from dynod.daemon.stream import Stream
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.clinical import Kind
from dynod.model.flags import Flag
from dynod.model.samples import Chunk
from dynod.model.trial import Analysis, Recording, StartedBy
from dynod.session.buttons import Button, ButtonAct
from dynod.session.recorder import Began, Recorder, Source
from dynod.simulate.device import DeviceOptions, ProfileDevice
from dynod.wire.decoder import Decoder
from dynod.wire.dialogue import DialoguePhase
from dynod.wire.profile import Profile

TICK_S = 0.004
QUIET_S = 1.5  # from the first sample to the press
LASTS_S = {Kind.FORCE: 4.8, Kind.ANGLE: 4.0}  # from press to press
LONGEST_S = 40.0

# What arrives when a frame is sent: the pieces, in order. It is called at every tick, with nothing
# most of the time; the second number is the time since the fault began. It raises PortGoneError.
Line = Callable[[bytes, float], list[bytes]]


def whole(frame: bytes, _since_s: float) -> list[bytes]:
    """A line without faults."""
    return [frame] if frame else []


def force_n(t_s: float) -> float:
    """Half a second of rest, a rise of 0.6 s to 150 N, a hold that sags by 10 N, and a fall.

    The hold trembles by 2 N at 9 Hz, a tenth of a newton at rest. 150 N leaves room on either side
    for a digit that becomes another one.
    """
    share = _cosine((t_s - 0.5) / 0.6) - _cosine((t_s - 3.5) / 0.5)
    tremor = (0.1 + 1.9 * share) * math.sin(2.0 * math.pi * 9.0 * t_s)
    return 4.0 + share * (150.0 - 4.0 * (t_s - 1.1)) + tremor


def angle_deg(t_s: float) -> float:
    """Half a second of rest at 10 degrees, a second of movement to 80, and a hold."""
    tremor = 0.05 * math.sin(2.0 * math.pi * 3.0 * t_s)
    return 10.0 + 70.0 * _cosine((t_s - 0.5) / 1.0) + tremor


def _cosine(share: float) -> float:
    return 0.5 * (1.0 - math.cos(math.pi * min(max(share, 0.0), 1.0)))


class VirtualLink:
    """What a `Link` is to a conversation, with the device behind it and a clock that it moves."""

    def __init__(self, device: ProfileDevice, line: Line) -> None:
        self.port = SimpleNamespace(path="/dev/virtual")
        self.now_s = 100.0
        self.fault_s = math.inf
        self.stop_s = math.inf
        self._device = device
        self._line = line
        self._chunks: list[Chunk] = []
        self._gone: PortGoneError | None = None

    def write(self, data: bytes) -> None:
        self._device.receive(data, self.now_s)

    async def next(self, until_s: float | None) -> Chunk | None:
        limit_s = min(self.stop_s, math.inf if until_s is None else until_s)
        while not self._chunks and self._gone is None and self.now_s < limit_s:
            self.now_s = min(self.now_s + TICK_S, limit_s)
            self._tick()
        if self._chunks:
            return self._chunks.pop(0)
        if self._gone is not None:
            raise self._gone
        return None

    def _tick(self) -> None:
        sent = self._device.advance(self.now_s)
        since_s = self.now_s - self.fault_s
        try:
            pieces = whole(sent, 0.0) if since_s < 0.0 else self._line(sent, since_s)
        except PortGoneError as error:
            self._gone = error
            return
        self._chunks += [Chunk(piece, self.now_s) for piece in pieces if piece]


class Trials:
    """Hears what a stream brings, as a station does."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.recordings: list[Recording] = []

    async def gesture(self, device_id: str, act: ButtonAct) -> None:
        """No button counts here: the trial is begun and ended by command."""

    async def began(self, device_id: str, began: Began) -> None:
        raise AssertionError((device_id, began))

    async def ended(self, device_id: str, recording: Recording) -> None:
        del device_id
        self.recordings.append(recording)


def calibration_of(profile: Profile) -> Calibration:
    """The nominal one; bare counts get what the simulator makes of a newton."""
    coefficients = profile.nominal_coefficients
    if profile.unit == "{count}":
        coefficients = (0.0, 1.0 / profile.simulation.counts_per_newton)
    return Calibration(CalibrationStatus.NOMINAL, coefficients)


def run_trial(
    profile: Profile,
    line: Line = whole,
    *,
    fault_s: float = -QUIET_S,
    rate: float = 1.0,
) -> Analysis | None:
    """Record one trial with a fault that begins ``fault_s`` after the press.

    ``rate`` is how fast the device really samples, as a share of what its profile says. None when
    the device was lost before the press: the station begins no trial with it.
    """
    return asyncio.run(_Bench(profile, line, fault_s, rate).run())


class _Bench:
    def __init__(self, profile: Profile, line: Line, fault_s: float, rate: float) -> None:
        self._profile = profile
        self._fault_s = fault_s
        self._press_s = math.inf
        options = DeviceOptions(rate_hz=(profile.rate_hz or 0.0) * rate)
        device = ProfileDevice(profile, self._curve, options)
        self._link = VirtualLink(device, line)
        device.opened(self._link.now_s)
        self._calibration = calibration_of(profile)
        stamped = profile.clock.kind == "stamp"
        source = Source(
            profile.kind,
            profile.channels,
            profile.channels[0],
            profile.rate_hz or 0.0,
            stamped=stamped,
        )
        self._recorder = Recorder(source, AnalysisSettings(), self._calibration)
        self._trials = Trials(self._recorder)
        button = Button(reports_release=profile.reports_release)
        self._stream = Stream("d", button, self._recorder, self._trials)

    def _curve(self, at_s: float) -> float:
        curve = force_n if self._profile.kind is Kind.FORCE else angle_deg
        return curve(max(at_s - self._press_s, -10.0))

    async def run(self) -> Analysis | None:
        clock = SimpleNamespace(monotonic=lambda: self._link.now_s)
        with patch("dynod.daemon.conversation.time", clock):
            try:
                await self._serve()
            except (StaleError, PortGoneError):
                await self._stream.broken()
        recordings = self._trials.recordings
        if not recordings and self._link.now_s < self._press_s:
            return None
        assert len(recordings) == 1, recordings
        return analyse(recordings[0], self._profile.kind, self._calibration)

    async def _serve(self) -> None:
        decoder = Decoder(self._profile)
        link = self._link
        # A conversation asks of a link no more than what is here.
        spoken = Conversation(cast("Link", cast("Any", link)), self._profile, decoder)
        spoken.begin()
        last_s = LASTS_S[self._profile.kind]
        while link.now_s < 100.0 + LONGEST_S:
            decoded, arrival_s = await spoken.next()
            if spoken.phase is DialoguePhase.STREAMING:
                await self._stream.feed(decoded, arrival_s)
            if not math.isfinite(self._press_s) and decoded.blocks:
                self._press_s = link.stop_s = link.now_s + QUIET_S
                link.fault_s = self._press_s + self._fault_s
            if self._trials.recordings:
                return
            if link.now_s < link.stop_s:
                continue
            if self._recorder.recording:
                overdue = (Flag.GAP,) if spoken.silent_s > self._recorder.overdue_s else ()
                self._trials.recordings.append(self._recorder.end(None, *overdue))
                return
            self._recorder.begin(None, StartedBy.COMMAND)
            link.stop_s = self._press_s + last_s
