"""How long an analysis takes: one trial, ten thousand of them, and ever longer ones.

Floors: scipy's zero-lag filter alone on the same array; a loop over the single-trial function; and
for growing data the time of the smallest, multiplied.
"""

import math
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import signal

from benchmarks.memory import MemoryRow
from benchmarks.row import Row
from dynod.core.analysis import ForceCase, analyse, analyse_forces
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.clinical import Kind
from dynod.model.samples import FloatArray, SampleBlock
from dynod.model.trial import Recording, StartedBy

CERTIFIED = Calibration(CalibrationStatus.CERTIFIED, (0.0, 1.0), certificate_id="bench")
RATES_HZ = (1000.0, 82.36)
SECONDS = 5.0
BATCH, BATCH_SAMPLES = 10_000, 400
LOOP = 1_000  # of the batch; the loop's time is scaled up
TIMES = (1, 2, 4, 8, 16, 32, 64)
REPEATS = 9


def rows() -> list[Row]:
    """Measure everything; takes about a minute."""
    return [*_single(), _batch(), _memory(), *_growing()]


def _single() -> list[Row]:
    measured = []
    for rate_hz in RATES_HZ:
        recording = _recording(round(SECONDS * rate_hz) + 1, rate_hz, seed=1)
        force_n = recording.block.values[:, 0]
        sections = signal.butter(2, 10.0, fs=rate_hz, output="sos")
        seconds = _best(partial(analyse, recording, Kind.FORCE, CERTIFIED))
        floor_s = _best(partial(signal.sosfiltfilt, sections, force_n))
        name = f"analysis of 5 s at {rate_hz:g} Hz"
        measured.append(Row(name, seconds, "scipy sosfiltfilt alone", floor_s, 20.0, "ratio<="))
    return measured


def _batch() -> Row:
    cases = _cases(BATCH)
    begun_s = time.perf_counter()
    analyse_forces(cases)
    batch_s = time.perf_counter() - begun_s
    begun_s = time.perf_counter()
    for case in cases[:LOOP]:
        analyse_forces([case])
    loop_s = (time.perf_counter() - begun_s) * BATCH / LOOP
    name = f"{BATCH} trials of {BATCH_SAMPLES} samples as a batch"
    return Row(name, batch_s, "one after another", loop_s, 3.0, "ratio>=")


def _memory() -> MemoryRow:
    """Measure the peak of a batch, against its samples as 64-bit numbers."""
    cases = _cases(LOOP)
    tracemalloc.start()
    analyse_forces(cases)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    samples_mb = 8e-6 * BATCH_SAMPLES * LOOP
    name = f"memory of {LOOP} such trials"
    return MemoryRow(name, peak_bytes / 1e6, "their samples", samples_mb, math.inf, "ratio<=")


def _growing() -> list[Row]:
    """Measure 64 times as long a recording; linear growth is a ratio of one."""
    recordings = {n: _recording(2_000 * n + 1, 1000.0, seed=n) for n in TIMES}
    times_s = {
        n: _best(partial(analyse, item, Kind.FORCE, CERTIFIED), repeats=4)
        for n, item in recordings.items()
    }
    smallest_s = times_s[TIMES[0]]
    return [
        Row(_name(2 * n), times_s[n], f"{n} times 2 s", n * smallest_s, 1.5, "ratio<=")
        for n in TIMES[1:]
    ]


def _name(seconds: int) -> str:
    return f"analysis of {seconds} s at 1000 Hz"


def _cases(count: int) -> list[ForceCase]:
    return [
        ForceCase(_recording(BATCH_SAMPLES, 82.36, seed=number), CERTIFIED)
        for number in range(count)
    ]


def _recording(count: int, rate_hz: float, *, seed: int) -> Recording:
    """Return a pull of 400 N that fills the recording, with noise."""
    t_s = np.arange(count) / rate_hz
    end_s = float(t_s[-1])
    rise = np.clip((t_s - 1.2) / 0.3, 0.0, 1.0)
    fall = np.clip((t_s - end_s + 0.6) / 0.3, 0.0, 1.0)
    pull = 200.0 * (np.cos(math.pi * fall) - np.cos(math.pi * rise))
    force_n: FloatArray = pull + np.random.default_rng(seed).normal(0.0, 0.2, count)
    block = SampleBlock(t_s, force_n[:, np.newaxis], np.zeros(count, np.uint8), ("force",), 0)
    return Recording(block, 1.0, end_s, StartedBy.PRESS, rate_hz)


def _best(run: Callable[[], object], repeats: int = REPEATS) -> float:
    best_s = math.inf
    for _ in range(repeats):
        begun_s = time.perf_counter()
        run()
        best_s = min(best_s, time.perf_counter() - begun_s)
    return best_s
