"""Curves of trials as a Parquet file; needs the extra ``parquet``."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dynod.core.even_curve import even_curve
from dynod.core.settings import AnalysisSettings
from dynod.model.clinical import Kind
from dynod.model.curve import EvenCurve
from dynod.model.errors import StorageError, UsageError
from dynod.model.trial import Trial

_MISSING = "Parquet needs an extra of dynod's; install it with: pip install 'dynod[parquet]'"
_WORDS = (
    *("result_id", "session_id", "recorded_at", "movement", "position", "side", "contraction"),
    *("kind", "unit"),
)


def write_curves(path: Path, trials: Iterable[Trial], settings: AnalysisSettings) -> int:
    """Write the curves of trials, a row for each sample, and return how many trials there were.

    Columns: what tells the trial (``result_id`` … ``valid``), ``unit`` (N or deg), ``rate_hz``,
    ``t_s`` from the start of the recording (negative in the pre-roll) and ``value``, calibrated and
    tared, on an even grid, not filtered. No patient is named. A trial has a row group of its own;
    one without a curve is left out. The file is there whole or not at all, and its owner alone can
    read it. Raises UsageError without the extra, StorageError when the file cannot be written.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError(_MISSING) from None
    schema = _schema(pa)
    beside = path.with_name(f".{path.name}.new")
    count = 0
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            pq.ParquetWriter(file, schema, compression="zstd") as writer,
        ):
            for trial in trials:
                curve = even_curve(trial, settings)
                if curve is not None:
                    writer.write_table(pa.table(_columns(trial, curve, pa), schema=schema))
                    count += 1
        beside.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        beside.unlink(missing_ok=True)
    return count


def _schema(pa: Any) -> Any:
    word = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            *((name, word) for name in _WORDS),
            ("familiarisation", pa.bool_()),
            ("trial_number", pa.int16()),
            ("valid", pa.bool_()),
            ("rate_hz", pa.float64()),
            ("t_s", pa.float64()),
            ("value", pa.float64()),
        ]
    )


def _columns(trial: Trial, curve: EvenCurve, pa: Any) -> dict[str, Any]:
    import numpy as np

    count = len(curve.values)
    test, slot = trial.slot.test, trial.slot
    words = {
        "result_id": str(trial.result_id),
        "session_id": str(trial.session_id),
        "recorded_at": trial.recorded_at.isoformat(timespec="milliseconds"),
        "movement": test.movement.value,
        "position": test.position,
        "side": slot.side.value,
        "contraction": test.contraction.value,
        "kind": test.kind.value,
        "unit": "deg" if test.kind is Kind.ANGLE else "N",
    }
    where = pa.array(np.zeros(count, np.int32))
    return {
        **{
            name: pa.DictionaryArray.from_arrays(where, pa.array([word]))
            for name, word in words.items()
        },
        "familiarisation": np.full(count, slot.familiarisation),
        "trial_number": np.full(count, slot.trial_number, np.int16),
        "valid": np.full(count, trial.valid),
        "rate_hz": np.full(count, curve.rate_hz),
        "t_s": curve.first_s + np.arange(count) / curve.rate_hz,
        "value": curve.values,
    }
