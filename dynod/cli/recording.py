"""Captures on the disk: read, decoded in order of time, and written down as an expectation."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dynod.model.errors import ConfigError, DeviceError, UsageError
from dynod.model.samples import Chunk, Decoded
from dynod.wire.capture import (
    Expectation,
    Timing,
    chunks_of,
    format_expectation,
    joined_blocks,
    parse_timing,
)
from dynod.wire.decoder import Decoder
from dynod.wire.profile import DeviceClock, Profile

_PORTION = 512
_BITS_PER_BYTE = 10  # start, eight data bits, stop
_ANY_BAUDRATE = 9600


@dataclass(frozen=True, slots=True)
class Capture:
    """Chunks as they came; without ``timing`` as they may have come at the line's speed."""

    path: Path
    chunks: list[Chunk]
    timing: Timing | None

    @property
    def aligned(self) -> bool:
        """Whether byte 0 begins a line or frame; taken for granted where nobody says."""
        return self.timing is None or self.timing.aligned

    @property
    def asked(self) -> tuple[float, ...]:
        """When polls went out, in s on the clock of the arrivals."""
        return () if self.timing is None else self.timing.asked


def read_capture(path: Path, profile: Profile) -> Capture:
    """Read a ``.bin`` and the ``.chunks.json`` beside it, if there is one.

    Raises DeviceError and ConfigError that name the file.
    """
    timing_path = path.with_suffix(".chunks.json")
    try:
        data = path.read_bytes()
        text = timing_path.read_text(encoding="utf-8") if timing_path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise DeviceError(f"{path}: {reason}") from error
    if text is None:
        return Capture(path, list(_portions(data, profile)), None)
    try:
        timing = parse_timing(text)
        return Capture(path, chunks_of(data, timing), timing)
    except ConfigError as error:
        raise ConfigError(f"{timing_path}: {error}") from error


def _portions(data: bytes, profile: Profile) -> Iterator[Chunk]:
    bytes_per_s = (profile.serial.baudrate or _ANY_BAUDRATE) / _BITS_PER_BYTE
    for start in range(0, len(data), _PORTION):
        end = min(start + _PORTION, len(data))
        yield Chunk(data[start:end], end / bytes_per_s)


def replayed(capture: Capture, decoder: Decoder) -> Iterator[tuple[Decoded, float]]:
    """Yield what chunks, polls and silence become, in order of time, each with its time in s."""
    polls = sorted(capture.asked, reverse=True)
    for chunk in capture.chunks:
        while polls and polls[-1] <= chunk.arrival_s:
            yield _poll(decoder, polls.pop())
        yield decoder.feed(chunk), chunk.arrival_s
    while polls:
        yield _poll(decoder, polls.pop())
    last_s = capture.chunks[-1].arrival_s if capture.chunks else 0.0
    yield decoder.idle(math.inf), last_s


def _poll(decoder: Decoder, at_s: float) -> tuple[Decoded, float]:
    """Tell the decoder of a poll, after the silence before it."""
    decoded = decoder.idle(at_s)
    decoder.asked(at_s)
    return decoded, at_s


def write_expectation(
    capture: Capture, profile: Profile, decoded: Sequence[Decoded], source: str, *, force: bool
) -> Path:
    """Write what a capture decodes to beside it, as ``.expect.json``; return the file.

    Raises UsageError when it is there already, or the capture lacks its timing.
    """
    path = capture.path.with_suffix(".expect.json")
    if capture.timing is None:
        name = capture.path.with_suffix(".chunks.json")
        raise UsageError(f"{name}: missing, and without it the capture proves nothing; record anew")
    if path.exists() and not force:
        raise UsageError(f"{path}: is there already; --force replaces it")
    try:
        path.write_text(format_expectation(_expectation(profile, decoded, source)), "utf-8")
    except OSError as error:
        raise DeviceError(f"{path}: {error.strerror}") from error
    return path


def _expectation(profile: Profile, decoded: Sequence[Decoded], source: str) -> Expectation:
    blocks = joined_blocks(decoded)
    stamped = isinstance(profile.clock, DeviceClock)
    return Expectation(
        origin="recorded",
        source=source,
        channels=profile.channels,
        t_s=tuple(t_s for block in blocks for t_s in block.t_s.tolist()) if stamped else None,
        values=tuple(
            tuple(None if math.isnan(value) else value for value in row)
            for block in blocks
            for row in block.values.tolist()
        ),
        events=tuple((event.kind.value, event.t_s) for item in decoded for event in item.events),
        rejects=tuple(
            (reject.reason.value, reject.length) for item in decoded for reject in item.rejects
        ),
    )
