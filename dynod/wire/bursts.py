"""Answers that only silence ends: nothing in them says where they begin or stop."""

from dynod.model.samples import Chunk, RejectReason, SampleBlock
from dynod.wire.binary import number_readers, read_numbers
from dynod.wire.framing import IdleGap
from dynod.wire.phrases import compile_pattern
from dynod.wire.profile import Profile
from dynod.wire.sink import Sink
from dynod.wire.text import any_of, make_reader


class BurstDecoder:
    """Collects what comes without a pause; a burst counts only as a whole.

    A byte too many or too few costs the burst: cut out of a longer one, seven digits would still
    look like a number, and it would be a wrong one.
    """

    def __init__(self, framing: IdleGap, profile: Profile, sink: Sink) -> None:
        self._framing = framing
        self._readers = number_readers(framing.fields, profile.channels if framing.fields else ())
        text = framing.text
        self._pattern = None if text is None else compile_pattern(text.patterns[0])
        self._reader = None if text is None else make_reader(profile, text)
        self._replies = any_of(framing.replies)
        self._longest = max(framing.length, 64)
        self._sink = sink
        self._burst = b""
        self._more = 0
        self._heard_s = 0.0
        self._partial = True

    @property
    def kept(self) -> int:
        """How many bytes are kept for later."""
        return len(self._burst)

    @property
    def deadline_s(self) -> float | None:
        """When silence will have ended the burst, in monotonic seconds; None between bursts."""
        return self._heard_s + self._framing.gap_s if self._burst else None

    def reset(self, *, aligned: bool) -> None:
        """Forget the burst. Unless ``aligned``, the next one may lack its beginning."""
        self._burst = b""
        self._more = 0
        self._partial = not aligned

    def settle(self) -> None:
        """Take what comes next for whole."""
        self._partial = False

    def idle(self, now_s: float) -> None:
        """End the burst when it has been silent for long enough."""
        deadline_s = self.deadline_s
        if deadline_s is not None and now_s >= deadline_s:
            self._sink.begin(self._heard_s)
            self._end()

    def hear(self, arrival_s: float) -> None:
        """Note when the bytes came that are fed next."""
        self._heard_s = arrival_s

    def one_sample(self, _chunk: Chunk) -> SampleBlock | None:
        """No chunk is a sample before the silence after it."""
        return None

    def feed(self, data: bytes) -> None:
        """Take bytes; they go on with the burst."""
        keep = max(self._longest - len(self._burst), 0)
        self._burst += data[:keep]
        self._more += len(data[keep:])

    def _end(self) -> None:
        burst, more, partial = self._burst, self._more, self._partial
        self._burst, self._more, self._partial = b"", 0, False
        if more:
            self._sink.reject(RejectReason.OVERLONG, len(burst) + more)
        elif self._replies is not None and self._replies.fullmatch(burst):
            self._sink.reply(burst)
        elif not self._sample(burst) and not partial:
            self._sink.reply(burst)
            self._sink.reject(RejectReason.MALFORMED, len(burst))

    def _sample(self, burst: bytes) -> bool:
        """Take a burst as a sample if it is one; its checksum or limits may still reject it."""
        if len(burst) != self._framing.length:
            return False
        if self._pattern is None or self._reader is None:
            values = read_numbers(self._readers, burst, 0)
            if values is None:
                return False
            self._sink.sample(None, values, 0, len(burst))
            return True
        match = self._pattern.fullmatch(burst)
        if match is None:
            return False
        reading = self._reader.read(match.groupdict())
        if isinstance(reading, RejectReason):
            self._sink.reject(reading, len(burst))
        else:
            self._sink.sample(reading.stamp, reading.values, reading.status, len(burst))
        return True
