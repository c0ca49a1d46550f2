"""How fast bytes become samples: large chunks, and one sample a chunk as in live use.

The floors are a plain Python loop over the same bytes for every framing, and the package
``witmotion`` from PyPI through its own receive loop.
"""

import math
import struct
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import witmotion

from benchmarks.plain import PLAIN, Loop, Plain
from benchmarks.row import Row
from dynod.model.samples import Chunk, SampleBlock
from dynod.wire.decoder import Decoder
from dynod.wire.profile import Polled, Profile
from tests.fuzz.framings import GAP_S, WIRES, Wire

DEVICES = Path(__file__).parents[1] / "devices"
CHUNK_BYTES = 65536
LIVE_CHUNKS = 20_000
REPEATS = 5
CHANNELS = ("force",)
TITLES = {
    "stamped_line": "lines stamp;decimal",
    "count_line": "lines of bare counts",
    "unit_line": "lines with a unit",
    "pair_lines": "pairs of lines",
    "summed_line": "lines with XOR",
    "summed_frame": "frames with a sum",
    "stamped_frame": "frames with stamps, no sum",
    "prefixed_frame": "length-prefixed BCD",
    "text_burst": "text that silence ends",
}


def rows() -> list[Row]:
    """Measure everything; takes a few seconds."""
    wires = [(WIRES[name], plain) for name, plain in PLAIN.items()]
    return [
        *(_large_lines(), _large_frames(), *_live()),
        *(_large(wire, plain.loop) for wire, plain in wires if plain.loop is not None),
        *(_one_by_one(wire, plain) for wire, plain in wires),
    ]


