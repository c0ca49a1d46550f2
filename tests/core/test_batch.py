"""Many recordings at once: what each of them would get alone, and in the order given."""

import math
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from dynod.core.analysis import ForceCase, analyse, analyse_forces
from dynod.core.onset import OnsetMethod
from dynod.core.settings import AnalysisSettings
from dynod.model.clinical import Kind
from dynod.model.flags import Flag
from dynod.model.samples import SampleStatus
from dynod.model.trial import Analysis, StartedBy
from tests.core.curves import (
    CERTIFIED,
    NOMINAL,
    SETTINGS,
    force_recording,
    grid,
    human_pull,
    hump,
    trapezoid,
)

SHAPES = (human_pull, trapezoid, hump)


def pulls(random: np.random.Generator, count: int) -> list[ForceCase]:
    """Return pulls of several lengths, rates, shapes, noises and kinds of spoiling."""
    cases = []
    for index in range(count):
        rate_hz = float(random.choice([10.0, 24.0, 40.0, 82.0, 82.36, 82.4, 250.0, 333.3, 1000.0]))
        samples = int(random.choice([5, 60, 200, 410, 1001]))
        t_s = grid(samples / rate_hz, rate_hz)
        newtons = SHAPES[index % 3](t_s) * random.uniform(0.02, 1.5)
        newtons += random.normal(0.0, random.choice([0.0, 0.2, 0.8, 3.0]), len(t_s))
        if random.random() < 0.4:
            newtons[random.integers(len(t_s))] += random.normal(0.0, 400.0)
        if random.random() < 0.3:
            newtons = np.where(t_s > 0.6 * t_s[-1], 0.5 * newtons, newtons)
        keep = np.ones(len(t_s), dtype=bool)
        if random.random() < 0.3:
            keep[random.integers(len(t_s))] = False
        status = np.zeros(len(t_s), np.uint8)
        if random.random() < 0.2:
            status[random.integers(len(t_s))] = SampleStatus.OVERLOAD
        cases.append(
            ForceCase(
                force_recording(
                    t_s[keep],
                    newtons[keep],
                    status=status[keep],
                    start_s=float(random.choice([0.0, 1.0, 1.0, 1.0, 2.5])),
                    stamped=bool(random.random() < 0.8),
                ),
                NOMINAL if index % 5 == 0 else CERTIFIED,
                body_mass_kg=80.0 if index % 2 else None,
                lever_arm_m=0.4 if index % 3 else None,
                fallback_tare_n=1.5 if index % 4 == 0 else None,
                hand_held=index % 2 == 0,
            )
        )
    return cases


def odd_ones() -> list[ForceCase]:
    """Return recordings of no, one, two and equal samples, of bad numbers, and single readings."""
    still, none = np.arange(8) / 100.0, np.empty(0)
    uneven = np.array([0.0, 0.0, 2.0, 2.0, 2.0, 2.1, 8.0, 8.0])
    wild = np.array([0.0, np.inf, 5.0, -np.inf, 400.0, np.nan, 1e300, 9.0])
    odd = [
        (none, none, 1.0, StartedBy.PRESS),
        (none, none, 1.0, StartedBy.READING),
        (still[:1], np.array([50.0]), 0.0, StartedBy.PRESS),
        (still[:1], np.array([50.0]), 0.0, StartedBy.READING),
        (still[:2], np.array([0.0, 50.0]), 0.0, StartedBy.PRESS),
        (np.zeros(8), np.arange(8.0), 0.0, StartedBy.PRESS),
        (still, np.full(8, np.nan), 0.0, StartedBy.PRESS),
        (still, wild, 0.0, StartedBy.PRESS),
        (still, np.full(8, 300.0), 9.0, StartedBy.PRESS),
        (uneven, np.arange(8.0), 1.0, StartedBy.ONSET),
    ]
    return [
        ForceCase(force_recording(t_s, newtons, start_s=start_s, started_by=by), CERTIFIED)
        for t_s, newtons, start_s, by in odd
    ]


