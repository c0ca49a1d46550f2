"""The short form of `make fuzz`: the same invariants on inputs that are the same each time."""

import pytest

from tests.fuzz.framings import WIRES, Wire
from tests.fuzz.invariants import check, read_script
from tests.fuzz.seeds import streams

INPUTS = 120


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
def test_no_input_breaks_an_invariant(wire: Wire) -> None:
    for data in streams(wire, INPUTS):
        check(wire, read_script(data))
