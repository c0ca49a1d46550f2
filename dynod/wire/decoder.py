"""The decoder of a profile: chunks in, samples, events, rejects and replies out."""

from collections import Counter

from dynod.model.samples import Chunk, Decoded, RejectReason
from dynod.model.units import Unit, factor_to_base
from dynod.wire.assembly import Assembly
from dynod.wire.bursts import BurstDecoder
from dynod.wire.clock import PollTimes
from dynod.wire.frames import FrameDecoder
from dynod.wire.framing import DelimitedLine, FixedFrame, IdleGap, LengthPrefixed, PatternLine
from dynod.wire.lines import LineDecoder
from dynod.wire.prefixed import PrefixedDecoder
from dynod.wire.profile import Profile
from dynod.wire.sink import Sink

AnyDecoder = LineDecoder | FrameDecoder | PrefixedDecoder | BurstDecoder
NOTHING = Decoded()


class Decoder:
    """Decodes one device's byte stream. Any cutting of the stream gives the same result.

    Times of a device without stamps depend on the arrival of the chunks, by nature. ``rejects``
    counts what could not be used, by reason. No input raises.

    A polled device's samples are told from readings that its own key sent by ``asked``, which says
    that a poll goes out. Where only silence ends an answer, ``deadline_s`` says when to call
    ``idle``.
    """

    def __init__(self, profile: Profile, *, aligned: bool = False) -> None:
        self.rejects: Counter[RejectReason] = Counter()
        self._profile = profile
        self._assembly = Assembly(profile.channels, profile.saturation)
        self._sink = Sink(profile, self._assembly)
        self._framing = _make_framing(profile, self._sink)
        self._framing.reset(aligned=aligned)
        self._one_sample = self._framing.one_sample
        self._bursts = self._framing if isinstance(self._framing, BurstDecoder) else None

    @property
    def segment(self) -> int:
        """The segment that the next sample belongs to, unless the device restarts."""
        return self._assembly.segment

    @property
    def deadline_s(self) -> float | None:
        """When ``idle`` is due, in monotonic seconds; None while nothing waits for silence."""
        return self._framing.deadline_s

    @property
    def kept_bytes(self) -> int:
        """How many bytes wait for more; bounded by the profile's longest line or frame."""
        return self._framing.kept

    def new_segment(self, *, aligned: bool = False) -> None:
        """Begin anew after a reconnect; unless ``aligned``, a partial first line is expected."""
        self._framing.reset(aligned=aligned)
        self._sink.reset()
        self._assembly.new_segment()

    def use_unit(self, unit: Unit) -> None:
        """Take what follows as numbers in ``unit``, which the device named when it was asked."""
        if self._profile.unit is None:
            raise ValueError("a profile whose device names its unit has one itself")
        self._assembly.factor = factor_to_base(unit) / factor_to_base(self._profile.unit)

    def settle(self) -> None:
        """Take what comes next for whole: nothing is half received, and the device is spoken to.

        Right after opening a port the first line or burst may lack its beginning. A device that
        answers, or sends at a press, would otherwise lose its first one.
        """
        if not self._framing.kept:
            self._framing.settle()

    def asked(self, at_s: float) -> None:
        """Note that a poll goes out at a monotonic time; what came before belongs to the last."""
        self._framing.idle(at_s)
        self._sink.flush()
        self.settle()
        if isinstance(self._sink.clock, PollTimes):
            self._sink.clock.asked(at_s)

    def feed(self, chunk: Chunk) -> Decoded:
        """Return what a chunk completes."""
        block = self._one_sample(chunk)
        if block is not None:
            return Decoded((block,))
        if self._bursts is not None:
            self._bursts.idle(chunk.arrival_s)
            self._bursts.hear(chunk.arrival_s)
        self._sink.begin(chunk.arrival_s)
        self._framing.feed(chunk.data)
        return self._taken()

    def idle(self, now_s: float) -> Decoded:
        """Return what silence until ``now_s`` completes."""
        self._framing.idle(now_s)
        return self._taken()

    def _taken(self) -> Decoded:
        self._sink.flush()
        decoded = self._assembly.take()
        for reject in decoded.rejects:
            self.rejects[reject.reason] += 1
        return decoded


def _make_framing(profile: Profile, sink: Sink) -> AnyDecoder:
    match profile.framing:
        case DelimitedLine() | PatternLine() as framing:
            return LineDecoder(framing, profile, sink)
        case FixedFrame() as framing:
            return FrameDecoder(framing, profile.channels, sink)
        case LengthPrefixed() as framing:
            return PrefixedDecoder(framing, profile.channels, sink)
        case IdleGap() as framing:
            return BurstDecoder(framing, profile, sink)
