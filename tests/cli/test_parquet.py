"""Curves as Parquet, read back by pyarrow."""

import builtins
import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from dynod.cli.parquet import write_curves
from dynod.core.settings import AnalysisSettings
from dynod.daemon.curve_row import curve_row
from dynod.model.errors import StorageError, UsageError
from dynod.model.samples import SampleBlock
from dynod.model.trial import Recording, StartedBy, Trial
from tests.publish.whole_session import all_trials

SETTINGS = AnalysisSettings()


def recorded(trial: Trial, *counts: float) -> Trial:
    """Return a trial with raw samples, ten a second, that starts with the third."""
    times = 5.0 + 0.1 * np.arange(len(counts), dtype=np.float64)
    values = np.array(counts, np.float64)[:, np.newaxis]
    axis = "force" if "peak_force_n" in trial.analysis.metrics else "roll"
    block = SampleBlock(times, values, np.zeros(len(counts), np.uint8), (axis,), 0)
    recording = Recording(block, 5.2, float(times[-1]), StartedBy.PRESS, 10.0, axis=axis)
    return replace(trial, recording=recording)


TRIALS = all_trials()
FORCE = recorded(TRIALS[1], 2.5, 2.5, 3.5, 12.5, 52.5)  # the tare of all is 2.5
ANGLE = recorded(TRIALS[-1], 2.5, 2.5, 42.5)


def rows(*trials: Trial) -> Any:
    found = (curve_row(trial, SETTINGS) for trial in trials)
    return json.loads(json.dumps([row for row in found if row is not None]))


def test_a_row_for_each_sample(tmp_path: Path) -> None:
    path = tmp_path / "curves.parquet"
    assert write_curves(path, rows(FORCE, TRIALS[2], ANGLE)) == 2  # one came without samples
    found = pq.read_table(path).to_pydict()
    assert found["value"] == pytest.approx([0.0, 0.0, 1.0, 10.0, 50.0, 0.0, 0.0, 40.0])
    assert found["t_s"] == pytest.approx([-0.2, -0.1, 0.0, 0.1, 0.2, -0.2, -0.1, 0.0])
    assert found["unit"] == ["N"] * 5 + ["deg"] * 3
    assert found["rate_hz"] == pytest.approx([10.0] * 8)
    assert found["result_id"][0] == str(FORCE.result_id)
    assert (found["movement"][0], found["side"][0]) == ("hip_abduction", "right")
    assert (found["movement"][-1], found["side"][-1]) == ("hip_flexion", "left")
    assert (found["trial_number"][0], found["valid"][0]) == (1, True)
    assert pq.ParquetFile(path).num_row_groups == 2


def test_no_patient_is_named_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "curves.parquet"
    write_curves(path, rows(FORCE))
    assert b"P-1042" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_fails_is_not_left_half_written(tmp_path: Path) -> None:
    path = tmp_path / "curves.parquet"
    path.write_bytes(b"the old one")

    def broken() -> Any:
        yield from rows(FORCE)
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"curves\.parquet: cannot be written: No space"):
        write_curves(path, broken())
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        write_curves(tmp_path / "none" / "curves.parquet", rows(FORCE))


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'dynod\[parquet\]'"):
        write_curves(tmp_path / "curves.parquet", rows(FORCE))
    assert not list(tmp_path.iterdir())
