"""The decoder of a profile: chunks in, samples, events, rejects and replies out."""

from collections import Counter

from dynod.model.samples import Chunk, Decoded, RejectReason, SampleBlock
from dynod.wire.assembly import Assembly
from dynod.wire.clock import ArrivalClock, StampClock
from dynod.wire.frames import FrameDecoder
from dynod.wire.lines import LineDecoder
from dynod.wire.profile import DelimitedLine, DeviceClock, Profile


class Decoder:
    """Decodes one device's byte stream. Any cutting of the stream gives the same result.

    Times of a device without stamps depend on the arrival of the chunks, by nature. ``rejects``
    counts what could not be used, by reason. No input raises.
    """

    def __init__(self, profile: Profile, *, aligned: bool = False) -> None:
        self.rejects: Counter[RejectReason] = Counter()
        self._assembly = Assembly(profile.channels, profile.saturation)
        self._clock: StampClock | ArrivalClock = (
            StampClock(profile.clock)
            if isinstance(profile.clock, DeviceClock)
            else ArrivalClock(profile.clock, profile.rate_hz)
        )
        framing = profile.framing
        self._framing: LineDecoder | FrameDecoder = (
            LineDecoder(framing, self._clock, self._assembly)
            if isinstance(framing, DelimitedLine)
            else FrameDecoder(framing, profile.channels, self._clock, self._assembly)
        )
        self._framing.reset(aligned=aligned)
        self._one_sample = (
            self._framing.one_sample if isinstance(self._framing, LineDecoder) else _never
        )

    @property
    def segment(self) -> int:
        """The segment that the next sample belongs to, unless the device restarts."""
        return self._assembly.segment

    def new_segment(self, *, aligned: bool = False) -> None:
        """Begin anew after a reconnect; unless ``aligned``, a partial first line is expected."""
        self._framing.reset(aligned=aligned)
        self._clock.reset()
        self._assembly.new_segment()

    def feed(self, chunk: Chunk) -> Decoded:
        """Return what a chunk completes."""
        block = self._one_sample(chunk.data)
        if block is not None:
            return Decoded((block,))
        self._framing.feed(chunk.data, chunk.arrival_s)
        decoded = self._assembly.take()
        for reject in decoded.rejects:
            self.rejects[reject.reason] += 1
        return decoded


def _never(_data: bytes) -> SampleBlock | None:
    """Frames have no such shortcut."""
    return None
