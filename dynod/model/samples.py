"""What comes from a device: chunks of bytes, blocks of samples, events and rejects.

Stream time (``t_s``) is seconds on the device's own unwrapped clock, or on the nominal rate
anchored to arrival where the device sends no stamps. It never decreases within a segment; a
reconnect or a restarted device begins a new segment.
"""

from dataclasses import dataclass
from enum import IntFlag, StrEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
StatusArray = NDArray[np.uint8]


class SampleStatus(IntFlag):
    """Why a sample is no measurement; 0 means that it is one."""

    OK = 0
    OVERLOAD = 1
    UNDER_RANGE = 2
    SATURATED = 4


class EventKind(StrEnum):
    """What a device can report besides samples."""

    PRESS = "press"
    RELEASE = "release"


class RejectReason(StrEnum):
    """Why bytes from the wire became no sample."""

    CHECKSUM = "checksum"
    MALFORMED = "malformed"
    OVERLONG = "overlong"
    OUT_OF_RANGE = "out_of_range"
    GARBAGE = "garbage"
    UNPAIRED = "unpaired"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes as one read returned them, with the monotonic time of their arrival in seconds."""

    data: bytes
    arrival_s: float


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """A button event at a stream time."""

    kind: EventKind
    t_s: float
    segment: int


@dataclass(frozen=True, slots=True)
class Reject:
    """``length`` bytes that could not be used, after the sample at ``t_s`` (-inf before any)."""

    reason: RejectReason
    t_s: float
    segment: int
    length: int


@dataclass(frozen=True, slots=True, eq=False)
class SampleBlock:
    """Samples of one segment in the order of the wire.

    ``t_s``: (n,) float64, seconds of stream time. ``values``: (n, len(channels)) float64, the
    device's own numbers, NaN where ``status`` is not 0. ``status``: (n,) uint8, bits of
    SampleStatus. ``channels``: ``("force",)`` or for instance ``("roll", "pitch", "yaw")``.
    """

    t_s: FloatArray
    values: FloatArray
    status: StatusArray
    channels: tuple[str, ...]
    segment: int

    def __len__(self) -> int:
        return len(self.t_s)

    def channel(self, name: str) -> FloatArray:
        """Return one channel, (n,). Raises ValueError when the block has no such channel."""
        return self.values[:, self.channels.index(name)]

    def between(self, first_s: float, last_s: float) -> "SampleBlock":
        """Return the samples with ``first_s <= t_s <= last_s``."""
        low = int(np.searchsorted(self.t_s, first_s, side="left"))
        high = int(np.searchsorted(self.t_s, last_s, side="right"))
        return self[low:high]

    def copied(self) -> "SampleBlock":
        """Return the same samples in arrays of their own."""
        return SampleBlock(
            self.t_s.copy(), self.values.copy(), self.status.copy(), self.channels, self.segment
        )

    def __getitem__(self, part: slice) -> "SampleBlock":
        return SampleBlock(
            self.t_s[part], self.values[part], self.status[part], self.channels, self.segment
        )


def empty_block(channels: tuple[str, ...], segment: int) -> SampleBlock:
    """Return a block without samples."""
    return SampleBlock(
        np.empty(0), np.empty((0, len(channels))), np.empty(0, np.uint8), channels, segment
    )


def concatenate(blocks: list[SampleBlock]) -> SampleBlock:
    """Join blocks of one segment and the same channels, in order. Needs at least one block."""
    first = blocks[0]
    if len(blocks) == 1:
        return first
    return SampleBlock(
        np.concatenate([block.t_s for block in blocks]),
        np.concatenate([block.values for block in blocks]),
        np.concatenate([block.status for block in blocks]),
        first.channels,
        first.segment,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What one chunk of bytes became.

    More than one block only when a segment ended inside the chunk. ``replies`` are lines or
    frames that answer a command, for the dialogue.
    """

    blocks: tuple[SampleBlock, ...] = ()
    events: tuple[DeviceEvent, ...] = ()
    rejects: tuple[Reject, ...] = ()
    replies: tuple[bytes, ...] = ()
