"""Faults of a serial line, applied to what a device sends. Seeded, so that they can be repeated."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FaultOptions:
    """What goes wrong on the line.

    Probabilities per byte (``lost``, ``flipped``) and per write (``noise``); ``silent_after_s``
    stops the stream for good; ``longest_write`` splits writes; ``hold_s`` is how long an adapter
    collects before it passes on what came. ``unplug_after_s`` is when the plug is pulled; it is put
    in again after ``replug_s``.
    """

    lost: float = 0.0
    flipped: float = 0.0
    noise: float = 0.0
    silent_after_s: float | None = None
    longest_write: int | None = None
    hold_s: float = 0.0
    unplug_after_s: float | None = None
    replug_s: float = 3.0
    seed: int = 0


class FaultyLine:
    """Passes a device's bytes on, damaged as asked."""

    def __init__(self, options: FaultOptions) -> None:
        self._options = options
        self._random = random.Random(options.seed)  # noqa: S311 - faults, no secret
        self._begun_s: float | None = None
        self._held = b""
        self._held_since_s = 0.0

    def carry(self, data: bytes, now_s: float) -> list[bytes]:
        """Return the writes that arrive now, when the device sends ``data``; it may be nothing."""
        if self._begun_s is None:
            self._begun_s = now_s
        silent_s = self._options.silent_after_s
        if silent_s is not None and now_s - self._begun_s >= silent_s:
            return []
        damaged = bytes(
            self._damage(byte) for byte in data if not self._happens(self._options.lost)
        )
        if damaged and self._happens(self._options.noise):
            damaged = self._random.randbytes(self._random.randint(1, 8)) + damaged
        passed = self._merge(damaged, now_s)
        size = self._options.longest_write or max(len(passed), 1)
        return [passed[i : i + size] for i in range(0, len(passed), size)]

    def _merge(self, data: bytes, now_s: float) -> bytes:
        """Hold bytes back until the oldest has waited for long enough."""
        if not self._held:
            self._held_since_s = now_s
        self._held += data
        if now_s - self._held_since_s < self._options.hold_s:
            return b""
        passed, self._held = self._held, b""
        return passed

    def _damage(self, byte: int) -> int:
        if not self._happens(self._options.flipped):
            return byte
        return byte ^ (1 << self._random.randrange(8))

    def _happens(self, probability: float) -> bool:
        return probability > 0.0 and self._random.random() < probability
