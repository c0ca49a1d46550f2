"""Fuzz the decoder of one framing, guided by coverage: ``fuzz_decoder NAME SECONDS`` (`make fuzz`).

What it learns and what it finds stays below the folder for temporary files; the next run goes on
from there. ``fuzz_decoder NAME FILE`` plays a finding again.
"""

import random
import sys
import tempfile
from importlib import import_module
from pathlib import Path

MAX_BYTES = 600  # more than two portions that lines are read in at once
FOLDER = Path(tempfile.gettempdir()) / "dynod-fuzz"


def main() -> None:
    name, what = sys.argv[1:3]
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["dynod.wire"]):
        invariants = import_module("tests.fuzz.invariants")
        wire = import_module("tests.fuzz.framings").WIRES[name]
    seeds = import_module("tests.fuzz.seeds")

    def play(data: bytes) -> None:
        invariants.check(wire, invariants.read_script(data))

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        """Now and then insert a sample or a token: chance finds no checksum."""
        chance = random.Random(seed)
        if chance.random() < 0.7:
            return bytes(atheris.Mutate(data, max_size))
        return bytes(seeds.grown(wire, data, chance)[:max_size])

    if not what.isdecimal():
        play(Path(what).read_bytes())
        return
    corpus = FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(seeds.streams(wire)):
        (corpus / f"seed-{index}").write_bytes(seed)
    options = [
        f"-max_total_time={what}",
        f"-max_len={MAX_BYTES}",
        f"-artifact_prefix={FOLDER}/{name}-",
        "-timeout=10",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], play, custom_mutator=mutate)
    atheris.Fuzz()  # ends the process


if __name__ == "__main__":
    main()
