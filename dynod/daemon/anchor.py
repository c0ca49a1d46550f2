"""Where a device's stream time lies on the station's monotonic clock.

Needed only between devices: a press on the dynamometer's switch marks a moment in the
inclinometer's stream. Device clocks drift (a ceramic resonator by half a per cent, 18 s an hour),
so the anchor follows: the smallest recent delay of arrival against stream time is taken as the
true offset, since a chunk can be late but never early.
"""

from collections import deque

WINDOW_S = 10.0


class StreamAnchor:
    """Running estimate of (monotonic − stream) of one segment."""

    def __init__(self) -> None:
        # (arrival, offset), offsets rising: the first is the smallest of the window.
        self._offsets: deque[tuple[float, float]] = deque()

    def reset(self) -> None:
        """Forget everything: a new segment began."""
        self._offsets.clear()

    def update(self, t_s: float, arrival_s: float) -> None:
        """Take the stream time of the newest sample of a chunk and the chunk's arrival."""
        offset = arrival_s - t_s
        while self._offsets and self._offsets[-1][1] >= offset:
            self._offsets.pop()
        self._offsets.append((arrival_s, offset))
        while self._offsets[0][0] < arrival_s - WINDOW_S:
            self._offsets.popleft()

    def monotonic(self, t_s: float) -> float | None:
        """Return the monotonic time of a stream time; None before the first sample."""
        return t_s + self._offsets[0][1] if self._offsets else None

    def stream(self, mono_s: float) -> float | None:
        """Return the stream time of a monotonic time; None before the first sample."""
        return mono_s - self._offsets[0][1] if self._offsets else None