def alone(case: ForceCase, settings: AnalysisSettings) -> Analysis:
    return analyse(
        case.recording,
        Kind.FORCE,
        case.calibration,
        body_mass_kg=case.body_mass_kg,
        lever_arm_m=case.lever_arm_m,
        fallback_tare_n=case.fallback_tare_n,
        hand_held=case.hand_held,
        settings=settings,
    )


def same(
    together: Sequence[Analysis], cases: Sequence[ForceCase], settings: AnalysisSettings
) -> None:
    assert len(together) == len(cases)
    for found, case in zip(together, cases, strict=True):
        expected = alone(case, settings)
        assert found.flags == expected.flags
        assert found.valid is expected.valid
        assert (found.tare_n, found.tare_origin) == (expected.tare_n, expected.tare_origin)
        assert found.sample_rate_hz == expected.sample_rate_hz
        assert dict(found.notes) == dict(expected.notes)
        assert list(found.metrics) == list(expected.metrics)
        for name, value in expected.metrics.items():
            number = found.metrics[name]
            assert (number is None) is (value is None), name
            if number is not None and value is not None:
                assert math.isclose(number, value, rel_tol=1e-9, abs_tol=1e-9), name


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_gives_what_each_recording_gets_alone(seed: int) -> None:
    random = np.random.default_rng(seed)
    cases = [*pulls(random, 150), *odd_ones()]
    random.shuffle(cases)
    same(analyse_forces(cases), cases, SETTINGS)


@pytest.mark.parametrize("method", list(OnsetMethod))
def test_every_onset_method_is_the_same_in_a_batch(method: OnsetMethod) -> None:
    settings = replace(SETTINGS, onset_method=method.value)
    cases = pulls(np.random.default_rng(9), 60)
    same(analyse_forces(cases, settings), cases, settings)


def test_a_hundred_recordings_of_one_length_and_rate() -> None:
    """The common case of a study: all rows go together, more of them than fit into one portion."""
    random = np.random.default_rng(3)
    t_s = grid(5.0, 1000.0)
    cases = [
        ForceCase(
            force_recording(
                t_s, human_pull(t_s) * random.uniform(0.3, 1.4) + random.normal(0, 0.2)
            ),
            CERTIFIED,
        )
        for _ in range(100)
    ]
    same(analyse_forces(cases), cases, SETTINGS)


def test_one_bad_recording_leaves_its_neighbours_alone() -> None:
    t_s = grid(5.6, 82.0)
    good, bad = human_pull(t_s), human_pull(t_s)
    bad[:] = np.where(np.arange(len(t_s)) % 2, 1e8, -1e8)
    cases = [ForceCase(force_recording(t_s, newtons), CERTIFIED) for newtons in (good, bad, good)]
    first, spoilt, last = analyse_forces(cases)
    assert first.flags == last.flags == ()
    assert first.metrics == last.metrics
    assert Flag.NO_BASELINE in spoilt.flags
    peak_n = alone(cases[0], SETTINGS).metrics["peak_force_n"]
    assert first.metrics["peak_force_n"] == pytest.approx(peak_n, rel=1e-9)


def test_no_recordings_have_no_analyses() -> None:
    assert analyse_forces([]) == []


def peak_bytes(cases: Sequence[ForceCase]) -> int:
    tracemalloc.start()
    try:
        analyse_forces(cases)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_with_the_data_and_not_with_its_square() -> None:
    """One recording of 5 s and of 80 s at 1000 Hz, and one and fifty of 5 s.

    Arrays of the length of the recording, each 8 bytes a sample: 16 times the data, 16 times the
    memory and a little for rounding up lengths. Fifty go in portions, so that they need less still.
    """
    t_s = grid(80.0, 1000.0)
    long = ForceCase(force_recording(t_s, trapezoid(t_s, hold_s=76.0)), CERTIFIED)
    t_s = grid(5.0, 1000.0)
    short = ForceCase(force_recording(t_s, human_pull(t_s)), CERTIFIED)
    alone_bytes = peak_bytes([short])
    assert peak_bytes([long]) < 1.5 * 16 * alone_bytes
    assert peak_bytes([short] * 50) < 25 * alone_bytes
