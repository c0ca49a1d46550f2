"""From decoded chunks to what the station hears: samples, gestures, begins and ends."""

from collections.abc import Awaitable
from typing import Protocol

from dynod.daemon.anchor import StreamAnchor
from dynod.model.samples import Decoded, DeviceEvent, SampleBlock
from dynod.model.trial import Recording
from dynod.session.buttons import Button, ButtonAct
from dynod.session.order import in_stream_order
from dynod.session.recorder import Began, Ended, Recorder


class StreamListener(Protocol):
    """Who is told what a stream brings; each call is awaited before the stream goes on."""

    def gesture(self, device_id: str, act: ButtonAct, /) -> Awaitable[None]:
        """Hear a gesture on the device's button."""

    def began(self, device_id: str, began: Began, /) -> Awaitable[None]:
        """Hear that the detector found the begin of a recording."""

    def ended(self, device_id: str, recording: Recording, /) -> Awaitable[None]:
        """Hear that the running recording ended by itself."""


class Stream:
    """One device's button, recorder and anchor, fed in stream order."""

    def __init__(
        self, device_id: str, button: Button, recorder: Recorder, listener: StreamListener
    ) -> None:
        self.device_id = device_id
        self.recorder = recorder
        self.anchor = StreamAnchor()
        self._button = button
        self._listener = listener

    async def feed(self, decoded: Decoded, arrival_s: float) -> None:
        """Take what one chunk became."""
        for piece in in_stream_order(decoded):
            if isinstance(piece, SampleBlock):
                await self._samples(piece, arrival_s)
            elif isinstance(piece, DeviceEvent):
                act = self._button.feed(piece)
                if act is not None:
                    await self._listener.gesture(self.device_id, act)
            else:
                self.recorder.reject(piece)

    async def broken(self) -> None:
        """End what is running: the stream is lost, and the next one is a new segment."""
        self._button.reset()
        self.anchor.reset()
        ended = self.recorder.new_segment()
        if ended is not None:
            await self._listener.ended(self.device_id, ended.recording)

    async def _samples(self, block: SampleBlock, arrival_s: float) -> None:
        if block.segment != self.recorder.segment:
            self.anchor.reset()
        self.anchor.update(float(block.t_s[-1]), arrival_s)
        while len(block):
            taken, happened = self.recorder.feed(block)
            block = block[taken:]
            if isinstance(happened, Began):
                await self._listener.began(self.device_id, happened)
            elif isinstance(happened, Ended):
                await self._listener.ended(self.device_id, happened.recording)