def _large_lines() -> Row:
    profile = _profile("chronojump_force_sensor")
    data = b"".join(_lines(CHUNK_BYTES // 12))[:CHUNK_BYTES]
    data = data[: data.rindex(b"\n") + 1]
    count = data.count(b"\n")
    unended = data.removesuffix(b"\n")
    seconds, floor_s = _best(
        lambda: _feed(profile, Chunk(data, 0.0), count), lambda: _plain_loop(unended)
    )
    return Row("Chronojump, 64 KiB a chunk", seconds, "plain loop", floor_s, 2.0, "ratio>=")


def _large_frames() -> Row:
    profile = _profile("witmotion_wt901")
    triples = CHUNK_BYTES // 33
    data = b"".join(
        _frame(0x51, 0, 0, 2048, 2500) + _frame(0x52, 1, 2, 3, 2500) + _frame(0x53, k, -k, 5, 0)
        for k in range(triples)
    )
    seconds, floor_s = _best(
        lambda: _feed(profile, Chunk(data, 0.0), triples),
        lambda: _witmotion_package(data, triples),
    )
    return Row("WitMotion, 64 KiB a chunk", seconds, "witmotion package", floor_s, 40.0, "ratio>=")


def _live() -> list[Row]:
    profile = _profile("chronojump_force_sensor")
    chunks = [Chunk(line, k / 82.4) for k, line in enumerate(_lines(LIVE_CHUNKS))]
    runs = [_plain_blocks, _plain_arrays, _plain_numbers]
    seconds, blocks_s, arrays_s, bare_s = (
        best_s / LIVE_CHUNKS
        for best_s in _best(
            lambda: _live_feed(profile, chunks), *(partial(run, chunks) for run in runs)
        )
    )
    name = "Chronojump, one sample a chunk"
    return [
        Row(name, seconds, "plain loop, a SampleBlock a line", blocks_s, 1.5, "ratio<="),
        Row(name, seconds, "plain loop, a tuple of arrays a line", arrays_s, math.inf, "ratio<="),
        Row(name, seconds, "plain loop, numbers only", bare_s, math.inf, "ratio<="),
    ]


def _large(wire: Wire, loop: Loop) -> Row:
    """Hold a decoder against a loop; what they return is compared first."""
    size = len(wire.sample(0).data)
    data = b"".join(wire.sample(k).data for k in range(CHUNK_BYTES // size))
    stamps, rows = loop(data)
    unconfirmed = 1 if wire.name == "stamped_frame" else 0  # no mark follows the last one
    count = len(rows) - unconfirmed
    block = Decoder(wire.profile, aligned=True).feed(Chunk(data, 0.0)).blocks[0]
    same = np.array_equal(block.values, np.array(rows[:count]).reshape(count, -1))
    if not same or (stamps and not np.array_equal(block.t_s, np.array(stamps[:count]) * 1e-6)):
        raise AssertionError(f"{wire.name}: the decoder and the plain loop differ")
    chunk = Chunk(data, 0.0)
    seconds, floor_s = _best(lambda: _feed(wire.profile, chunk, count), lambda: loop(data))
    name = f"{TITLES[wire.name]}, 64 KiB a chunk"
    return Row(name, seconds / count, "plain loop", floor_s / count, 1.0, "ratio>=")


def _one_by_one(wire: Wire, plain: Plain) -> Row:
    """Hold a decoder as the daemon feeds it against a loop that makes a block of each sample."""
    chunks = [Chunk(wire.sample(k).data, k / 100) for k in range(LIVE_CHUNKS)]
    polled = isinstance(wire.profile.dialogue, Polled)
    run = _polled_feed if polled else _many_feed
    for chunk in chunks[:100]:
        plain.read(chunk.data)
    seconds, floor_s = _best(
        lambda: run(wire.profile, chunks),
        lambda: _plain_samples(plain, wire.profile.channels, chunks),
    )
    name, floor = f"{TITLES[wire.name]}, one a chunk", "plain loop, a SampleBlock each"
    return Row(name, seconds / LIVE_CHUNKS, floor, floor_s / LIVE_CHUNKS, 3.0, "ratio<=")


def _many_feed(profile: Profile, chunks: list[Chunk]) -> None:
    decoder = Decoder(profile, aligned=True)
    samples = 0
    for chunk in chunks:
        samples += len(decoder.feed(chunk).blocks)
    if samples < len(chunks) - 1:
        raise AssertionError("the decoder lost samples")


def _polled_feed(profile: Profile, chunks: list[Chunk]) -> None:
    decoder = Decoder(profile, aligned=True)
    samples = 0
    for chunk in chunks:
        decoder.asked(chunk.arrival_s)
        decoder.feed(chunk)
        samples += len(decoder.idle(chunk.arrival_s + GAP_S).blocks)
    if samples != len(chunks):
        raise AssertionError("the decoder lost samples")


def _plain_samples(plain: Plain, channels: tuple[str, ...], chunks: list[Chunk]) -> SampleBlock:
    read = plain.read
    for chunk in chunks:
        stamp, row = read(chunk.data)
        at_s = chunk.arrival_s if stamp is None else stamp * 1e-6
        block = SampleBlock(np.array((at_s,)), np.array((row,)), np.zeros(1, np.uint8), channels, 0)
    return block


def _feed(profile: Profile, chunk: Chunk, count: int) -> None:
    decoded = Decoder(profile, aligned=True).feed(chunk)
    if sum(len(block) for block in decoded.blocks) != count:
        raise AssertionError("the decoder lost samples")


def _live_feed(profile: Profile, chunks: list[Chunk]) -> SampleBlock:
    """Hand on each block and forget it, as in live use; so do the plain loops."""
    decoder = Decoder(profile, aligned=True)
    for chunk in chunks:
        block = decoder.feed(chunk).blocks[0]
    return block


def _plain_loop(data: bytes) -> tuple[list[int], list[float]]:
    stamps, values = [], []
    for line in data.split(b"\n"):
        stamp, _, value = line.partition(b";")
        stamps.append(int(stamp))
        values.append(float(value))
    return stamps, values


def _plain_blocks(chunks: list[Chunk]) -> SampleBlock:
    for chunk in chunks:
        stamp, _, value = chunk.data.partition(b";")
        t_s, values = np.array((int(stamp) * 1e-6,)), np.array(((float(value),),))
        block = SampleBlock(t_s, values, np.zeros(1, np.uint8), CHANNELS, 0)
    return block


def _plain_arrays(chunks: list[Chunk]) -> object:
    for chunk in chunks:
        stamp, _, value = chunk.data.partition(b";")
        t_s, values = np.array((int(stamp) * 1e-6,)), np.array(((float(value),),))
        block = (t_s, values, np.zeros(1, np.uint8))
    return block


def _plain_numbers(chunks: list[Chunk]) -> object:
    for chunk in chunks:
        stamp, _, value = chunk.data.partition(b";")
        numbers = (int(stamp), float(value))
    return numbers


class _MemoryPort:
    """What the package reads from instead of a serial port; ends its loop after the last byte."""

    def __init__(self, data: bytes, ended: Callable[[], None]) -> None:
        self._data = data
        self._position = 0
        self._ended = ended

    def read(self, size: int) -> bytes:
        part = self._data[self._position : self._position + size]
        self._position += size
        if not part:
            self._ended()
        return part


def _witmotion_package(data: bytes, count: int) -> list[object]:
    imu = object.__new__(witmotion.IMU)  # its constructor opens a port and starts a thread
    angles: list[object] = []

    def end() -> None:
        imu.should_exit = True

    imu.ser, imu.should_exit, imu.subscribers = _MemoryPort(data, end), False, defaultdict(list)
    imu.subscribe(angles.append, witmotion.protocol.AngleMessage)
    imu._rxloop()  # the very loop that its thread runs
    if len(angles) != count:
        raise AssertionError("the package lost samples")
    return angles


def _best(*runs: Callable[[], object]) -> list[float]:
    """Return the best time of each, in turns, so that a busy moment hits all alike.

    Each turn begins with an untimed run: what the others left in the caches is not measured.
    """
    best_s = [math.inf] * len(runs)
    for _ in range(REPEATS):
        for index, run in enumerate(runs):
            run()
            begun_s = time.perf_counter()
            run()
            best_s[index] = min(best_s[index], time.perf_counter() - begun_s)
    return best_s


def _lines(count: int) -> list[bytes]:
    return [b"%d;%.2f\r\n" % (k * 12142, 27.3 + k % 150) for k in range(count)]


def _frame(kind: int, *words: int) -> bytes:
    body = struct.pack("<BB4h", 0x55, kind, *words)
    return body + bytes([sum(body) & 0xFF])


def _profile(name: str) -> Profile:
    text = (DEVICES / name / "profile.toml").read_text(encoding="utf-8")
    return Profile.model_validate(tomllib.loads(text))


if __name__ == "__main__":
    for row in rows():
        print(f"{row.name:32} {row.seconds * 1e6:10.2f} us  {row.floor:38} ", end="")
        print(f"{row.floor_seconds * 1e6:10.2f} us  x{row.ratio:.2f} ({row.better} {row.bar:g})")
