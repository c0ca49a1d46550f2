"""Fuzz the decoder of one framing, guided by coverage: ``fuzz_decoder NAME SECONDS`` (`make fuzz`).

``fuzz_decoder NAME FILE`` plays a finding again.
"""

import random
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

MAX_BYTES = 1024
FOUND = Path(tempfile.gettempdir()) / "dynod-fuzz-"  # and the kind and hash of a finding


def main() -> None:
    name, what = sys.argv[1:3]
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["dynod.wire"]):
        invariants = import_module("tests.fuzz.invariants")
        wire = import_module("tests.fuzz.framings").WIRES[name]
    seeds = import_module("tests.fuzz.seeds")

    def play(data: bytes) -> None:
        invariants.check(wire, invariants.read_script(data))

    if not what.isdecimal():
        play(Path(what).read_bytes())
        return

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        """Now and then insert a sample or a token: chance finds no checksum."""
        chance = random.Random(seed)
        if chance.random() < 0.7:
            return bytes(atheris.Mutate(data, max_size))
        return bytes(seeds.grown(wire, data, chance)[:max_size])

    with tempfile.TemporaryDirectory() as folder:
        for index, seed in enumerate(seeds.streams(wire)):
            Path(folder, f"{index}").write_bytes(seed)
        fuzz(atheris.Setup, atheris.Fuzz, play, mutate, folder, what)


def fuzz(
    setup: Callable[..., object],
    run: Callable[[], object],
    play: Callable[[bytes], None],
    mutate: Callable[[bytes, int, int], bytes],
    folder: str,
    seconds: str,
) -> None:
    options = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-max_len={MAX_BYTES}",
        f"-artifact_prefix={FOUND}",
        "-timeout=10",
        folder,
    ]
    setup(options, play, custom_mutator=mutate)
    run()


if __name__ == "__main__":
    main()
