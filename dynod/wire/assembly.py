"""What a chunk becomes, put together in the order of the wire."""

import numpy as np

from dynod.model.samples import (
    Decoded,
    DeviceEvent,
    EventKind,
    FloatArray,
    Reject,
    RejectReason,
    SampleBlock,
    StatusArray,
    concatenate,
)
from dynod.wire.profile import Saturation

_ZEROS = np.zeros(8192, np.uint8)
_ZEROS.flags.writeable = False
_ONE_ZERO = _ZEROS[:1]
_empty = np.empty


class Assembly:
    """Collects samples, events, rejects and replies of one chunk; knows segment and last time."""

    def __init__(self, channels: tuple[str, ...], saturation: tuple[Saturation, ...]) -> None:
        self.segment = 0
        self.last_s = float("-inf")
        self.factor = 1.0  # from the unit that the device says it uses to the profile's
        self._channels = channels
        self._shape = (1, len(channels))
        self._single = len(channels) == 1
        self._saturation = saturation
        self._blocks: list[SampleBlock] = []
        self._times: list[float] = []
        self._rows: list[tuple[float, ...]] = []
        self._statuses: list[int] = []
        self._events: list[DeviceEvent] = []
        self._rejects: list[Reject] = []
        self._replies: list[bytes] = []

    def new_segment(self) -> None:
        """Let what follows belong to a new segment."""
        self._gather()
        self.segment += 1
        self.last_s = float("-inf")

    def samples(self, t_s: FloatArray, values: FloatArray) -> None:
        """Add samples: ``t_s`` (n,), ``values`` (n, channels)."""
        self._gather()
        self._block(t_s, values, None)
        self.last_s = float(t_s[-1])

    def alone(self, t_s: float, row: tuple[float, ...]) -> SampleBlock:
        """Return the only sample of a chunk as its block."""
        times, values = _empty(1), _empty(self._shape)  # a third of the cost of np.array()
        times[0] = t_s
        if self._single:
            values[0, 0] = row[0]  # a third of the cost of a tuple
        else:
            values[0] = row
        status = _ONE_ZERO
        if self._saturation:
            status, values = self._status(values, None)
        if self.factor != 1.0:
            values *= self.factor
        self.last_s = t_s
        return SampleBlock(times, values, status, self._channels, self.segment)

    def sample(self, t_s: float, values: tuple[float, ...], status: int = 0) -> None:
        """Add one sample; neighbours become one block."""
        self._times.append(t_s)
        self._rows.append(values)
        self._statuses.append(status)
        self.last_s = t_s

    def event(self, kind: EventKind, t_s: float) -> None:
        """Add a button event."""
        self._events.append(DeviceEvent(kind, t_s, self.segment))

    def reject(self, reason: RejectReason, length: int) -> None:
        """Add bytes that became nothing."""
        self._rejects.append(Reject(reason, self.last_s, self.segment, length))

    def reply(self, line: bytes) -> None:
        """Add a line or frame that answers a command."""
        self._replies.append(line)

    def take(self) -> Decoded:
        """Return everything collected, and begin afresh."""
        self._gather()
        blocks = tuple(self._blocks if len(self._blocks) < 2 else _merged(self._blocks))
        self._blocks.clear()
        if not (self._events or self._rejects or self._replies):
            return Decoded(blocks)
        decoded = Decoded(blocks, tuple(self._events), tuple(self._rejects), tuple(self._replies))
        self._events, self._rejects, self._replies = [], [], []
        return decoded

    def _gather(self) -> None:
        """Make one block of the single samples so far."""
        if self._times:
            times, rows, statuses = self._times, self._rows, self._statuses
            self._times, self._rows, self._statuses = [], [], []
            told = np.array(statuses, np.uint8) if any(statuses) else None
            self._block(np.array(times), np.array(rows), told)

    def _block(self, t_s: FloatArray, values: FloatArray, told: StatusArray | None) -> None:
        if self._saturation or told is not None:
            status, values = self._status(values, told)
        else:
            status = _ok(len(t_s))
        if self.factor != 1.0:
            values = values * self.factor
        self._blocks.append(SampleBlock(t_s, values, status, self._channels, self.segment))

    def _status(
        self, values: FloatArray, told: StatusArray | None
    ) -> tuple[StatusArray, FloatArray]:
        status = np.zeros(len(values), np.uint8) if told is None else told
        for end in self._saturation:
            status[np.any(values == end.value, axis=1)] |= np.uint8(end.status)
        return status, np.where(status[:, None] == 0, values, np.nan)


def _ok(count: int) -> StatusArray:
    return _ZEROS[:count] if count <= len(_ZEROS) else np.zeros(count, np.uint8)


def _merged(blocks: list[SampleBlock]) -> list[SampleBlock]:
    merged: list[SampleBlock] = []
    run = [blocks[0]]
    for block in blocks[1:]:
        if block.segment != run[0].segment:
            merged.append(concatenate(run))
            run = []
        run.append(block)
    merged.append(concatenate(run))
    return merged
