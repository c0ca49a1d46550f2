"""Faults of the line, and the scripted patient."""

import pytest

from dynod.simulate.faults import FaultOptions, FaultyLine
from dynod.simulate.patient import Patient

DATA = bytes(range(256)) * 8


def carried(options: FaultOptions) -> list[bytes]:
    return FaultyLine(options).carry(DATA, 0.0)


def test_without_faults_everything_arrives() -> None:
    assert carried(FaultOptions()) == [DATA]
    assert FaultyLine(FaultOptions()).carry(b"", 0.0) == []


def test_writes_are_split_without_loss() -> None:
    writes = carried(FaultOptions(longest_write=7))
    assert b"".join(writes) == DATA
    assert {len(write) for write in writes} <= {7, len(DATA) % 7}


def test_a_lost_byte_is_missing_and_a_flipped_one_differs_in_one_bit() -> None:
    assert carried(FaultOptions(lost=1.0)) == []
    (flipped,) = carried(FaultOptions(flipped=1.0))
    bits = {(a ^ b).bit_count() for a, b in zip(DATA, flipped, strict=True)}
    assert bits == {1}


def test_half_of_the_bytes_is_lost_at_one_half() -> None:
    """Binomial, n = 2048: five standard deviations are 113."""
    (kept,) = carried(FaultOptions(lost=0.5))
    assert abs(len(kept) - 1024) < 113


def test_noise_comes_in_front() -> None:
    (noisy,) = carried(FaultOptions(noise=1.0))
    assert noisy.endswith(DATA)
    assert 1 <= len(noisy) - len(DATA) <= 8


def test_damage_can_be_repeated() -> None:
    options = FaultOptions(lost=0.1, flipped=0.1, noise=0.5, seed=7)
    assert carried(options) == carried(options)


def test_silence_is_for_good() -> None:
    line = FaultyLine(FaultOptions(silent_after_s=1.0))
    assert [line.carry(b"a", now_s) for now_s in (5.0, 5.9, 6.0, 60.0)] == [[b"a"], [b"a"], [], []]


def test_an_adapter_passes_on_what_it_collected_in_one_go() -> None:
    """The wait counts from the first byte that is held back."""
    line = FaultyLine(FaultOptions(hold_s=0.016))
    times = (5.000, 5.004, 5.012, 5.016, 5.020, 5.036)
    sent = (b"a", b"", b"b", b"", b"c", b"")
    carried = [line.carry(data, now_s) for data, now_s in zip(sent, times, strict=True)]
    assert carried == [[], [], [], [b"ab"], [], [b"c"]]


def test_what_was_collected_can_be_split_again() -> None:
    line = FaultyLine(FaultOptions(hold_s=0.01, longest_write=2))
    assert line.carry(b"abc", 1.0) == []
    assert line.carry(b"d", 1.01) == [b"ab", b"cd"]


def test_a_pull_rises_holds_and_falls() -> None:
    """A raised cosine is halfway in the middle."""
    patient = Patient(resting=2.0)
    over_s = patient.pull(1.0, peak=102.0, hold_s=2.0, rise_s=0.4)
    assert over_s == pytest.approx(3.8)
    times = (0.5, 1.2, 1.4, 3.4, 3.6, 3.8)
    assert [patient(t_s) for t_s in times] == pytest.approx([2.0, 52.0, 102.0, 102.0, 52.0, 2.0])


def test_noise_and_tremor_can_be_repeated() -> None:
    first, second = (Patient(noise=1.0, tremor=2.0, seed=3) for _ in range(2))
    times = [0.01 * k for k in range(50)]
    assert [first(t_s) for t_s in times] == [second(t_s) for t_s in times]
