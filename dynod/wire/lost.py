"""Bytes that belong to no frame, reported in portions that do not depend on how chunks were cut."""

from dynod.model.samples import RejectReason
from dynod.wire.sink import Sink

# Bytes without a frame are reported in portions of at most this, wherever chunks were cut.
LONGEST_RUN = 64


class LostRun:
    """A run of bytes that are no frame; reported when it ends.

    It is a checksum failure when it began like a frame, else garbage. Before the first frame
    nothing is reported unless the stream is ``aligned``: opening a port cuts a frame.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._length = 0
        self._reason = RejectReason.GARBAGE
        self._partial = True

    def reset(self, *, aligned: bool) -> None:
        """Forget the run; unless ``aligned``, the first one is expected."""
        self._length = 0
        self._partial = not aligned

    def settle(self) -> None:
        """Report the next run, also when no frame came before it."""
        self._partial = False

    @property
    def is_over(self) -> bool:
        """Whether nothing waits to be reported."""
        return not self._length

    @property
    def room(self) -> int:
        """How many bytes the run may still grow by."""
        return LONGEST_RUN - self._length

    def add(self, count: int, *, like_a_frame: bool) -> None:
        """Let the run grow, by at most ``room``."""
        if self._length == 0:
            self._reason = RejectReason.CHECKSUM if like_a_frame else RejectReason.GARBAGE
        self._length += count
        if self._length >= LONGEST_RUN:
            self.end()

    def end(self) -> None:
        """Report the run: a frame follows, or it is long enough."""
        if self._length and not self._partial:
            self._sink.reject(self._reason, self._length)
        self._length = 0
        self._partial = False
