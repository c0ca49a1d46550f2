"""Streams to begin with: good samples, rubbish, samples cut short, and all of that mixed."""

import random
from collections.abc import Iterator

from tests.fuzz.framings import Wire
from tests.fuzz.invariants import HEADER

_SEEDS = 24


def streams(wire: Wire, count: int = _SEEDS) -> Iterator[bytes]:
    """Yield the same inputs each time: a header of a script, and a stream."""
    chance = random.Random(wire.name)
    for _ in range(count):
        data = chance.randbytes(1) + bytes(chance.choice(_LENGTHS) for _ in range(HEADER - 1))
        for _ in range(chance.choice((1, 3, 9))):
            data = grown(wire, data, chance)
        yield data


def grown(wire: Wire, data: bytes, chance: random.Random) -> bytes:
    """Return an input with something more in its stream, most often at its end."""
    place = len(data) if chance.random() < 0.7 else chance.randint(HEADER, max(len(data), HEADER))
    return data[:place] + _something(wire, chance) + data[place:]


def _something(wire: Wire, chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.5:
        first = chance.randrange(1000)
        return b"".join(wire.sample(first + k).data for k in range(chance.choice((1, 1, 4, 40))))
    if kind < 0.7:
        return chance.choice(wire.tokens)
    if kind < 0.8:
        sample = bytearray(wire.sample(chance.randrange(1000)).data)
        sample[chance.randrange(len(sample))] ^= 1 << chance.randrange(8)
        return bytes(sample)
    if kind < 0.9:
        return wire.sample(chance.randrange(1000)).data[: chance.randint(1, wire.shortest)]
    return chance.randbytes(chance.choice((1, 9, 90)))


_LENGTHS = (0, 0, 1, 7, 18, 33, 200)
