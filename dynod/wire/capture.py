"""Captures: recorded or documented bytes with their timing, and what they must decode to.

A capture is ``<case>.bin`` (the bytes), ``<case>.chunks.json`` (how they arrived) and
``<case>.expect.json`` (what they mean). This module only turns JSON text into records and back.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dynod.model.errors import ConfigError
from dynod.model.samples import Chunk, Decoded, SampleBlock, concatenate

Origin = Literal["documented", "recorded", "simulated"]
_CHUNK_KEYS = {"aligned", "chunks"}
_ASKED = "asked"  # left out where the device was not polled
_EXPECT_KEYS = {"origin", "source", "channels", "t_s", "values", "events", "rejects"}


@dataclass(frozen=True, slots=True)
class Timing:
    """``chunks``: (arrival in s, length in bytes) each. ``aligned``: byte 0 begins a frame.

    ``asked``: when a poll was sent to a device that answers only when asked, in s on the clock of
    the arrivals.
    """

    chunks: tuple[tuple[float, int], ...]
    aligned: bool
    asked: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a capture means: times (None where they depend on arrival), values, marks."""

    origin: Origin
    source: str
    channels: tuple[str, ...]
    t_s: tuple[float, ...] | None
    values: tuple[tuple[float | None, ...], ...]
    events: tuple[tuple[str, float], ...]
    rejects: tuple[tuple[str, int], ...]


def parse_timing(text: str) -> Timing:
    """Read the text of ``.chunks.json``; raises ConfigError."""
    data = _object(text, _CHUNK_KEYS, optional={_ASKED})
    if not isinstance(data["aligned"], bool):
        raise ConfigError("aligned must be true or false")
    return Timing(
        chunks=tuple(_chunk(item) for item in _list(data["chunks"], "chunks")),
        aligned=data["aligned"],
        asked=tuple(_seconds(item, _ASKED) for item in _list(data.get(_ASKED, []), _ASKED)),
    )


def parse_expectation(text: str) -> Expectation:
    """Read the text of ``.expect.json``; raises ConfigError."""
    data = _object(text, _EXPECT_KEYS)
    if data["origin"] not in {"documented", "recorded", "simulated"}:
        raise ConfigError("origin must be documented, recorded or simulated")
    times = data["t_s"]
    return Expectation(
        origin=data["origin"],
        source=data["source"],
        channels=tuple(data["channels"]),
        t_s=None if times is None else tuple(times),
        values=tuple(tuple(row) for row in data["values"]),
        events=tuple((kind, t_s) for kind, t_s in data["events"]),
        rejects=tuple((reason, length) for reason, length in data["rejects"]),
    )


def format_expectation(expectation: Expectation) -> str:
    """Return the text of ``.expect.json``."""
    data = {name: getattr(expectation, name) for name in Expectation.__slots__}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in data.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def format_timing(timing: Timing) -> str:
    """Return the text of ``.chunks.json``."""
    data: dict[str, object] = {"aligned": timing.aligned, "chunks": timing.chunks}
    if timing.asked:
        data[_ASKED] = timing.asked
    return json.dumps(data) + "\n"


def chunks_of(data: bytes, timing: Timing) -> list[Chunk]:
    """Cut the bytes of a capture as they arrived; raises ConfigError when lengths disagree."""
    if sum(length for _, length in timing.chunks) != len(data):
        raise ConfigError("the chunk lengths do not add up to the capture's length")
    chunks, position = [], 0
    for arrival_s, length in timing.chunks:
        chunks.append(Chunk(data[position : position + length], arrival_s))
        position += length
    return chunks


def play(data: bytes, timing: Timing) -> Iterator[Chunk | float]:
    """Yield what happened in a capture in the order of time: chunks, and times of polls in s.

    Raises ConfigError when lengths disagree.
    """
    chunks = chunks_of(data, timing)
    asked = list(timing.asked)
    for chunk in chunks:
        while asked and asked[0] <= chunk.arrival_s:
            yield asked.pop(0)
        yield chunk
    yield from asked


def joined_blocks(decoded: Sequence[Decoded]) -> list[SampleBlock]:
    """Return all samples of many chunks, one block per segment."""
    by_segment: dict[int, list[SampleBlock]] = {}
    for block in _blocks(decoded):
        by_segment.setdefault(block.segment, []).append(block)
    return [concatenate(blocks) for _, blocks in sorted(by_segment.items())]


def _blocks(decoded: Iterable[Decoded]) -> Iterable[SampleBlock]:
    for item in decoded:
        yield from item.blocks


def _list(value: object, key: str) -> list[object]:
    if not isinstance(value, list):
        raise ConfigError(f"{key} must be a list")
    return value


def _chunk(item: object) -> tuple[float, int]:
    if not isinstance(item, list) or len(item) != 2:
        raise ConfigError("each of chunks must be [arrival in seconds, length in bytes]")
    arrival, length = item
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise ConfigError("the length of a chunk must be a whole number of bytes, not negative")
    return _seconds(arrival, "chunks"), length


def _seconds(value: object, key: str) -> float:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass  # a whole number beyond what a float holds
    raise ConfigError(f"times in {key} must be finite numbers of seconds")


def _object(text: str, keys: set[str], optional: Iterable[str] = ()) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"not JSON: {error}") from error
    if not isinstance(data, dict) or not keys <= set(data) <= keys.union(optional):
        also = "".join(f", and may have {key}" for key in optional)
        raise ConfigError(f"needs exactly the keys {', '.join(sorted(keys))}{also}")
    return data
